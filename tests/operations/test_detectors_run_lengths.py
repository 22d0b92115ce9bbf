"""Run lengths: the published values, and what simulated streams show."""

import numpy as np
import pytest

from operations.detectors import (
    bernoulli_arl,
    bernoulli_run_length_quantile,
    bernoulli_threshold,
    gaussian_arl,
    gaussian_run_length_quantile,
    gaussian_threshold,
)
from tests.simulations.run_lengths import bernoulli_runs, gaussian_runs, mean_interval, measure


def test_the_bernoulli_cusum_reproduces_the_designs_run_lengths():
    assert bernoulli_arl(0.10, 0.15, 5, 0.10) == pytest.approx(16_000, rel=0.05)
    assert bernoulli_arl(0.10, 0.15, 5, 0.15) == pytest.approx(335, rel=0.03)


def test_the_gaussian_cusum_reproduces_nists_run_lengths():
    assert round(gaussian_arl(0.5, 4, 0)) == 168
    assert round(gaussian_arl(0.5, 4, 1), 2) == 8.38


@pytest.mark.parametrize(("shift", "arl"), [(0.25, 74.2), (0.5, 26.6), (0.75, 13.3), (1.5, 4.75), (2, 3.34), (3, 2.19)])
def test_the_gaussian_cusum_reproduces_the_table_of_lucas_and_crosier(shift, arl):
    """J. M. Lucas, R. B. Crosier, Technometrics 24 (1982), table 1: k = .5, h = 4."""
    assert gaussian_arl(0.5, 4, shift) == pytest.approx(arl, rel=0.005)


@pytest.mark.parametrize(
    ("p0", "p1", "h", "p"),
    [
        (0.10, 0.15, 3, 0.10),
        (0.10, 0.15, 5, 0.15),
        (0.02, 0.05, 3, 0.02),
        (0.6, 0.75, 3, 0.6),
        (0.3, 0.2, 3, 0.3),
        (0.05, 0.01, 3, 0.0),
        (0.95, 0.85, 3, 0.9),
        (0.0006, 0.002, 1.5, 0.0006),
    ],
)
def test_computed_run_lengths_lie_within_the_simulated_interval(p0, p1, h, p):
    runs = bernoulli_runs(p0, p1, h, p, 1_500, np.random.default_rng(54))
    mean, interval = mean_interval(runs)
    # Twice the 95 % interval: a wrong formula is off by far more, and eight right ones must all pass.
    reach = max(interval.high - mean, 1e-9) * 2
    assert abs(bernoulli_arl(p0, p1, h, p) - mean) <= reach
    quantile = bernoulli_run_length_quantile(p0, p1, h, p)
    assert 0.93 <= (runs <= quantile).mean() <= 1
    assert (runs <= 0.5 * quantile).mean() < 0.93 or runs.std() == 0


def test_gaussian_quantiles_hold_in_simulation():
    for shift in (0.5, 1.0, 2.0):
        runs = gaussian_runs(0.5, 4, shift, 6_000, np.random.default_rng(3))
        assert (runs <= gaussian_run_length_quantile(0.5, 4, shift)).mean() == pytest.approx(0.955, abs=0.02)


@pytest.mark.parametrize(("p0", "p1"), [(0.1, 0.15), (0.05, 0.02), (0.01, 0.02), (0.9, 0.8), (0.5, 0.6)])
@pytest.mark.parametrize("arl0", [100, 20_000])
def test_the_threshold_gives_the_wanted_run_length_and_little_more(p0, p1, arl0):
    h = bernoulli_threshold(p0, p1, arl0)
    assert bernoulli_arl(p0, p1, h, p0) >= arl0
    assert bernoulli_arl(p0, p1, 0.97 * h, p0) < arl0


def test_the_gaussian_threshold_gives_the_wanted_run_length():
    assert gaussian_threshold(0.5, 168) == pytest.approx(4, abs=0.01)
    assert gaussian_threshold(0.5, 465) == pytest.approx(5, abs=0.01)


def test_a_run_length_beyond_all_measure_is_cut_off_and_finite():
    assert bernoulli_arl(0.1, 0.15, 5, 0.0) == 3e10
    assert gaussian_arl(3, 30, 0) == 3e10


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: bernoulli_arl(0.1, 0.1, 5, 0.1),
        lambda: bernoulli_arl(0, 0.1, 5, 0.1),
        lambda: bernoulli_arl(0.1, 0.2, 0, 0.1),
        lambda: bernoulli_arl(0.1, 0.2, 5, 1.1),
        lambda: bernoulli_threshold(0.1, 0.2, 1),
        lambda: bernoulli_run_length_quantile(0.1, 0.2, 5, 0.1, probability=1.0),
        lambda: gaussian_arl(-1, 4, 0),
        lambda: gaussian_arl(0.5, 0, 0),
        lambda: gaussian_threshold(0.5, 1e12),
    ],
)
def test_nonsense_is_refused(nonsense):
    with pytest.raises(ValueError):
        nonsense()


@pytest.mark.slow
def test_every_line_of_the_documented_table_holds():
    for row in measure(0.3):
        promised = row.promised.replace(",", "").split()
        if promised[0] == "≥":
            bound = float(promised[1]) / (100 if promised[-1] == "%" else 1)
            assert row.high >= bound, row
        elif promised[0] == "≤":
            bound = float(promised[1]) / (100 if promised[-1] == "%" else 1)
            assert row.low <= bound, row
        elif promised[0] != "–":
            value = float(promised[0]) / (100 if promised[-1] == "%" else 1)
            assert row.measured == pytest.approx(value, abs=max(2 * (row.high - row.low), 0)), row
