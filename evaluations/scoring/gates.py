"""The gate: from the results of a candidate and of the baseline on the same examples to one of four answers.

Pure and deterministic, so that whoever holds the results can compute the verdict again. An error of the candidate is a
wrong answer; a result that is missing is neither right nor wrong, and lets nothing pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from evaluations.statistics import (
    Interval,
    mcnemar_exact,
    paired_difference,
    pairs_to_exclude,
    pairs_to_see,
    wilson_interval,
)

Verdict = Literal["pass", "fail", "inconclusive", "not_evaluated"]


@dataclass(frozen=True, slots=True)
class Demands:
    """What a gate asks for. `margin`: by how much of a share the candidate may be behind and still be "not worse".
    `smallest_effect`: the improvement that "better" should be able to see. `minimum`: the share of right answers that a
    candidate without a baseline has to have. Ceilings are means over the results, in micro-dollars and milliseconds."""

    goal: Literal["not_worse", "better"] = "not_worse"
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
    """One example. `candidate`, `baseline`: whether it answered right; None where a result is missing."""

    key: str
    candidate: bool | None
    baseline: bool | None = None
    is_critical: bool = False


@dataclass(frozen=True, slots=True)
class Spending:
    """The mean over all results of one run; None where a result did not say."""

    cost_micros: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's answer with everything that it rests on. `more_examples`: how many further ones would probably do,
    where it is inconclusive. `fixed`, `broken`: the examples that changed sides, by key."""

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


def judge(cases: Sequence[Case], demands: Demands, *, has_baseline: bool, spending: Spending) -> Judgement:
    """Fail where a critical example was answered wrongly, or a ceiling broken; not evaluated where results are missing or
    there is nothing to compare with; then by the pairs, or by the candidate's own share."""
    known = [case for case in cases if case.candidate is not None and (case.baseline is not None or not has_baseline)]
    examples, missing = len(cases), len(cases) - len(known)
    fixed = tuple(case.key for case in cases if case.candidate is True and case.baseline is False)
    broken = tuple(case.key for case in cases if case.candidate is False and case.baseline is True)
    critical = tuple(case.key for case in cases if case.is_critical and case.candidate is False)
    broken_ceilings, unknown_ceilings = _check_ceilings(demands, spending)
    counted = Judgement(
        "not_evaluated",
        (),
        examples=examples,
        right=sum(case.candidate is True for case in cases),
        missing=missing,
        baseline_right=sum(case.baseline is True for case in cases) if has_baseline else None,
        fixed=fixed,
        broken=broken,
        critical_failures=critical,
    )
    failures = [f"{len(critical)} critical examples were answered wrongly."] if critical else []
    failures += broken_ceilings
    if failures:
        return replace(counted, verdict="fail", reasons=tuple(failures))
    gaps = list(unknown_ceilings)
    if not cases:
        gaps.append("There is no example to judge by.")
    elif missing:
        gaps.append(f"{missing} of {examples} examples lack a result; a missing result is not a pass.")
    elif not has_baseline and demands.minimum is None:
        gaps.append("There is neither a baseline to compare with nor a minimum to reach.")
    elif not has_baseline and demands.goal == "better":
        gaps.append("Better than what? There is no baseline.")
    if gaps:
        return replace(counted, reasons=tuple(gaps))
    if not has_baseline:
        return _judge_alone(counted, demands)
    return _judge_pairs(counted, demands)


def _check_ceilings(demands: Demands, spending: Spending) -> tuple[list[str], list[str]]:
    broken, unknown = [], []
    ceilings = (
        ("cost", "micro-dollars", demands.cost_ceiling_micros, spending.cost_micros),
        ("latency", "ms", demands.latency_ceiling_ms, spending.latency_ms),
    )
    for name, unit, ceiling, mean in ceilings:
        if ceiling is not None and mean is None:
            unknown.append(f"There is a ceiling of {name}, and not every result says what it took.")
        elif ceiling is not None and mean is not None and mean > ceiling:
            broken.append(f"The mean {name} is {mean:,.1f} {unit}, above the ceiling of {ceiling:,.1f}.")
    return broken, unknown


