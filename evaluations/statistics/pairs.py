"""Two candidates on the same cases: how far apart they are, and how many cases it takes to say."""

from __future__ import annotations

import math
from statistics import NormalDist

from evaluations.statistics.intervals import Interval, normal_quantile

MOST_PAIRS = 10_000_000


def paired_difference(only_a: float, only_b: float, n: float, *, confidence: float = 0.95) -> Interval:
    """The score interval of the difference of two shares over the same `n` cases: a's minus b's, -1 to 1.

    `only_a` are the cases on which a alone was right. Refuses (ValueError) n = 0 and counts that don't fit into it.
    Source: T. Tango, Statistics in Medicine 17 (1998), 891-908: the differences that the score test does not reject.
    """
    if n <= 0 or only_a < 0 or only_b < 0 or only_a + only_b > n:
        raise ValueError(f"{only_a} and {only_b} of {n} are no pairs.")
    z = normal_quantile(confidence)
    return Interval(_lower(only_a, only_b, n, z), -_lower(only_b, only_a, n, z))


def _lower(only_a: float, only_b: float, n: float, z: float) -> float:
    """The smallest difference whose score is at most z; the score falls as the difference rises."""
    low, high = -1.0, (only_a - only_b) / n
    for _ in range(60):
        middle = (low + high) / 2
        if _score(only_a, only_b, n, middle) > z:
            low = middle
        else:
            high = middle
    return high


def _score(only_a: float, only_b: float, n: float, difference: float) -> float:
    a = 2 * n
    b = -only_a - only_b + (2 * n - only_a + only_b) * difference
    c = -only_b * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * share + difference * (1 - difference))
    distance = only_a - only_b - n * difference
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def pairs_to_exclude(
    only_a: int, only_b: int, n: int, *, margin: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """How many cases it takes in all, if a and b go on differing as on these `n`, until the interval of the difference
    lies above -margin with this power; where a is behind by half the margin or more, as if it were behind by that half.

    Refuses (ValueError) what `paired_difference` refuses, and a margin outside 0..1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"A margin lies between 0 and 1, not at {margin}.")
    paired_difference(only_a, only_b, n)
    apart = (only_a + only_b) / n
    difference = max(min((only_a - only_b) / n, 0.0), -margin / 2)
    apart = max(apart, -difference)
    share_a, share_b = (apart + difference) / 2, (apart - difference) / 2
    z = normal_quantile(1 - alpha) + NormalDist().inv_cdf(power)
    low, high = 1, MOST_PAIRS
    while low < high:
        middle = (low + high) // 2
        if _lower(share_a * middle, share_b * middle, middle, z) > -margin:
            high = middle
        else:
            low = middle + 1
    return low


def pairs_to_see(effect: float, *, apart: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many cases it takes in all until McNemar's test sees a difference of `effect` between the shares with this power,
    where `apart` is the share of cases on which the two differ (at least the effect itself).

    Refuses (ValueError) an effect outside 0..1. Source: R. J. Connor, Biometrics 43 (1987), 207-211.
    """
    if not 0 < effect < 1:
        raise ValueError(f"An effect lies between 0 and 1, not at {effect}.")
    apart = min(max(apart, effect), 1.0)
    chance = normal_quantile(1 - alpha) * math.sqrt(apart)
    seen = NormalDist().inv_cdf(power) * math.sqrt(apart - effect * effect)
    return math.ceil(((chance + seen) / effect) ** 2)
