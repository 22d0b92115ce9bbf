"""The gate on scores from 0 to 1: paired differences whose interval knows that the examples of one subject go together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

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
from evaluations.statistics import ClusteredMean, clustered_mean, examples_to_reach

# What a score, and what the difference of two scores, can be.
SCORES, DIFFERENCES = (0.0, 1.0), (-1.0, 1.0)


def differences(cases: Iterable[Case]) -> list[tuple[float, Hashable]]:
    """By how much the candidate's score is ahead on each example that both have, with its cluster."""
    return [
        (case.candidate_score - case.baseline_score, _cluster_of(case))
        for case in cases
        if case.candidate_score is not None and case.baseline_score is not None
    ]


def scores(cases: Iterable[Case]) -> list[tuple[float, Hashable]]:
    return [(case.candidate_score, _cluster_of(case)) for case in cases if case.candidate_score is not None]


def _cluster_of(case: Case) -> Hashable:
    # One that stands alone is no namesake of a subject.
    return ("of", case.cluster) if case.cluster else ("alone", case.key)


def mean_of(values: Sequence[tuple[float, Hashable]]) -> float:
    return math.fsum(value for value, _ in values) / len(values)


def judge_differences(counted: Judgement, cases: Sequence[Case], demands: Demands) -> Judgement:
    found = clustered_mean(differences(cases), bounds=DIFFERENCES, confidence=1 - demands.alpha)
    answer = _ask_better(found, demands) if demands.goal == "better" else _ask_not_worse(found, demands)
    score = mean_of(scores(cases))
    return replace(
        counted,
        verdict=answer.verdict,
        reasons=(answer.reason,),
        difference=found.mean,
        interval=found.interval,
        p_value=found.p_value,
        more_examples=answer.more_examples,
        score=score,
        baseline_score=score - found.mean,
        clusters=found.clusters,
    )


def _ask_not_worse(found: ClusteredMean, demands: Demands) -> Answer:
    answer = ask_interval(found.interval, demands.margin)
    if answer is not None:
        return answer
    # As far from the margin as it stands; where it is behind by half of it or more, as if by that half.
    distance = demands.margin + max(min(found.mean, 0.0), -demands.margin / 2)
    needed = examples_to_reach(found, distance, alpha=demands.alpha)
    return too_few(say_beyond(found.interval, demands.margin), needed - found.observations)


def _ask_better(found: ClusteredMean, demands: Demands) -> Answer:
    if found.p_value <= demands.alpha:
        said = f"the mean score changed by {100 * found.mean:+.1f} points, {say_p(found.p_value)}."
        return Answer("pass", f"It is better: {said}") if found.center > 0 else Answer("fail", f"It is worse: {said}")
    effect = demands.smallest_effect
    needed = examples_to_reach(found, effect, alpha=demands.alpha)
    if found.observations >= needed:
        said = f"{found.observations:,} examples would show an improvement of {say_points(effect)}, and do not."
        return Answer("fail", said)
    said = f"A change of the mean score by {100 * found.mean:+.1f} points could be chance."
    return too_few(said, needed - found.observations)


def judge_scores(counted: Judgement, cases: Sequence[Case], demands: Demands) -> Judgement:
    """The candidate alone: does the interval of its mean score reach the minimum?"""
    minimum = demands.minimum or 0.0
    found = clustered_mean(scores(cases), bounds=SCORES, confidence=1 - demands.alpha)
    interval = found.interval
    answer = ask_minimum(interval, minimum, "A mean score of")
    if answer is None:
        away = max(abs(found.mean - minimum), 0.05 * min(minimum, 1 - minimum))
        low, high = say_percent(interval.low), say_percent(interval.high)
        said = f"A mean score of {low} to {high}, asked for {say_percent(minimum)}."
        answer = too_few(said, examples_to_reach(found, away, alpha=demands.alpha) - found.observations)
    return replace(
        counted,
        verdict=answer.verdict,
        reasons=(answer.reason,),
        interval=interval,
        more_examples=answer.more_examples,
        score=found.mean,
        clusters=found.clusters,
    )
