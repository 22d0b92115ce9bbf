"""The gate on right and wrong answers: exact McNemar on the pairs, and Tango's interval of their difference."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

from evaluations.scoring.cases import (
    Answer,
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
from evaluations.statistics import (
    Interval,
    mcnemar_exact,
    paired_difference,
    pairs_to_exclude,
    pairs_to_see,
    wilson_interval,
)


def judge_pairs(counted: Judgement, demands: Demands) -> Judgement:
    n, fixed, broken = counted.examples, len(counted.fixed), len(counted.broken)
    p_value = mcnemar_exact(fixed, broken)
    interval = paired_difference(fixed, broken, n, confidence=1 - demands.alpha)
    if demands.goal == "better":
        answer = _ask_better(fixed, broken, n, p_value, demands)
    else:
        answer = _ask_not_worse(fixed, broken, n, interval, demands)
    return replace(
        counted,
        verdict=answer.verdict,
        reasons=(answer.reason,),
        difference=(fixed - broken) / n,
        interval=interval,
        p_value=p_value,
        more_examples=answer.more_examples,
    )


def _ask_not_worse(fixed: int, broken: int, n: int, interval: Interval, demands: Demands) -> Answer:
    answer = ask_interval(interval, demands.margin)
    if answer is not None:
        return answer
    needed = pairs_to_exclude(fixed, broken, n, margin=demands.margin, alpha=demands.alpha)
    return too_few(say_beyond(interval, demands.margin), needed - n)


def _ask_better(fixed: int, broken: int, n: int, p_value: float, demands: Demands) -> Answer:
    if p_value <= demands.alpha:
        said = f"{fixed} fixed, {broken} broken, {say_p(p_value)}."
        return Answer("pass", f"It is better: {said}") if fixed > broken else Answer("fail", f"It is worse: {said}")
    effect = demands.smallest_effect
    # Half a pair more than seen: none at all so far does not mean that the two never differ.
    apart = (fixed + broken + 0.5) / (n + 1)
    needed = pairs_to_see(effect, apart=apart, alpha=demands.alpha)
    if n >= needed:
        return Answer("fail", f"{n:,} examples would show an improvement of {say_points(effect)}, and do not.")
    return too_few(f"{fixed} fixed, {broken} broken could be chance.", needed - n)


def judge_share(counted: Judgement, demands: Demands) -> Judgement:
    """The candidate alone: does Wilson's interval of its share of right answers reach the minimum?"""
    right, n, minimum = counted.right, counted.examples, demands.minimum or 0.0
    interval = wilson_interval(right, n, confidence=1 - demands.alpha)
    answer = ask_minimum(interval, minimum, "Right on")
    if answer is None:
        said = (
            f"Right on {say_percent(interval.low)} to {say_percent(interval.high)}, asked for {say_percent(minimum)}."
        )
        answer = too_few(said, _needed_alone(right / n, minimum, demands.alpha) - n)
    return replace(
        counted,
        verdict=answer.verdict,
        reasons=(answer.reason,),
        interval=interval,
        more_examples=answer.more_examples,
    )


def _needed_alone(share: float, minimum: float, alpha: float) -> int:
    """Until Wilson's interval leaves the minimum, if the share stays; of a share on the minimum itself, as if it were a
    twentieth of the way off it."""
    away = max(abs(share - minimum), 0.05 * min(minimum, 1 - minimum))
    return math.ceil((NormalDist().inv_cdf(alpha / 2) / away) ** 2 * minimum * (1 - minimum))
