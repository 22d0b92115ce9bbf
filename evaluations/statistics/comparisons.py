"""Whether two candidates differ, and how many cases it takes to see it."""

from __future__ import annotations

import math
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
