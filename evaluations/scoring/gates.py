"""The gate: from the results of a candidate and of the baseline on the same examples to one of four answers.

Pure and deterministic, so that whoever holds the results can compute the verdict again. An error of the candidate is a
wrong answer; a result that is missing is neither right nor wrong, and lets nothing pass. How it decides, with the formulas
and their sources, stands in docs/explanation/gates.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluations.scoring.cases import Case, Demands, Judgement, Slice, Spending, say_p, say_percent
from evaluations.scoring.graded import judge_differences, judge_scores
from evaluations.scoring.pairs import judge_pairs, judge_share
from evaluations.scoring.slices import judge_slices

__all__ = ["Case", "Demands", "Judgement", "Slice", "Spending", "judge"]


def judge(cases: Sequence[Case], demands: Demands, *, has_baseline: bool, spending: Spending) -> Judgement:
    """Fail where a critical example was answered wrongly, or a ceiling broken; not evaluated where results are missing or
    there is nothing to compare with; then by the pairs, or by the candidate alone; and fail where a slice is worse."""
    counted = _count(cases, has_baseline)
    slices, left_out = judge_slices(cases, demands, has_baseline=has_baseline)
    counted = replace(counted, slices=slices, slices_left_out=left_out)
    broken_ceilings, unknown_ceilings = _check_ceilings(demands, spending)
    critical = len(counted.critical_failures)
    failures = [f"{critical} critical examples were answered wrongly."] if critical else []
    failures += broken_ceilings
    if failures:
        return replace(counted, verdict="fail", reasons=tuple(failures))
    gaps = [*unknown_ceilings, *_find_gaps(counted, demands, has_baseline)]
    if gaps:
        return replace(counted, reasons=tuple(gaps))
    if demands.measure == "score":
        judged = (judge_differences if has_baseline else judge_scores)(counted, cases, demands)
    else:
        judged = (judge_pairs if has_baseline else judge_share)(counted, cases, demands)
    worse = [_say_slice(one) for one in slices if one.standing == "worse"]
    if worse:
        return replace(judged, verdict="fail", reasons=(*worse, *judged.reasons), more_examples=None)
    return judged


def _count(cases: Sequence[Case], has_baseline: bool) -> Judgement:
    known = [case for case in cases if case.candidate is not None and (case.baseline is not None or not has_baseline)]
    return Judgement(
        "not_evaluated",
        (),
        examples=len(cases),
        right=sum(case.candidate is True for case in cases),
        missing=len(cases) - len(known),
        baseline_right=sum(case.baseline is True for case in cases) if has_baseline else None,
        fixed=tuple(case.key for case in cases if case.candidate is True and case.baseline is False),
        broken=tuple(case.key for case in cases if case.candidate is False and case.baseline is True),
        critical_failures=tuple(case.key for case in cases if case.is_critical and case.candidate is False),
    )


def _find_gaps(counted: Judgement, demands: Demands, has_baseline: bool) -> list[str]:
    if not counted.examples:
        return ["There is no example to judge by."]
    if counted.missing:
        return [f"{counted.missing} of {counted.examples} examples lack a result; a missing result is not a pass."]
    if not has_baseline and demands.minimum is None:
        return ["There is neither a baseline to compare with nor a minimum to reach."]
    if not has_baseline and demands.goal == "better":
        return ["Better than what? There is no baseline."]
    return []


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


def _say_slice(one: Slice) -> str:
    was, now = say_percent(one.baseline or 0.0), say_percent(one.candidate)
    return f"Worse where the {one.by} is “{one.name}”: {was} before, {now} now, {say_p(one.p_adjusted or 0.0)}."
