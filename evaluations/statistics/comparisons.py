"""Whether two candidates differ, and how many cases it takes to see it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from statistics import NormalDist


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided p of McNemar's exact test: of the pairs in which just one of two was right, is either side too often?

    Pairs on which both agree say nothing and are not asked for. No such pair at all: p = 1. Refuses negative counts with
    ValueError. Source: A. Agresti, Categorical Data Analysis (3rd ed. 2013), 11.1: the binomial with one half, doubled.
    """
    from scipy.special import bdtr

    if only_a < 0 or only_b < 0:
        raise ValueError("Counts of pairs are not negative.")
    pairs = only_a + only_b
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), pairs, 0.5))) if pairs else 1.0


def sign_flip_exact(differences: Iterable[int]) -> float:
    """Two-sided p of the randomization test of paired differences: if each could as well have had the other sign, how often
    is their sum as far from 0 as this one, or further?

    Exact: the distribution of the sum is computed from its characteristic function, the product of cos(t·|d|). Of pairs that
    come in clusters take each cluster's sum; of ones and minus ones alone it is McNemar's exact test.
    Source: R. A. Fisher, The Design of Experiments (1935), section 21.
    """
    given = [int(one) for one in differences if one]
    total = abs(sum(given))
    sizes = Counter(map(abs, given))
    if sizes.keys() <= {1}:
        return mcnemar_exact((len(given) + total) // 2, (len(given) - total) // 2)
    if total == 0:
        return 1.0
    import numpy as np
    from scipy.fft import irfft, next_fast_len

    most = sum(map(abs, given))
    # More points than the sum has values, so that no two of them fall upon one another.
    points = next_fast_len(2 * most + 1, real=True)
    turns = 2 * np.pi / points * np.arange(points // 2 + 1)
    transformed = np.ones_like(turns)
    for size, count in sizes.items():
        transformed *= np.cos(turns * size) ** count
    chances = irfft(transformed, points)
    # All signs alike are as far as the sum can get, which is rarer than what the transform can tell from nothing.
    return min(1.0, max(2 * float(chances[total : most + 1].sum()), 2.0 ** (1 - len(given))))


def sample_size_two_proportions(p1: float, p2: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """How many observations *each* of two equal groups needs, so that a two-sided test at `alpha` sees p1 against p2
    with `power`.

    Refuses equal shares and shares outside 0 < p < 1 with ValueError. Source: J. L. Fleiss, B. Levin, M. C. Paik,
    Statistical Methods for Rates and Proportions (3rd ed. 2003), formula 4.14: normal, without continuity correction.
    """
    for share in (p1, p2, power, alpha):
        if not 0 < share < 1:
            raise ValueError(f"Shares, power and alpha lie between 0 and 1, not at {share}.")
    if p1 == p2:
        raise ValueError("No sample shows a difference between equal shares.")
    mean = (p1 + p2) / 2
    chance = NormalDist().inv_cdf(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    seen = NormalDist().inv_cdf(power) * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return math.ceil(((chance + seen) / (p1 - p2)) ** 2)
