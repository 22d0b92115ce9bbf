"""What the booking story counts of its cases and rulings."""

from __future__ import annotations

from collections.abc import Sequence

from examples.booking_agent.agent import Case
from examples.booking_agent.desk import Ruled


def out_of_order(ruled: Sequence[Ruled]) -> int:
    """How many were taken although something more urgent was taken later; all of them lay there from the beginning."""
    most_urgent: tuple[int, str] | None = None
    found = 0
    for one in reversed(ruled):
        if most_urgent is not None and one.urgency > most_urgent:
            found += 1
        most_urgent = one.urgency if most_urgent is None else min(most_urgent, one.urgency)
    return found


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
