"""The owner as this month needs them: looks in whenever people look, takes what is open, and keeps what they learned of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from examples.month.governor import Governor
from examples.month.playing import Playground
from examples.telling import say

# What the story knows to be false: every outcome was reported, and mails came as they always do.
NEVER_TRUE = frozenset({"missing_outcomes", "silence", "volume"})


class Watchfulness:
    """While `expects_nothing`, what alarms is false and resolved as such. After that the first incident is `found`."""

    def __init__(self, governor: Governor, playground: Playground) -> None:
        self._governor = governor
        self._playground = playground
        self.expects_nothing = True
        self.found: dict[str, Any] | None = None
        self.false_alarms = 0
        self.later: list[dict[str, Any]] = []
        self.acknowledged_at: datetime | None = None

    async def look_in(self) -> None:
        for incident in await self._governor.incidents():
            if self.expects_nothing or {alarm["kind"] for alarm in incident["alarms"]} <= NEVER_TRUE:
                await self._dismiss(incident)
            elif self.found is None:
                await self._governor.handle(incident, "acknowledge")
                self.found, self.acknowledged_at = incident, self._playground.at
            else:
                await self._governor.handle(incident, "acknowledge")
                if incident["id"] != self.found["id"]:
                    self.later.append(incident)
                    say(f"  {self._playground.at:%d %b %H:%M}  Another incident: {incident['title']}")

    async def _dismiss(self, incident: dict[str, Any]) -> None:
        for alarm in incident["alarms"]:
            say(
                f"  {self._playground.at:%d %b %H:%M}  A false alarm ({alarm['kind'].replace('_', ' ')}): {alarm['title']}"
            )
        self.false_alarms += len(incident["alarms"])
        await self._governor.handle(incident, "acknowledge")
        await self._governor.handle(incident, "resolve", note="Nothing has changed.", is_false_alarm=True)

    async def resolve(self, note: str) -> dict[str, Any]:
        """Say that the incident which was found is over, and of its alarms which were false."""
        assert self.found is not None
        incident = await self._governor.incident(self.found["id"])
        judged = [{"id": one["id"], "is_false": one["kind"] in NEVER_TRUE} for one in incident["alarms"]]
        await self._governor.handle(incident, "resolve", note=note, alarms=judged[:100])
        return incident
