"""Latencies as a histogram that adds up: buckets that grow by a tenth, so that a quantile of any sum of hours is at most
5 % off (the bucket's geometric middle; the idea of DDSketch: Masson, Rim and Lee, VLDB 2019)."""

import math
from collections.abc import Mapping

GROWTH = 1.1
# Nothing is faster than a microsecond; zero has no logarithm.
LEAST_MS = 0.001


def bucket_of(latency_ms: float) -> int:
    """The bucket b with 1.1^b ≤ latency < 1.1^(b+1), in milliseconds; of less than a microsecond, that of one."""
    return math.floor(math.log(max(latency_ms, LEAST_MS)) / math.log(GROWTH))


def middle_ms(bucket: int) -> float:
    """The geometric middle of a bucket: at most 4.9 % from everything in it."""
    return float(GROWTH ** (bucket + 0.5))


def quantile_ms(buckets: Mapping[int, int], share: float) -> float | None:
    """The nearest-rank quantile in milliseconds, None of nothing. Refuses (ValueError) a share outside 0..1."""
    if not 0 <= share <= 1:
        raise ValueError("a quantile's share is from 0 to 1")
    total = sum(buckets.values())
    wanted = max(math.ceil(share * total), 1)
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return middle_ms(bucket)
    return None
