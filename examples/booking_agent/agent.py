"""The agent: it reads a guest's message, asks what it may do, does exactly that in the calendar, and looks whether it was
done.

What it may not do, it does not do. What it may do and can't is not lost either: it goes to people as a new question, and the
guest is told that a person confirms it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countersign import ApiProblem, AsyncClient, Decision, Unavailable
from examples.booking_agent.calendar_client import DEPENDENCY, Booking, Calendar, CalendarFault, NotBookable
from examples.booking_agent.messages import Message
from examples.booking_agent.questions import RELEASE, Errand, Setback, errand_of, question_for
from examples.booking_agent.reading import Reading, read_message

FALLBACK_MESSAGE = "We have your request, and a person will confirm it as soon as possible."
ROUND_S = 20.0
SHORTEST_ROUND_S = 1.0
PAUSE_WHILE_AWAY_S = 1.0
MOST_ATTEMPTS = 4
# Wrong key, no rights, or something else at this address: no later message will fare better.
HOPELESS = frozenset({401, 403, 404, 405})


class Hopeless(Exception):
    """The service refuses this agent as such."""


@dataclass
class Case:
    """One message on its way: what was proposed at which attempt, and what the guest was told last."""

    message: Message
    reading: Reading
    attempt: int = 1
    action: Mapping[str, Any] | None = None
    setback: Setback | None = None
    decision_id: str = ""
    # `waiting`, `served` (done, or the calendar's own no), `answered`, `refused`, `unserved`.
    state: str = "waiting"
    told: list[str] = field(default_factory=list)
    # The kinds of what was told, in the same order.
    letters: list[str] = field(default_factory=list)
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None


@dataclass(frozen=True)
class Letter:
    """What a guest was told. `kind` is `confirmed`, `fallback`, `alternatives`, `declined` or `answer`."""

    request: str
    guest: str
    kind: str
    text: str
    at: float


class Agent:
    """One run of the agent over one client and one calendar.

    `calendar` may be exchanged at any time: that is the repair. Every question's key comes from the message's id and the
    attempt, so the same message asks once, however often it is sent.
    """

    def __init__(
        self,
        *,
        client: AsyncClient,
        calendar: Calendar,
        fallback_message: str = FALLBACK_MESSAGE,
        run: str = "first",
        directory: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:
        self.calendar = calendar
        self.cases: dict[str, Case] = {}
        self.letters: list[Letter] = []
        self.counts: Counter[str] = Counter()
        # When a failure of the calendar was reported (UTC).
        self.failed_at: list[datetime] = []
        self._client = client
        self._fallback_message = fallback_message
        self._run = run
        self._directory = directory
        self._say = say
        self._followed: set[asyncio.Task[None]] = set()

    async def accept(self, message: Message) -> Case:
        """Take one message as far as it goes without people; what waits for them is followed in the background. Raises
        Hopeless.
        """
        case = Case(message, read_message(message.text, message.received_at))
        self.cases[message.id] = case
        await self._propose(case)
        return case

    async def settled(self) -> None:
        """Wait until nothing is followed any more. Raises Hopeless."""
        while self._followed:
            await asyncio.gather(*list(self._followed))

    def waiting(self) -> list[Case]:
        """What has not come to an end."""
        return [case for case in self.cases.values() if case.state == "waiting"]

    async def aclose(self) -> None:
        """Stop following; the questions stay open in the service."""
        for task in self._followed:
            task.cancel()
        await asyncio.gather(*self._followed, return_exceptions=True)

    async def _propose(self, case: Case) -> None:
        """Ask for this attempt, and go on with the answer."""
        known = await self._booking_of(case)
        question = question_for(
            case.message,
            case.reading,
            booked_for=known.start if known else None,
            attempt=case.attempt,
            setback=case.setback,
            action=case.action,
        )
        decision = await self._asked(f"{RELEASE}/{self._run}/{case.message.id}/{case.attempt}", question)
        if decision is None:
            self._end(case, "unserved")
            return
        case.decision_id = decision.id
        self.counts["asked again" if case.attempt > 1 else decision.status] += 1
        if decision.is_pending:
            # The service says what guests are told while its breaker is open; after a failure they are told in any case.
            message = decision.message or (self._fallback_message if case.attempt > 1 else None)
            if message and message not in case.told:
                self._tell(case, "fallback", message)
            self._follow(case)
        else:
            await self._settle(case, decision)

    async def _booking_of(self, case: Case) -> Booking | None:
        """The booking that is to be changed, as far as the calendar can be understood; it only says how soon it is."""
        booking = case.reading.parts.get("booking")
        if booking is None:
            return None
        try:
            return await self.calendar.look(booking.value)
        except (CalendarFault, NotBookable):
            return None

    async def _asked(self, key: str, question: dict[str, Any]) -> Decision | None:
        """The answer, however long it takes; None where the service refuses the question."""
        while True:
            try:
                return await self._client.ask(**question, idempotency_key=key)
            except Unavailable as outage:
                self._say(f"The service is away, so nothing is booked. {outage}")
            except ApiProblem as problem:
                if problem.status in HOPELESS:
                    raise Hopeless(str(problem)) from problem
                if problem.status != 429:
                    details = "; ".join(f"{error.get('pointer')}: {error.get('detail')}" for error in problem.errors)
                    self._say(f"{key}: the service refuses the question ({problem}) {details}")
                    return None
            await asyncio.sleep(PAUSE_WHILE_AWAY_S)

    def _follow(self, case: Case) -> None:
        task = asyncio.create_task(self._wait_for(case))
        self._followed.add(task)
        task.add_done_callback(self._followed.discard)

    async def _wait_for(self, case: Case) -> None:
        """Wait for the ruling on a case's question, through outages, then settle it."""
        while True:
            asked_at = time.monotonic()
            try:
                decision = await self._client.get(case.decision_id, wait=ROUND_S)
            except Unavailable:
                await asyncio.sleep(PAUSE_WHILE_AWAY_S)
                continue
            except ApiProblem as problem:
                if problem.status in (401, 403):
                    raise Hopeless(str(problem)) from problem
                if problem.status in (404, 410):
                    self._end(case, "unserved")
                    return
                await asyncio.sleep(PAUSE_WHILE_AWAY_S)
                continue
            if not decision.is_pending:
                await self._settle(case, decision)
                return
            if decision.information is not None:
                await self._inform(case)
            # A service that does not hold the request would otherwise be asked without a pause.
            await asyncio.sleep(max(0.0, SHORTEST_ROUND_S - (time.monotonic() - asked_at)))

    async def _inform(self, case: Case) -> None:
        """Tell a reviewer who asks back everything there is: the agent knows the message alone."""
        try:
            await self._client.inform(
                case.decision_id, {"message": case.message.text, "reading": case.reading.rationale, "told": case.told}
            )
        except (ApiProblem, Unavailable) as refusal:
            self._say(f"{case.message.id}: the answer to a reviewer's question was not taken ({refusal})")

    async def _settle(self, case: Case, decision: Decision) -> None:
        """Do what the final decision permits, and report what came of it."""
        if not decision.proceed:
            self._close_without_acting(case, decision)
            return
        errand = errand_of(decision.effective_action, case.message)
        if errand is None:
            await self._report(case, "failed", {"error": "not something that this agent can do"})
            self._end(case, "unserved", self._fallback_message)
            return
        try:
            booking = await self._carry_out(errand, case.message.guest)
        except NotBookable as refusal:
            await self._report(case, "failed", {"error": refusal.reason, "free": list(refusal.free)})
            self._tell(case, "alternatives", alternatives(refusal))
            self._end(case, "served")
        except CalendarFault as fault:
            await self._report(case, "failed", {"dependency": DEPENDENCY, "error": str(fault)})
            self.failed_at.append(datetime.now(UTC))
            await self._hand_over(case, decision, Setback(DEPENDENCY, str(fault)))
        else:
            self.counts[errand.wish] += 1
            self._tell(case, "confirmed", confirmation(errand, booking))
            await self._report(case, "executed", None)
            self._end(case, "served")

    def _close_without_acting(self, case: Case, decision: Decision) -> None:
        """A person answered instead, or nobody let it happen."""
        self.counts[decision.status] += 1
        if decision.status == "answered":
            substitute = decision.substitute
            text = substitute.get("message") if isinstance(substitute, Mapping) else substitute
            self._tell(case, "answer", str(text))
            self._end(case, "answered")
        elif decision.status == "rejected":
            self._tell(case, "declined", "We are sorry, we can't do that.")
            self._end(case, "refused")
        else:
            self._end(case, "unserved", decision.message or self._fallback_message)

    async def _carry_out(self, errand: Errand, guest: str) -> Booking:
        if errand.wish == "cancel":
            return await self.calendar.cancel(reference=errand.reference)
        assert errand.start is not None
        if errand.wish == "move":
            return await self.calendar.move(reference=errand.reference, start=errand.start)
        return await self.calendar.book(
            reference=errand.reference, name=guest, start=errand.start, party_size=errand.party_size
        )

    async def _hand_over(self, case: Case, decision: Decision, setback: Setback) -> None:
        """The wish is not served: people get it as a new question, proposed as it was allowed."""
        if case.attempt >= MOST_ATTEMPTS:
            self._end(case, "unserved", self._fallback_message)
            return
        case.attempt += 1
        case.setback = setback
        case.action = decision.effective_action
        await self._propose(case)

    async def _report(self, case: Case, status: Any, detail: Any) -> None:
        """Report what happened, however long that takes."""
        while True:
            try:
                await self._client.outcome(case.decision_id, status, resolved=status == "executed", detail=detail)
            except Unavailable:
                await asyncio.sleep(PAUSE_WHILE_AWAY_S)
                continue
            except ApiProblem as problem:
                self._say(f"{case.message.id}: the outcome was refused ({problem})")
            return

    def _tell(self, case: Case, kind: str, text: str) -> None:
        letter = Letter(case.message.id, case.message.guest, kind, text, time.monotonic())
        case.told.append(text)
        case.letters.append(kind)
        self.letters.append(letter)
        if self._directory is not None:
            with (self._directory / "letters.jsonl").open("a") as file:
                file.write(f"{json.dumps(asdict(letter), ensure_ascii=False)}\n")

    def _end(self, case: Case, state: str, message: str | None = None) -> None:
        if message is not None and message not in case.told:
            self._tell(case, "fallback", message)
        case.state = state
        case.ended_at = time.monotonic()


def confirmation(errand: Errand, booking: Booking) -> str:
    """What a guest is told when it is done."""
    if errand.wish == "cancel":
        return f"{errand.reference} is cancelled."
    at = f"{booking.start:%d %B %Y at %H:%M}" if booking.start else ""
    return f"Your table is booked for {at}. Your code is {errand.reference}."


def alternatives(refusal: NotBookable) -> str:
    """What a guest is told when the calendar says no."""
    if refusal.reason == "no_such_booking":
        return "We find no booking under this code. Please tell us the name and the day."
    free = ", ".join(one.replace("T", " at ") for one in refusal.free)
    return f"That time is not free. Free instead: {free}." if free else "That day is full."
