"""What may be said of quality, and how surely: the arithmetic behind every rate, agreement and comparison that a page
shows.

Pure functions over counts, in seven rooms: `intervals` (a rate with its interval), `weighted` (the error rate of the
whole traffic, from reviews of known probability), `comparisons` (tests, and the size that they need), `pairs` (two
candidates on the same cases), `clusters` (means of scores that come in groups), `agreement` (between people),
`corrections` (several tests at once; an imperfect judge).
Nothing here knows Django. scipy is imported where it computes, so that a web process that never computes does not pay
for it. What the figures mean stands in docs/explanation/estimates.md.
"""

from evaluations.statistics.agreement import Level, cohen_kappa, fleiss_kappa, krippendorff_alpha
from evaluations.statistics.clusters import ClusteredMean, clustered_mean, examples_to_reach
from evaluations.statistics.comparisons import mcnemar_exact, sample_size_two_proportions, sign_flip_exact
from evaluations.statistics.corrections import benjamini_hochberg, bonferroni, holm, holm_adjusted, rogan_gladen
from evaluations.statistics.intervals import Interval, clopper_pearson, newcombe_difference, wilson_interval
from evaluations.statistics.pairs import paired_difference, pairs_to_exclude, pairs_to_see
from evaluations.statistics.weighted import Estimate, NotEnough, ReviewSums, estimate_error_rate

__all__ = [
    "ClusteredMean",
    "Estimate",
    "Interval",
    "Level",
    "NotEnough",
    "ReviewSums",
    "benjamini_hochberg",
    "bonferroni",
    "clopper_pearson",
    "clustered_mean",
    "cohen_kappa",
    "estimate_error_rate",
    "examples_to_reach",
    "fleiss_kappa",
    "holm",
    "holm_adjusted",
    "krippendorff_alpha",
    "mcnemar_exact",
    "newcombe_difference",
    "paired_difference",
    "pairs_to_exclude",
    "pairs_to_see",
    "rogan_gladen",
    "sample_size_two_proportions",
    "sign_flip_exact",
    "wilson_interval",
]
