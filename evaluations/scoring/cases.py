"""What a gate reads and what it answers: plain values, so that whoever holds the results can judge again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

from evaluations.statistics import Interval

Verdict = Literal["pass", "fail", "inconclusive", "not_evaluated"]
Standing = Literal["worse", "better", "unclear", "not_compared"]
Measure = Literal["right", "score"]


@dataclass(frozen=True, slots=True)
class Demands:
    """What a gate asks for. `measure`: whether an answer is right, or its score from 0 to 1. `margin`: by how much of a share
    the candidate may be behind and still be "not worse". `smallest_effect`: the improvement that "better" should be able to
    see. `minimum`: the share of right answers, or the mean score, that a candidate without a baseline has to have. Ceilings
    are means over the results, in micro-dollars and milliseconds."""

    goal: Literal["not_worse", "better"] = "not_worse"
    measure: Measure = "right"
    margin: float = 0.02
    alpha: float = 0.05
    smallest_effect: float = 0.05
    minimum: float | None = None
    cost_ceiling_micros: float | None = None
    latency_ceiling_ms: float | None = None

    def __post_init__(self) -> None:
        shares = (self.margin, self.alpha, self.smallest_effect, 0.5 if self.minimum is None else self.minimum)
        if not all(0 < share < 1 for share in shares):
            raise ValueError("margin, alpha, smallest_effect and minimum lie between 0 and 1.")
        if any(ceiling is not None and ceiling < 0 for ceiling in (self.cost_ceiling_micros, self.latency_ceiling_ms)):
            raise ValueError("A ceiling is not negative.")


@dataclass(frozen=True, slots=True)
class Case:
    """One example. `candidate`, `baseline`: whether it answered right; None where a result is missing. The scores, from 0
    to 1, are those of a graded measure. `cluster`: whom it is about (empty: it stands alone). `slices`: the parts that it
    belongs to, each as (by what, name)."""

    key: str
    candidate: bool | None
    baseline: bool | None = None
    is_critical: bool = False
    candidate_score: float | None = None
    baseline_score: float | None = None
    cluster: str = ""
    slices: tuple[tuple[str, str], ...] = ()

    @property
    def whom(self) -> Hashable:
        """Its cluster. One that stands alone is a cluster of its own, and no namesake of a subject."""
        return ("of", self.cluster) if self.cluster else ("alone", self.key)


@dataclass(frozen=True, slots=True)
class Spending:
    """The mean over all results of one run; None where a result did not say."""

    cost_micros: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the examples, and how the candidate stands in it. `candidate`, `baseline`: the share of right answers, or the
    mean score. `p_adjusted` is Holm's over all slices."""

    by: str
    name: str
    examples: int
    candidate: float
    baseline: float | None = None
    fixed: int = 0
    broken: int = 0
    p_value: float | None = None
    p_adjusted: float | None = None
    standing: Standing = "not_compared"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's answer with everything that it rests on. `more_examples`: how many further ones would probably do,
    where it is inconclusive. `fixed`, `broken`: the examples that changed sides, by key. `score`, `baseline_score`: mean
    scores, where the measure is graded. `clusters`: how many subjects the examples are of."""

    verdict: Verdict
    reasons: tuple[str, ...]
    examples: int
    right: int
    missing: int
    baseline_right: int | None = None
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    critical_failures: tuple[str, ...] = ()
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    more_examples: int | None = None
    score: float | None = None
    baseline_score: float | None = None
    clusters: int | None = None
    slices: tuple[Slice, ...] = ()
    slices_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict by one measure, for its reason."""

    verdict: Verdict
    reason: str
    more_examples: int | None = None


def say_points(share: float) -> str:
    return f"{100 * share:.1f} points"


def say_percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def say_p(p_value: float) -> str:
    return f"p = {p_value:.4f}" if p_value >= 0.0001 else "p < 0.0001"


def too_few(said: str, more: int) -> Answer:
    """Inconclusive, with how many further examples would probably do (at least one)."""
    more = max(more, 1)
    return Answer("inconclusive", f"{said} About {more:,} more examples would do.", more)


def ask_interval(interval: Interval, margin: float) -> Answer | None:
    """What the interval of a difference says of "not worse"; None where it says nothing yet."""
    if interval.low > 0:
        return Answer("pass", f"It is ahead, by {say_points(interval.low)} at least.")
    if interval.low > -margin:
        return Answer("pass", f"At worst it is behind by {say_points(-interval.low)}, within {say_points(margin)}.")
    if interval.high < 0:
        return Answer("fail", f"It is worse, by {say_points(-interval.high)} at least.")
    return None


def say_beyond(interval: Interval, margin: float) -> str:
    return f"At worst it is behind by {say_points(-interval.low)}, beyond the margin of {say_points(margin)}."


def ask_minimum(interval: Interval, minimum: float, what: str) -> Answer | None:
    """What the interval of a share says of a minimum; None where it says nothing yet."""
    if interval.low >= minimum:
        return Answer("pass", f"{what} {say_percent(interval.low)} at least, asked for {say_percent(minimum)}.")
    if interval.high < minimum:
        return Answer("fail", f"{what} {say_percent(interval.high)} at the most, asked for {say_percent(minimum)}.")
    return None
