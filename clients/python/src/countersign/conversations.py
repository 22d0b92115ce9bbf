"""The verbs, written once for both clients.

Each is a generator that yields what it wants done (send this, pause so long) and is given what came of it. A client
only performs those steps, in its own way of waiting; what to ask, when to ask again and what an answer means stands
here and in `protocol`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from countersign.decision import Decision
from countersign.errors import ApiProblem, Unavailable, WaitTimedOut
from countersign.protocol import (
    Answer,
    DecisionFields,
    Lost,
    Request,
    Settings,
    ask_request,
    command_request,
    decision_of,
    error_of,
    get_request,
    is_worth_retrying,
    json_object,
    pause_before_retry,
    retry_after_s,
)

T = TypeVar("T")

# Longest single round of waiting; the service caps it at 30 s and proxies commonly at 60 s.
ROUND_S = 25
# Between rounds that the service answers at once, although it was asked to wait.
SHORTEST_PAUSE_S = 0.5

OutcomeStatus = Literal["executed", "failed", "unknown"]
# Any JSON value that says more: words, or an object of the application's own.
OutcomeDetail = str | Mapping[str, Any]


@dataclass(frozen=True)
class Send:
    """Send this request once; the reply is an Answer, or Lost."""

    request: Request


@dataclass(frozen=True)
class Pause:
    """Let this many seconds pass."""

    seconds: float


Step = Send | Pause
Reply = Answer | Lost | None
Conversation = Generator[Step, Reply, T]


class Conversations:
    """The verbs of one client: its settings and the clock that its patience is measured by."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock

    def ask(
        self,
        *,
        input: Any,
        fields: DecisionFields,
        idempotency_key: str | None,
        wait: float | None,
        mode: Literal["enforce", "observe"] = "enforce",
    ) -> Conversation[Decision]:
        """Ask; with `wait`, follow a pending decision for that many seconds and answer with its last state."""
        request = ask_request(input=input, fields=fields, mode=mode, idempotency_key=idempotency_key)
        try:
            answer = yield from self._exchange(request)
        except Unavailable as outage:
            # Only here, before anything was answered: once policy wants a person, an outage is no permission.
            if mode == "observe" or self.settings.unavailable != "allow":
                raise
            return Decision.unrecorded(action=fields.get("action"), output=fields.get("output"), message=str(outage))
        decision = decision_of(answer)
        if wait is None or not decision.is_pending:
            return decision
        try:
            return (yield from self.wait(decision.id, wait, known=decision))
        except WaitTimedOut as timed_out:
            return timed_out.decision

    def get(self, decision_id: str, *, wait: float | None = None) -> Conversation[Decision]:
        """Read once, in one round of at most `ROUND_S` seconds."""
        wait_s = min(ROUND_S, int(wait or 0))
        return decision_of((yield from self._exchange(get_request(decision_id, wait_s=wait_s))))

    def wait(self, decision_id: str, timeout: float | None, *, known: Decision | None = None) -> Conversation[Decision]:
        """Long polls until the decision is final. Outages in between cost time only; raises WaitTimedOut with the last
        state that was seen, or Unavailable where none ever was.
        """
        ends_at = None if timeout is None else self._clock() + timeout
        failures = 0
        while True:
            left = float("inf") if ends_at is None else ends_at - self._clock()
            round_s = max(0, min(ROUND_S, int(left) if left != float("inf") else ROUND_S))
            received = yield from _sent(get_request(decision_id, wait_s=round_s))
            error = error_of(received)
            if error is None and isinstance(received, Answer):
                failures = 0
                known = decision_of(received)
                if not known.is_pending:
                    return known
                pause = max(retry_after_s(received), SHORTEST_PAUSE_S)
            elif error is not None and (is_worth_retrying(received) or isinstance(error, Unavailable)):
                pause = pause_before_retry(received, failures, chance=None) or retry_after_s(received)
                pause = max(pause, SHORTEST_PAUSE_S)
                failures += 1
            elif error is not None:
                raise error
            if ends_at is not None and self._clock() >= ends_at:
                if known is None:
                    raise error or Unavailable("The service could not be reached.")
                raise WaitTimedOut(known)
            yield Pause(pause if ends_at is None else max(0.0, min(pause, ends_at - self._clock())))

    def cancel(self, decision_id: str, reason: str) -> Conversation[Decision]:
        """Withdraw a pending decision. Raises ApiProblem (409) where it is final already; where an answer was lost
        on the way and the decision turns out to be cancelled, that was us.
        """
        try:
            answer = yield from self._exchange(command_request(decision_id, "cancel", {"reason": reason}))
        except ApiProblem as problem:
            if problem.status != 409:
                raise
            current = yield from self.get(decision_id)
            if current.status != "cancelled":
                raise
            return current
        return (yield from self._current(decision_id, answer))

    def outcome(
        self, decision_id: str, status: OutcomeStatus, *, resolved: bool | None, detail: OutcomeDetail | None
    ) -> Conversation[None]:
        """Report what really happened."""
        body: dict[str, Any] = {"status": status}
        if resolved is not None:
            body["resolved"] = resolved
        if detail is not None:
            body["detail"] = detail
        yield from self._exchange(command_request(decision_id, "outcome", body))

    def inform(self, decision_id: str, answer: Any) -> Conversation[Decision]:
        """Answer a reviewer's question; the escalation returns to its queue."""
        received = yield from self._exchange(command_request(decision_id, "information", {"answer": answer}))
        return (yield from self._current(decision_id, received))

    def _current(self, decision_id: str, answer: Answer) -> Conversation[Decision]:
        """The decision that a command answered with, read again where it answered with something else."""
        shown = json_object(answer)
        if shown.get("id") == decision_id and "status" in shown:
            return decision_of(answer)
        return (yield from self.get(decision_id))

    def _exchange(self, request: Request) -> Conversation[Answer]:
        """Send, and send again what may do better in a moment. Raises what the last response means."""
        attempt = 0
        while True:
            received = yield from _sent(request)
            error = error_of(received)
            if error is None and isinstance(received, Answer):
                return received
            pause = pause_before_retry(received, attempt) if is_worth_retrying(received) else None
            if error is not None and (pause is None or attempt >= self.settings.max_retries):
                raise error
            attempt += 1
            yield Pause(pause or 0.0)


def _sent(request: Request) -> Generator[Step, Reply, Answer | Lost]:
    received = yield Send(request)
    if received is None:
        raise RuntimeError("A request was sent and nothing was reported of it.")
    return received
