"""When nothing comes: how long a silence, or how many decisions without an outcome, can no longer be chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from operations.detectors.shortfalls import InsufficientData

FEWEST_ARRIVALS = 20
FEWEST_GAPS = 50
# The gaps beyond this share of them tell how the longest behave.
TAIL = 0.9


@dataclass(frozen=True)
class SilenceDesign:
    """A silence longer than `threshold` seconds is an alarm; by chance there is one every `arl0` seconds, or more
    rarely. `arrivals` of the baseline and its `longest_gap` in seconds (None where only their number was known)."""

    threshold: float
    arl0: float
    arrivals: int
    longest_gap: float | None


def silence_threshold_for_rate(
    arrivals: int, duration: float, *, arl0: float, confidence: float = 0.9
) -> SilenceDesign | InsufficientData:
    """For a stream that comes evenly (Poisson): `arrivals` in `duration` seconds. Every arrival opens a gap, and a gap
    outlasts T with the chance exp(-λT), so λ exp(-λT) = 1/arl0. λ is the lower confidence bound of the rate. Fewer
    than 20 arrivals: InsufficientData. Refuses durations and arl0 that are not positive with ValueError."""
    from scipy.special import gammaincinv

    if duration <= 0 or arl0 <= 0:
        raise ValueError("Durations and intervals are positive.")
    if arrivals < FEWEST_ARRIVALS:
        return InsufficientData("Too few arrivals to know how they come.", FEWEST_ARRIVALS - arrivals)
    rate = float(gammaincinv(arrivals, 1 - confidence)) / duration
    # Below e arrivals an interval the formula turns; a gap of one interval is then as long as silence can be asked to last.
    return SilenceDesign(math.log(max(math.e, rate * arl0)) / rate, arl0, arrivals, None)


def silence_threshold(
    gaps: Sequence[float], *, arl0: float, longest_gap_multiple: float = 1.5, confidence: float = 0.9
) -> SilenceDesign | InsufficientData:
    """For any stream, from the seconds between its arrivals: nights and weekends are gaps like others, if the baseline
    saw them.

    Beyond the 90th percentile the gaps are continued exponentially, with the mean excess at its upper confidence
    bound; the threshold is where that gives one in `arl0` seconds, and never below `longest_gap_multiple` times the
    longest gap seen. Fewer than 50 gaps: InsufficientData. Refuses negative gaps, nothing but zeros, and an arl0 that
    is not positive with ValueError. Source: J. Pickands, Annals of Statistics 3 (1975), 119-131 (excesses over a high
    threshold; here with the shape 0).
    """
    from scipy.special import gammaincinv

    if arl0 <= 0 or longest_gap_multiple < 1 or any(not gap >= 0 for gap in gaps):
        raise ValueError(
            "Gaps are not negative, intervals positive, and the multiple of the longest gap is at least 1."
        )
    if len(gaps) < FEWEST_GAPS:
        return InsufficientData("Too few gaps to know how long they last.", FEWEST_GAPS - len(gaps))
    ordered, longest = sorted(gaps), max(gaps)
    if longest == 0:
        raise ValueError("Everything came at once: gaps of zero tell of no silence.")
    start = ordered[math.floor(TAIL * len(ordered))]
    excesses = [gap - start for gap in ordered if gap > start] or [longest]
    # A sum of exponential excesses is gamma distributed: its lower quantile bounds the mean from above.
    mean_excess = sum(excesses) / float(gammaincinv(len(excesses), 1 - confidence))
    expected = arl0 / statistics.fmean(gaps) * len(excesses) / len(gaps)
    beyond = mean_excess * math.log(max(1.0, expected))
    return SilenceDesign(max(start + beyond, longest_gap_multiple * longest), arl0, len(gaps), longest)


def missing_events_threshold(p_low: float, alpha: float) -> int:
    """After how many observations in a row without the event their absence is no accident: (1 - p_low)ⁿ ≤ alpha.

    `p_low`: the lower confidence bound of the event's rate (`clopper_pearson(events, n, confidence=.8).low` holds it
    with 90 %). alpha is the chance that a run that begins somewhere gets as long. Refuses shares outside 0 < p < 1
    with ValueError.
    """
    if not (0 < p_low < 1 and 0 < alpha < 1):
        raise ValueError("Rate and alpha lie between 0 and 1.")
    return max(1, math.ceil(math.log(alpha) / math.log1p(-p_low) - 1e-9))


def missing_events_false_alarm_interval(p_low: float, threshold: int) -> float:
    """Mean observations until, by chance, so many in a row lack the event, at the rate p_low: ((1-p)⁻ⁿ - 1)/p. Refuses
    what `missing_events_threshold` refuses. Source: W. Feller, An Introduction to Probability Theory I (3rd ed. 1968),
    XIII.7."""
    if not 0 < p_low < 1 or threshold < 1:
        raise ValueError("A rate lies between 0 and 1, and a run has one observation at the least.")
    exponent = -threshold * math.log1p(-p_low)
    return min(3e10, math.expm1(min(exponent, 600)) / p_low)
