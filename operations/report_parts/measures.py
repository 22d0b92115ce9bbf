"""How a figure of one month differs from the same figure of another, and whether a promised value was reached.

Proportions have an interval of their difference (Newcombe 1998, method 10; the weighted error rate: MOVER, Zou and Donner
2008). Costs and times are counted, not sampled: they are compared as they are, and no interval is made up for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot
from typing import Final

from evaluations.statistics import Estimate, newcombe_difference, wilson_interval
from operations.cost_selectors import MonthCosts
from operations.figure_selectors import Share
from operations.models import ImprovementItem
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.plain import Json

Metric = ImprovementItem.Metric


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of one month: its value, its own 95 % interval where it has one, and what it was counted of. `known`: the share of
    decisions whose cost is in it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    share: Share | None = None
    known: float | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """What a measure may look at: the month's figures and its costs."""

    month: Month
    costs: MonthCosts


def _of_share(share: Share) -> Measured:
    if not share.whole:
        return Measured(None)
    interval = wilson_interval(share.part, share.whole)
    return Measured(share.part / share.whole, interval.low, interval.high, share)


def _of_error(both: Both) -> Measured:
    error = both.month.total.error
    return Measured(error.rate, error.low, error.high) if isinstance(error, Estimate) else Measured(None)


def _of_resolved(both: Both) -> Measured:
    """Of all cases, though the models' cost may be known of some decisions alone."""
    micros, priced = both.costs.per_resolved_micros, both.costs.priced
    return Measured(None) if micros is None else Measured(micros / 1_000_000, known=priced.part / priced.whole)


def _of_decision(both: Both) -> Measured:
    micros = both.costs.per_decision_micros
    return Measured(None if micros is None else micros / 1_000_000)


MEASURES: Final[dict[str, Callable[[Both], Measured]]] = {
    Metric.ERROR_RATE: _of_error,
    Metric.ESCALATION_RATE: lambda both: _of_share(both.month.total.escalation),
    Metric.OVERRIDE_RATE: lambda both: _of_share(both.month.total.override),
    Metric.FAILURE_RATE: lambda both: _of_share(both.month.total.failure),
    Metric.RESOLUTION_RATE: lambda both: _of_share(both.month.total.resolution),
    Metric.COST_PER_DECISION: _of_decision,
    Metric.COST_PER_RESOLVED: _of_resolved,
    Metric.REVIEW_SECONDS: lambda both: Measured(both.month.total.seconds_per_review),
}
UNITS: Final[dict[str, str]] = {
    **dict.fromkeys(MEASURES, "share"),
    Metric.COST_PER_DECISION: "usd",
    Metric.COST_PER_RESOLVED: "usd",
    Metric.REVIEW_SECONDS: "seconds",
}
RISING_IS_BETTER: Final = frozenset({Metric.RESOLUTION_RATE})
# By so much may the shares of decisions whose cost is known differ.
LIKE_KNOWN: Final = 0.05
# Asking people more often, or giving them more time, may be what is wanted.
EITHER_WAY: Final = frozenset({Metric.ESCALATION_RATE, Metric.REVIEW_SECONDS})


def measure(metric: str, both: Both) -> Measured:
    return MEASURES[metric](both)


def are_comparable(now: Measured, before: Measured) -> bool:
    """Whether both months have a value, and one that knows the cost of about as many decisions: of twice as many it would be twice
    as high."""
    if now.value is None or before.value is None:
        return False
    return now.known is None or before.known is None or abs(now.known - before.known) <= LIKE_KNOWN


def difference_of(now: Measured, before: Measured) -> tuple[float, float | None, float | None] | None:
    """The difference with its 95 % interval, where it has one; None where the months are not comparable."""
    if now.value is None or before.value is None or not are_comparable(now, before):
        return None
    difference = now.value - before.value
    if now.share is not None and before.share is not None:
        interval = newcombe_difference(now.share.part, now.share.whole, before.share.part, before.share.whole)
        return difference, interval.low, interval.high
    if now.low is None or now.high is None or before.low is None or before.high is None:
        return difference, None, None
    below = hypot(now.value - now.low, before.high - before.value)
    above = hypot(now.high - now.value, before.value - before.low)
    return difference, difference - below, difference + above


def say_difference(metric: str, now: Measured, before: Measured) -> Json:
    """`verdict`: higher, lower, no_clear_change (the interval holds zero), or cannot_be_told (the months are not comparable)."""
    found = difference_of(now, before)
    digits = 6
    said: Json = {
        "metric": metric,
        "unit": UNITS[metric],
        "before": plain.places(before.value, digits),
        "now": plain.places(now.value, digits),
        "difference": None,
        "low": None,
        "high": None,
        "verdict": "cannot_be_told",
    }
    if found is None:
        return said
    difference, low, high = found
    verdict = "higher" if difference > 0 else "lower"
    # What has no interval is counted exactly; below half a percent it is still not worth a word.
    is_small = low is None and abs(difference) < 0.005 * abs(before.value or 0.0)
    if not difference or is_small or (low is not None and high is not None and low <= 0 <= high):
        verdict = "no_clear_change"
    return said | {
        "difference": plain.places(difference, digits),
        "low": plain.places(low, digits),
        "high": plain.places(high, digits),
        "verdict": verdict,
    }


def say_whether_reached(metric: str, expected: float, now: Measured, before: Measured) -> str:
    """ "reached", "not_reached" or "cannot_be_told": a rate has reached what was expected where its whole 95 % interval lies on
    the right side of it, and has not where the whole of it lies on the wrong side. The right side is above for the resolution
    rate, for escalations and review time where the month of the decision says, and below for all else; costs and times are
    compared as they are."""
    if now.value is None or (before.value is not None and not are_comparable(now, before)):
        return "cannot_be_told"
    wants_more = metric in EITHER_WAY and before.value is not None and expected > before.value
    shall_rise = metric in RISING_IS_BETTER or wants_more
    low = now.value if now.low is None else now.low
    high = now.value if now.high is None else now.high
    if shall_rise:
        return "reached" if low >= expected else "not_reached" if high < expected else "cannot_be_told"
    return "reached" if high <= expected else "not_reached" if low > expected else "cannot_be_told"


def compare_months(now: Both, before: Both) -> Json | None:
    """Every measure against the month before; null where the system made no decision then."""
    if not before.month.total.decisions:
        return None
    return {
        "month": f"{before.month.month:%Y-%m}",
        "decisions": before.month.total.decisions,
        "latency_p95_ms": plain.significant(before.month.total.latency_quantile_ms(0.95), 3),
        "metrics": [say_difference(str(name), measure(name, now), measure(name, before)) for name in MEASURES],
    }
