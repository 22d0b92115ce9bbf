"""Do the detectors' run lengths hold? What is computed stands beside what simulated streams show, with 95 % intervals.

python -m tests.simulations.run_lengths [--json]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from evaluations.statistics import Interval, wilson_interval
from operations.detectors import (
    InsufficientData,
    MeanDesign,
    RateDesign,
    bernoulli_arl,
    bernoulli_threshold,
    design_mean_monitor,
    design_rate_monitor,
    fit_volume_baseline,
    gaussian_arl,
    ks,
    psi,
    run,
    silence_threshold,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One line of the table: what is promised, what the simulation shows, and the simulation's own 95 % interval."""

    claim: str
    promised: str
    measured: float
    low: float
    high: float


def bernoulli_runs(p0: float, p1: float, h: float, p: float, runs: int, rng: np.random.Generator) -> Floats:
    """Run lengths of so many independent Bernoulli CUSUMs at the rate p, each from score 0."""
    quiet, event = math.log((1 - p1) / (1 - p0)), math.log(p1 / p0)
    return _runs(lambda n: np.where(rng.random(n) < p, event, quiet), h, runs)


def gaussian_runs(k: float, h: float, shift: float, runs: int, rng: np.random.Generator) -> Floats:
    """Run lengths of so many independent two-sided Gaussian CUSUMs."""
    upper, lower, lengths, alive, step = np.zeros(runs), np.zeros(runs), np.zeros(runs), np.arange(runs), 0
    while alive.size:
        step += 1
        z = rng.normal(shift, 1, alive.size)
        upper, lower = np.maximum(0, upper + z - k), np.maximum(0, lower - z - k)
        over = (upper > h) | (lower > h)
        if over.any():
            lengths[alive[over]] = step
            alive, upper, lower = alive[~over], upper[~over], lower[~over]
    return lengths


def _runs(gains: Callable[[int], Floats], h: float, runs: int) -> Floats:
    score, lengths, alive, step = np.zeros(runs), np.zeros(runs), np.arange(runs), 0
    while alive.size:
        step += 1
        score = np.maximum(0, score + gains(alive.size))
        over = score > h
        if over.any():
            lengths[alive[over]] = step
            alive, score = alive[~over], score[~over]
    return lengths


def mean_interval(lengths: Floats) -> tuple[float, Interval]:
    """The mean and its 95 % interval."""
    mean, reach = float(lengths.mean()), 1.96 * float(lengths.std(ddof=1)) / math.sqrt(lengths.size)
    return mean, Interval(mean - reach, mean + reach)


def share_interval(hits: NDArray[np.bool_] | list[bool]) -> tuple[float, Interval]:
    """A share and its 95 % interval."""
    return float(np.mean(hits)), wilson_interval(int(np.sum(hits)), len(hits))


def kept_by_rate_designs(
    rate: float, baseline_n: int, arl0: float, baselines: int, rng: np.random.Generator
) -> tuple[list[bool], list[bool]]:
    """For random baselines: whether the true run length at the unchanged rate is at least arl0, of our design, and of one that takes
    the estimate for the truth."""
    ours, naive = {}, {}
    events = rng.binomial(baseline_n, rate, baselines).tolist()
    for count in set(events):
        design = design_rate_monitor(count, baseline_n, direction="up", arl0=arl0)
        assert isinstance(design, RateDesign)
        ours[count] = bernoulli_arl(design.p0_guard, design.p1, design.h, rate) >= arl0
        p0 = count / baseline_n
        p1 = max(1.5 * p0 / (1 + 0.5 * p0), p0 + 0.01)
        naive[count] = bernoulli_arl(p0, p1, bernoulli_threshold(p0, p1, arl0), rate) >= arl0
    return [ours[count] for count in events], [naive[count] for count in events]


def kept_by_mean_designs(
    draw: Callable[[int], Floats], mean: float, sd: float, baseline_n: int, baselines: int, arl0: float
) -> list[bool]:
    """For random baselines: whether the mean's CUSUM, at the true mean and spread of batch means, runs at least arl0 values."""
    kept = []
    for _ in range(baselines):
        design = design_mean_monitor(draw(baseline_n).tolist(), arl0=arl0)
        assert isinstance(design, MeanDesign)
        spread = sd / math.sqrt(design.batch) / design.batch_sd
        shift = (mean - design.mean) / design.batch_sd
        kept.append(gaussian_arl(design.k / spread, design.h / spread, shift / spread) * design.batch >= arl0)
    return kept


