"""Does the 95 % interval of the weighted error rate contain the truth in 95 % of months? Each scenario is played a
thousand times.

    python -m tests.simulations.coverage [--json] [--months 1000]

A month: every decision has low confidence or not (the low ones are certain to be reviewed), a review rate, and is
wrong or not; what was selected is ruled on or still waits. The truth is the share of wrong decisions in that very
month. Beside it stands the *naive* rate, errors over reviews, with its Wilson interval: what a page that counted
reviewed items would show.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluations.statistics import Estimate, Interval, ReviewSums, estimate_error_rate, wilson_interval


@dataclass(frozen=True)
class Scenario:
    """`low`: share of low-confidence decisions; `wrong_low`, `wrong_rest`: error rates; `rates`: the sampling rates of
    the rest, each for an equal part of the month, with `wrong_rest` one rate or one a part; `ruled_*`: share of the
    selected that is ruled on."""

    name: str
    decisions: int
    low: float
    wrong_low: float
    wrong_rest: float | tuple[float, ...]
    rates: tuple[float, ...] = (0.05,)
    ruled_low: float = 1.0
    ruled_rest: float = 1.0


SCENARIOS = (
    Scenario("20,000 decisions, 2 % wrong", 20_000, 0.15, 0.08, 0.01),
    Scenario("20,000, 14 % wrong, one in five not ruled on", 20_000, 0.2, 0.3, 0.10, (0.05,), 0.9, 0.8),
    Scenario("20,000, sampled at 2, 5 and 20 %", 20_000, 0.25, 0.25, 0.04, (0.02, 0.05, 0.2), 1.0, 0.9),
    Scenario("4,000, 2 % wrong", 4_000, 0.2, 0.08, 0.005, (0.05,), 1.0, 0.9),
    Scenario("4,000, 9 % wrong", 4_000, 0.25, 0.25, 0.04, (0.05,), 1.0, 0.9),
    Scenario("4,000, 15 % wrong, one in ten not ruled on", 4_000, 0.3, 0.35, 0.06, (0.05,), 0.9, 0.9),
    Scenario(
        "4,000, sampled at 2 and 10 %, the rarer part worse", 4_000, 0.25, 0.25, (0.06, 0.03), (0.02, 0.1), 0.9, 0.9
    ),
    Scenario("1,500, 2 % wrong", 1_500, 0.2, 0.07, 0.008),
    Scenario("1,500, 5 % wrong", 1_500, 0.2, 0.15, 0.02, (0.05,), 1.0, 0.9),
    Scenario("1,500, 14 % wrong, one in ten not ruled on", 1_500, 0.3, 0.35, 0.06, (0.05,), 0.9, 0.9),
    Scenario("1,500, sampled at 5, then 10 %", 1_500, 0.25, 0.25, 0.04, (0.05, 0.1), 0.9, 0.9),
)


@dataclass(frozen=True)
class Coverage:
    """What came of a scenario: shares of the months in which the intervals held the truth, and mean rates. `said`: how
    many months had enough reviews to say anything."""

    scenario: str
    months: int
    said: int
    covered: float
    naive_covered: float
    mean_truth: float
    mean_estimate: float
    mean_naive: float
    mean_half_width: float


@dataclass(frozen=True)
class Month:
    """What the product knows of a month (`sums`), its true error rate, and how many of its rulings found an error."""

    sums: ReviewSums
    truth: float
    errors: int


def months_of(scenario: Scenario, months: int, rng: np.random.Generator) -> list[Month]:
    low = rng.binomial(scenario.decisions, scenario.low, months)
    low_wrong = rng.binomial(low, scenario.wrong_low)
    low_ruled_wrong = rng.binomial(low_wrong, scenario.ruled_low)
    low_ruled_right = rng.binomial(low - low_wrong, scenario.ruled_low)
    wrong, found = low_wrong.copy(), low_ruled_wrong.copy()
    sums = [
        ReviewSums(certain_selected=int(n), certain_ruled=int(right + bad), certain_errors=int(bad))
        for n, right, bad in zip(low, low_ruled_right, low_ruled_wrong, strict=True)
    ]
    left = scenario.decisions - low
    for part, rate in enumerate(scenario.rates):
        size = left if part == len(scenario.rates) - 1 else rng.binomial(left, 1 / (len(scenario.rates) - part))
        left = left - size
        bad_rate = scenario.wrong_rest[part] if isinstance(scenario.wrong_rest, tuple) else scenario.wrong_rest
        bad = rng.binomial(size, bad_rate)
        wrong += bad
        chosen_bad, chosen_good = rng.binomial(bad, rate), rng.binomial(size - bad, rate)
        ruled_bad, ruled_good = (rng.binomial(chosen, scenario.ruled_rest) for chosen in (chosen_bad, chosen_good))
        found += ruled_bad
        for month in range(months):
            ruled, errors = int(ruled_bad[month] + ruled_good[month]), int(ruled_bad[month])
            sums[month] += ReviewSums(
                sampled_selected=int(chosen_bad[month] + chosen_good[month]),
                sampled_ruled=ruled,
                sampled_weight=ruled / rate,
                sampled_weight_errors=errors / rate,
                sampled_spread=ruled * (1 - rate) / rate**2,
                sampled_spread_errors=errors * (1 - rate) / rate**2,
                sampled_population=int(size[month]),
            )
    truths = (wrong / scenario.decisions).tolist()
    return [Month(*month) for month in zip(sums, truths, found.tolist(), strict=True)]


def measure(scenario: Scenario, months: int = 1_000, seed: int = 20_26) -> Coverage:
    rng = np.random.default_rng([seed, sum(scenario.name.encode())])
    said: list[tuple[Estimate, Interval, float, float]] = []
    for month in months_of(scenario, months, rng):
        estimate = estimate_error_rate(month.sums)
        if isinstance(estimate, Estimate):
            naive = wilson_interval(month.errors, estimate.reviewed)
            said.append((estimate, naive, month.truth, month.errors / estimate.reviewed))
    return Coverage(
        scenario=scenario.name,
        months=months,
        said=len(said),
        covered=float(np.mean([estimate.low <= truth <= estimate.high for estimate, _, truth, _ in said])),
        naive_covered=float(np.mean([naive.low <= truth <= naive.high for _, naive, truth, _ in said])),
        mean_truth=float(np.mean([truth for *_, truth, _ in said])),
        mean_estimate=float(np.mean([estimate.rate for estimate, *_ in said])),
        mean_naive=float(np.mean([naive_rate for *_, naive_rate in said])),
        mean_half_width=float(np.mean([(estimate.high - estimate.low) / 2 for estimate, *_ in said])),
    )


def as_table(rows: list[Coverage]) -> str:
    lines = [
        "| a month | truth | estimate | ± | 95 % interval holds the truth in | naive rate | its interval holds it in |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row.scenario} | {row.mean_truth:.3f} | {row.mean_estimate:.3f} | {row.mean_half_width:.3f} "
        f"| {100 * row.covered:.1f} % | {row.mean_naive:.3f} | {100 * row.naive_covered:.1f} % |"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulations.coverage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a Markdown table")
    parser.add_argument("--months", type=int, default=1_000)
    options = parser.parse_args(arguments)
    rows = [measure(scenario, options.months) for scenario in SCENARIOS]
    shown: Any = json.dumps([asdict(row) for row in rows], indent=2) if options.json else as_table(rows)
    print(shown)


if __name__ == "__main__":
    main()
