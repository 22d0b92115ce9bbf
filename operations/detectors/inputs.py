"""What the inputs are like, in any language: how long, how surprising, and which short words stand where.

No tokenizer and no vocabulary: three characters in a row, hashed, tell one language, topic or format from another. The
model learns from the first half of a baseline only; the second half, which it never saw, is the sample that windows
are compared with. Both are then equally strange to it, so that without a change they are two samples of one
distribution, and the test's alpha holds.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from operations.detectors.shortfalls import InsufficientData
from operations.detectors.windows import PsiResult, psi

BUCKETS = 4_096
MOST_CHARACTERS = 4_000
SMOOTHING = 0.5
FEWEST_INPUTS = 100
LONGEST_CATEGORY = 40
ABSENT = "(absent)"
OTHER = "(other)"


@dataclass(frozen=True)
class TrigramModel:
    """How often each of 4,096 hashed trigrams of characters came, and how many in all."""

    counts: tuple[int, ...]
    total: int

    @cached_property
    def bits(self) -> tuple[float, ...]:
        """-log₂ of each trigram's smoothed probability (half an occurrence added to each)."""
        whole = self.total + SMOOTHING * BUCKETS
        return tuple(-math.log2((count + SMOOTHING) / whole) for count in self.counts)


def fit_trigram_model(values: Iterable[Any]) -> TrigramModel:
    """The trigrams of all strings of these JSON values, the first 4,000 characters of each value."""
    counts = [0] * BUCKETS
    for value in values:
        for bucket, times in _trigrams(value).items():
            counts[bucket] += times
    return TrigramModel(tuple(counts), sum(counts))


def surprise(model: TrigramModel, value: Any) -> float:
    """Mean bits per trigram that the model needs for the strings of a JSON value; 0 for a value without any."""
    trigrams = _trigrams(value)
    bits = model.bits
    return math.fsum(times * bits[bucket] for bucket, times in trigrams.items()) / max(1, trigrams.total())


def fit_input_reference(values: Sequence[Any]) -> tuple[TrigramModel, list[float]] | InsufficientData:
    """A model of the first half of a baseline, and the surprise of each input of its second half: the sample with
    which `ks` compares windows. Fewer than 100 inputs: InsufficientData."""
    if len(values) < FEWEST_INPUTS:
        return InsufficientData("Too few inputs to know what they are like.", FEWEST_INPUTS - len(values))
    middle = len(values) // 2
    model = fit_trigram_model(values[:middle])
    return model, [surprise(model, value) for value in values[middle:]]


def input_length(value: Any) -> int:
    """Characters of all strings of a JSON value (names of members left out)."""
    return sum(len(text) for text in _strings(value))


def category_paths(
    values: Sequence[Any], *, most_distinct: int = 20, most_paths: int = 20
) -> dict[str, dict[str, int]]:
    """JSON pointers (RFC 6901) at which the inputs carry a category, with how often each came: strings of up to 40
    characters, true, false, null; at most `most_distinct` of them, each five times on average, in a tenth of the
    inputs or more. A number or a longer string anywhere at the pointer makes it none. "(absent)" counts the inputs
    without it. Arrays are not looked into. The `most_paths` that most inputs carry."""
    seen: dict[str, Counter[str]] = {}
    other_things: set[str] = set()
    for value in values:
        for pointer, leaf in _leaves(value):
            category = _category(leaf)
            if category is None:
                other_things.add(pointer)
            elif pointer not in other_things:
                counter = seen.setdefault(pointer, Counter())
                counter[category] += 1
                if len(counter) > most_distinct:
                    other_things.add(pointer)
    kept = {
        pointer: counter
        for pointer, counter in seen.items()
        if pointer not in other_things and counter.total() >= max(5 * len(counter), len(values) / 10)
    }
    common = sorted(kept, key=lambda pointer: (-kept[pointer].total(), pointer))[:most_paths]
    return {pointer: _with_absent(kept[pointer], len(values)) for pointer in sorted(common)}


def category_counts(values: Sequence[Any], pointers: Iterable[str]) -> dict[str, dict[str, int]]:
    """How often each category stands at these pointers in a window; what is no category there counts as "(other)", no
    value as "(absent)"."""
    counters: dict[str, Counter[str]] = {pointer: Counter() for pointer in pointers}
    for value in values:
        for pointer, leaf in _leaves(value):
            if pointer in counters:
                counters[pointer][_category(leaf) or OTHER] += 1
    return {pointer: _with_absent(counter, len(values)) for pointer, counter in counters.items()}


def categories_shift(
    baseline: Mapping[str, Mapping[str, int]],
    window: Mapping[str, Mapping[str, int]],
    *,
    alpha: float = 0.01,
    floor: float = 0.1,
    minimum: int = 100,
) -> dict[str, PsiResult | InsufficientData]:
    """`psi` at each pointer of the baseline, at the level alpha for all of them together (Bonferroni)."""
    level = alpha / max(1, len(baseline))
    return {
        pointer: psi(counts, window.get(pointer, {}), alpha=level, floor=floor, minimum=minimum)
        for pointer, counts in baseline.items()
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield from _strings(value[name])
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _trigrams(value: Any) -> Counter[int]:
    # A line's end before and after, so that short strings have trigrams and beginnings differ from middles.
    text = "\n".join(_strings(value))[:MOST_CHARACTERS]
    if not text:
        return Counter()
    text = f"\n{text}\n"
    buckets: Counter[int] = Counter()
    for trigram, times in Counter(
        map("".join, zip(text, islice(text, 1, None), islice(text, 2, None), strict=False))
    ).items():
        buckets[_bucket(trigram)] += times
    return buckets


@lru_cache(maxsize=65_536)
def _bucket(trigram: str) -> int:
    # A lone surrogate is legal in JSON text and has no UTF-8.
    return zlib.crc32(trigram.encode("utf-8", "surrogatepass")) % BUCKETS


def _leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    else:
        yield pointer, value


def _category(leaf: Any) -> str | None:
    if leaf is None:
        return "(null)"
    if isinstance(leaf, bool):
        # In brackets, for an API that begins to send "true" where it sent true has changed.
        return "(true)" if leaf else "(false)"
    return leaf if isinstance(leaf, str) and len(leaf) <= LONGEST_CATEGORY else None


def _with_absent(counter: Counter[str], values: int) -> dict[str, int]:
    absent = values - counter.total()
    return dict(sorted(counter.items())) | ({ABSENT: absent} if absent > 0 else {})
