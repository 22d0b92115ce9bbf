"""The owner as this month needs them: looks in whenever people look, takes what is open, and keeps what they learned of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from examples.month.governor import Governor
from examples.month.playing import Playground
from examples.telling import say

# What the story knows to be false: every outcome was reported, and mails came as they always do.
NEVER_TRUE = frozenset({"missing_outcomes", "silence", "volume"})
# What says that the triage decides worse or is less sure; other alarms are looked at, and stop nothing.
ABOUT_DECISIONS = frozenset({"escalation_rate", "corrections", "override_rate", "sampled_errors", "confidence"})


class Watchfulness:
    """While `expects_nothing`, what alarms is false and resolved as such. After that the first incident that is about what the
    triage decides is `found`."""

    def __init__(self, governor: Governor, playground: Playground) -> None:
        self._governor = governor
        self._playground = playground
        self.expects_nothing = True
        self.found: dict[str, Any] | None = None
        self._taken: set[str] = set()

    async def look_in(self) -> None:
        for incident in await self._governor.incidents():
            if self.expects_nothing or {alarm["kind"] for alarm in incident["alarms"]} <= NEVER_TRUE:
                await self._dismiss(incident)
                continue
            await self._governor.handle(incident, "acknowledge")
            self._taken.add(incident["id"])
            say(f"  {self._now}  An incident, which the owner takes: {incident['title']}")
        if self.found is None:
            for key in self._taken:
                incident = await self._governor.incident(key)
                if not ABOUT_DECISIONS.isdisjoint(alarm["kind"] for alarm in incident["alarms"]):
                    self.found = incident

    @property
    def _now(self) -> str:
        return f"{self._playground.at:%d %b %H:%M}"

    async def _dismiss(self, incident: dict[str, Any]) -> None:
        for alarm in incident["alarms"]:
            say(f"  {self._now}  A false alarm ({alarm['kind'].replace('_', ' ')}): {alarm['title']}")
        await self._governor.handle(incident, "acknowledge")
        await self._governor.handle(incident, "resolve", note="Nothing has changed.", is_false_alarm=True)

    async def resolve(self, note: str) -> dict[str, Any]:
        """Say that the incident which was found is over, and of its alarms which were false."""
        assert self.found is not None
        incident = await self._governor.incident(self.found["id"])
        judged = [{"id": one["id"], "is_false": one["kind"] in NEVER_TRUE} for one in incident["alarms"]]
        await self._governor.handle(incident, "resolve", note=note, alarms=judged[:100])
        return incident


def when_noticed(incident: dict[str, Any]) -> datetime:
    """When the first alarm came that is about what the triage decides; else when the incident was opened."""
    alarms = [one["detected_at"] for one in incident["alarms"] if one["kind"] in ABOUT_DECISIONS]
    return datetime.fromisoformat(str(min(alarms, default=incident["opened_at"])).replace("Z", "+00:00"))
