"""Means of clustered scores: statsmodels as the oracle of the plain ones, and what the two doubtful clusters add."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluations.statistics import clustered_mean, examples_to_reach, holm, holm_adjusted

BOUNDS = (-1.0, 1.0)


def test_the_plain_one_agrees_with_a_regression_on_a_constant_with_clustered_errors() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    for _ in range(40):
        clusters = rng.integers(0, int(rng.integers(2, 25)), 90)
        values = np.clip(rng.normal(0.05, 0.3, 90) + 0.2 * np.sin(clusters), -1, 1)
        confidence = float(rng.uniform(0.5, 0.99))
        found = clustered_mean(zip(values.tolist(), clusters.tolist(), strict=True), confidence=confidence)
        # df_correction by the number of clusters, and t with G - 1: Stata's `vce(cluster)`.
        fit = sm.OLS(values, np.ones(90)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
        assert (found.mean, found.standard_error) == pytest.approx((fit.params[0], fit.bse[0]), rel=1e-9)
        assert (found.interval.low, found.interval.high) == pytest.approx(
            tuple(fit.conf_int(alpha=1 - confidence)[0]), rel=1e-8
        )
        assert found.p_value == pytest.approx(fit.pvalues[0], abs=1e-9)


def test_scores_that_stand_alone_are_the_paired_t_test() -> None:
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(2).uniform(-1, 1, 30)
    found = clustered_mean((float(value), place) for place, value in enumerate(values))
    oracle = ttest_1samp(values, 0)
    assert found.p_value == pytest.approx(oracle.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(oracle.confidence_interval()))


def test_clusters_that_agree_say_less_than_as_many_alone() -> None:
    values = [0.5, 0.5, 0.5, -0.25, -0.25, -0.25, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    alone = clustered_mean([(value, place) for place, value in enumerate(values)], bounds=BOUNDS)
    together = clustered_mean([(value, place // 3) for place, value in enumerate(values)], bounds=BOUNDS)
    assert alone.mean == together.mean
    assert together.standard_error > alone.standard_error
    assert (alone.clusters, together.clusters, together.cluster_size) == (12, 4, 3)


def test_values_that_are_all_alike_leave_a_doubt_that_falls_with_their_number() -> None:
    reaches = []
    for n in (1, 10, 100, 1_000):
        found = clustered_mean([(0.0, place) for place in range(n)], bounds=BOUNDS)
        assert found.p_value == 1
        reaches.append(found.interval.high)
    assert reaches == sorted(reaches, reverse=True)
    assert 0.001 < reaches[-1] < 0.01
    # One large cluster is hardly more than a single value.
    lump = clustered_mean([(0.0, 0)] * 900 + [(0.0, place) for place in range(1, 101)], bounds=BOUNDS)
    assert lump.interval.high > 0.5


def test_the_size_asked_for_is_the_one_at_which_the_interval_gets_there() -> None:
    rng = np.random.default_rng(3)
    values = [(float(value), place // 4) for place, value in enumerate(np.clip(rng.normal(0, 0.3, 200), -1, 1))]
    found = clustered_mean(values, bounds=BOUNDS)
    needed = examples_to_reach(found, 0.02, power=0.5)
    more = clustered_mean(values * (needed // 200 + 1), bounds=BOUNDS)  # the same clusters, larger: no better
    assert more.interval.high - more.center > 0.02
    fresh = [(value, (copy, cluster)) for copy in range(needed // 200 + 1) for value, cluster in values]
    reach = clustered_mean(fresh, bounds=BOUNDS)
    assert reach.interval.high - reach.center == pytest.approx(0.02, rel=0.1)
    assert examples_to_reach(found, 0.02) > needed > examples_to_reach(found, 0.04, power=0.5)


def test_what_makes_no_mean_is_refused() -> None:
    for values, bounds in (([], BOUNDS), ([(0.1, 1), (0.2, 1)], None), ([(2.0, 1)], BOUNDS), ([(math.nan, 1)], BOUNDS)):
        with pytest.raises(ValueError, match=r"lies outside|takes two clusters"):
            clustered_mean(values, bounds=bounds)
    with pytest.raises(ValueError, match="above 0"):
        examples_to_reach(clustered_mean([(0.0, 1)], bounds=BOUNDS), 0)


def test_adjusted_p_values_agree_with_statsmodels_and_decide_as_holm_does() -> None:
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(6)
    for _ in range(20):
        p_values = (rng.uniform(size=int(rng.integers(1, 30))) ** 3).tolist()
        adjusted = holm_adjusted(p_values)
        assert adjusted == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
        assert [p <= 0.05 for p in adjusted] == holm(p_values)
    assert holm_adjusted([]) == []
