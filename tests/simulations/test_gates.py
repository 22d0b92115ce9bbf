"""The gate's promise, in a smaller number of simulations: it fails where alpha is clearly exceeded."""

from __future__ import annotations

import numpy as np
import pytest

from evaluations.scoring.measures import differences
from tests.simulations.gates import (
    ALPHA,
    ASKED_FOR,
    FALSE_PASSES,
    Scenario,
    count_false_passes,
    draw_losses,
    grow_as_asked,
)

SIMULATIONS = 600
# So seldom may a gate that keeps its promise fail this test by chance, of all scenarios together.
BY_CHANCE = 1e-4


def most_passes(simulations: int, alpha: float) -> int:
    """The smallest count that a gate passing falsely with chance alpha exceeds with less than its part of BY_CHANCE."""
    from scipy.stats import binom

    return int(binom.isf(BY_CHANCE / len(FALSE_PASSES), simulations, alpha))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", FALSE_PASSES, ids=lambda one: f"{one.goal}: {one.name}")
def test_a_gate_passes_what_is_not_good_enough_no_more_often_than_stated(scenario: Scenario) -> None:
    found = count_false_passes(scenario, simulations=SIMULATIONS, seed=7)
    assert found.passed <= most_passes(SIMULATIONS, ALPHA)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ASKED_FOR, ids=lambda one: f"{one.goal}: {one.name}")
def test_as_many_further_examples_as_a_gate_asks_for_mostly_suffice(scenario: Scenario) -> None:
    found = grow_as_asked(scenario, simulations=60, seed=7)
    assert found.inconclusive >= 10
    assert found.passed >= 0.6


@pytest.mark.slow
def test_the_plain_clustered_interval_would_break_the_promise() -> None:
    from evaluations.statistics import clustered_mean

    rng, draw, kept = np.random.default_rng(7), draw_losses("skewed", 0.05), 0
    for _ in range(SIMULATIONS):
        found = clustered_mean(differences(draw(rng, 1_500, -0.05), "score"))
        kept += not found.interval.low > -0.05
    assert 1 - kept / SIMULATIONS > 3 * ALPHA


def test_mcnemars_test_would_break_the_promise_where_subjects_flip_as_a_whole() -> None:
    from evaluations.statistics import mcnemar_exact

    rng, draw, passed = np.random.default_rng(7), draw_losses("fives", 0.1), 0
    for _ in range(SIMULATIONS):
        flips = [ahead for ahead, _ in differences(draw(rng, 300, 0.0), "right") if ahead]
        fixed = sum(ahead > 0 for ahead in flips)
        passed += 2 * fixed > len(flips) and mcnemar_exact(fixed, len(flips) - fixed) <= ALPHA
    assert passed / SIMULATIONS > 2 * ALPHA


def test_the_bound_refuses_a_gate_that_errs_twice_as_often() -> None:
    from scipy.stats import binom

    bound = most_passes(SIMULATIONS, ALPHA)
    assert ALPHA * SIMULATIONS < bound < 2 * ALPHA * SIMULATIONS
    assert binom.sf(bound, SIMULATIONS, 2 * ALPHA) > 0.5
