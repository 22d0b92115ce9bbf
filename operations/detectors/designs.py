"""From a baseline to a detector that keeps its word.

A CUSUM that takes an estimated rate or mean for the true one alarms far more often than its ARL₀ says: with a baseline
of a few hundred observations, easily ten times as often. So each design starts not from the estimate but from its
confidence bound on the side that would make false alarms: with the stated confidence over the chance of the baseline,
the ARL₀ holds. The price, a longer delay, is computed and stated; a longer baseline lowers it. Sources: W. Albers, W.
C. M. Kallenberg, Statistics & Risk Modeling 22 (2004); A. Gandy, J. T. Kvaløy, Scandinavian Journal of Statistics 40
(2013), 647-668 (guaranteed conditional performance).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluations.statistics import clopper_pearson
from operations.detectors.cusum import BernoulliCusum
from operations.detectors.means import MeanDesign
from operations.detectors.run_lengths import (
    bernoulli_arl,
    bernoulli_run_length_quantile,
    bernoulli_threshold,
    gaussian_arl,
    gaussian_run_length_quantile,
    gaussian_threshold,
)
from operations.detectors.shortfalls import InsufficientData

Direction = Literal["up", "down"]
FEWEST_OBSERVATIONS = 50
FEWEST_BATCHES = 10
# Half of the shift, in standard deviations of a batch mean, that the mean's CUSUM is quickest to see.
REFERENCE = 0.5


@dataclass(frozen=True)
class RateDesign:
    """A Bernoulli CUSUM from a baseline of `baseline_n` observations with rate `baseline_rate`. Rates are shares;
    `arl0`, `expected_delay` and `delay_95` are in observations.

    `p0_guard`: the baseline's one-sided confidence bound, at which false alarms come every `arl0` observations; with
    confidence `confidence` they come no more often. `expected_delay`: the mean delay when the rate becomes
    `alternative`; 95 % of such changes are signalled within `delay_95`.
    """

    direction: Direction
    baseline_rate: float
    baseline_n: int
    p0_guard: float
    p1: float
    h: float
    arl0: float
    confidence: float
    alternative: float
    expected_delay: float
    delay_95: int

    def start(self) -> BernoulliCusum:
        """The detector before its first observation."""
        return BernoulliCusum(self.p0_guard, self.p1, self.h)


def design_rate_monitor(
    baseline_events: int,
    baseline_n: int,
    *,
    direction: Direction,
    effect: float = 1.5,
    floor: float = 0.01,
    arl0: float = 20_000,
    confidence: float = 0.9,
    expected_at: float = 2.0,
) -> RateDesign | InsufficientData:
    """The CUSUM for a rise or a fall of a rate that was `baseline_events` of `baseline_n`.

    `effect`: odds ratio from the guarded rate to the rate that the detector is tuned to, which lies at least `floor`
    (a share) away. `expected_at`: the delay is stated for the baseline's rate times this (a fall: divided by it).
    Refuses effects and `expected_at` of at most 1 with ValueError. The guard is the exact bound of Clopper and
    Pearson.
    """
    if effect <= 1 or expected_at <= 1 or floor < 0:
        raise ValueError("Effects are ratios above 1, and a floor is not negative.")
    if baseline_n < FEWEST_OBSERVATIONS:
        return InsufficientData("The baseline is too short.", FEWEST_OBSERVATIONS - baseline_n)
    rate, rising = baseline_events / baseline_n, direction == "up"
    bounds = clopper_pearson(baseline_events, baseline_n, confidence=2 * confidence - 1)
    guard = bounds.high if rising else bounds.low
    target = max(_by_odds(guard, effect), guard + floor) if rising else min(_by_odds(guard, 1 / effect), guard - floor)
    if not 0 < target < 1:
        return _no_room(baseline_events, baseline_n, rising, floor, confidence)
    h = bernoulli_threshold(guard, target, arl0)
    likely = (baseline_events + 0.5) / (baseline_n + 1) if baseline_events in (0, baseline_n) else rate
    alternative = min(max(likely * expected_at, likely + floor), (1 + likely) / 2) if rising else likely / expected_at
    return RateDesign(
        direction=direction,
        baseline_rate=rate,
        baseline_n=baseline_n,
        p0_guard=guard,
        p1=target,
        h=h,
        arl0=arl0,
        confidence=confidence,
        alternative=alternative,
        expected_delay=bernoulli_arl(guard, target, h, alternative),
        delay_95=bernoulli_run_length_quantile(guard, target, h, alternative),
    )


def design_mean_monitor(
    baseline_values: Sequence[float],
    *,
    batch: int = 20,
    arl0: float = 20_000,
    floor: float = 0.0,
    confidence: float = 0.9,
    expected_at: float = 1.0,
) -> MeanDesign | InsufficientData:
    """The two-sided CUSUM for the mean of a number, from its values in the baseline in the order in which they came.

    `arl0` is in values. `floor` (the values' unit): no shift up to it counts as a change. `expected_at`: the delay is
    stated for a shift of so many standard deviations of single values (at least twice the floor). Skewed values
    (durations, cost) are logarithmized by the caller. Values far outside the baseline are clipped, so that a single
    one cannot alarm. The standard deviation of a batch's mean is taken from the batches themselves, so that values
    that hang together inside a batch widen it. Reference value and spread are enlarged by the baseline's uncertainty,
    a half of 1 - `confidence` for each. Refuses values that are no finite numbers and a batch below 2 with ValueError.
    """
    from scipy.special import chdtri, stdtrit

    if batch < 2 or not all(math.isfinite(value) for value in baseline_values):
        raise ValueError("A mean's baseline is finite numbers, in batches of two or more.")
    n, batches = len(baseline_values), len(baseline_values) // batch
    if batches < FEWEST_BATCHES:
        return InsufficientData("The baseline is too short.", FEWEST_BATCHES * batch - n)
    clip_low, clip_high, usual = _fences(baseline_values, floor)
    means = [statistics.fmean(usual[start * batch : (start + 1) * batch]) for start in range(batches)]
    mean, sd = statistics.fmean(usual), statistics.stdev(usual)
    spread = max(statistics.stdev(means), sd / math.sqrt(batch))
    if spread == 0 and floor == 0:
        return InsufficientData("Every value of the baseline is the same.", None)
    half = (1 - confidence) / 2
    # Nothing is known of the spread of what never varied: the floor stands in.
    batch_sd = spread * math.sqrt((batches - 1) / float(chdtri(batches - 1, 1 - half))) if spread else floor
    uncertain = float(stdtrit(batches - 1, 1 - half / 2)) * spread / math.sqrt(batches)
    # The largest standardised shift that is no change; the run length has to hold at that one too.
    unchanged = (uncertain + floor) / batch_sd
    k = REFERENCE + unchanged
    h = gaussian_threshold(k, max(2.0, arl0 / batch), shift=unchanged)
    alternative = max(expected_at * sd, 2 * floor)
    shift = alternative / batch_sd
    # A change comes in the midst of a batch: that batch is not counted on.
    return MeanDesign(
        mean=mean,
        sd=sd,
        batch_sd=batch_sd,
        batch=batch,
        k=k,
        h=h,
        arl0=arl0,
        confidence=confidence,
        clip_low=clip_low,
        clip_high=clip_high,
        baseline_n=n,
        alternative=alternative,
        expected_delay=(gaussian_arl(k, h, shift) + 1) * batch,
        delay_95=(gaussian_run_length_quantile(k, h, shift) + 1) * batch,
    )


@dataclass(frozen=True)
class DetectableChange:
    """The smallest change that a monitor is expected to notice within `within` observations: at or below
    `detectable_low`, at or above `detectable_high` (None: none on that side). What lies between may pass unnoticed."""

    baseline: float
    detectable_low: float | None
    detectable_high: float | None
    within: int

    def sentence(self, *, subject: str = "the rate", unit: str = "decisions", as_percent: bool = True) -> str:
        """The same in words, for a report."""

        def shown(value: float) -> str:
            return f"{100 * value:.1f} %" if as_percent else f"{value:.4g}"

        sides = []
        if self.detectable_high is not None:
            sides.append(f"rises from {shown(self.baseline)} to {shown(self.detectable_high)} or more")
        if self.detectable_low is not None:
            sides.append(f"falls from {shown(self.baseline)} to {shown(self.detectable_low)} or less")
        if not sides:
            return f"No change of {subject} can be counted on to be noticed within {self.within:,} {unit}."
        return (
            f"It takes {self.within:,} {unit} on average, or fewer, to notice that {subject} {' or '.join(sides)}; "
            "a smaller change may pass unnoticed."
        )


def minimum_detectable_change(design: RateDesign | MeanDesign, *, within: int) -> DetectableChange:
    """The smallest lasting change that the design notices within `within` observations on average. Refuses `within` <
    1 with ValueError."""
    if within < 1:
        raise ValueError("A change is noticed within one observation at the least.")
    if isinstance(design, RateDesign):

        def delay(rate: float) -> float:
            return bernoulli_arl(design.p0_guard, design.p1, design.h, rate)

        edge = _edge(delay, design.baseline_rate, 1.0 if design.direction == "up" else 0.0, within)
        low, high = (None, edge) if design.direction == "up" else (edge, None)
        return DetectableChange(design.baseline_rate, low, high, within)

    def delay_of_shift(shift: float) -> float:
        return (gaussian_arl(design.k, design.h, shift) + 1) * design.batch

    # A shift of as many spreads as the threshold and the reference value together signals with the first batch.
    widest = _edge(delay_of_shift, 0.0, design.h + design.k + 4, within)
    reach = None if widest is None else widest * design.batch_sd
    if reach is None:
        return DetectableChange(design.mean, None, None, within)
    return DetectableChange(design.mean, design.mean - reach, design.mean + reach, within)


def _edge(delay: Callable[[float], float], unchanged: float, extreme: float, within: int) -> float | None:
    """The mildest value between `unchanged` and `extreme` whose delay is at most `within`."""
    if delay(extreme) > within:
        return None
    mild, strong = unchanged, extreme
    for _ in range(24):
        middle = (mild + strong) / 2
        mild, strong = (mild, middle) if delay(middle) <= within else (middle, strong)
    return strong


def _by_odds(rate: float, ratio: float) -> float:
    return rate * ratio / (1 - rate + rate * ratio)


def _no_room(events: int, n: int, rising: bool, floor: float, confidence: float) -> InsufficientData:
    """Nothing lies beyond the guarded rate. How many observations of the same rate would leave room, if any would."""
    reason = (
        "The rate is so high that no rise can be told." if rising else "The rate is so low that no fall can be told."
    )
    for times in (2, 4, 8, 16, 32):
        bounds = clopper_pearson(events * times, n * times, confidence=2 * confidence - 1)
        if (bounds.high + floor < 1) if rising else (bounds.low > floor):
            return InsufficientData(reason, n * (times - 1))
    return InsufficientData(reason, None)


def _fences(values: Sequence[float], floor: float) -> tuple[float, float, list[float]]:
    """Bounds outside which a value tells no more than that it is far away, and the values clipped to them: three
    interquartile ranges beyond the quartiles (Tukey's outer fences), or six standard deviations where that is
    wider."""
    first, median, third = statistics.quantiles(values, n=4)
    reach = max(third - median, median - first) + 3 * (third - first)
    # The spread of the middle half, for the tails may hold one value that is a thousand times the others.
    ordered = sorted(values)
    trimmed = ordered[len(values) // 100 : len(values) - len(values) // 100]
    reach = max(reach, 6 * statistics.stdev(trimmed), 10 * floor)
    low, high = median - reach, median + reach
    return low, high, [min(max(value, low), high) for value in values]
