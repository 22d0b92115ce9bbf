"""Published values, and statsmodels and scikit-learn as oracles over random inputs."""

import subprocess
import sys

import numpy as np
import pytest

from evaluations.statistics import (
    benjamini_hochberg,
    bonferroni,
    clopper_pearson,
    cohen_kappa,
    fleiss_kappa,
    holm,
    krippendorff_alpha,
    mcnemar_exact,
    newcombe_difference,
    rogan_gladen,
    sample_size_two_proportions,
    sign_flip_exact,
    wilson_interval,
)

# Fleiss 1971, table 1: 30 patients, 6 psychiatrists, 5 diagnoses.
FLEISS_1971 = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
    [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
    [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
    [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
    [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
]  # fmt: skip
# The worked example of textbooks since: 10 subjects, 14 raters, 5 categories.
FLEISS_TEXTBOOK = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
# Krippendorff 2011, example C: 4 observers, 12 units.
KRIPPENDORFF_2011 = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# Benjamini & Hochberg 1995, section 3.2: 15 hypotheses of a trial.
BENJAMINI_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000,
]  # fmt: skip


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_reproduces_newcombes_table(successes, n, low, high):
    interval = wilson_interval(successes, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_and_clopper_pearson_agree_with_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    rng = np.random.default_rng(1)
    for _ in range(200):
        n = int(rng.integers(1, 2_000))
        k, confidence = int(rng.integers(0, n + 1)), float(rng.uniform(0.5, 0.999))
        for ours, method in ((wilson_interval, "wilson"), (clopper_pearson, "beta")):
            interval = ours(k, n, confidence=confidence)
            assert (interval.low, interval.high) == pytest.approx(
                proportion_confint(k, n, alpha=1 - confidence, method=method), abs=1e-9
            )


def test_newcombes_difference_reproduces_his_example():
    interval = newcombe_difference(56, 70, 48, 80)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0524, 0.3339)


def test_newcombes_difference_agrees_with_statsmodels():
    from statsmodels.stats.proportion import confint_proportions_2indep

    rng = np.random.default_rng(2)
    for _ in range(100):
        n_a, n_b = (int(n) for n in rng.integers(2, 500, 2))
        a, b = int(rng.integers(0, n_a + 1)), int(rng.integers(0, n_b + 1))
        interval = newcombe_difference(a, n_a, b, n_b)
        oracle = confint_proportions_2indep(a, n_a, b, n_b, method="newcomb")
        assert (interval.low, interval.high) == pytest.approx(oracle, abs=1e-9)


def test_mcnemar_reproduces_agrestis_table_and_the_smallest_that_convinces():
    assert mcnemar_exact(150, 86) == pytest.approx(3.716e-5, rel=1e-3)
    assert mcnemar_exact(6, 0) == 0.03125
    assert mcnemar_exact(0, 0) == 1.0


def test_mcnemar_agrees_with_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    rng = np.random.default_rng(3)
    for a, b in rng.integers(0, 200, (100, 2)):
        assert mcnemar_exact(int(a), int(b)) == pytest.approx(mcnemar([[7, a], [b, 5]], exact=True).pvalue, rel=1e-9)


# Darwin's maize: self- against cross-fertilized plants of one pot, eighths of an inch.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_sign_flips_reproduce_fishers_test_of_darwins_maize():
    # Design of Experiments, section 21: of 2^15 sums 863 are 314 or more, and as many -314 or less.
    assert sign_flip_exact(MAIZE) == pytest.approx(2 * 863 / 2**15, rel=1e-9)
    assert sign_flip_exact([-one for one in MAIZE]) == sign_flip_exact(MAIZE)


def test_sign_flips_of_single_pairs_are_mcnemars_test():
    for a, b in np.random.default_rng(4).integers(0, 60, (50, 2)).tolist():
        assert sign_flip_exact([1] * a + [-1] * b + [0] * 7) == mcnemar_exact(a, b)
        # Twice as large, so that it is computed by the way of all others.
        assert sign_flip_exact([2] * a + [-2] * b) == pytest.approx(mcnemar_exact(a, b), rel=1e-6, abs=1e-13)


def test_sign_flips_agree_with_counting_all_of_them():
    from scipy.stats import permutation_test

    rng = np.random.default_rng(5)
    for _ in range(60):
        differences = rng.integers(-6, 7, int(rng.integers(2, 12)))
        found = permutation_test(
            (differences,), np.sum, permutation_type="samples", vectorized=True, n_resamples=np.inf
        )
        assert sign_flip_exact(differences.tolist()) == pytest.approx(found.pvalue, rel=1e-9)


def test_sign_flips_are_never_rarer_than_all_of_one_sign():
    assert sign_flip_exact([3] * 90) == 2.0**-89
    assert 0 < sign_flip_exact([3] * 90 + [5] * 60) == 2.0**-149
    assert sign_flip_exact([]) == sign_flip_exact([0]) == sign_flip_exact([4, -4]) == 1.0
    # A large one decides by its sign alone, however many small ones there are beside it.
    assert sign_flip_exact([1_000_000, *[1] * 20]) == pytest.approx(2.0**-20, abs=1e-10)


def test_kappas_reproduce_their_published_values():
    assert cohen_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)
    assert round(fleiss_kappa(FLEISS_TEXTBOOK), 3) == 0.210
    assert round(fleiss_kappa(FLEISS_1971), 3) == 0.430


def test_cohens_kappa_agrees_with_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(4)
    for _ in range(50):
        one, other = rng.integers(0, 4, (2, 80))
        table = [[int(((one == i) & (other == j)).sum()) for j in range(4)] for i in range(4)]
        assert cohen_kappa(table) == pytest.approx(cohen_kappa_score(one, other))


def test_fleiss_kappa_agrees_with_statsmodels():
    from statsmodels.stats.inter_rater import fleiss_kappa as oracle

    rng = np.random.default_rng(5)
    for _ in range(50):
        counts = rng.multinomial(5, rng.dirichlet([1, 1, 1]), 40)
        if (counts.sum(axis=0) > 0).sum() > 1:
            assert fleiss_kappa(counts.tolist()) == pytest.approx(oracle(counts))


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorffs_alpha_reproduces_his_example(level, alpha):
    assert round(krippendorff_alpha(KRIPPENDORFF_2011, level), 3) == alpha


def test_krippendorffs_alpha_takes_any_values_by_name():
    words = [[None if value is None else f"label {value}" for value in row] for row in KRIPPENDORFF_2011]
    assert krippendorff_alpha(words) == pytest.approx(krippendorff_alpha(KRIPPENDORFF_2011))


def test_benjamini_and_hochberg_reject_four_of_their_fifteen_bonferroni_three():
    assert sum(benjamini_hochberg(BENJAMINI_1995)) == 4
    assert sum(bonferroni(BENJAMINI_1995)) == 3
    assert sum(holm(BENJAMINI_1995)) == 3


def test_corrections_agree_with_statsmodels_in_any_order():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(6)
    for _ in range(25):
        p_values = (rng.uniform(size=int(rng.integers(1, 30))) ** 3).tolist()
        for ours, method in ((benjamini_hochberg, "fdr_bh"), (holm, "holm"), (bonferroni, "bonferroni")):
            assert ours(p_values) == multipletests(p_values, alpha=0.05, method=method)[0].tolist()


def test_no_test_at_all_rejects_nothing():
    assert benjamini_hochberg([]) == holm([]) == bonferroni([]) == []


def test_sample_sizes_reproduce_their_published_values():
    assert sample_size_two_proportions(0.10, 0.15) == 686
    assert sample_size_two_proportions(0.10, 0.12) == 3_841


def test_sample_sizes_are_the_smallest_at_which_statsmodels_finds_the_power():
    from statsmodels.stats.proportion import power_proportions_2indep

    for p1, p2 in ((0.10, 0.15), (0.10, 0.12), (0.30, 0.25), (0.50, 0.58)):
        needed = sample_size_two_proportions(p1, p2)
        powers = [power_proportions_2indep(p2 - p1, p1, n).power for n in (needed - 1, needed)]
        assert powers[0] < 0.8 <= powers[1]


def test_an_imperfect_judge_is_corrected_for():
    assert rogan_gladen(0.3, sensitivity=1, specificity=1) == pytest.approx(0.3)
    apparent = 0.2 * 0.9 + 0.8 * (1 - 0.95)
    assert rogan_gladen(apparent, sensitivity=0.9, specificity=0.95) == pytest.approx(0.2)
    assert rogan_gladen(0.01, sensitivity=0.9, specificity=0.95) == 0


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: wilson_interval(0, 0),
        lambda: wilson_interval(3, 2),
        lambda: wilson_interval(1, 2, confidence=1.0),
        lambda: clopper_pearson(-1, 2),
        lambda: mcnemar_exact(-1, 2),
        lambda: cohen_kappa([[1, 2]]),
        lambda: cohen_kappa([[5, 0], [0, 0]]),
        lambda: fleiss_kappa([[2, 1], [1, 1]]),
        lambda: krippendorff_alpha([[1, 2], [1]]),
        lambda: krippendorff_alpha([[1, 1], [1, 1]]),
        lambda: benjamini_hochberg([1.5]),
        lambda: sample_size_two_proportions(0.1, 0.1),
        lambda: rogan_gladen(0.1, sensitivity=0.5, specificity=0.5),
    ],
)
def test_nonsense_is_refused(nonsense):
    with pytest.raises(ValueError):
        nonsense()


def test_who_never_computes_loads_no_numpy():
    code = (
        "import sys, evaluations.statistics as s; s.wilson_interval(1, 9); s.estimate_error_rate(s.ReviewSums());"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'django')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
