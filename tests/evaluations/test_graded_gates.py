"""The gate on graded scores, and the gate's slices."""

from __future__ import annotations

import random
from typing import Any

import pytest

from evaluations.scoring.gates import Case, Demands, Judgement, Spending, judge


def graded(pairs: list[tuple[float, float]], *, per_cluster: int = 1) -> list[Case]:
    """Cases from (baseline, candidate) scores."""
    return [
        Case(str(place), now == 1, was == 1, False, now, was, cluster=f"c{place // per_cluster}")
        for place, (was, now) in enumerate(pairs)
    ]


def ask(given: list[Case], *, has_baseline: bool = True, **demands: Any) -> Judgement:
    return judge(given, Demands(measure="score", **demands), has_baseline=has_baseline, spending=Spending())


def drifting(n: int, by: float, seed: int = 1) -> list[tuple[float, float]]:
    generator = random.Random(seed)
    return [
        (was, min(1, max(0, was + generator.gauss(by, 0.1)))) for was in (generator.uniform(0.3, 0.7) for _ in range(n))
    ]


def test_a_graded_candidate_is_not_worse_better_or_worse_by_its_mean_score() -> None:
    same, ahead, behind = (graded(drifting(800, by)) for by in (0.0, 0.08, -0.08))
    assert [ask(one).verdict for one in (same, ahead, behind)] == ["pass", "pass", "fail"]
    assert [ask(one, goal="better").verdict for one in (same, ahead, behind)] == ["fail", "pass", "fail"]
    found = ask(ahead)
    assert found.score is not None and found.baseline_score is not None and found.interval is not None
    assert found.difference == pytest.approx(found.score - found.baseline_score)
    assert 0.06 < (found.difference or 0) < 0.1
    assert found.interval.low < (found.difference or 0) < found.interval.high
    assert found.clusters == 800


def test_few_subjects_are_too_little_however_many_examples_each_has() -> None:
    pairs = [(was, was) for was, _ in drifting(800, 0.0)]
    assert ask(graded(pairs)).verdict == "pass"
    found = ask(graded(pairs, per_cluster=200))
    assert (found.verdict, found.clusters) == ("inconclusive", 4)
    assert found.more_examples is not None and found.more_examples > 10_000


def test_scores_that_agree_still_take_enough_examples() -> None:
    few = ask(graded([(0.5, 0.5)] * 20))
    assert few.verdict == "inconclusive"
    assert few.more_examples is not None
    enough = 20 + few.more_examples
    assert ask(graded([(0.5, 0.5)] * (enough + 20))).verdict == "pass"
    assert ask(graded([(0.5, 0.5)] * 1_000), goal="better").verdict == "fail"
    assert ask(graded([(0.5, 0.5)] * 20), goal="better").verdict == "inconclusive"


@pytest.mark.parametrize(("score", "verdict"), [(0.95, "pass"), (0.8, "fail"), (0.9, "inconclusive")])
def test_without_a_baseline_the_mean_score_reaches_a_minimum(score: float, verdict: str) -> None:
    given = graded([(0.0, score)] * 300)
    found = ask(given, has_baseline=False, minimum=0.9)
    assert (found.verdict, found.more_examples is not None) == (verdict, verdict == "inconclusive")


def test_a_graded_gate_passes_nothing_with_a_missing_result_or_a_critical_failure() -> None:
    given = graded(drifting(800, 0.08))
    assert ask([*given, Case("x", None, True, baseline_score=1.0)]).verdict == "not_evaluated"
    assert ask([*given, Case("x", False, True, True, 0.9, 1.0)]).verdict == "fail"


def sliced(name: str, both: int, fixed: int, broken: int) -> list[Case]:
    kinds = [(True, True)] * both + [(True, False)] * fixed + [(False, True)] * broken
    return [
        Case(f"{name}{place}", *kind, False, float(kind[0]), float(kind[1]), slices=(("label", name),))
        for place, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize("measure", ["right", "score"])
def test_a_slice_that_is_worse_fails_a_candidate_that_is_better_on_the_whole(measure: Any) -> None:
    given = [*sliced("easy", 800, 60, 0), *sliced("hard", 30, 0, 20)]
    found = judge(given, Demands(goal="better", measure=measure), has_baseline=True, spending=Spending())
    assert found.verdict == "fail"
    assert "“hard”" in found.reasons[0]
    assert "better" in found.reasons[1]
    assert [(one.name, one.examples, one.fixed, one.broken, one.standing) for one in found.slices] == [
        ("easy", 860, 60, 0, "better"),
        ("hard", 50, 0, 20, "worse"),
    ]


def test_what_one_slice_alone_would_say_many_have_to_say_louder() -> None:
    odd = sliced("odd", 200, 0, 6)  # p = .03125 by itself
    two = judge([*odd, *sliced("a", 900, 5, 0)], Demands(), has_baseline=True, spending=Spending())
    assert next(one for one in two.slices if one.name == "odd").p_adjusted == pytest.approx(0.0625)
    lone = judge(
        [*odd, *([Case(f"x{n}", True, True) for n in range(900)])], Demands(), has_baseline=True, spending=Spending()
    )
    assert lone.verdict == "fail"
    assert lone.slices[0].p_adjusted == pytest.approx(0.03125)
    assert two.verdict == "pass"


def test_slices_too_small_to_say_anything_and_the_whole_are_left_out() -> None:
    given = [*sliced("five", 0, 0, 5), *sliced("six", 0, 0, 6)]
    found = judge(given, Demands(), has_baseline=True, spending=Spending())
    assert ([one.name for one in found.slices], found.slices_left_out) == (["six"], 1)
    whole = judge(sliced("all", 100, 1, 1), Demands(), has_baseline=True, spending=Spending())
    assert (whole.slices, whole.slices_left_out) == ((), 1)


def test_without_a_baseline_slices_are_shown_and_compared_with_nothing() -> None:
    given = [Case(str(n), n % 10 > 0, slices=(("action", "pay" if n % 2 else "wait"),)) for n in range(200)]
    found = judge(given, Demands(minimum=0.5), has_baseline=False, spending=Spending())
    assert [(one.name, one.candidate, one.p_value, one.standing) for one in found.slices] == [
        ("pay", 1.0, None, "not_compared"),
        ("wait", 0.8, None, "not_compared"),
    ]
    assert found.verdict == "pass"
