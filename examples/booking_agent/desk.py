"""The booking desk: reviewers who take what waits and rule on it through the API, with their own access tokens.

They stand for people. A person at a desk rings the guest up; these look into what the generator says that the guest meant.
Everything else is as it is for people: the same queue, the same order, the same claims, the same rulings.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from examples.booking_agent.messages import Meant, Message

DESK, QUALITY = "booking-desk", "booking-quality"
PRIORITIES = ("urgent", "high", "normal", "low")


class DeskRefused(Exception):
    """The service refused what a reviewer did."""


@dataclass(frozen=True)
class Ruled:
    """One ruling: what about, how urgent it was, when it was taken and when it was made (monotonic seconds)."""

    request: str
    verdict: str
    kind: str
    priority: str
    due_at: str
    taken_at: float
    at: float

    @property
    def urgency(self) -> tuple[int, str]:
        """The more urgent, the smaller: by priority, then by when it is due."""
        return PRIORITIES.index(self.priority), self.due_at


class Reviewer:
    """One person with an access token."""

    def __init__(self, url: str, token: str, messages: Mapping[str, Message]) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._messages = messages
        self.ruled: list[Ruled] = []

    async def take_one(self, queue: str) -> bool:
        """Take the most urgent escalation of a queue and rule on it; False where nothing is left to take."""
        taken_at = time.monotonic()
        response = await self._http.post(f"/api/v1/queues/{queue}/take-next", json={})
        if response.status_code == 404:
            # The queue comes into being with the first question that policy sends there.
            return False
        taken = answer_of(response)["escalation"]
        if taken is None:
            return False
        shown = answer_of(await self._http.get(f"/api/v1/escalations/{taken['id']}"))
        message = self._messages[shown["proposal"]["action"]["arguments"]["request"]]
        ruling = ruling_on(shown["proposal"]["action"], message)
        response = await self._http.post(
            f"/api/v1/escalations/{taken['id']}/review", json={**ruling, "claim_token": taken["claim"]["token"]}
        )
        if response.status_code == 409:
            # Expired or withdrawn meanwhile: somebody else's word holds.
            return True
        answer_of(response)
        place = (taken["kind"], taken["priority"], taken["due_at"])
        self.ruled.append(Ruled(message.id, ruling["verdict"], *place, taken_at, time.monotonic()))
        return True

    async def aclose(self) -> None:
        await self._http.aclose()


class Desk:
    """Some reviewers at work. `open` and `close` are the shift; `clear` works until nothing is left."""

    def __init__(self, url: str, tokens: list[str], messages: Mapping[str, Message]) -> None:
        self._reviewers = [Reviewer(url, token, messages) for token in tokens]
        self._shift: list[asyncio.Task[None]] = []

    @property
    def ruled(self) -> list[Ruled]:
        """All rulings, in the order in which they were made."""
        return sorted((one for reviewer in self._reviewers for one in reviewer.ruled), key=lambda one: one.at)

    def open(self, *, pause_s: float = 0.3) -> None:
        """Begin the shift: everybody takes one after another, and looks again after a pause where nothing is left."""

        async def work(reviewer: Reviewer) -> None:
            while True:
                if not (await reviewer.take_one(DESK) or await reviewer.take_one(QUALITY)):
                    await asyncio.sleep(pause_s)

        self._shift = [asyncio.create_task(work(reviewer)) for reviewer in self._reviewers]

    async def close(self) -> None:
        """End the shift; what somebody holds goes back when its lease runs out, so nobody is stopped in the middle of it."""
        shift, self._shift = self._shift, []
        for task in shift:
            task.cancel()
        for ended in await asyncio.gather(*shift, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def clear(self, queue: str = DESK) -> None:
        """Take and rule until the queue is empty, all together."""

        async def work(reviewer: Reviewer) -> None:
            while await reviewer.take_one(queue):
                pass

        await asyncio.gather(*(work(reviewer) for reviewer in self._reviewers))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        finally:
            await asyncio.gather(*(reviewer.aclose() for reviewer in self._reviewers))


def ruling_on(action: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """What somebody rules who knows what the guest meant: approve what is right, correct what is not."""
    right = right_action(message.meant, message)
    if is_same(action, right):
        return {"verdict": "approve"}
    return {"verdict": "correct", "action": right, "labels": [label_of(action, right)]}


def right_action(meant: Meant, message: Message) -> dict[str, Any]:
    """What the guest meant, as the action that does it."""
    arguments: dict[str, Any] = {"request": message.id, "guest": message.guest}
    if meant.booking is not None:
        arguments["booking"] = meant.booking
    if meant.start is not None:
        arguments["date"] = meant.start.date().isoformat()
        arguments["time"] = meant.start.time().isoformat(timespec="minutes")
    if meant.party_size is not None:
        arguments["party_size"] = meant.party_size
    return {"name": meant.wish, "arguments": arguments}


def is_same(action: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return bool(action["name"] == right["name"] and action["arguments"] == right["arguments"])


def label_of(action: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """What was wrong, as a label: `missing-…`, `wrong-…`."""
    if action["name"] != right["name"]:
        return "wrong-wish"
    for name in ("booking", "date", "time", "party_size"):
        if action["arguments"].get(name) != right["arguments"].get(name):
            found = "wrong" if name in action["arguments"] else "missing"
            return f"{found}-{name.replace('_', '-')}"
    return "wrong-otherwise"


def answer_of(response: httpx.Response) -> Any:
    """The JSON of an answer. Raises DeskRefused."""
    if response.status_code != 200:
        raise DeskRefused(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return response.json()
