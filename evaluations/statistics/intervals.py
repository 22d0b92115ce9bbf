"""A rate never stands alone: these are the intervals that stand beside it, chosen because they hold at small counts
and at zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Interval:
    """A confidence interval, both ends included, in the unit of what was estimated (a share: 0 to 1)."""

    low: float
    high: float


def normal_quantile(confidence: float) -> float:
    """How many standard errors an interval of this two-sided confidence spans to each side (.95 → 1.96). Refuses all
    outside 0 < confidence < 1 with ValueError."""
    if not 0 < confidence < 1:
        raise ValueError(f"Confidence lies between 0 and 1, not at {confidence}.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The score interval of a binomial share. Refuses n = 0 and successes outside 0..n with ValueError.

    Source: E. B. Wilson, JASA 22 (1927); as method 3 of R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872.
    """
    _refuse_no_share(successes, n)
    return wilson_of_share(successes / n, n, normal_quantile(confidence))


def wilson_of_share(share: float, n: float, z: float) -> Interval:
    """Wilson's interval of a share over an *effective* number of observations, which need not be whole. n = inf: no
    width."""
    if math.isinf(n):
        return Interval(share, share)
    shrink = 1 + z * z / n
    center = (share + z * z / (2 * n)) / shrink
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / shrink
    # At the edges the formula ends exactly on them; floating point may miss by 1e-17.
    low = 0.0 if share <= 0 else max(0.0, center - reach)
    high = 1.0 if share >= 1 else min(1.0, center + reach)
    return Interval(low, high)


def clopper_pearson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The exact interval of a binomial share: covers at least as often as stated, at any share. Refuses n = 0 and
    successes outside 0..n with ValueError.

    Source: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934), 404-413; beta quantiles.
    """
    from scipy.special import betaincinv

    _refuse_no_share(successes, n)
    normal_quantile(confidence)
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Interval(low, high)


def newcombe_difference(a: int, n_a: int, b: int, n_b: int, *, confidence: float = 0.95) -> Interval:
    """The interval of a/n_a - b/n_b for independent groups, -1 to 1. Refuses what `wilson_interval` refuses.

    Source: method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890: Wilson's intervals, squared and
    added.
    """
    share_a, share_b = wilson_interval(a, n_a, confidence=confidence), wilson_interval(b, n_b, confidence=confidence)
    difference = a / n_a - b / n_b
    below = math.hypot(a / n_a - share_a.low, share_b.high - b / n_b)
    above = math.hypot(share_a.high - a / n_a, b / n_b - share_b.low)
    return Interval(difference - below, difference + above)


def _refuse_no_share(successes: int, n: int) -> None:
    if n <= 0:
        raise ValueError("A share needs at least one observation.")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share.")
