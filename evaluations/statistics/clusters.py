"""Means of scores that are not independent: the examples of one subject, or of one session, rise and fall together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from statistics import NormalDist

from evaluations.statistics.intervals import Interval, normal_quantile

MOST_EXAMPLES = 10_000_000


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean with its interval and two-sided p against 0. `mean` is the plain one; interval and p rest on `center` and
    `standard_error`, which count what has not been seen yet where bounds were told. `spread` is the plain standard error
    times √n; `cluster_size` that of the cluster in which the usual observation lies; `doubt` the sum of squares of both
    bounds' distances from the mean."""

    mean: float
    center: float
    standard_error: float
    interval: Interval
    p_value: float
    observations: int
    clusters: int
    spread: float
    cluster_size: float
    doubt: float


def clustered_mean(
    observations: Iterable[tuple[float, Hashable]],
    *,
    bounds: tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> ClusteredMean:
    """The mean of values that come in clusters, given as (value, cluster).

    Its variance is the sum of squares of the clusters' summed residuals over n², times G / (G - 1) for G clusters (CR1, the
    correction for few clusters); the interval is Student's t with G - 1 degrees of freedom. `bounds` are the smallest and
    the largest value there can be. Where they are told, interval and p are those of the values and two more clusters of
    size Σm²/n, one at either bound, and G is the effective number (Σm)²/Σm²: otherwise values that are all alike would
    leave no doubt whatever their number, and one large cluster would count as much as it weighs. The interval ends at them.
    Refuses (ValueError) values outside the bounds, none at all, and a single cluster without bounds.

    Sources: K.-Y. Liang, S. L. Zeger, Biometrika 73 (1986), 13-22; A. C. Cameron, D. L. Miller, Journal of Human Resources 50
    (2015), 317-372; the effective number of L. Kish, Survey Sampling (1965), 8.2. The two clusters are ours, in the manner
    of A. Agresti, B. Caffo, American Statistician 54 (2000), 280-288; docs/explanation/gates.md measures what they do.
    """
    from scipy.special import stdtr, stdtrit

    normal_quantile(confidence)
    sums: dict[Hashable, list[float]] = {}
    for value, cluster in observations:
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            raise ValueError(f"{value} lies outside of {bounds}.")
        one = sums.setdefault(cluster, [0.0, 0.0])
        one[0] += value
        one[1] += 1
    rows = [(value, size) for value, size in sums.values()]
    if not rows or (len(rows) < 2 and bounds is None):
        raise ValueError("A mean with an interval takes two clusters at the least.")
    n = sum(size for _, size in rows)
    usual = sum(size * size for _, size in rows) / n
    mean, plain = _center_and_error(rows, len(rows))
    center, error, freedom, doubt = mean, plain, len(rows) - 1.0, 0.0
    if bounds is not None:
        rows += [(bound * usual, usual) for bound in bounds]
        doubt = sum((bound - mean) ** 2 for bound in bounds)
        effective = sum(size for _, size in rows) ** 2 / sum(size * size for _, size in rows)
        center, error = _center_and_error(rows, effective)
        freedom = effective - 1
    reach = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    low, high = center - reach, center + reach
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    p_value = min(1.0, 2 * float(stdtr(freedom, -abs(center) / error))) if error else float(center == 0)
    return ClusteredMean(
        mean=mean,
        center=center,
        standard_error=error,
        interval=Interval(low, high),
        p_value=p_value,
        observations=int(n),
        clusters=len(sums),
        spread=plain * math.sqrt(n),
        cluster_size=usual,
        doubt=doubt,
    )


def _center_and_error(rows: list[tuple[float, float]], clusters: float) -> tuple[float, float]:
    weight = math.fsum(size for _, size in rows)
    center = math.fsum(value for value, _ in rows) / weight
    squares = math.fsum((value - center * size) ** 2 for value, size in rows)
    return center, math.sqrt(squares * clusters / (clusters - 1)) / weight if clusters > 1 else 0.0


def examples_to_reach(found: ClusteredMean, distance: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many observations it takes in all, if they go on varying and clustering as these, until the two-sided interval at
    1 - `alpha` of `clustered_mean` ends within `distance` of the true mean with this power.

    The smallest N with z(1-α/2) · √(s²/N + d·m²/N²) + z(power) · s/√N ≤ distance, where s is the spread, m the cluster size and
    d the doubt. Refuses (ValueError) a distance that is not above 0.
    """
    if distance <= 0:
        raise ValueError(f"A distance is above 0, not {distance}.")
    s, z, seen = found.spread, normal_quantile(1 - alpha), NormalDist().inv_cdf(power)
    low, high = 1, MOST_EXAMPLES
    while low < high:
        n = (low + high) // 2
        reach = z * math.sqrt(s * s / n + found.doubt * (found.cluster_size / n) ** 2) + seen * s / math.sqrt(n)
        low, high = (low, n) if reach <= distance else (n + 1, high)
    return low
