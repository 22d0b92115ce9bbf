"""The gate on right and wrong answers: an exact test of the pairs, and an interval of their difference.

Where each example is about another subject these are McNemar's test and Tango's interval. Where one subject has several, they
change sides together: the test flips whole subjects, and the interval reaches as far as that of clustered differences, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from evaluations.scoring.cases import (
    Answer,
    Case,
    Demands,
    Judgement,
    ask_interval,
    ask_minimum,
    say_beyond,
    say_p,
    say_percent,
    say_points,
    too_few,
)
from evaluations.scoring.graded import examples_to_keep_margin
from evaluations.scoring.measures import DIFFERENCES, SCORES, Values, count_clusters, differences, net_flips, scores
from evaluations.statistics import (
    ClusteredMean,
    Interval,
    clustered_mean,
    examples_to_reach,
    paired_difference,
    pairs_to_exclude,
    pairs_to_see,
    sign_flip_exact,
    wilson_interval,
)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a comparison rests on. `net`: of each subject with a flip, how many more were fixed than broken; `grouped`: the mean
    difference as that of clusters, None where each example stands alone."""

    examples: int
    fixed: int
    broken: int
    net: Sequence[int]
    grouped: ClusteredMean | None

    @property
    def design_effect(self) -> float:
        """By how much the sum of the flips varies more than if each example had flipped by itself (Kish, Survey Sampling, 1965,
        8.2), at least 1. Half a pair that has not been seen counts for a cluster of the usual size."""
        if self.grouped is None:
            return 1.0
        varies = sum(one * one for one in self.net) + self.grouped.cluster_size / 2
        return max(1.0, varies / (self.fixed + self.broken + 0.5))


def judge_pairs(counted: Judgement, cases: Sequence[Case], demands: Demands) -> Judgement:
    confidence = 1 - demands.alpha
    ahead = differences(cases, "right")
    found = Pairs(
        examples=counted.examples,
        fixed=len(counted.fixed),
        broken=len(counted.broken),
        net=net_flips(cases),
        grouped=_group(ahead, DIFFERENCES, confidence),
    )
    p_value = sign_flip_exact(found.net)
    alone = paired_difference(found.fixed, found.broken, found.examples, confidence=confidence)
    interval = _widen(alone, found.grouped)
    is_better = demands.goal == "better"
    answer = _ask_better(found, p_value, demands) if is_better else _ask_not_worse(found, interval, demands)
    return replace(
        counted,
        verdict=answer.verdict,
        reasons=(answer.reason,),
        difference=(found.fixed - found.broken) / found.examples,
        interval=interval,
        p_value=p_value,
        more_examples=answer.more_examples,
        clusters=count_clusters(ahead),
    )


def _group(values: Values, bounds: tuple[float, float], confidence: float) -> ClusteredMean | None:
    if count_clusters(values) == len(values):
        return None
    return clustered_mean(values, bounds=bounds, confidence=confidence)


def _widen(interval: Interval, grouped: ClusteredMean | None) -> Interval:
    """Whichever reaches further, where examples go together."""
    if grouped is None:
        return interval
    return Interval(min(interval.low, grouped.interval.low), max(interval.high, grouped.interval.high))


def _say_groups(grouped: ClusteredMean | None) -> str:
    if grouped is None:
        return ""
    subjects = "one subject" if grouped.clusters == 1 else f"{grouped.clusters:,} subjects"
    return f" The {grouped.observations:,} examples are of {subjects}."


def _ask_not_worse(found: Pairs, interval: Interval, demands: Demands) -> Answer:
    answer = ask_interval(interval, demands.margin)
    if answer is not None:
        return answer
    needed = pairs_to_exclude(found.fixed, found.broken, found.examples, margin=demands.margin, alpha=demands.alpha)
    if found.grouped is not None:
        needed = max(needed, examples_to_keep_margin(found.grouped, demands))
    said = say_beyond(interval, demands.margin) + _say_groups(found.grouped)
    return too_few(said, needed - found.examples)


def _ask_better(found: Pairs, p_value: float, demands: Demands) -> Answer:
    n, fixed, broken, effect = found.examples, found.fixed, found.broken, demands.smallest_effect
    if p_value <= demands.alpha:
        said = f"{fixed} fixed, {broken} broken, {say_p(p_value)}."
        return Answer("pass", f"It is better: {said}") if fixed > broken else Answer("fail", f"It is worse: {said}")
    # Half a pair more than seen: none at all so far does not mean that the two never differ.
    apart = (fixed + broken + 0.5) / (n + 1)
    needed = math.ceil(pairs_to_see(effect, apart=apart, alpha=demands.alpha) * found.design_effect)
    if n >= needed:
        return Answer("fail", f"{n:,} examples would show an improvement of {say_points(effect)}, and do not.")
    said = f"{fixed} fixed, {broken} broken could be chance.{_say_groups(found.grouped)}"
    return too_few(said, needed - n)


def judge_share(counted: Judgement, cases: Sequence[Case], demands: Demands) -> Judgement:
    """The candidate alone: does Wilson's interval of its share of right answers reach the minimum?"""
    right, n, minimum = counted.right, counted.examples, demands.minimum or 0.0
    values = scores(cases, "right")
    grouped = _group(values, SCORES, 1 - demands.alpha)
    interval = _widen(wilson_interval(right, n, confidence=1 - demands.alpha), grouped)
    answer = ask_minimum(interval, minimum, "Right on")
    if answer is None:
        said = (
            f"Right on {say_percent(interval.low)} to {say_percent(interval.high)}, asked for {say_percent(minimum)}."
        )
        away = max(abs(right / n - minimum), 0.05 * min(minimum, 1 - minimum))
        needed = _needed_alone(away, minimum, demands.alpha)
        if grouped is not None:
            needed = max(needed, examples_to_reach(grouped, away, alpha=demands.alpha))
        answer = too_few(said + _say_groups(grouped), needed - n)
    return replace(
        counted,
        verdict=answer.verdict,
        reasons=(answer.reason,),
        interval=interval,
        more_examples=answer.more_examples,
        clusters=count_clusters(values),
    )


def _needed_alone(away: float, minimum: float, alpha: float) -> int:
    """Until Wilson's interval leaves a minimum that the share is so far off."""
    return math.ceil((NormalDist().inv_cdf(alpha / 2) / away) ** 2 * minimum * (1 - minimum))
