"""What goes on day by day: mails come, people look at the queues and rule, the scheduler does its work, the owner looks in."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from examples.desk import Reviewer, Ruled
from examples.mail_triage.desk import APPROVALS, SAMPLES
from examples.month.inbox import Inbox
from examples.month.playing import Playground
from examples.month.timetable import CLOSES, OPENS, Arrival
from examples.telling import say

# Silent reading of English prose: 238 words a minute (M. Brysbaert, Journal of Memory and Language 109, 2019); and seconds to rule.
WORDS_A_MINUTE, TO_RULE_S = 238, 5.0
# After the undo window of five seconds.
RELEASED_AFTER = timedelta(seconds=6)
RELEASING = "reviews.release_due_rulings"
# At every look what ends decisions, reads the log and tells people; the whole schedule once an hour. In life: every few seconds.
OFTEN = (
    RELEASING,
    "reviews.act_on_deadlines",
    "evaluations.harvest_corrections",
    "governance.sequence_audit_log",
    "operations.watch",
    "governance.sequence_audit_log",
    "reviews.notify",
)
EVERYTHING_EVERY = timedelta(hours=1)

Look = Callable[[], Awaitable[None]]


class World:
    """The month on its way. `live` goes on from where it was. `looks_in` is awaited whenever people look."""

    def __init__(
        self,
        *,
        playground: Playground,
        inbox: Inbox,
        reviewers: Sequence[Reviewer],
        arrivals: Sequence[Arrival],
        looks: Sequence[datetime],
    ) -> None:
        self.playground = playground
        self.inbox = inbox
        self._reviewers = list(reviewers)
        coming: list[tuple[datetime, Arrival | None]] = [(one.at, one) for one in arrivals]
        self._events = list(heapq.merge(coming, [(at, None) for at in looks], key=lambda event: event[0]))
        self._position = 0
        self._turn = 0
        self._read = 0
        self._today: date | None = None
        self._said = (0, 0)
        self._swept_at = playground.at
        self.looks_in: Look | None = None

    @property
    def ruled(self) -> list[Ruled]:
        """All rulings, in the order in which they were made."""
        return sorted((one for reviewer in self._reviewers for one in reviewer.ruled), key=lambda one: one.at)

    async def live(self, until: datetime, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Go on until that instant, or until `unless` holds after people have looked."""
        while self._position < len(self._events) and self._events[self._position][0] < until:
            at, arrival = self._events[self._position]
            self._position += 1
            self._say_day(at)
            self.playground.travel(at)
            if arrival is not None:
                await self.inbox.read(arrival)
                continue
            await self._look(at)
            if unless():
                return
        if self._position == len(self._events):
            self.playground.travel(until)
            self._say_day(until)
        else:
            self._say_day(self._events[self._position][0])

    def _say_day(self, at: datetime) -> None:
        """A line for each day that is over."""
        if at.date() == self._today:
            return
        cases, ruled = self.inbox.cases[self._said[0] :], len(self.ruled) - self._said[1]
        if self._today is not None and cases:
            hard = sum(case.mail.origin.startswith("hard") for case in cases)
            say(f"  {self._today:%d %b}  {len(cases)} mails{f', {hard} hard' if hard else ''}; {ruled} rulings.")
        self._today, self._said = at.date(), (len(self.inbox.cases), len(self.ruled))

    async def _look(self, at: datetime) -> None:
        is_hour = at - self._swept_at >= EVERYTHING_EVERY
        if not is_hour and not self.inbox.waiting and self._read == len(self.inbox.cases):
            return
        self._read = len(self.inbox.cases)
        if is_hour:
            self._swept_at = at
        self.playground.sweep(*(() if is_hour else OFTEN))
        hour = at - at.replace(hour=0, minute=0, second=0)
        if not OPENS <= hour <= CLOSES + timedelta(hours=1):
            return
        if await self._rule_what_waits():
            self.playground.pass_time(RELEASED_AFTER)
            self.playground.sweep(RELEASING)
            await self.inbox.look()
        if self.looks_in is not None:
            await self.looks_in()

    async def _rule_what_waits(self) -> int:
        """The reviewer whose turn it is rules until nothing waits; how many that was."""
        reviewer = self._reviewers[self._turn % len(self._reviewers)]
        self._turn += 1
        before = len(reviewer.ruled)
        for queue in (APPROVALS, SAMPLES):
            while await reviewer.take_one(queue):
                pass
        return len(reviewer.ruled) - before


def reading(playground: Playground) -> Callable[[Mapping[str, Any]], Awaitable[None]]:
    """Let as much time pass as somebody takes to read the mail and to rule on it."""

    async def read(shown: Mapping[str, Any]) -> None:
        words = len(f"{shown['input']['subject']} {shown['input']['body']}".split())
        playground.pass_time(timedelta(seconds=60 * words / WORDS_A_MINUTE + TO_RULE_S))

    return read
