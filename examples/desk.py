"""A desk: reviewers who take what waits and rule on it through the API, with their own access tokens.

They stand for people, in an example that knows what is right: the same queue, the same order, the same claims and the same
rulings as in the console.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

# From a proposed action: whose it is (the example's own id), and what the reviewer rules.
Rule = Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]
# What a reviewer does between seeing an escalation and ruling on it: reading takes time.
Read = Callable[[Mapping[str, Any]], Awaitable[None]]
PRIORITIES = ("urgent", "high", "normal", "low")


class DeskRefused(Exception):
    """The service refused what a reviewer did."""


@dataclass(frozen=True)
class Ruled:
    """One ruling: what about, how urgent it was, when it was taken and when it was made (monotonic seconds). `asked_at` is when
    the reviewer asked for the next; where it is not known, as late as can be, so that no order is taken for granted."""

    request: str
    verdict: str
    kind: str
    priority: str
    due_at: str
    taken_at: float
    at: float
    asked_at: float = math.inf

    @property
    def urgency(self) -> tuple[int, str]:
        """The more urgent, the smaller: by priority, then by when it is due."""
        return PRIORITIES.index(self.priority), self.due_at


class Reviewer:
    """One person with an access token. `read` is given the escalation as the API shows it, before it is ruled on."""

    def __init__(self, url: str, token: str, rule: Rule, read: Read | None = None) -> None:
        self._read = read
        self._http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._rule = rule
        self.ruled: list[Ruled] = []

    async def take_one(self, queue: str) -> bool:
        """Take the most urgent escalation of a queue and rule on it; False where nothing is left to take."""
        asked_at = time.monotonic()
        response = await self._http.post(f"/api/v1/queues/{queue}/take-next", json={})
        if response.status_code == 404:
            # The queue comes into being with the first question that policy sends there.
            return False
        taken, taken_at = answer_of(response)["escalation"], time.monotonic()
        if taken is None:
            return False
        shown = answer_of(await self._http.get(f"/api/v1/escalations/{taken['id']}"))
        if self._read is not None:
            await self._read(shown)
        request, ruling = self._rule(shown["proposal"]["action"])
        response = await self._http.post(
            f"/api/v1/escalations/{taken['id']}/review", json={**ruling, "claim_token": taken["claim"]["token"]}
        )
        if response.status_code == 409:
            # Expired or withdrawn meanwhile: somebody else's word holds.
            return True
        answer_of(response)
        place = (taken["kind"], taken["priority"], taken["due_at"])
        self.ruled.append(Ruled(request, ruling["verdict"], *place, taken_at, time.monotonic(), asked_at))
        return True

    async def aclose(self) -> None:
        await self._http.aclose()


class Desk:
    """Some reviewers at work. `open` and `close` are the shift; `clear` works until nothing is left."""

    def __init__(self, url: str, tokens: Sequence[str], *, rule: Rule, queues: Sequence[str]) -> None:
        """`queues`: where they look for work, the first one first."""
        self._reviewers = [Reviewer(url, token, rule) for token in tokens]
        self._queues = tuple(queues)
        self._shift: list[asyncio.Task[None]] = []

    @property
    def ruled(self) -> list[Ruled]:
        """All rulings, in the order in which they were made."""
        return sorted((one for reviewer in self._reviewers for one in reviewer.ruled), key=lambda one: one.at)

    def open(self, *, pause_s: float = 0.3) -> None:
        """Begin the shift: everybody takes one after another, and looks again after a pause where nothing is left."""

        async def work(reviewer: Reviewer) -> None:
            while True:
                if not await self._take_any(reviewer):
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

    async def clear(self, queue: str | None = None) -> None:
        """Take and rule until the queue, or else the first one, is empty, all together."""
        chosen = queue or self._queues[0]

        async def work(reviewer: Reviewer) -> None:
            while await reviewer.take_one(chosen):
                pass

        await asyncio.gather(*(work(reviewer) for reviewer in self._reviewers))

    async def _take_any(self, reviewer: Reviewer) -> bool:
        for queue in self._queues:
            if await reviewer.take_one(queue):
                return True
        return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        finally:
            await asyncio.gather(*(reviewer.aclose() for reviewer in self._reviewers))


def answer_of(response: httpx.Response) -> Any:
    """The JSON of an answer. Raises DeskRefused."""
    if response.status_code != 200:
        raise DeskRefused(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return response.json()
