"""Silence, missing outcomes and volume: no more false alarms than stated, and no real silence missed."""

import math

import numpy as np
import pytest

from operations.detectors import (
    InsufficientData,
    fit_volume_baseline,
    missing_events_false_alarm_interval,
    missing_events_threshold,
    run,
    silence_threshold,
    silence_threshold_for_rate,
)
from tests.simulations.run_lengths import silence_false_alarms, volume_false_alarms


def test_an_even_streams_silence_follows_from_its_rate():
    design = silence_threshold_for_rate(1_000_000, 1_000_000, arl0=100_000)
    assert design.threshold == pytest.approx(math.log(100_000), rel=0.01)
    assert silence_threshold_for_rate(100, 100, arl0=100_000).threshold > design.threshold


def test_silences_are_false_no_more_often_than_stated():
    rng = np.random.default_rng(1)
    alarms, promised = silence_false_alarms(lambda n: rng.exponential(30, n), 2_000, 100, 4_000)
    assert 0 < alarms <= 1.2 * promised


def test_the_nights_of_the_baseline_are_no_alarm():
    gaps = ([10.0] * 99 + [36_000.0]) * 5
    assert silence_threshold(gaps, arl0=86_400).threshold >= 54_000


def test_a_silence_is_asked_to_last_longer_for_rarer_false_alarms():
    gaps = np.random.default_rng(2).exponential(30, 500).tolist()
    rare, often = (silence_threshold(gaps, arl0=arl0).threshold for arl0 in (30 * 86_400, 86_400))
    assert rare > often >= 1.5 * max(gaps) > 0


def test_an_unbroken_rhythm_has_a_threshold_too():
    assert silence_threshold([60.0] * 100, arl0=86_400 * 30).threshold >= 90


def test_too_few_arrivals_tell_nothing_of_silence():
    assert silence_threshold([1.0] * 10, arl0=1e6).observations_needed == 40
    assert silence_threshold_for_rate(5, 100, arl0=1e6).observations_needed == 15


def test_missing_outcomes_are_no_accident_after_as_many_as_the_formula_says():
    n = missing_events_threshold(0.9, 1e-6)
    assert 0.1**n == pytest.approx(1e-6)
    assert n == 6
    assert missing_events_threshold(0.05, 1e-4) == math.ceil(math.log(1e-4) / math.log(0.95))


def test_runs_without_an_outcome_come_as_rarely_as_stated():
    rng, p, n = np.random.default_rng(3), 0.3, 12
    events = np.flatnonzero(rng.random(2_000_000) < p)
    # A run's alarm comes once in each gap that is long enough; the count starts anew after it.
    alarms = ((np.diff(events) - 1) // n).sum()
    assert 2_000_000 / alarms == pytest.approx(missing_events_false_alarm_interval(p, n), rel=0.03)


def test_an_interval_beyond_measure_stays_finite():
    assert missing_events_false_alarm_interval(0.999, 10_000) == 3e10


def test_the_season_is_as_long_as_the_baseline_has_seen_twice():
    assert [fit_volume_baseline(range(n), [10] * n).period for n in (24, 47, 48, 335, 336)] == [1, 1, 24, 24, 168]


def test_a_quiet_sunday_is_usual_and_a_quiet_monday_is_not():
    counts = ([100] * 120 + [5] * 48) * 4
    baseline = fit_volume_baseline(range(672), counts)
    assert not run(baseline.start(), enumerate(counts[:336]))[1]
    _, signals = run(baseline.start(), [(hour, 5) for hour in range(8)])
    assert signals[0].side == "down"
    assert (signals[0].since, round(signals[0].observed, 2)) == (1, 0.05)


def test_a_tripled_volume_is_seen_within_hours():
    rng = np.random.default_rng(4)
    baseline = fit_volume_baseline(range(672), rng.poisson(10, 672).tolist())
    _, signals = run(baseline.start(), enumerate(rng.poisson(10, 300).tolist() + rng.poisson(30, 20).tolist()))
    assert signals[0].side == "up"
    assert signals[0].since >= 300 and signals[0].seen <= 306
    assert signals[0].observed == pytest.approx(3, abs=0.7)


@pytest.mark.parametrize(("busy", "dispersion"), [(60.0, 1.0), (60.0, 3.0), (1.0, 1.0)])
def test_unchanged_traffic_alarms_no_more_often_than_stated(busy, dispersion):
    signals, hours = volume_false_alarms(busy, dispersion, 20, 4, np.random.default_rng(5))
    # 2,000 hours a false alarm; 6.7 are due in these 13,440 hours.
    assert signals <= hours / 2_000 + 3 * math.sqrt(hours / 2_000)


def test_a_change_within_the_floor_is_no_alarm():
    rng = np.random.default_rng(6)
    baseline = fit_volume_baseline(range(672), rng.poisson(200, 672).tolist(), floor=0.3)
    assert not run(baseline.start(), enumerate(rng.poisson(240, 672).tolist()))[1]


def test_a_baseline_without_hours_or_without_traffic_says_so():
    assert fit_volume_baseline(range(10), [5] * 10).observations_needed == 14
    assert isinstance(fit_volume_baseline(range(48), [0] * 48), InsufficientData)


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: silence_threshold([-1.0] * 60, arl0=100),
        lambda: silence_threshold([0.0] * 60, arl0=100),
        lambda: silence_threshold([1.0] * 60, arl0=0),
        lambda: silence_threshold_for_rate(100, 0, arl0=100),
        lambda: missing_events_threshold(0, 0.01),
        lambda: missing_events_false_alarm_interval(0.5, 0),
        lambda: fit_volume_baseline([1, 2], [1]),
        lambda: fit_volume_baseline(range(48), [-1] * 48),
        lambda: run(fit_volume_baseline(range(48), [9] * 48).start(), [(0, -1)]),
    ],
)
def test_nonsense_is_refused(nonsense):
    with pytest.raises(ValueError):
        nonsense()
