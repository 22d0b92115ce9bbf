"""The gate: four answers, each for its reasons, and wrong no more often than it says."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from evaluations.scoring.gates import Case, Demands, Judgement, Spending, judge
from evaluations.statistics import paired_difference, pairs_to_exclude, pairs_to_see


def cases(both: int, fixed: int, broken: int, neither: int) -> list[Case]:
    kinds = [(True, True)] * both + [(True, False)] * fixed + [(False, True)] * broken + [(False, False)] * neither
    return [Case(str(number), *kind) for number, kind in enumerate(kinds)]


def ask(given: list[Case], *, has_baseline: bool = True, spending: Spending | None = None, **demands: Any) -> Judgement:
    return judge(given, Demands(**demands), has_baseline=has_baseline, spending=spending or Spending())


def test_not_worse_passes_where_the_lower_bound_is_within_the_margin() -> None:
    found = ask(cases(900, 20, 20, 60), margin=0.02)
    assert (found.verdict, found.examples, found.right, found.baseline_right) == ("pass", 1_000, 920, 920)
    assert found.interval is not None and -0.02 < found.interval.low < 0


def test_too_few_examples_are_inconclusive_and_it_says_how_many_more() -> None:
    found = ask(cases(18, 1, 1, 0))
    assert found.verdict == "inconclusive"
    assert found.more_examples is not None and found.more_examples > 1_000
    assert f"{found.more_examples:,} more" in found.reasons[0]


def test_agreement_on_everything_still_takes_enough_examples() -> None:
    assert ask(cases(50, 0, 0, 0)).verdict == "inconclusive"
    assert ask(cases(189, 0, 0, 0)).verdict == "pass"


def test_worse_fails_both_gates() -> None:
    given = cases(80, 2, 15, 3)
    assert ask(given).verdict == ask(given, goal="better").verdict == "fail"


def test_better_passes_by_the_exact_test_alone() -> None:
    six = ask(cases(100, 6, 0, 0), goal="better")
    assert six.verdict == "pass"
    assert six.p_value == pytest.approx(0.03125)
    five = ask(cases(100, 5, 0, 0), goal="better")
    assert five.verdict == "inconclusive"
    assert five.p_value == pytest.approx(0.0625)
    assert ask(cases(5_000, 5, 5, 0), goal="better").verdict == "fail"


def test_the_flipped_examples_are_named() -> None:
    found = ask(cases(1, 2, 1, 1))
    assert (found.fixed, found.broken) == (("1", "2"), ("3",))


def test_a_missing_result_is_never_a_pass() -> None:
    given = cases(1_000, 0, 0, 0)
    assert ask(given).verdict == "pass"
    for missing in (Case("x", None, True), Case("x", True, None), Case("x", None, None)):
        found = ask([*given, missing])
        assert (found.verdict, found.missing) == ("not_evaluated", 1)
    assert ask([]).verdict == "not_evaluated"


def test_a_critical_example_that_fails_fails_the_gate_whatever_else() -> None:
    given = [*cases(1_000, 50, 0, 0), Case("x", False, True, is_critical=True)]
    found = ask([*given, Case("y", None, True)])
    assert (found.verdict, found.critical_failures, found.broken, len(found.fixed)) == ("fail", ("x",), ("x",), 50)


def test_ceilings_are_kept_or_the_gate_fails_and_unknown_cost_is_no_pass() -> None:
    given = cases(1_000, 0, 0, 0)
    ceilings = {"cost_ceiling_micros": 100.0, "latency_ceiling_ms": 50.0}
    assert ask(given, spending=Spending(100, 50), **ceilings).verdict == "pass"
    assert ask(given, spending=Spending(101, 50), **ceilings).verdict == "fail"
    assert ask(given, spending=Spending(100, 51), **ceilings).verdict == "fail"
    assert ask(given, spending=Spending(100, None), **ceilings).verdict == "not_evaluated"


@pytest.mark.parametrize(("right", "verdict"), [(990, "pass"), (880, "fail"), (900, "inconclusive")])
def test_without_a_baseline_the_candidate_reaches_a_minimum(right: int, verdict: str) -> None:
    given = [Case(str(number), number < right) for number in range(1_000)]
    found = ask(given, has_baseline=False, minimum=0.9)
    assert (found.verdict, found.more_examples is not None) == (verdict, verdict == "inconclusive")
    assert ask(given, has_baseline=False).verdict == "not_evaluated"
    assert ask(given, has_baseline=False, minimum=0.9, goal="better").verdict == "not_evaluated"


@pytest.mark.parametrize("demands", [{"margin": 0}, {"alpha": 1}, {"minimum": 1.5}, {"cost_ceiling_micros": -1}])
def test_demands_that_make_no_sense_are_refused(demands: Any) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|not negative"):
        Demands(**demands)


def test_the_paired_interval_agrees_with_the_score_test_and_with_zero_differences() -> None:
    # Without a differing pair the score equation is solved in closed form: z² / (n + z²).
    z2 = 1.959963984540054**2
    alike = paired_difference(0, 0, 100)
    assert [alike.low, alike.high] == pytest.approx([-z2 / (100 + z2), z2 / (100 + z2)])
    # Agresti's ratings (86 and 150 of 1,600 changed): McNemar's z is the score at 0, -4.17; Wald says -.0587 to -.0213.
    agresti = paired_difference(86, 150, 1_600)
    assert [agresti.low, agresti.high] == pytest.approx([-0.0587, -0.0213], abs=5e-4)
    mirrored = paired_difference(150, 86, 1_600)
    assert [mirrored.low, mirrored.high] == pytest.approx([-agresti.high, -agresti.low])
    for wrong in ((0, 0, 0), (-1, 0, 5), (3, 3, 5)):
        with pytest.raises(ValueError, match="no pairs"):
            paired_difference(*wrong)


def grouped(given: list[Case], subjects: int) -> list[Case]:
    """The same cases, one after the other about so many subjects."""
    return [replace(case, cluster=f"s{number % subjects}") for number, case in enumerate(given)]


def test_subjects_with_one_example_each_are_as_examples_that_stand_alone() -> None:
    given = cases(90, 8, 2, 5)
    assert ask(grouped(given, len(given)), goal="better") == ask(given, goal="better")
    assert ask(grouped(given, len(given))) == ask(given)
    assert ask(given).clusters == 105


def test_examples_of_one_subject_flip_together_and_convince_as_one() -> None:
    # Twelve fixed: of twelve subjects p = 2^-11, of six 2^-5, of five 2^-4; of one they say nothing.
    kinds = {12: ("pass", 2**-11), 6: ("pass", 2**-5), 5: ("inconclusive", 2**-4), 1: ("inconclusive", 1.0)}
    for subjects, (verdict, p_value) in kinds.items():
        found = ask([*grouped(cases(0, 12, 0, 0), subjects), *cases(100, 0, 0, 0)], goal="better")
        assert (found.verdict, found.clusters) == (verdict, subjects + 100)
        assert found.p_value == pytest.approx(p_value)
    assert "112 examples are of 101 subjects" in found.reasons[0]
    assert found.more_examples is not None and found.more_examples > 1_000


def test_not_worse_asks_for_more_where_few_subjects_have_many_examples() -> None:
    given = cases(900, 20, 20, 60)
    assert ask(given).verdict == "pass"
    found = ask(grouped(given, 40))
    assert (found.verdict, found.clusters, found.difference) == ("inconclusive", 40, 0)
    assert found.interval is not None and found.interval.low < -0.02
    assert found.more_examples is not None and found.more_examples > 1_000
    assert ask(grouped(given, 40), margin=0.15).verdict == "pass"


def test_a_minimum_asks_for_more_where_few_subjects_have_many_examples() -> None:
    given = [Case(str(number), number < 990) for number in range(1_000)]
    assert ask(given, has_baseline=False, minimum=0.97).verdict == "pass"
    found = ask(grouped(given, 10), has_baseline=False, minimum=0.97)
    assert (found.verdict, found.clusters) == ("inconclusive", 10)
    assert "of 10 subjects" in found.reasons[0]


def draw(generator: random.Random, n: int, fixed: float, broken: float) -> tuple[int, int, int]:
    """How many of n were right with both, fixed and broken."""
    counts = [0, 0, 0]
    for _ in range(n):
        drawn = generator.random()
        counts[1 if drawn < fixed else 2 if drawn < fixed + broken else 0] += 1
    return counts[0], counts[1], counts[2]


@cache
def verdict_of(both: int, fixed: int, broken: int, goal: Any, margin: float) -> str:
    """The gate's own, asked once for each count that is drawn."""
    return ask(cases(both, fixed, broken, 0), goal=goal, margin=margin).verdict