def psi_false_alarms(
    categories: int, n: int, m: int, nights: int, rng: np.random.Generator
) -> tuple[list[bool], list[bool]]:
    """Unchanged nights on which PSI > 0.1, and on which ours is above its threshold at alpha = .05 (no effect floor)."""
    shares = np.full(categories, 1 / categories)
    folklore, ours = [], []
    for _ in range(nights):
        baseline, window = rng.multinomial(n, shares), rng.multinomial(m, shares)
        b, w = np.maximum(baseline, 1) / n, np.maximum(window, 1) / m
        folklore.append(bool(((w - b) * np.log(w / b)).sum() > 0.1))
        result = psi(_named(baseline), _named(window), alpha=0.05, floor=0.0)
        ours.append(not isinstance(result, InsufficientData) and result.is_signal)
    return folklore, ours


def ks_false_alarms(draw: Callable[[int], Floats], n: int, m: int, nights: int, alpha: float) -> list[bool]:
    """Unchanged nights on which the Kolmogorov-Smirnov test signals at alpha (no effect floor)."""
    results = (ks(draw(n).tolist(), draw(m).tolist(), alpha=alpha, floor=0.0) for _ in range(nights))
    return [not isinstance(result, InsufficientData) and result.is_signal for result in results]


def volume_false_alarms(
    busy: float, dispersion: float, weeks: int, streams: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Signals in unchanged hours, and the hours: counts with a season and `dispersion` times Poisson's variance, baselines of four
    weeks, watched for so many weeks at arl0 = 2,000 hours."""
    season = busy * (0.3 + np.sin(np.pi * np.arange(24) / 24) ** 2)
    season = np.concatenate([season] * 5 + [season * 0.4] * 2)
    signals = 0
    for _ in range(streams):
        hours = np.arange((4 + weeks) * 168)
        usual = season[hours % 168]
        counts = rng.poisson(usual if dispersion == 1 else rng.gamma(usual / (dispersion - 1), dispersion - 1)).tolist()
        baseline = fit_volume_baseline(range(672), counts[:672], arl0=2_000, floor=0.0)
        assert not isinstance(baseline, InsufficientData)
        signals += len(run(baseline.start(), enumerate(counts[672:]))[1])
    return signals, streams * weeks * 168


def silence_false_alarms(draw: Callable[[int], Floats], arl0_gaps: float, streams: int, n: int) -> tuple[int, float]:
    """False alarms of streams with so many gaps after a baseline of 500, and how many were promised at the most."""
    alarms, promised = 0, 0.0
    for _ in range(streams):
        gaps = draw(500)
        arl0 = arl0_gaps * float(gaps.mean())
        design = silence_threshold(gaps.tolist(), arl0=arl0)
        assert not isinstance(design, InsufficientData)
        later = draw(n)
        alarms += int((later > design.threshold).sum())
        promised += float(later.sum()) / arl0
    return alarms, promised


def _named(counts: NDArray[np.int64]) -> dict[str, int]:
    return {str(index): int(count) for index, count in enumerate(counts)}


def measure(scale: float = 1.0, seed: int = 1954) -> list[Measured]:
    """All lines of the table; `scale` makes the simulations longer or shorter."""
    rng = np.random.default_rng(seed)

    def runs(n: int) -> int:
        return max(50, round(n * scale))

    rows = []

    def add(claim: str, promised: str, shown: tuple[float, Interval]) -> None:
        rows.append(Measured(claim, promised, shown[0], shown[1].low, shown[1].high))

    for p, word in ((0.10, "unchanged"), (0.15, "at .15")):
        computed = f"{bernoulli_arl(0.10, 0.15, 5, p):,.0f}"
        add(
            f"Bernoulli .10 → .15, h = 5, {word}: observations",
            computed,
            mean_interval(bernoulli_runs(0.1, 0.15, 5, p, runs(4_000), rng)),
        )
    for shift in (0.0, 0.5, 1.0, 2.0):
        computed = f"{gaussian_arl(0.5, 4, shift):,.2f}"
        add(
            f"Gaussian k = .5, h = 4, shift {shift:g}: observations",
            computed,
            mean_interval(gaussian_runs(0.5, 4, shift, runs(20_000), rng)),
        )
    for events, n, direction in ((50, 1_000, "up"), (40, 400, "up"), (10, 2_000, "up"), (100, 1_000, "down")):
        design = design_rate_monitor(events, n, direction=direction, arl0=5_000)
        assert isinstance(design, RateDesign)
        what = f"rate {design.baseline_rate:.1%} of {n:,}, {direction}".replace("%", " %")
        at_guard = bernoulli_runs(design.p0_guard, design.p1, design.h, design.p0_guard, runs(2_000), rng)
        add(f"{what}: between false alarms at the guarded rate", "≥ 5,000", mean_interval(at_guard))
        changed = bernoulli_runs(design.p0_guard, design.p1, design.h, design.alternative, runs(8_000), rng)
        to = f"{design.alternative:.1%}".replace("%", " %")
        add(f"{what}: delay when it becomes {to}", f"{design.expected_delay:,.0f}", mean_interval(changed))
        add(f"{what}: signalled within {design.delay_95:,}", "95 %", share_interval(changed <= design.delay_95))
    ours, naive = kept_by_rate_designs(0.05, 1_000, 5_000, runs(1_000), rng)
    add("rate 5 %, 1,000 baselines of 1,000: share that keeps ARL₀ 5,000", "≥ 90 %", share_interval(ours))
    add("the same, had the estimate been taken for the truth", "–", share_interval(naive))
    kept = kept_by_mean_designs(lambda n: rng.normal(3, 2, n), 3, 2, 600, runs(400), 5_000)
    add("mean, 400 baselines of 600 normal values: share that keeps ARL₀ 5,000", "≥ 90 %", share_interval(kept))
    folklore, ours = psi_false_alarms(10, 200, 200, runs(4_000), rng)
    add("PSI > 0.1, 10 categories, n = m = 200: unchanged nights that alarm", "–", share_interval(folklore))
    add("ours at alpha .05, the same nights", "≤ 5 %", share_interval(ours))
    _, ours = psi_false_alarms(20, 5_000, 400, runs(2_000), rng)
    add("ours at alpha .05, 20 categories, n = 5,000, m = 400", "≤ 5 %", share_interval(ours))
    add(
        "KS at alpha .05, n = 300, m = 100",
        "≤ 5 %",
        share_interval(ks_false_alarms(lambda n: rng.normal(size=n), 300, 100, runs(1_000), 0.05)),
    )
    tied = ks_false_alarms(lambda n: rng.integers(0, 6, n).astype(float), 300, 100, runs(1_000), 0.05)
    add("KS at alpha .05, six values with ties", "≤ 5 %", share_interval(tied))
    for busy, dispersion in ((60.0, 1.0), (60.0, 3.0), (1.0, 1.0)):
        signals, hours = volume_false_alarms(busy, dispersion, 26, max(4, runs(20)), rng)
        reach = 1.96 * math.sqrt(max(signals, 1))
        add(
            f"volume, peak {1.3 * busy:g} an hour, {dispersion:g} × Poisson's variance: false alarms per 2,000 hours",
            "≤ 1",
            (
                2_000 * signals / hours,
                Interval(2_000 * max(0.0, signals - reach) / hours, 2_000 * (signals + reach) / hours),
            ),
        )
    for name, draw in (("even", lambda n: rng.exponential(60, n)), ("bursts and nights", lambda n: _bursts(n, rng))):
        alarms, promised = silence_false_alarms(draw, 5_000, runs(200), 5_000)
        reach = 1.96 * math.sqrt(max(alarms, 1))
        shown = (alarms / promised, Interval(max(0.0, alarms - reach) / promised, (alarms + reach) / promised))
        add(f"silence, {name}: false alarms over those stated", "≤ 1", shown)
    return rows


def _bursts(n: int, rng: np.random.Generator) -> Floats:
    """Gaps of a stream that comes in bursts, with a night's pause after every hundred arrivals or so."""
    night = rng.random(n) < 0.01
    return np.where(night, rng.normal(30_000, 1_500, n), rng.gamma(0.5, 200, n))


def as_table(rows: list[Measured]) -> str:
    def shown(value: float) -> str:
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

    lines = ["| what | promised | simulated | 95 % interval |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {row.claim} | {row.promised} | {shown(row.measured)} | {shown(row.low)}–{shown(row.high)} |" for row in rows
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulations.run_lengths", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a Markdown table")
    parser.add_argument("--scale", type=float, default=1.0, help="longer (2) or shorter (0.1) simulations")
    options = parser.parse_args(arguments)
    rows = measure(options.scale)
    print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) if options.json else as_table(rows))


if __name__ == "__main__":
    main()
