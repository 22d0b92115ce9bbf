"""Do people who look at the same case say the same? Agreement beyond chance, for two, for many, and with gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

Level = Literal["nominal", "ordinal", "interval", "ratio"]


def cohen_kappa(table: Sequence[Sequence[int]]) -> float:
    """Agreement of two raters beyond chance, 1 at the most. `table[i][j]`: cases that one put in category i, the other
    in j.

    Refuses a table that is not square, is empty, or in which both raters used one and the same category alone (chance
    agreement is then complete and kappa says nothing) with ValueError. Source: J. Cohen, Educ. Psychol. Measurement 20
    (1960), 37-46.
    """
    if not table or any(len(row) != len(table) for row in table):
        raise ValueError("The table of two raters is square.")
    total = sum(sum(row) for row in table)
    if total == 0:
        raise ValueError("Agreement needs at least one case.")
    observed = sum(table[i][i] for i in range(len(table))) / total
    chance = sum(sum(table[i]) * sum(row[i] for row in table) for i in range(len(table))) / total**2
    return _beyond(observed, chance)


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float:
    """Agreement of a fixed number of raters a case, beyond chance. `counts[case][category]`: how many raters chose it.

    Refuses no cases, fewer than two raters, cases with different numbers of raters, and one category alone, with
    ValueError. Source: J. L. Fleiss, Psychological Bulletin 76 (1971), 378-382.
    """
    raters = sum(counts[0]) if counts else 0
    if raters < 2 or any(sum(row) != raters for row in counts):
        raise ValueError("Every case has the same number of raters, at least two.")
    observed = sum(n * (n - 1) for row in counts for n in row) / (len(counts) * raters * (raters - 1))
    shares = [sum(column) / (len(counts) * raters) for column in zip(*counts, strict=True)]
    return _beyond(observed, sum(share * share for share in shares))


def krippendorff_alpha(ratings: Sequence[Sequence[Any]], level: Level = "nominal") -> float:
    """Agreement of any number of raters with gaps: `ratings[rater][unit]`, None where a rater did not see the unit.

    Values of the levels `interval` and `ratio` are numbers (ratio: none below 0), of `ordinal` anything that sorts.
    Refuses rows of different lengths, no unit that two raters saw, and no variation at all, with ValueError. Source:
    K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), the coincidence matrix.
    """
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("Every rater has as many places as there are units.")
    coincidences: dict[tuple[Any, Any], float] = defaultdict(float)
    for unit in zip(*ratings, strict=True):
        values = [value for value in unit if value is not None]
        for (i, one), (j, other) in product(enumerate(values), repeat=2):
            if i != j:
                coincidences[one, other] += 1 / (len(values) - 1)
    totals: dict[Any, float] = defaultdict(float)
    for (one, _), times in coincidences.items():
        totals[one] += times
    if len(totals) < 2:
        raise ValueError("Agreement needs units that two raters saw, and at least two different values.")
    distance = _distance(level, totals)
    observed = sum(times * distance[pair] for pair, times in coincidences.items())
    expected = sum(totals[one] * totals[other] * distance[one, other] for one, other in product(totals, repeat=2))
    return 1 - (sum(totals.values()) - 1) * observed / expected


def _distance(level: Level, totals: dict[Any, float]) -> dict[tuple[Any, Any], float]:
    """Krippendorff's squared difference between every two values, at the level of measurement."""
    pairs = list(product(totals, repeat=2))
    if level == "nominal":
        return {(one, other): float(one != other) for one, other in pairs}
    if level == "interval":
        return {(one, other): (one - other) ** 2 for one, other in pairs}
    if level == "ratio":
        return {(one, other): ((one - other) / (one + other)) ** 2 if one != other else 0.0 for one, other in pairs}
    values = sorted(totals)
    below: dict[Any, float] = {}
    running = 0.0
    for value in values:
        below[value] = running + totals[value] / 2
        running += totals[value]
    return {(one, other): (below[one] - below[other]) ** 2 for one, other in pairs}


def _beyond(observed: float, chance: float) -> float:
    if chance >= 1:
        raise ValueError("With one category alone, agreement beyond chance is not defined.")
    return (observed - chance) / (1 - chance)
