"""Designs keep their word although the baseline was only an estimate, and say what they can't see."""

import numpy as np
import pytest

from evaluations.statistics import clopper_pearson
from operations.detectors import (
    InsufficientData,
    RateDesign,
    bernoulli_arl,
    design_mean_monitor,
    design_rate_monitor,
    minimum_detectable_change,
    run,
)
from tests.simulations.run_lengths import bernoulli_runs, kept_by_mean_designs, kept_by_rate_designs


def test_the_guard_is_the_bound_on_the_side_that_makes_false_alarms():
    up, down = (design_rate_monitor(50, 1_000, direction=direction) for direction in ("up", "down"))
    bounds = clopper_pearson(50, 1_000, confidence=0.8)
    assert (up.p0_guard, down.p0_guard) == pytest.approx((bounds.high, bounds.low))
    assert down.p1 < down.p0_guard < up.baseline_rate < up.p0_guard < up.p1


def test_false_alarms_are_no_more_frequent_than_stated_for_nine_baselines_in_ten():
    rng = np.random.default_rng(2)
    ours, naive = kept_by_rate_designs(0.1, 200, 500, 200, rng)
    assert np.mean(ours) >= 0.86
    assert np.mean(naive) < 0.75


def test_a_means_false_alarms_are_no_more_frequent_than_stated():
    rng = np.random.default_rng(3)
    assert np.mean(kept_by_mean_designs(lambda n: rng.normal(3, 2, n), 3, 2, 400, 60, 2_000)) >= 0.9


def test_a_longer_baseline_is_quicker():
    delays = [design_rate_monitor(n // 20, n, direction="up").expected_delay for n in (200, 1_000, 5_000)]
    assert delays == sorted(delays, reverse=True)


@pytest.mark.parametrize(
    ("events", "n", "direction"), [(50, 1_000, "up"), (10, 2_000, "up"), (100, 1_000, "down"), (0, 500, "up")]
)
def test_changes_are_signalled_within_the_stated_delay(events, n, direction):
    design = design_rate_monitor(events, n, direction=direction, arl0=5_000)
    runs = bernoulli_runs(
        design.p0_guard, design.p1, design.h, design.alternative, 2_000, np.random.default_rng(events)
    )
    assert runs.mean() == pytest.approx(design.expected_delay, rel=0.08)
    assert (runs <= design.delay_95).mean() == pytest.approx(0.95, abs=0.02)


def test_a_means_shift_is_signalled_within_the_stated_delay():
    rng = np.random.default_rng(4)
    delays = []
    for _ in range(60):
        design = design_mean_monitor(rng.normal(5, 2, 600).tolist(), expected_at=0.5, arl0=20_000)
        _, signals = run(design.start(), rng.normal(5 + design.alternative, 2, 2_000).tolist())
        delays.append(signals[0].seen <= design.delay_95)
    assert np.mean(delays) >= 0.85


def test_skewed_values_do_not_break_the_promise_once_logarithmized():
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(10):
        design = design_mean_monitor(np.log(rng.lognormal(5, 1, 1_000)).tolist(), arl0=20_000)
        alarms += len(run(design.start(), np.log(rng.lognormal(5, 1, 20_000)).tolist())[1])
    assert alarms <= 10


def test_values_that_hang_together_widen_the_spread():
    rng = np.random.default_rng(7)
    alone = rng.normal(size=2_000)
    together = np.repeat(rng.normal(size=100), 20) + 0.01 * alone
    assert design_mean_monitor(together.tolist()).batch_sd > 3 * design_mean_monitor(alone.tolist()).batch_sd


def test_shifts_within_the_floor_are_no_change():
    rng = np.random.default_rng(12)
    design = design_mean_monitor(rng.normal(0, 1, 2_000).tolist(), floor=0.5)
    assert not run(design.start(), rng.normal(0.45, 1, 20_000).tolist())[1]
    assert run(design.start(), rng.normal(1.5, 1, 1_000).tolist())[1]


def test_what_never_varied_is_watched_where_a_floor_says_what_matters():
    assert isinstance(design_mean_monitor([0.9] * 400), InsufficientData)
    design = design_mean_monitor([0.9] * 400, floor=0.05)
    assert not run(design.start(), [0.93] * 2_000)[1]
    assert run(design.start(), [0.5] * 200)[1]


def test_a_short_baseline_is_told_how_much_longer_it_must_be():
    assert design_rate_monitor(2, 20, direction="up").observations_needed == 30
    assert design_mean_monitor([1.0] * 50).observations_needed == 150


def test_a_fall_from_next_to_nothing_cannot_be_told():
    design = design_rate_monitor(20, 1_000, direction="down", floor=0.02)
    assert isinstance(design, InsufficientData)
    assert design.observations_needed is None
    assert design_rate_monitor(8, 100, direction="down", floor=0.05).observations_needed == 100
    assert isinstance(design_rate_monitor(50, 50, direction="up"), InsufficientData)


def test_a_mistaken_effect_is_refused():
    for wrong in ({"effect": 1.0}, {"expected_at": 0.5}, {"floor": -0.1}):
        with pytest.raises(ValueError):
            design_rate_monitor(50, 1_000, direction="up", **wrong)


def test_the_minimum_detectable_change_is_the_mildest_that_is_seen_in_time():
    design = design_rate_monitor(50, 1_000, direction="up")
    change = minimum_detectable_change(design, within=1_000)
    assert change.detectable_low is None
    assert bernoulli_arl(design.p0_guard, design.p1, design.h, change.detectable_high) == pytest.approx(1_000, rel=0.01)
    later = minimum_detectable_change(design, within=5_000)
    assert later.detectable_high is not None and change.detectable_high is not None
    assert later.detectable_high < change.detectable_high
    assert change.sentence() == (
        "It takes 1,000 decisions on average, or fewer, to notice that the rate rises from 5.0 % to "
        f"{100 * change.detectable_high:.1f} % or more; a smaller change may pass unnoticed."
    )


def test_what_no_monitor_could_see_is_said():
    design = design_rate_monitor(50, 1_000, direction="down")
    assert minimum_detectable_change(design, within=3).sentence() == (
        "No change of the rate can be counted on to be noticed within 3 decisions."
    )


def test_a_means_minimum_detectable_change_has_two_sides():
    design = design_mean_monitor(np.random.default_rng(1).normal(10, 2, 1_000).tolist())
    change = minimum_detectable_change(design, within=500)
    assert change.detectable_low is not None and change.detectable_high is not None
    assert change.detectable_high - change.baseline == pytest.approx(change.baseline - change.detectable_low)
    assert 0 < change.detectable_high - change.baseline < design.sd
    assert "falls from" in change.sentence(subject="the mean latency", as_percent=False)
    assert minimum_detectable_change(design, within=1).detectable_high is None
    with pytest.raises(ValueError):
        minimum_detectable_change(design, within=0)


def test_designs_are_the_same_each_time():
    assert design_rate_monitor(31, 700, direction="up") == design_rate_monitor(31, 700, direction="up")
    assert isinstance(design_rate_monitor(31, 700, direction="up"), RateDesign)