TRIALS, ALPHA, MARGIN = 2_000, 0.05, 0.05


def share_of_passes(trials: int, n: int, fixed: float, broken: float, goal: str, seed: int) -> float:
    generator = random.Random(seed)
    drawn = (draw(generator, n, fixed, broken) for _ in range(trials))
    return sum(verdict_of(*counts, goal, MARGIN) == "pass" for counts in drawn) / trials


@pytest.mark.parametrize(("n", "apart"), [(60, 0.1), (200, 0.06), (400, 0.2)])
def test_an_equal_candidate_passes_the_better_gate_no_more_often_than_stated(n: int, apart: float) -> None:
    assert share_of_passes(TRIALS, n, apart / 2, apart / 2, "better", seed=n) <= ALPHA


@pytest.mark.parametrize(("n", "apart"), [(100, 0.1), (200, 0.06), (400, 0.2)])
def test_a_worse_candidate_passes_the_not_worse_gate_no_more_often_than_stated(n: int, apart: float) -> None:
    share = (apart - MARGIN) / 2
    assert share_of_passes(TRIALS, n, share, share + MARGIN, "not_worse", seed=n) <= ALPHA


def test_as_many_examples_as_were_asked_for_mostly_suffice() -> None:
    needed = pairs_to_exclude(5, 5, 100, margin=MARGIN)
    assert 0.7 <= share_of_passes(300, needed, 0.05, 0.05, "not_worse", seed=7) <= 0.95
    needed = pairs_to_see(0.05, apart=0.15)
    assert 0.7 <= share_of_passes(300, needed, 0.1, 0.05, "better", seed=7) <= 0.95
