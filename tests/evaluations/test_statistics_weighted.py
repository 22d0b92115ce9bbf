"""The error rate of the whole traffic: right in the cases that can be worked out by hand, and covering the truth in
simulation."""

import math

import numpy as np
import pytest

from evaluations.statistics import Estimate, NotEnough, ReviewSums, estimate_error_rate, wilson_interval
from tests.simulations.coverage import SCENARIOS, Scenario, measure, months_of


def sampled(n, errors, *, rate=0.05, population=None, ruled=None):
    """A class sampled at one rate: `n` selected, all ruled on unless `ruled` says fewer."""
    ruled = n if ruled is None else ruled
    return ReviewSums(
        sampled_selected=n,
        sampled_ruled=ruled,
        sampled_weight=ruled / rate,
        sampled_weight_errors=errors / rate,
        sampled_spread=ruled * (1 - rate) / rate**2,
        sampled_spread_errors=errors * (1 - rate) / rate**2,
        sampled_population=round(n / rate) if population is None else population,
    )


def test_the_naive_rate_of_the_designs_example_is_off_and_the_weighted_one_is_not():
    """Design, evaluations.md: all low-confidence decisions and 5 % of the rest; true accuracy .856, naive .767,
    weighted .855."""
    scenario = Scenario("design", 40_000, 0.4, 0.0979 / 0.4, 0.0768)
    months = months_of(scenario, 200, np.random.default_rng(856))
    estimates = [estimate_error_rate(month.sums) for month in months]
    assert 1 - np.mean([month.truth for month in months]) == pytest.approx(0.856, abs=0.001)
    assert 1 - np.mean([estimate.rate for estimate in estimates]) == pytest.approx(0.856, abs=0.001)
    # The .855 of the design is one such month.
    assert np.mean([estimate.low <= 1 - 0.855 <= estimate.high for estimate in estimates]) > 0.9
    naive = np.mean([month.errors / estimate.reviewed for month, estimate in zip(months, estimates, strict=True)])
    assert 1 - naive == pytest.approx(0.767, abs=0.001)


def test_two_classes_are_joined_by_their_sizes():
    sums = ReviewSums(certain_selected=200, certain_ruled=200, certain_errors=60) + sampled(40, 4)
    estimate = estimate_error_rate(sums)
    assert estimate.rate == pytest.approx((200 * 0.3 + 800 * 0.1) / 1_000)
    assert (estimate.reviewed, estimate.covered) == (240, 1_000)
    assert estimate.low < estimate.rate < estimate.high


def test_one_sampling_rate_alone_gives_wilsons_interval_of_the_finite_population():
    estimate = estimate_error_rate(sampled(100, 10, rate=0.0001))
    wilson = wilson_interval(10, 100)
    assert (estimate.low, estimate.high) == pytest.approx((wilson.low, wilson.high), abs=2e-4)


def test_what_is_reviewed_in_full_is_known():
    estimate = estimate_error_rate(ReviewSums(certain_selected=30, certain_ruled=30, certain_errors=3))
    assert (estimate.low, estimate.rate, estimate.high, estimate.more_reviews) == (0.1, 0.1, 0.1, 0)


def test_no_error_found_is_not_no_error():
    estimate = estimate_error_rate(sampled(100, 0))
    assert estimate.low == estimate.rate == 0
    assert estimate.high == pytest.approx(wilson_interval(0, 100).high, abs=0.003)


def test_nothing_but_errors_is_no_certainty_either():
    estimate = estimate_error_rate(sampled(100, 100))
    assert estimate.high == estimate.rate == 1
    assert 0.9 < estimate.low < 1


def test_rulings_that_wait_widen_the_interval_and_leave_the_rate():
    whole, half = estimate_error_rate(sampled(200, 20)), estimate_error_rate(sampled(200, 10, ruled=100))
    assert half.rate == pytest.approx(whole.rate)
    assert half.high - half.low > whole.high - whole.low
    assert estimate_error_rate(sampled(200, 10, ruled=100)).covered == 4_000


def test_a_rare_probability_weighs_more():
    often, rarely = sampled(100, 0, rate=0.2), sampled(100, 20, rate=0.02)
    assert estimate_error_rate(often + rarely).rate == pytest.approx(20 / 0.02 / (100 / 0.02 + 100 / 0.2))


def test_too_few_reviews_are_answered_with_how_many_more():
    answer = estimate_error_rate(sampled(10, 1, ruled=8) + ReviewSums(certain_selected=50, certain_ruled=50))
    assert isinstance(answer, NotEnough)
    assert answer.waiting == 2
    assert 10 < answer.reviews_needed < 40


