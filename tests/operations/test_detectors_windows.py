"""A window against its baseline: alpha holds, folklore's threshold does not, and too little data is said to be that."""

import math

import numpy as np
import pytest

from operations.detectors import InsufficientData, KsResult, PsiResult, false_alarm_interval, ks, psi
from tests.simulations.run_lengths import ks_false_alarms, psi_false_alarms, share_interval


def test_psi_by_hand():
    result = psi({"a": 5_000, "b": 5_000}, {"a": 6_000, "b": 4_000})
    assert result.psi == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8), rel=1e-3)
    assert result.threshold == pytest.approx(6.635 * 2 / 10_000, rel=1e-3)
    assert not result.is_signal  # beyond chance, and below the floor
    assert psi({"a": 5_000, "b": 5_000}, {"a": 6_000, "b": 4_000}, floor=0.02).is_signal
    assert result.shares[0] == ("b", 0.5, 0.4)


def test_folklores_threshold_fires_on_a_third_of_unchanged_nights_and_ours_keeps_its_level():
    """Design, operations.md: PSI > 0.1 at n = 200 fires on 37 % of unchanged nights; here with ten categories."""
    folklore, ours = psi_false_alarms(10, 200, 200, 2_000, np.random.default_rng(37))
    assert np.mean(folklore) == pytest.approx(0.37, abs=0.035)
    assert share_interval(ours)[1].low <= 0.05
    assert np.mean(ours) > 0.02


def test_psi_keeps_its_level_with_rare_categories():
    rng = np.random.default_rng(4)
    shares = np.array([2.0**-n for n in range(1, 16)])
    shares /= shares.sum()
    false = 0
    for _ in range(1_500):
        one, other = ({str(i): int(n) for i, n in enumerate(rng.multinomial(size, shares))} for size in (2_000, 300))
        false += psi(one, other, alpha=0.05, floor=0.0).is_signal
    assert 0.02 < false / 1_500 < 0.065


def test_a_new_category_is_seen_and_finite():
    result = psi({"a": 900, "b": 100}, {"a": 300, "new": 100})
    assert result.is_signal and math.isfinite(result.psi)
    # The new one's expectation is large enough to stand by itself.
    assert {category for category, *_ in result.shares} == {"a", "b", "new"}


def test_rare_categories_are_taken_together():
    names = {f"rare {n}": 2 for n in range(20)}
    result = psi({"a": 1_000} | names, {"a": 980} | names)
    assert result.categories == 2
    assert result.shares[-1][0] in {"a", "(rare)"}


def test_one_category_alone_has_no_mix():
    assert psi({"a": 500}, {"a": 500}) == PsiResult(0.0, 0.0, 0.1, 1.0, 1, False, (("a", 1.0, 1.0),))


def test_too_few_observations_are_said_to_be_too_few():
    assert psi({"a": 500}, {"a": 40}).observations_needed == 60
    assert ks([1.0] * 100, [1.0] * 20).observations_needed == 30
    assert isinstance(psi({}, {}), InsufficientData)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 85), (200, 100)])
def test_ks_agrees_with_scipy(n, m):
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(n)
    for shift in (0, 0.2, 0.5, 5):
        one, other = rng.normal(size=n), rng.normal(shift, 1, m)
        result, oracle = ks(one.tolist(), other.tolist()), ks_2samp(one, other, method="exact")
        assert result.statistic == pytest.approx(oracle.statistic)
        assert result.p_value == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-12)
        assert result.at == pytest.approx(oracle.statistic_location)


def test_a_large_ks_uses_the_limit():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(1)
    one, other = rng.normal(size=3_000), rng.normal(0.05, 1, 2_000)
    assert ks(one.tolist(), other.tolist()).p_value == pytest.approx(ks_2samp(one, other).pvalue, abs=0.02)


def test_ks_keeps_its_level_and_ties_make_it_quieter():
    rng = np.random.default_rng(6)
    plain = ks_false_alarms(lambda n: rng.normal(size=n), 100, 80, 300, 0.05)
    tied = ks_false_alarms(lambda n: rng.integers(0, 6, n).astype(float), 100, 80, 300, 0.05)
    assert share_interval(plain)[1].low <= 0.05 and np.mean(plain) > 0.02
    assert np.mean(tied) <= np.mean(plain)


def test_a_distance_below_the_floor_is_no_signal_however_sure():
    rng = np.random.default_rng(7)
    result = ks(rng.normal(size=20_000).tolist(), rng.normal(0.1, 1, 20_000).tolist())
    assert isinstance(result, KsResult)
    assert result.p_value < 1e-6 and result.statistic < 0.1 and not result.is_signal


def test_ks_says_where_distributions_part():
    result = ks([float(n) for n in range(100)], [float(n + 50) for n in range(100)])
    assert (result.statistic, result.at, result.is_signal) == (0.5, 49.0, True)
    assert (result.baseline_median, result.window_median) == (49.5, 99.5)


def test_the_interval_between_false_alarms_is_in_observations():
    assert false_alarm_interval(200, 0.01) == 20_000


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: psi({"a": 100}, {"a": 100}, alpha=0),
        lambda: ks([math.nan] * 60, [1.0] * 60),
        lambda: false_alarm_interval(0, 0.1),
        lambda: false_alarm_interval(10, 1),
    ],
)
def test_nonsense_is_refused(nonsense):
    with pytest.raises(ValueError):
        nonsense()
