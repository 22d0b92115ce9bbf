"""How often does a gate pass what it should not, and do as many further examples as it asks for suffice?

    python -m tests.simulations.gates [--json] [--simulations 2000] [--only better]

For each scenario, candidates are drawn that are just not good enough: equal to the baseline before a "better" gate, worse by
exactly the margin before a "not worse" gate. The share that passes may not exceed alpha. Then pilots that are inconclusive
are given as many further examples as their gate asked for, of an equal candidate (not worse) or of one that is ahead by the
smallest effect (better): most should then pass. All goes through the gate itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from evaluations.scoring.gates import Case, Demands, Judgement, Spending, judge
from evaluations.statistics import clopper_pearson

Goal = Literal["better", "not_worse"]
Draw = Callable[[np.random.Generator, int, float], list[Case]]
ALPHA = 0.05


def draw_pairs(apart: float) -> Draw:
    """Right or wrong: the two differ on the share `apart` of the examples, and by `ahead` in all."""

    def draw(rng: np.random.Generator, n: int, ahead: float) -> list[Case]:
        drawn = rng.random(n)
        fixed, broken = (apart + ahead) / 2, (apart - ahead) / 2
        return [
            Case(str(place), not fixed <= one < fixed + broken, not one < fixed)
            for place, one in enumerate(drawn.tolist())
        ]

    return draw


def sizes_of(kind: str, rng: np.random.Generator, n: int) -> list[int]:
    """Sizes of clusters that make up n examples: alone, five each, or a few large among many small (Pareto)."""
    sizes: list[int] = []
    while (left := n - sum(sizes)) > 0:
        size = {"alone": 1, "fives": 5}.get(kind) or min(60, int(3 * rng.pareto(1.2)) + 1)
        sizes.append(min(size, left))
    return sizes


def draw_steps(clusters: str) -> Draw:
    """Scores that move a little: half of the variance is between the clusters."""

    def draw(rng: np.random.Generator, n: int, ahead: float) -> list[Case]:
        cases: list[Case] = []
        for cluster, size in enumerate(sizes_of(clusters, rng, n)):
            shared = rng.normal(0, 0.15)
            moved = ahead + np.clip(shared + rng.normal(0, 0.15, size), -0.5 + abs(ahead), 0.5 - abs(ahead))
            cases += [graded(f"{cluster}.{place}", str(cluster), float(one)) for place, one in enumerate(moved)]
        return cases

    return draw


def draw_losses(clusters: str, apart: float) -> Draw:
    """The hardest: whole clusters are gained or lost at once, by the whole score, and that seldom."""

    def draw(rng: np.random.Generator, n: int, ahead: float) -> list[Case]:
        fixed, broken = (apart + ahead) / 2, (apart - ahead) / 2
        cases: list[Case] = []
        for cluster, size in enumerate(sizes_of(clusters, rng, n)):
            one = rng.random()
            moved = 1.0 if one < fixed else -1.0 if one < fixed + broken else 0.0
            cases += [graded(f"{cluster}.{place}", str(cluster), moved) for place in range(size)]
        return cases

    return draw


def graded(key: str, cluster: str, moved: float) -> Case:
    """A case whose scores differ by `moved`, -1 to 1."""
    was, now = (1 - moved) / 2, (1 + moved) / 2
    return Case(key, now == 1, was == 1, False, now, was, cluster)


@dataclass(frozen=True)
class Scenario:
    """`n` examples drawn by `draw`; `pilot`: how many there are at first where further ones are asked for."""

    name: str
    goal: Goal
    n: int
    draw: Draw
    measure: Literal["right", "score"] = "right"
    margin: float = 0.05
    effect: float = 0.05


def _pairs(goal: Goal, n: int, apart: float, margin: float = 0.05) -> Scenario:
    return Scenario(f"right or wrong, {n:,}, {apart:.0%} apart", goal, n, draw_pairs(apart), margin=margin)


def _steps(goal: Goal, n: int, clusters: str) -> Scenario:
    return Scenario(f"small steps, {n:,}, {clusters}", goal, n, draw_steps(clusters), "score")


def _losses(goal: Goal, n: int, clusters: str, apart: float, measure: Literal["right", "score"] = "score") -> Scenario:
    said = "whole clusters" if measure == "score" else "right or wrong by whole clusters"
    return Scenario(f"{said}, {n:,}, {clusters}, {apart:.0%} apart", goal, n, draw_losses(clusters, apart), measure)


def _flips(goal: Goal, n: int, clusters: str, apart: float) -> Scenario:
    return _losses(goal, n, clusters, apart, "right")


FALSE_PASSES = (
    *(_pairs("better", n, apart) for n, apart in ((60, 0.1), (200, 0.06), (400, 0.2), (1_000, 0.04), (100, 0.5))),
    *(_pairs("not_worse", n, apart) for n, apart in ((100, 0.1), (200, 0.06), (400, 0.2), (150, 0.05))),
    _pairs("not_worse", 1_000, 0.04, 0.02),
    _pairs("not_worse", 400, 0.02, 0.02),
    *(_flips("better", n, kind, 0.1) for n, kind in ((100, "fives"), (300, "fives"), (600, "skewed"))),
    *(_flips("not_worse", n, kind, 0.05) for n, kind in ((500, "fives"), (1_500, "skewed"))),
    _flips("not_worse", 1_000, "fives", 0.2),
    *(_steps("better", n, kind) for n, kind in ((40, "alone"), (200, "fives"), (200, "skewed"), (600, "skewed"))),
    *(_losses("better", n, kind, 0.1) for n, kind in ((100, "alone"), (300, "fives"), (600, "skewed"))),
    *(_steps("not_worse", n, kind) for n, kind in ((100, "alone"), (300, "fives"), (600, "skewed"))),
    *(_losses("not_worse", n, kind, 0.05) for n, kind in ((100, "alone"), (500, "fives"), (1_500, "skewed"))),
    _losses("not_worse", 1_000, "fives", 0.2),
)
ASKED_FOR = (
    _pairs("not_worse", 100, 0.1),
    _pairs("not_worse", 60, 0.2),
    _pairs("not_worse", 200, 0.04, 0.02),
    _pairs("better", 80, 0.15),
    _pairs("better", 150, 0.25),
    _flips("not_worse", 300, "fives", 0.1),
    _flips("better", 300, "fives", 0.15),
    _steps("not_worse", 100, "fives"),
    _steps("not_worse", 60, "alone"),
    _steps("better", 100, "fives"),
    _losses("not_worse", 150, "alone", 0.1),
    _losses("not_worse", 300, "fives", 0.1),
)


@dataclass(frozen=True)
class Passes:
    """Of so many simulations so many passed, with the exact interval of the share."""

    name: str
    goal: Goal
    simulations: int
    passed: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Growth:
    """Of `simulations` pilots `inconclusive` were so; `median`, `tenth`, `ninetieth` of how many more they asked for, and
    the share that passed with them."""

    name: str
    goal: Goal
    simulations: int
    inconclusive: int
    tenth: float
    median: float
    ninetieth: float
    passed: float


def ask(scenario: Scenario, cases: list[Case]) -> Judgement:
    demands = Demands(
        goal=scenario.goal,
        measure=scenario.measure,
        margin=scenario.margin,
        alpha=ALPHA,
        smallest_effect=scenario.effect,
    )
    return judge(cases, demands, has_baseline=True, spending=Spending())


def count_false_passes(scenario: Scenario, *, simulations: int, seed: int = 1) -> Passes:
    rng = np.random.default_rng(seed)
    ahead = 0.0 if scenario.goal == "better" else -scenario.margin
    verdicts = (ask(scenario, scenario.draw(rng, scenario.n, ahead)).verdict for _ in range(simulations))
    passed = sum(verdict == "pass" for verdict in verdicts)
    interval = clopper_pearson(passed, simulations)
    return Passes(scenario.name, scenario.goal, simulations, passed, passed / simulations, interval.low, interval.high)


def grow_as_asked(scenario: Scenario, *, simulations: int, seed: int = 2) -> Growth:
    rng = np.random.default_rng(seed)
    ahead = scenario.effect if scenario.goal == "better" else 0.0
    asked, passed = [], 0
    for _ in range(simulations):
        pilot = scenario.draw(rng, scenario.n, ahead)
        found = ask(scenario, pilot)
        if found.more_examples is None:
            continue
        asked.append(found.more_examples)
        further = scenario.draw(rng, found.more_examples, ahead)
        renamed = [_rename(case) for case in further]
        passed += ask(scenario, [*pilot, *renamed]).verdict == "pass"
    tenth, median, ninetieth = np.quantile(asked or [0], (0.1, 0.5, 0.9)).tolist()
    return Growth(
        scenario.name,
        scenario.goal,
        simulations,
        len(asked),
        tenth,
        median,
        ninetieth,
        passed / len(asked) if asked else 0.0,
    )


def _rename(case: Case) -> Case:
    fields: dict[str, Any] = {
        "candidate_score": case.candidate_score,
        "baseline_score": case.baseline_score,
        "cluster": f"further {case.cluster}" if case.cluster else "",
    }
    return Case(f"further {case.key}", case.candidate, case.baseline, False, **fields)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--simulations", type=int, default=2_000, metavar="N")
    parser.add_argument("--only", choices=["better", "not_worse"], help="the gates with this goal alone")
    options = parser.parse_args()
    chosen = [one for one in FALSE_PASSES if options.only in (None, one.goal)]
    growing = [one for one in ASKED_FOR if options.only in (None, one.goal)]
    false = [count_false_passes(one, simulations=options.simulations) for one in chosen]
    grown = [grow_as_asked(one, simulations=max(options.simulations // 10, 1)) for one in growing]
    if options.json:
        print(json.dumps({"false": [asdict(one) for one in false], "grown": [asdict(one) for one in grown]}, indent=2))
        return
    print(f"| gate | scenario | passed of {options.simulations:,} | share | 95 % interval |")
    print("| --- | --- | ---: | ---: | --- |")
    for one in false:
        goal = one.goal.replace("_", " ")
        print(f"| {goal} | {one.name} | {one.passed} | {one.share:.4f} | {one.low:.4f}-{one.high:.4f} |")
    print("\n| gate | pilot | inconclusive | more: tenth | median | ninetieth | passed with them |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for two in grown:
        figures = (
            f"{two.inconclusive} of {two.simulations} | {two.tenth:,.0f} | {two.median:,.0f} | {two.ninetieth:,.0f}"
        )
        print(f"| {two.goal.replace('_', ' ')} | {two.name} | {figures} | {two.passed:.3f} |")


if __name__ == "__main__":
    main()
