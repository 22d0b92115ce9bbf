"""States and steps: what they signal, since when, and that a restart changes nothing."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from operations.detectors import (
    BernoulliCusum,
    GaussianCusum,
    InsufficientData,
    design_mean_monitor,
    design_rate_monitor,
    fit_input_reference,
    fit_volume_baseline,
    from_json,
    ks,
    minimum_detectable_change,
    psi,
    run,
    silence_threshold_for_rate,
    to_json,
    update,
)


def starts():
    """A detector of each kind, with a stream that it signals on."""
    rng = np.random.default_rng(11)
    rate = design_rate_monitor(50, 1_000, direction="up", arl0=2_000)
    events = (rng.random(3_000) < np.where(np.arange(3_000) < 1_500, 0.05, 0.2)).tolist()
    mean = design_mean_monitor(rng.normal(0, 1, 600).tolist(), arl0=2_000)
    values = (rng.normal(0, 1, 3_000) + np.where(np.arange(3_000) < 1_500, 0, 1)).tolist()
    volume = fit_volume_baseline(range(336), rng.poisson(20, 336).tolist())
    hours = list(enumerate(rng.poisson(20, 200).tolist() + rng.poisson(60, 100).tolist()))
    standardised = GaussianCusum(0.5, 5.0)
    return [(rate.start(), events), (mean.start(), values), (volume.start(), hours), (standardised, values)]


@pytest.mark.parametrize("kind", range(4))
def test_a_monitor_that_is_stored_after_every_batch_is_the_monitor_that_never_stopped(kind):
    state, xs = starts()[kind]
    whole, signals = run(state, xs)
    assert signals
    stopped, found, rng, at = state, [], np.random.default_rng(kind), 0
    while at < len(xs):
        size = int(rng.integers(1, 40))
        stopped, some = run(stopped, xs[at : at + size])
        found += some
        stopped = from_json(json.loads(json.dumps(to_json(stopped))))
        at += size
    assert stopped == whole
    assert [to_json(signal) for signal in found] == [to_json(signal) for signal in signals]


def test_the_score_is_the_sum_of_log_likelihood_ratios_cut_off_at_zero():
    state, signal = update(BernoulliCusum(0.1, 0.2, 5), True)
    assert (state.score, state.seen, state.began, state.events, signal) == (math.log(0.2 / 0.1), 1, 1, 1, None)
    state, _ = update(state, False)
    assert state.score == pytest.approx(math.log(2) + math.log(0.8 / 0.9))
    state, _ = run(state, [False] * 10)
    assert (state.score, state.began, state.events, state.seen) == (0, 0, 0, 12)


def test_an_alarm_says_since_when_and_starts_again():
    quiet, loud = [False] * 100, [True] * 8
    state, signals = run(BernoulliCusum(0.1, 0.2, 5), quiet + loud)
    (signal,) = signals
    assert (signal.side, signal.since, signal.seen, signal.observed) == ("up", 101, 108, 1.0)
    assert signal.score > signal.threshold == 5
    assert (state.score, state.seen, state.began) == (0, 108, 0)


def test_a_fall_is_seen_by_the_detector_for_falls():
    _, signals = run(BernoulliCusum(0.3, 0.15, 4), [False] * 60)
    assert signals[0].side == "down"
    assert (signals[0].since, signals[0].observed) == (1, 0.0)


def test_both_sides_of_the_gaussian_cusum_are_watched():
    cusum = GaussianCusum(0.5, 4)
    _, up = run(cusum, [0.0] * 10 + [2.0] * 3)
    _, down = run(cusum, [0.0] * 10 + [-2.0] * 3)
    assert (up[0].side, up[0].since, up[0].seen, up[0].observed) == ("up", 11, 13, 2.0)
    assert (down[0].side, down[0].since, down[0].observed) == ("down", 11, -2.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_refused_before_it_silences_the_detector(bad):
    with pytest.raises(ValueError):
        update(GaussianCusum(0.5, 4), bad)
    with pytest.raises(ValueError):
        update(starts()[1][0], bad)


def test_the_excursion_begins_near_the_change():
    rng = np.random.default_rng(5)
    design = design_rate_monitor(100, 2_000, direction="up", arl0=20_000)
    found = []
    for _ in range(100):
        _, signals = run(design.start(), (rng.random(3_000) < np.where(np.arange(3_000) < 1_000, 0.05, 0.15)).tolist())
        found += [signal.since for signal in signals[:1] if signal.seen > 1_000]
    assert len(found) > 90
    assert abs(np.median(found) - 1_000) < 60


def test_a_mean_monitor_speaks_of_values_in_their_unit():
    rng = np.random.default_rng(8)
    design = design_mean_monitor(rng.normal(100, 10, 1_000).tolist(), batch=20)
    _, signals = run(design.start(), rng.normal(100, 10, 400).tolist() + rng.normal(120, 10, 400).tolist())
    (first, *_) = signals
    assert first.side == "up"
    assert 381 <= first.since <= 421
    assert first.seen % 20 == 0 and first.seen <= 400 + design.delay_95
    assert 105 < first.observed < 125


def test_one_wild_value_is_no_alarm():
    rng = np.random.default_rng(9)
    design = design_mean_monitor(rng.normal(0, 1, 600).tolist())
    _, signals = run(design.start(), [0.0] * 30 + [1e12] + [0.0] * 60)
    assert not signals


def test_everything_survives_json():
    rng = np.random.default_rng(10)
    rate = design_rate_monitor(5, 400, direction="up", arl0=500)
    mean = design_mean_monitor(rng.normal(size=300).tolist(), arl0=500)
    model, _ = fit_input_reference([{"text": f"number {n}"} for n in range(100)])
    things = [
        rate,
        mean,
        model,
        minimum_detectable_change(rate, within=500),
        fit_volume_baseline(range(48), [9] * 48),
        silence_threshold_for_rate(500, 3_600, arl0=86_400),
        psi({"a": 100, "b": 50}, {"a": 100, "b": 70}),
        ks(rng.normal(size=99).tolist(), rng.normal(size=99).tolist()),
        InsufficientData("Too few.", 3),
    ]
    for thing in things:
        assert from_json(json.loads(json.dumps(to_json(thing), allow_nan=False))) == thing


def test_what_is_none_of_the_documents_is_refused():
    with pytest.raises(TypeError):
        to_json({"kind": "Signal"})
    with pytest.raises(ValueError):
        from_json({"kind": "Popen", "args": []})
    with pytest.raises(ValueError):
        from_json(to_json(GaussianCusum(0.5, 4)) | {"more": 1})


def test_who_never_computes_loads_no_numpy():
    code = (
        "import sys, operations.detectors as d; d.update(d.BernoulliCusum(.1, .2, 5), True);"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'django')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
