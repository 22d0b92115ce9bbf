"""What a running month will come to: a mean for each weekday, and an interval that says how far off that may be. Pure.

One way for cost and for reviewers' time, simple enough to be done by hand, since whoever is told a figure has to be able to
doubt it. What it can't know, and how often its interval held, stands in docs/explanation/forecasts.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

DAYS_BEHIND: Final = 28
# Two of each weekday: with one, a weekday's mean and its scatter can't be told apart.
LEAST_DAYS: Final = 14
CONFIDENCE: Final = 0.95
METHOD: Final = (
    "For today and each day to come the mean of its weekday in the last 28 complete days, added to the complete days of the "
    "month; the 95 % prediction interval takes the days as independent, scattered alike around their weekday's mean (t)."
)
METHOD_AHEAD: Final = (
    "For each day the mean of its weekday in the last 28 complete days; the 95 % prediction interval takes the days as "
    "independent, scattered alike around their weekday's mean (t)."
)


@dataclass(frozen=True, slots=True)
class Projection:
    """A month's sum as it will probably be, with its 95 % prediction interval; none of the three is below `so_far`, what has
    come already. `days_behind`: complete days that it is made from; `days_ahead`: days that it speaks of, today included."""

    expected: float
    low: float
    high: float
    so_far: float
    days_behind: int
    days_ahead: int


@dataclass(frozen=True, slots=True)
class NotEnoughDays:
    """Too few complete days to say anything: how many there are, and how many more it takes."""

    days: int
    more: int


def project(
    history: Mapping[date, float], *, before_today: float, today: float, ahead: Sequence[date]
) -> Projection | NotEnoughDays:
    """The sum of a month from its complete days (`before_today`) and the days `ahead`, of which the first is today, which
    has brought `today` so far. `history`: the value of each of the last complete days, without gaps, 28 at the most.

    Days are taken as independent, with one variance around the mean of their weekday (one-way analysis of variance with
    known groups). Then the sum over the days ahead, r of each weekday w, is off by a normal error of variance
    σ²·Σ(r + r²/n), n the days of w in the history, and σ² is estimated on len(history) - 7 degrees of freedom.
    Source: the prediction interval for the mean of future observations, G. J. Hahn, W. Q. Meeker, Statistical
    Intervals (1991), chapter 4, here with a mean for each weekday. Refuses a history with gaps with ValueError.
    """
    if history and (max(history) - min(history)).days + 1 != len(history):
        raise ValueError("A day is missing in the history; one on which nothing happened is a zero.")
    if len(history) < LEAST_DAYS:
        return NotEnoughDays(len(history), LEAST_DAYS - len(history))
    so_far = before_today + today
    days = Counter(day.weekday() for day in history)
    means = {
        weekday: math.fsum(value for day, value in history.items() if day.weekday() == weekday) / count
        for weekday, count in days.items()
    }
    coming = Counter(day.weekday() for day in ahead)
    expected = before_today + math.fsum(count * means[weekday] for weekday, count in coming.items())
    freedom = len(history) - len(days)
    variance = math.fsum((value - means[day.weekday()]) ** 2 for day, value in history.items()) / freedom
    spread = math.fsum(count + count * count / days[weekday] for weekday, count in coming.items())
    reach = t_quantile(CONFIDENCE, freedom) * math.sqrt(variance * spread)
    return Projection(
        expected=max(so_far, expected),
        low=max(so_far, expected - reach),
        high=max(so_far, expected + reach),
        so_far=so_far,
        days_behind=len(history),
        days_ahead=len(ahead),
    )


def t_quantile(confidence: float, freedom: int) -> float:
    """How many estimated standard errors an interval of this two-sided confidence spans to each side (.95, 21 → 2.08)."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))