def _judge_pairs(counted: Judgement, demands: Demands) -> Judgement:
    n, fixed, broken = counted.examples, len(counted.fixed), len(counted.broken)
    p_value = mcnemar_exact(fixed, broken)
    interval = paired_difference(fixed, broken, n, confidence=1 - demands.alpha)
    ask = _ask_better if demands.goal == "better" else _ask_not_worse
    verdict, reason, more = ask(fixed, broken, n, p_value, interval, demands)
    return replace(
        counted,
        verdict=verdict,
        reasons=(reason,),
        difference=(fixed - broken) / n,
        interval=interval,
        p_value=p_value,
        more_examples=more,
    )


Answer = tuple[Verdict, str, int | None]


def _ask_not_worse(fixed: int, broken: int, n: int, p_value: float, interval: Interval, demands: Demands) -> Answer:
    if interval.low > -demands.margin:
        if interval.low > 0:
            return "pass", f"It is ahead, by {_points(interval.low)} at least.", None
        return "pass", f"At worst it is behind by {_points(-interval.low)}, within {_points(demands.margin)}.", None
    if interval.high < 0:
        return "fail", f"It is worse, by {_points(-interval.high)} at least.", None
    needed = pairs_to_exclude(fixed, broken, n, margin=demands.margin, alpha=demands.alpha)
    more = max(needed - n, 1)
    said = f"At worst it is behind by {_points(-interval.low)}, beyond the margin of {_points(demands.margin)}."
    return "inconclusive", f"{said} About {more:,} more examples would do.", more


def _ask_better(fixed: int, broken: int, n: int, p_value: float, interval: Interval, demands: Demands) -> Answer:
    if p_value <= demands.alpha:
        if fixed > broken:
            return "pass", f"It is better: {fixed} fixed, {broken} broken, p = {p_value:.4f}.", None
        return "fail", f"It is worse: {fixed} fixed, {broken} broken, p = {p_value:.4f}.", None
    effect = demands.smallest_effect
    # Half a pair more than seen: none at all so far does not mean that the two never differ.
    apart = (fixed + broken + 0.5) / (n + 1)
    needed = pairs_to_see(effect, apart=apart, alpha=demands.alpha)
    if n >= needed:
        return "fail", f"{n:,} examples would show an improvement of {_points(effect)}, and do not.", None
    more = needed - n
    return (
        "inconclusive",
        f"{fixed} fixed, {broken} broken could be chance. About {more:,} more examples would do.",
        more,
    )


def _judge_alone(counted: Judgement, demands: Demands) -> Judgement:
    right, n = counted.right, counted.examples
    minimum = demands.minimum or 0.0
    interval = wilson_interval(right, n, confidence=1 - demands.alpha)
    share, more = right / n, None
    verdict: Verdict
    if interval.low >= minimum:
        verdict, reason = "pass", f"Right on {_percent(interval.low)} at least, asked for {_percent(minimum)}."
    elif interval.high < minimum:
        verdict, reason = "fail", f"Right on {_percent(interval.high)} at the most, asked for {_percent(minimum)}."
    else:
        verdict, more = "inconclusive", _more_alone(share, n, minimum, demands.alpha)
        said = f"Right on {_percent(interval.low)} to {_percent(interval.high)}, asked for {_percent(minimum)}."
        reason = f"{said} About {more:,} more examples would do."
    return replace(counted, verdict=verdict, reasons=(reason,), interval=interval, more_examples=more)


def _more_alone(share: float, n: int, minimum: float, alpha: float) -> int:
    """Until Wilson's interval leaves the minimum, if the share stays; of a share on the minimum itself, as if it were a
    twentieth of the way off it."""
    away = max(abs(share - minimum), 0.05 * min(minimum, 1 - minimum))
    needed = math.ceil((-_quantile(alpha) / away) ** 2 * minimum * (1 - minimum))
    return max(needed - n, 1)


def _quantile(alpha: float) -> float:
    return NormalDist().inv_cdf(alpha / 2)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
