"""Watching the mean of a number, value by value as they come: clipped, averaged in batches, standardised by the
baseline, summed up."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from operations.detectors.cusum import GaussianCusum, Signal


@dataclass(frozen=True)
class MeanDesign:
    """A Gaussian CUSUM over means of `batch` values, from a baseline of `baseline_n` values. `mean`, `sd` (of one
    value), `batch_sd` (of a batch's mean, at its upper confidence bound), `clip_low`, `clip_high` and `alternative`
    are in the values' unit; `arl0`, `expected_delay` and `delay_95` in observations (single values).

    `arl0`: with confidence `confidence` (over the baseline's chance) false alarms come no more often.
    `expected_delay`: mean delay when the mean shifts by `alternative`; 95 % of such shifts are signalled within
    `delay_95`.
    """

    mean: float
    sd: float
    batch_sd: float
    batch: int
    k: float
    h: float
    arl0: float
    confidence: float
    clip_low: float
    clip_high: float
    baseline_n: int
    alternative: float
    expected_delay: float
    delay_95: int

    def start(self) -> MeanMonitor:
        """The monitor before its first value."""
        return MeanMonitor(self, GaussianCusum(self.k, self.h))


@dataclass(frozen=True)
class MeanMonitor:
    """The state of a mean's monitor: the CUSUM over full batches, and the values of the batch that is being filled.

    Signals count single values, as whole batches: `since` is the first value of the batch in which the excursion began.
    """

    design: MeanDesign
    cusum: GaussianCusum
    filled: int = 0
    total: float = 0.0

    def step(self, x: float) -> tuple[MeanMonitor, Signal | None]:
        if not math.isfinite(x):
            raise ValueError(f"A mean is taken of finite numbers, not {x}.")
        design = self.design
        filled, total = self.filled + 1, self.total + min(max(x, design.clip_low), design.clip_high)
        if filled < design.batch:
            return replace(self, filled=filled, total=total), None
        cusum, signal = self.cusum.step((total / design.batch - design.mean) / design.batch_sd)
        if signal is not None:
            signal = replace(
                signal,
                seen=signal.seen * design.batch,
                since=(signal.since - 1) * design.batch + 1,
                observed=design.mean + signal.observed * design.batch_sd,
            )
        return replace(self, cusum=cusum, filled=0, total=0.0), signal
