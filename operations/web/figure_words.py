"""Figures in words: how large, and how different from before, so that every page says them alike.

A difference of two rates has its interval, and where that interval holds zero the words say that no difference is clear.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluations.statistics import Estimate, NotEnough, newcombe_difference
from operations.figure_selectors import Share
from operations.model_choice import subtract_errors

NO_RATE = "nothing to count"
NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure differs from the time before. `is_clear`: more than chance would explain, as far as an interval tells."""

    text: str
    is_clear: bool = False


def count_words(number: float) -> str:
    return f"{number:,.0f}"


def needed_words(rulings: int) -> str:
    """ "one more ruling on a sample is needed", "12 more rulings on samples are needed"."""
    if rulings == 1:
        return "one more ruling on a sample is needed"
    return f"{count_words(rulings)} more rulings on samples are needed"


def short_count(number: float) -> str:
    """For an axis: 950, 12k, 1.5M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def percent_words(share: float | None) -> str:
    """ "12.3 %" with a space that does not break, and two places where the share is below one in a hundred."""
    if share is None:
        return NO_RATE
    return f"{100 * share:.{2 if 0 < share < 0.01 else 1}f}{NO_BREAK}%"


def share_words(share: Share) -> str:
    """ "12.3 % (37 of 300)"."""
    if not share.whole:
        return NO_RATE
    return f"{percent_words(share.part / share.whole)}, {count_words(share.part)} of {count_words(share.whole)}"


def short_percent(share: float) -> str:
    """For an axis."""
    return f"{100 * share:.3g} %"


def money_words(micros: float | None) -> str:
    """Dollars of millionths: to the cent from a dollar on, below it to three digits that mean something."""
    if micros is None:
        return "not known"
    dollars = micros / 1_000_000
    if not dollars or abs(dollars) >= 1:
        return f"${dollars:,.2f}"
    return f"${dollars:.2f}" if abs(dollars) >= 0.1 else f"${_significant(dollars)}"


def short_money(micros: float) -> str:
    """For an axis."""
    dollars = micros / 1_000_000
    return f"${short_count(dollars)}" if dollars >= 1 or not dollars else f"${_significant(dollars)}"


def latency_words(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "not known"
    return f"{milliseconds:,.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.3g} s"


def minutes_words(seconds: float | None) -> str:
    """Reviewers' time in minutes, from a hundred minutes on in hours: "3.5 min", "12.4 h"."""
    if seconds is None:
        return "not known"
    minutes = seconds / 60
    if minutes >= 100:
        return f"{minutes / 60:,.1f}{NO_BREAK}h"
    return f"{minutes:.{0 if not minutes or minutes >= 10 else 1}f}{NO_BREAK}min"


def estimate_words(error: Estimate | NotEnough) -> str:
    """The error rate of the whole traffic with its 95 % interval, or how many rulings are still needed to tell it."""
    if isinstance(error, NotEnough):
        return f"not enough reviews: {count_words(error.reviews_needed)} more"
    return f"{percent_words(error.rate)} ({percent_words(error.low)} to {percent_words(error.high)})"


def compare_shares(now: Share, before: Share) -> Change:
    """The difference of two rates, with the 95 % interval of Newcombe (1998), method 10."""
    if not now.whole:
        return Change("")
    if not before.whole:
        return Change("nothing to compare with in the time before")
    interval = newcombe_difference(now.part, now.whole, before.part, before.whole)
    return _say_points(now.part / now.whole - before.part / before.whole, interval.low, interval.high)


def compare_estimates(now: Estimate | NotEnough, before: Estimate | NotEnough) -> Change:
    """The difference of two estimated rates; its interval is put together from theirs (MOVER; Zou and Donner 2008)."""
    if isinstance(now, NotEnough):
        return Change("")
    if isinstance(before, NotEnough):
        return Change("too few reviews in the time before to compare with")
    interval = subtract_errors(now, before)
    return _say_points(now.rate - before.rate, interval.low, interval.high)


def compare_amounts(now: float | None, before: float | None, *, more: str = "more", less: str = "less") -> Change:
    """The difference of two amounts as a share of the former; it has no interval, so it is never called clear."""
    if now is None:
        return Change("")
    if not before:
        return Change("nothing to compare with in the time before" if now else "")
    ratio = now / before
    if ratio >= 2:
        return Change(f"{ratio:.1f} times as {'long' if more == 'longer' else 'much'} as before")
    percent = abs(100 * (ratio - 1))
    if percent < 0.5:
        return Change("as in the time before")
    return Change(f"{percent:.0f} % {more if ratio > 1 else less} than before")


def _say_points(difference: float, low: float, high: float) -> Change:
    """ "2.1 points up (95 %: +1.2 to +3.0)"."""
    interval = f"95 %: {_points(low)} to {_points(high)} points"
    if low <= 0 <= high:
        return Change(f"no clear change ({interval})")
    return Change(
        f"{abs(100 * difference):.1f} points {'up' if difference > 0 else 'down'} ({interval})", is_clear=True
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")


def _significant(dollars: float) -> str:
    """Three digits that mean something, without an exponent."""
    text = f"{dollars:.12f}"
    first = next((place for place, digit in enumerate(text) if digit not in "-0."), len(text))
    return text[: first + 3].rstrip("0")