@pytest.mark.parametrize("population", [60, 400, 10_000])
@pytest.mark.parametrize("ruled", [0, 1, 5, 12])
@pytest.mark.parametrize("certain", [0, 30])
def test_as_many_reviews_as_were_said_to_be_needed_suffice_and_one_fewer_does_not(population, ruled, certain):
    def after(n):
        seen = (
            sampled(n, 0, rate=n / population, population=population)
            if n
            else ReviewSums(sampled_population=population)
        )
        return estimate_error_rate(seen + ReviewSums(certain_selected=certain, certain_ruled=certain))

    answer = after(ruled)
    assert isinstance(answer, NotEnough)
    assert isinstance(after(ruled + answer.reviews_needed), Estimate)
    assert isinstance(after(ruled + answer.reviews_needed - 1), NotEnough)


def test_whether_there_are_enough_does_not_hang_on_what_they_found():
    for n in range(1, 120):
        kinds = {type(estimate_error_rate(sampled(n, errors, population=2_000))) for errors in (0, n // 2, n)}
        assert len(kinds) == 1


def test_the_further_reviews_that_were_named_bring_the_wanted_width():
    estimate = estimate_error_rate(sampled(80, 20))
    assert estimate.high - estimate.low > 0.1
    n = 80 + estimate.more_reviews
    later = estimate_error_rate(sampled(n, round(n / 4), rate=n / 1_600, population=1_600))
    assert later.high - later.low == pytest.approx(0.1, abs=0.004)


def test_missing_rulings_of_the_certain_are_asked_for():
    answer = estimate_error_rate(ReviewSums(certain_selected=500, certain_ruled=3) + sampled(40, 0))
    assert isinstance(answer, NotEnough)
    assert 10 <= answer.reviews_needed <= answer.waiting == 497


def test_an_empty_period_says_nothing():
    assert estimate_error_rate(ReviewSums()) == NotEnough(1, 0)


def test_hours_add_up_to_the_month():
    rng = np.random.default_rng(7)
    hours = []
    for _ in range(2_000):
        probability = float(rng.choice([0.05, 0.1, 1.0]))
        selected = bool(rng.uniform() < probability)
        ruled = selected and bool(rng.uniform() < 0.9)
        error = ruled and bool(rng.uniform() < 0.1)
        hours.append(ReviewSums.of_decision(probability, selected=selected, ruled=ruled, error=error))
    once = sum(hours, ReviewSums())
    days = [sum(hours[start : start + 24], ReviewSums()) for start in range(0, len(hours), 24)]
    by_day = sum(days, ReviewSums())
    assert once.certain_selected + once.sampled_population == 2_000
    assert estimate_error_rate(once).rate == pytest.approx(estimate_error_rate(by_day).rate)


@pytest.mark.parametrize(
    ("probability", "selected", "ruled", "error"),
    [(0, False, False, False), (1.1, True, False, False), (0.5, False, True, False), (0.5, True, False, True)],
)
def test_a_decision_that_cannot_be_is_refused(probability, selected, ruled, error):
    with pytest.raises(ValueError):
        ReviewSums.of_decision(probability, selected=selected, ruled=ruled, error=error)


def test_a_width_that_says_nothing_is_refused():
    with pytest.raises(ValueError):
        estimate_error_rate(sampled(100, 1), wanted_half_width=0.5)


@pytest.mark.parametrize("errors", range(0, 41, 5))
@pytest.mark.parametrize("rates", [(0.02, 0.5), (0.05, 0.05), (0.9, 0.01)])
def test_every_interval_holds_its_own_rate_and_is_finite(errors, rates):
    estimate = estimate_error_rate(sampled(60, errors, rate=rates[0]) + sampled(60, 60 - errors, rate=rates[1]))
    assert 0 <= estimate.low <= estimate.rate <= estimate.high <= 1
    assert math.isfinite(estimate.high)


def test_the_interval_covers_the_truth_in_the_scenario_that_the_issue_names():
    coverage = measure(Scenario("a month", 4_000, 0.25, 0.25, 0.04, (0.05,), 1.0, 0.9), months=1_000)
    assert 0.93 <= coverage.covered <= 0.97
    assert coverage.naive_covered < 0.05
    assert coverage.said == 1_000


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_interval_covers_the_truth_in_93_to_97_percent_of_the_months(scenario):
    coverage = measure(scenario, months=1_000)
    assert 0.93 <= coverage.covered <= 0.97
    assert abs(coverage.mean_estimate - coverage.mean_truth) < 0.002
