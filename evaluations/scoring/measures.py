"""What a gate averages: of each example that is known, the answer's worth by the measure that is asked for, and whom it is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from evaluations.scoring.cases import Case, Measure

# What a score, and what the difference of two scores, can be.
SCORES, DIFFERENCES = (0.0, 1.0), (-1.0, 1.0)
Values = list[tuple[float, Hashable]]


def scores(cases: Iterable[Case], measure: Measure) -> Values:
    """The candidate's score on each example, with its cluster; right is 1 and wrong is 0."""
    found = ((case.candidate_score if measure == "score" else case.candidate, case.whom) for case in cases)
    return [(float(score), whom) for score, whom in found if score is not None]


def differences(cases: Iterable[Case], measure: Measure) -> Values:
    """By how much the candidate's score is ahead on each example that both have, with its cluster."""
    pairs = (
        (case.candidate_score, case.baseline_score, case.whom)
        if measure == "score"
        else (case.candidate, case.baseline, case.whom)
        for case in cases
    )
    return [(float(now) - float(was), whom) for now, was, whom in pairs if now is not None and was is not None]


def net_flips(cases: Iterable[Case]) -> list[int]:
    """Of each cluster in which an example changed sides: how many more were fixed than broken."""
    net: Counter[Hashable] = Counter()
    for case in cases:
        if case.candidate is not None and case.baseline is not None and case.candidate != case.baseline:
            net[case.whom] += 1 if case.candidate else -1
    return list(net.values())


def mean_of(values: Sequence[tuple[float, Hashable]]) -> float:
    return math.fsum(value for value, _ in values) / len(values)


def count_clusters(values: Iterable[tuple[float, Hashable]]) -> int:
    return len({whom for _, whom in values})
