"""Sequential detectors: they look at every observation once, and remember in a few numbers all that they need to go on.

A step is a pure function of state and observation, in plain floating point in a fixed order: a monitor that stores its
state after a batch and goes on after a restart reaches bit for bit what an undisturbed one reaches. Each score
remembers where its excursion from zero began, which is the likeliest moment of the change. Source: E. S. Page,
Biometrika 41 (1954), 100-115.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self, TypeVar


@dataclass(frozen=True)
class Signal:
    """That a score passed its threshold. `seen` and `since` count the detector's observations from 1: at which it
    signalled, and at which the excursion began. `observed`: the rate or mean since then (of a volume: counted over
    expected); chosen because it is extreme, it overstates the change a little."""

    side: Literal["up", "down"]
    score: float
    threshold: float
    seen: int
    since: int
    observed: float


class Detector(Protocol):
    """A state that takes one observation and gives the next state, with a signal where there is one."""

    def step(self, x: Any, /) -> tuple[Self, Signal | None]: ...


D = TypeVar("D", bound=Detector)


def update(state: D, x: Any) -> tuple[D, Signal | None]:
    """The state after one observation, and the signal that it gave. After a signal the score starts again at zero."""
    return state.step(x)


def run(state: D, xs: Iterable[Any]) -> tuple[D, list[Signal]]:
    """The state after all observations in order, and every signal on the way."""
    signals = []
    for x in xs:
        state, signal = state.step(x)
        if signal is not None:
            signals.append(signal)
    return state, signals


@dataclass(frozen=True)
class BernoulliCusum:
    """Whether the rate of an event went from p0 towards p1, up (p1 > p0) or down. An observation: whether the event
    happened.

    score = max(0, score + log-likelihood ratio), signal where score > h. `began`: the first observation of the present
    excursion (0: the score is zero), `events` since then.
    """

    p0: float
    p1: float
    h: float
    score: float = 0.0
    seen: int = 0
    began: int = 0
    events: int = 0

    def step(self, x: bool | int) -> tuple[BernoulliCusum, Signal | None]:
        likelihood_ratio = self.p1 / self.p0 if x else (1 - self.p1) / (1 - self.p0)
        score, seen = self.score + math.log(likelihood_ratio), self.seen + 1
        if score <= 0:
            return replace(self, score=0.0, seen=seen, began=0, events=0), None
        began, events = self.began or seen, self.events + bool(x)
        if score <= self.h:
            return replace(self, score=score, seen=seen, began=began, events=events), None
        side: Literal["up", "down"] = "up" if self.p1 > self.p0 else "down"
        signal = Signal(side, score, self.h, seen, began, events / (seen - began + 1))
        return replace(self, score=0.0, seen=seen, began=0, events=0), signal


@dataclass(frozen=True)
class Excursion:
    """One side's score of a Gaussian CUSUM, with the observation at which it left zero, and the sum of the values
    since."""

    score: float = 0.0
    began: int = 0
    total: float = 0.0

    def step(self, gain: float, z: float, seen: int) -> Excursion:
        score = self.score + gain
        return Excursion(score, self.began or seen, self.total + z) if score > 0 else Excursion()


@dataclass(frozen=True)
class GaussianCusum:
    """Whether the mean of standardised values (mean 0, standard deviation 1) went up or down: both sides at once.

    score⁺ = max(0, score⁺ + z - k), score⁻ = max(0, score⁻ - z - k), signal where either > h. Refuses a value that is
    no number with ValueError: it would silence the detector for ever.
    """

    k: float
    h: float
    seen: int = 0
    upper: Excursion = Excursion()
    lower: Excursion = Excursion()

    def step(self, x: float) -> tuple[GaussianCusum, Signal | None]:
        if not math.isfinite(x):
            raise ValueError(f"A CUSUM takes finite numbers, not {x}.")
        seen = self.seen + 1
        upper, lower = self.upper.step(x - self.k, x, seen), self.lower.step(-x - self.k, x, seen)
        over = upper if upper.score > self.h else lower if lower.score > self.h else None
        if over is None:
            return replace(self, seen=seen, upper=upper, lower=lower), None
        side: Literal["up", "down"] = "up" if over is upper else "down"
        signal = Signal(side, over.score, self.h, seen, over.began, over.total / (seen - over.began + 1))
        return replace(self, seen=seen, upper=Excursion(), lower=Excursion()), signal
