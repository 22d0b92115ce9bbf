"""Numbers and instants as a report writes them: rounded alike everywhere, and never an exponent's noise. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from evaluations.statistics import Estimate, NotEnough
from operations.figure_selectors import Share

Json = dict[str, Any]
# Of a list that an application can make as long as it likes a report names so many; the rest is summed up.
NAMED_AT_MOST = 10


def places(number: float | None, digits: int = 6) -> float | None:
    """Rounded to so many places; a negative zero is a zero."""
    return None if number is None else round(number, digits) + 0.0


def significant(number: float | None, digits: int = 4) -> float | None:
    """Rounded to so many significant digits."""
    return None if number is None else float(f"{number:.{digits}g}") + 0.0


def at(instant: datetime | None) -> str | None:
    """ "2026-10-03T08:15:00Z", the second in which it lies."""
    if instant is None:
        return None
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_between(since: datetime, until: datetime | None) -> int | None:
    return None if until is None else int((until - since).total_seconds())


def share(share: Share) -> Json:
    """A part of a whole; `rate` is null where there is no whole."""
    rate = places(share.part / share.whole) if share.whole else None
    return {"part": share.part, "whole": share.whole, "rate": rate}


def estimate(error: Estimate | NotEnough) -> Json:
    """The weighted error rate with its 95 % interval, or what is missing for one; never both."""
    if isinstance(error, NotEnough):
        return {"estimate": None, "missing": {"reviews_needed": error.reviews_needed, "waiting": error.waiting}}
    found = {
        "rate": places(error.rate),
        "low": places(error.low),
        "high": places(error.high),
        "confidence": 0.95,
        "reviewed": error.reviewed,
        "covered": error.covered,
        "more_reviews": error.more_reviews,
    }
    return {"estimate": found, "missing": None}
