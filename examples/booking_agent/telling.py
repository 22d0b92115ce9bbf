"""What the booking story counts of its cases and rulings."""

from __future__ import annotations

from collections.abc import Sequence

from examples.booking_agent.agent import Case
from examples.booking_agent.desk import Ruled


def out_of_order(ruled: Sequence[Ruled]) -> int:
    """How many were in a reviewer's hands before anybody asked for something more urgent; all of them lay there from the
    beginning. Of two that were asked for at the same moment, either may come first.
    """
    return sum(any(other.urgency < one.urgency and one.taken_at <= other.asked_at for other in ruled) for one in ruled)


def hours_left(case: Case) -> float:
    """From the message to the table that its guest means; without end where no table is wanted."""
    start = case.message.meant.start
    return (start - case.message.received_at).total_seconds() / 3600 if start else float("inf")


def among(places: Sequence[int]) -> str:
    """Where they stood in the order of work, in words."""
    return f"ruled as number {min(places)} to {max(places)}" if places else "none"


def told(cases: Sequence[Case], kind: str) -> int:
    """How many guests got a letter of a kind."""
    return sum(any(letter == kind for letter in case.letters) for case in cases)
