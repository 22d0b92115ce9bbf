"""One window of observations against the baseline: has the mix of categories, or the distribution of a number, changed?

Windows tumble (each observation is in one), so a test at level alpha is false once in window/alpha observations. Each
test has three guards: chance (a threshold that follows from both samples), effect (a floor below which a change is not
worth an alarm), and size (too little data is said to be that).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.detectors.shortfalls import InsufficientData

# What a category is to expect in the smaller sample to stand alone; the rarer are taken together.
FEWEST_EXPECTED = 5
RARE = "(rare)"
# Up to this many values in both samples the chance of a Kolmogorov-Smirnov distance is counted path by path.
MOST_EXACT = 3_000


@dataclass(frozen=True)
class PsiResult:
    """The population stability index of a window. `threshold`: passed by chance alone in the share alpha of the
    unchanged windows. `shares`: (category, share in the baseline, share in the window), what contributes most first;
    "(rare)" takes the rare together."""

    psi: float
    threshold: float
    floor: float
    p_value: float
    categories: int
    is_signal: bool
    shares: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class KsResult:
    """The Kolmogorov-Smirnov distance of a window (0 to 1), its p-value, the value `at` which the two distributions
    part most, and both medians, in the unit of the values."""

    statistic: float
    p_value: float
    alpha: float
    floor: float
    at: float
    baseline_median: float
    window_median: float
    is_signal: bool


def false_alarm_interval(window: int, alpha: float) -> float:
    """Mean observations between false alarms of a test at level alpha on tumbling windows of `window` observations.
    Refuses windows below 1 and alpha outside 0 < alpha < 1 with ValueError."""
    if window < 1:
        raise ValueError("A window holds one observation at the least.")
    _refuse_no_level(alpha)
    return window / alpha


def psi(
    baseline_counts: Mapping[str, int],
    window_counts: Mapping[str, int],
    *,
    alpha: float = 0.01,
    floor: float = 0.1,
    minimum: int = 100,
) -> PsiResult | InsufficientData:
    """Σ (w - b) ln(w/b) over the categories' shares in the window (w) and the baseline (b), and whether that is more
    than chance (level alpha) and at least `floor`.

    Without a change PSI is about χ² with B-1 degrees of freedom times 1/n + 1/m, n and m the samples' sizes, so a
    fixed threshold like 0.1 means another thing at every size. Categories too rare for that are taken together, and
    half an observation is added to each count, so that a new category stays finite. Either sample below `minimum`:
    InsufficientData. Refuses alpha outside 0 < alpha < 1 with ValueError. Source: B. Yurdakul, J. Naranjo, Journal of
    Risk Model Validation 14 (2020), 89-100.
    """
    from scipy.special import chdtrc, chdtri

    _refuse_no_level(alpha)
    n, m = sum(baseline_counts.values()), sum(window_counts.values())
    if min(n, m) < minimum:
        return InsufficientData("Too few observations to compare categories.", minimum - min(n, m))
    pairs = _pooled(baseline_counts, window_counts, n, m)
    if len(pairs) == 1:
        shares = tuple((category, 1.0, 1.0) for category in pairs)
        return PsiResult(0.0, 0.0, floor, 1.0, 1, False, shares)
    freedom, scale = len(pairs) - 1, 1 / n + 1 / m
    smoothed = {
        category: ((b + 0.5) / (n + len(pairs) / 2), (w + 0.5) / (m + len(pairs) / 2))
        for category, (b, w) in pairs.items()
    }
    parts = {category: (w - b) * math.log(w / b) for category, (b, w) in smoothed.items()}
    index, threshold = sum(parts.values()), float(chdtri(freedom, alpha)) * scale
    order = sorted(parts, key=lambda category: (-parts[category], category))
    return PsiResult(
        psi=index,
        threshold=threshold,
        floor=floor,
        p_value=float(chdtrc(freedom, index / scale)),
        categories=len(pairs),
        is_signal=index > threshold and index >= floor,
        shares=tuple((category, pairs[category][0] / n, pairs[category][1] / m) for category in order),
    )


def ks(
    baseline_sample: Sequence[float],
    window_sample: Sequence[float],
    *,
    alpha: float = 0.01,
    floor: float = 0.1,
    minimum: int = 50,
) -> KsResult | InsufficientData:
    """Whether two samples of a number come from one distribution: the largest distance of their cumulative shares, and
    whether it is more than chance (level alpha) and at least `floor`.

    Up to `MOST_EXACT` values the p-value is exact for distinct values, beyond that Kolmogorov's limit; with ties
    either errs on the side of silence. Either sample below `minimum`: InsufficientData. Refuses values that are no
    finite numbers and alpha outside 0 < alpha < 1 with ValueError. Sources: N. Smirnov, Ann. Math. Stat. 19 (1948); J.
    L. Hodges, Arkiv för Matematik 3 (1958), 469-486.
    """
    import numpy as np
    from scipy.special import kolmogorov

    _refuse_no_level(alpha)
    n, m = len(baseline_sample), len(window_sample)
    if min(n, m) < minimum:
        return InsufficientData("Too few values to compare distributions.", minimum - min(n, m))
    one, other = np.sort(np.asarray(baseline_sample, float)), np.sort(np.asarray(window_sample, float))
    values = np.concatenate((one, other))
    if not np.isfinite(values).all():
        raise ValueError("Distributions are compared of finite numbers.")
    # In whole steps of 1/(n m), so that equal distances compare equal.
    steps = np.abs(m * np.searchsorted(one, values, "right") - n * np.searchsorted(other, values, "right"))
    furthest = int(np.argmax(steps))
    distance = int(steps[furthest]) / (n * m)
    exact = n + m <= MOST_EXACT
    p_value = (
        _paths_beyond(n, m, int(steps[furthest])) if exact else float(kolmogorov(distance * math.sqrt(n * m / (n + m))))
    )
    return KsResult(
        statistic=distance,
        p_value=p_value,
        alpha=alpha,
        floor=floor,
        at=float(values[furthest]),
        baseline_median=float(np.median(one)),
        window_median=float(np.median(other)),
        is_signal=p_value <= alpha and distance >= floor,
    )


def _pooled(baseline: Mapping[str, int], window: Mapping[str, int], n: int, m: int) -> dict[str, tuple[int, int]]:
    """The counts of each category in both, the rare ones added up; if those together are still rare, with the rarest
    other."""
    counts = {category: (baseline.get(category, 0), window.get(category, 0)) for category in {*baseline, *window}}
    fewest = FEWEST_EXPECTED * (n + m) / min(n, m)
    kept = {category: pair for category, pair in counts.items() if sum(pair) >= fewest}
    rare = [pair for category, pair in counts.items() if category not in kept and any(pair)]
    if not rare:
        return kept
    together = (sum(b for b, _ in rare), sum(w for _, w in rare))
    if sum(together) < fewest and kept:
        rarest = min(kept, key=lambda category: (sum(kept[category]), category))
        b, w = kept.pop(rarest)
        together = (together[0] + b, together[1] + w)
    return kept | {RARE: together}


def _paths_beyond(n: int, m: int, steps: int) -> float:
    """The share of all orders of n and m distinct values whose distance reaches steps/(n m): 1 - the lattice paths
    that stay inside, counted diagonal by diagonal and halved at every step to keep them in range."""
    import numpy as np

    if steps == 0:
        return 1.0
    i = np.arange(n + 1)
    inside: Any = np.zeros(n + 1)
    inside[0] = 1.0
    log_scale = 0.0
    for length in range(1, n + m + 1):
        inside[1:] = inside[1:] + inside[:-1]
        j = length - i
        inside[(np.abs(i * m - j * n) >= steps) | (j < 0) | (j > m)] = 0.0
        largest = inside.max()
        if largest == 0:
            return 1.0
        inside /= largest
        log_scale += math.log(largest)
    all_paths = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    return min(1.0, max(0.0, -math.expm1(math.log(inside[n]) + log_scale - all_paths)))


def _refuse_no_level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {alpha}.")
