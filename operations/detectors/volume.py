"""Decisions an hour against what that hour of the week usually brings: a quiet Sunday is no alarm, a quiet Monday is.

Counts are put on the scale 2√(count + 3/8), on which the spread of a Poisson count is 1 whatever its mean; more spread
than Poisson's, as real traffic has, is measured in the baseline and divided out (less is never assumed). What remains
is watched by a two-sided Gaussian CUSUM. Source of the scale: F. J. Anscombe, Biometrika 35 (1948), 246-254.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from operations.detectors.cusum import GaussianCusum, Signal
from operations.detectors.designs import REFERENCE
from operations.detectors.run_lengths import gaussian_threshold
from operations.detectors.shortfalls import InsufficientData

WEEK, DAY = 168, 24
FEWEST_ARRIVALS = 48


@dataclass(frozen=True)
class VolumeBaseline:
    """What each hour of the `period` brings: 168 hours of the week, 24 of the day, or 1 where the baseline is too
    short for a season.

    `means`: decisions an hour, by hour modulo period. `spread`: the standard deviation on the square-root scale, at
    its upper confidence bound, never below 1. `floor`: the relative change that is no alarm. `hours`: length of the
    baseline; `arl0` in hours.
    """

    period: int
    means: tuple[float, ...]
    spread: float
    floor: float
    k: float
    h: float
    arl0: float
    hours: int

    def start(self) -> VolumeMonitor:
        """The monitor before its first hour."""
        return VolumeMonitor(self, GaussianCusum(self.k, self.h))

    def expected(self, hour: int) -> float:
        """Decisions that this hour (counted from a Monday 00:00, as in the baseline) usually brings."""
        return self.means[hour % self.period]

    def standardise(self, hour: int, count: int) -> float:
        """How far the count lies from what is usual, in standard deviations; what lies within the floor counts as
        usual."""
        usual = self.expected(hour)
        above = _scaled(count) - _scaled_mean(usual * (1 + self.floor))
        below = _scaled(count) - _scaled_mean(usual * (1 - self.floor))
        return (above if above > 0 else min(below, 0.0)) / self.spread


@dataclass(frozen=True)
class VolumeMonitor:
    """The state of a volume's monitor. An observation: (hour, count) of an hour that is over, hour as in the baseline.
    A signal's `observed` is counted over expected since the excursion began; `seen` and `since` count hours."""

    baseline: VolumeBaseline
    cusum: GaussianCusum
    counted_up: int = 0
    counted_down: int = 0
    expected_up: float = 0.0
    expected_down: float = 0.0

    def step(self, x: tuple[int, int]) -> tuple[VolumeMonitor, Signal | None]:
        hour, count = x
        if count < 0:
            raise ValueError(f"{count} is no number of decisions.")
        cusum, signal = self.cusum.step(self.baseline.standardise(hour, count))
        usual = self.baseline.expected(hour)
        up = _since(self.cusum.upper.began, self.counted_up, self.expected_up, count, usual)
        down = _since(self.cusum.lower.began, self.counted_down, self.expected_down, count, usual)
        if signal is not None:
            counted, expected = up if signal.side == "up" else down
            return VolumeMonitor(self.baseline, cusum), replace(signal, observed=counted / expected)
        up = up if cusum.upper.began else (0, 0.0)
        down = down if cusum.lower.began else (0, 0.0)
        return VolumeMonitor(self.baseline, cusum, up[0], down[0], up[1], down[1]), None


def fit_volume_baseline(
    hours: Sequence[int], counts: Sequence[int], *, arl0: float = 8_760, floor: float = 0.3, confidence: float = 0.9
) -> VolumeBaseline | InsufficientData:
    """What is usual, from whole hours and their counts; hours without traffic are there with 0.

    `hours`: counted from any Monday 00:00 in the system's time zone (so that summer time is the caller's). Two weeks
    or more: by hour of the week; two days or more: by hour of the day; a day: one mean. Less than a day, or fewer than
    48 decisions in all: InsufficientData. `arl0` is in hours. Refuses sequences of different lengths, negative counts
    and floors outside 0 ≤ floor < 1 with ValueError.
    """
    from scipy.special import chdtri, ndtri

    if len(hours) != len(counts) or any(count < 0 for count in counts) or not 0 <= floor < 1:
        raise ValueError("Every hour has a count that is not negative, and a floor is a share.")
    n = len(hours)
    if n < DAY:
        return InsufficientData("The baseline is shorter than a day.", DAY - n)
    if sum(counts) < FEWEST_ARRIVALS:
        return InsufficientData(
            "So few decisions come that their number an hour tells nothing.", FEWEST_ARRIVALS - sum(counts)
        )
    period = _season(hours)
    totals, weights = [0.0] * period, [0] * period
    for hour, count in zip(hours, counts, strict=True):
        totals[hour % period] += count
        weights[hour % period] += 1
    # Each slot borrows half a decision at the whole's rate, so that no slot expects nothing at all.
    borrowed = 0.5 / (sum(counts) / n)
    means = tuple((total + 0.5) / (weight + borrowed) for total, weight in zip(totals, weights, strict=True))
    residuals = [_scaled(count) - _scaled_mean(means[hour % period]) for hour, count in zip(hours, counts, strict=True)]
    freedom = max(1, n - period)
    squares = sum(residual**2 for residual in residuals)
    half = (1 - confidence) / 2
    variance = max(1.0, squares / float(chdtri(freedom, 1 - half)))
    # A slot's mean is itself an average of few hours: what comes is compared with that average's chance too.
    spread = math.sqrt(variance * (1 + period / n))
    uncertain = float(ndtri(1 - half / 2)) / math.sqrt(n)
    k = REFERENCE + uncertain
    return VolumeBaseline(period, means, spread, floor, k, gaussian_threshold(k, arl0, shift=uncertain), arl0, n)


def _season(hours: Sequence[int]) -> int:
    """The longest season of which the baseline has seen every hour twice."""
    for period in (WEEK, DAY):
        seen = [0] * period
        for hour in hours:
            seen[hour % period] += 1
        if min(seen) >= 2:
            return period
    return 1


def _since(began: int, counted: int, expected: float, count: int, usual: float) -> tuple[int, float]:
    return (counted + count, expected + usual) if began else (count, usual)


def _scaled(count: float) -> float:
    return 2 * math.sqrt(count + 0.375)


def _scaled_mean(mean: float) -> float:
    """The mean of 2√(count + 3/8) over Poisson counts: summed for small means, by its expansion for large."""
    if mean > 30:
        return 2 * math.sqrt(mean + 0.375) - 1 / (4 * math.sqrt(mean))
    total, chance = 0.0, math.exp(-mean)
    for count in range(int(mean + 10 * math.sqrt(mean)) + 12):
        total += chance * _scaled(count)
        chance *= mean / (count + 1)
    return total
