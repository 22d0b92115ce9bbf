"""The gate on scores from 0 to 1: paired differences whose interval knows that the examples of one subject go together."""

from __future__ import annotations

from collections.abc import Sequence
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
from evaluations.scoring.measures import DIFFERENCES, SCORES, differences, mean_of, scores
from evaluations.statistics import ClusteredMean, clustered_mean, examples_to_reach


def judge_differences(counted: Judgement, cases: Sequence[Case], demands: Demands) -> Judgement:
    found = clustered_mean(differences(cases, "score"), bounds=DIFFERENCES, confidence=1 - demands.alpha)
    answer = _ask_better(found, demands) if demands.goal == "better" else _ask_not_worse(found, demands)
    score = mean_of(scores(cases, "score"))
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
    needed = examples_to_keep_margin(found, demands)
    return too_few(say_beyond(found.interval, demands.margin), needed - found.observations)


def examples_to_keep_margin(found: ClusteredMean, demands: Demands) -> int:
    """How many examples in all until the interval lies above -margin: as far from the margin as it stands, and where it is
    behind by half of it or more, as if by that half."""
    distance = demands.margin + max(min(found.mean, 0.0), -demands.margin / 2)
    return examples_to_reach(found, distance, alpha=demands.alpha)


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
    found = clustered_mean(scores(cases, "score"), bounds=SCORES, confidence=1 - demands.alpha)
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
