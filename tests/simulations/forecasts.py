"""How often does the 95 % interval of a month's forecast hold what the month came to? Each scenario is played many times.

    python -m tests.simulations.forecasts [--months 2000]

A run: 28 days, then a month of which some days are over; each day's value is drawn anew, with a weekday's mean. The last
scenarios break what the method assumes (a trend, days that hang together), to show what it does not hold for.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from operations.forecasting import DAYS_BEHIND, Projection, project

FIRST = date(2026, 3, 1)
LENGTH = 31
WEEK = np.array([1.0, 1.1, 1.0, 0.95, 0.9, 0.3, 0.2])
Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Scenario:
    """`draw`: the values of consecutive days from their means; `behind`: complete days that are known; `over`: days of the
    month that are over."""

    name: str
    draw: Draw
    behind: int = DAYS_BEHIND
    over: int = 9
    holds: bool = True


def _normal(chance: np.random.Generator, means: np.ndarray) -> np.ndarray:
    return chance.normal(means, 10.0)


def _counts(chance: np.random.Generator, means: np.ndarray) -> np.ndarray:
    return chance.poisson(means).astype(float)


def _skewed(chance: np.random.Generator, means: np.ndarray) -> np.ndarray:
    return chance.gamma(8.0, means / 8.0)


def _rare(chance: np.random.Generator, means: np.ndarray) -> np.ndarray:
    return chance.poisson(means / 100).astype(float)


def _trend(chance: np.random.Generator, means: np.ndarray) -> np.ndarray:
    return chance.normal(means * (1 + 0.01 * np.arange(len(means))), 10.0)


def _hanging_together(chance: np.random.Generator, means: np.ndarray) -> np.ndarray:
    noise = chance.normal(0, 10.0, len(means))
    for number in range(1, len(noise)):
        noise[number] += 0.6 * noise[number - 1]
    return means + noise


SCENARIOS = (
    Scenario("normal days, 9 of 31 over", _normal),
    Scenario("normal days, none over", _normal, over=0),
    Scenario("normal days, 30 of 31 over", _normal, over=30),
    Scenario("normal days, known for 14 days only", _normal, behind=14),
    Scenario("counts, a hundred a day", _counts),
    Scenario("counts, one a day", _rare),
    Scenario("skewed days (gamma, a third of its mean scattered)", _skewed),
    Scenario("**one percent more each day**", _trend, holds=False),
    Scenario("**days that hang together (autocorrelation .6)**", _hanging_together, holds=False),
)


@dataclass(frozen=True)
class Coverage:
    held: float
    half_width: float
    bias: float


def play(scenario: Scenario, *, months: int, seed: int) -> Coverage:
    """Shares of the runs in which the interval held the month; half width and mean error as shares of the mean month."""
    chance = np.random.default_rng(seed)
    today = FIRST + timedelta(days=scenario.over)
    start = today - timedelta(days=scenario.behind)
    begin = min(start, FIRST)
    days = [begin + timedelta(days=number) for number in range((FIRST + timedelta(days=LENGTH) - begin).days)]
    means = np.array([100 * WEEK[day.weekday()] for day in days])
    held, widths, errors, sums = 0, [], [], []
    for _ in range(months):
        values = dict(zip(days, scenario.draw(chance, means), strict=True))
        month = [values[FIRST + timedelta(days=number)] for number in range(LENGTH)]
        # Half of today has come: it says nothing of the rest, and the forecast does not look at it.
        projection = project(
            {day: value for day, value in values.items() if start <= day < today},
            before_today=float(sum(month[: scenario.over])),
            today=0.0,
            ahead=[FIRST + timedelta(days=number) for number in range(scenario.over, LENGTH)],
        )
        assert isinstance(projection, Projection)
        held += bool(projection.low <= sum(month) <= projection.high)
        widths.append((projection.high - projection.low) / 2)
        errors.append(projection.expected - sum(month))
        sums.append(sum(month))
    mean = float(np.mean(sums))
    return Coverage(held / months, float(np.mean(widths)) / mean, float(np.mean(errors)) / mean)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=2000)
    months = parser.parse_args().months
    print("| the days | held in | half width | off on average |\n| --- | ---: | ---: | ---: |")
    for number, scenario in enumerate(SCENARIOS):
        found = play(scenario, months=months, seed=number)
        print(f"| {scenario.name} | {found.held:.1%} | {found.half_width:.1%} | {found.bias:+.1%} |")


if __name__ == "__main__":
    main()
