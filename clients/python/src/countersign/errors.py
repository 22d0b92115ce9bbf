"""What can go wrong between an application and the service, so that a caller can tell "nobody answered" (hold, try
later) from "the answer was no" (do not act) and from "the question was wrong" (fix the code).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from countersign.decision import Decision


class CountersignError(Exception):
    """Base of every error that this package raises on purpose."""


class Unavailable(CountersignError):
    """The service could not be reached, or it failed (5xx), as often as was tried. Nothing may be assumed to have
    happened; ask again with the same idempotency key.

    `status` is the last HTTP status where there was one, else None.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ApiProblem(CountersignError):
    """The service answered with a problem (RFC 9457), or with something that is no decision: nothing happened.

    `errors` lists `{"pointer": <JSON Pointer>, "detail": <words>}` for an invalid body; `raw` is the whole problem,
    which carries the current state where the status is 409.
    """

    def __init__(
        self,
        *,
        type: str,
        title: str,
        status: int,
        detail: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(": ".join(words for words in (f"{status} {title}".strip(), detail) if words))
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.raw: Mapping[str, Any] = raw or {}


class NotAllowed(CountersignError):
    """A function guarded by `requires_approval` was not called, because the decision does not permit it as it
    stands. `decision` is that decision, in the last state that was seen.
    """

    def __init__(self, message: str, decision: Decision) -> None:
        super().__init__(message)
        self.decision = decision


class WaitTimedOut(CountersignError):
    """The caller's patience ended before the decision did. The decision is still open: `decision` is its last state,
    and any process can go on waiting by its id.
    """

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"Decision {decision.id} is still {decision.status}.")
        self.decision = decision
