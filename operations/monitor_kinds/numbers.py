"""Numbers whose middle may move: latency and cost, by Gaussian CUSUM on the means of batches of logarithms.

Both are skewed, and what matters is by how many times they change, not by how much: hence logarithms.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from operations.detectors import (
    InsufficientData,
    MeanDesign,
    MeanMonitor,
    design_mean_monitor,
    from_json,
    to_json,
    update,
)
from operations.monitor_kinds import words
from operations.monitor_kinds.base import (
    COOLDOWN,
    Finding,
    Json,
    MonitorKind,
    Setting,
    Shown,
    Trail,
    baseline_setting,
    interval_setting,
)
from operations.observations import DecisionMade, Event, Inputs

BATCH = Setting("batch", 20, 5, 500, "How many decisions are averaged before they are looked at", is_whole=True)


class NumberKind(MonitorKind):
    """A number of each decision, on a scale of its own."""

    listens = (DecisionMade,)
    subject: ClassVar[str]
    # The unit in which people read it.
    shown_in: ClassVar[str]

    def __init__(self, *, floor: float) -> None:
        self.settings = (
            baseline_setting(300, "decisions", least=50),
            interval_setting(50_000, "decisions"),
            BATCH,
            Setting("floor", floor, 0, 10, "Changes by less than this share are no alarm"),
            COOLDOWN,
        )

    @abstractmethod
    def to_scale(self, value: float) -> float: ...

    @abstractmethod
    def from_scale(self, value: float) -> float: ...

    def point(self, sample: Any) -> float | None:
        return self.from_scale(sample)

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        design = design_mean_monitor(
            learned["values"],
            batch=int(settings["batch"]),
            arl0=settings["arl0"],
            floor=math.log1p(settings["floor"]),
        )
        if isinstance(design, InsufficientData):
            return design
        return {"learned": learned, "design": to_json(design)}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> MeanDesign:
        design: MeanDesign = from_json(baseline["design"])
        return design

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> NumberWatch:
        return NumberWatch(self, prepared, settings, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        before = words.amount(self.from_scale(prepared.mean), self.shown_in)
        after = words.amount(self.from_scale(prepared.mean + prepared.alternative), self.shown_in)
        effect = f"that {self.subject.lower()} rises from {before} to {after}"
        return {
            "false_alarm_interval": settings["arl0"],
            "unit": self.unit,
            "effect": f"from {before} to {after}",
            "expected_delay": prepared.expected_delay,
            "delay_within": prepared.delay_95,
            "sentence": words.promise(effect, prepared.expected_delay, prepared.delay_95, self.unit),
        }


class NumberWatch:
    statistic: float | None = None

    def __init__(self, kind: NumberKind, design: MeanDesign, settings: Mapping[str, float], state: Json) -> None:
        self._kind = kind
        self._design = design
        self._interval = settings["arl0"]
        self._monitor: MeanMonitor = from_json(state["monitor"]) if "monitor" in state else design.start()
        self._trail = Trail(state.get("trail", ()))
        self._shown = Shown(state.get("shown"))
        self._seen: int = state.get("seen", 0)

    def step(self, sample: Any, event: Event) -> Finding | None:
        self._seen += 1
        self._trail.add(self._seen, event.at)
        self._shown.add("up" if sample > self._design.mean else "down", event.decision_id)
        self._monitor, signal = update(self._monitor, sample)
        if signal is None:
            return None
        before, now = self._kind.from_scale(self._design.mean), self._kind.from_scale(signal.observed)
        since, delay, unit = self._trail.at(signal.since), signal.seen - signal.since + 1, self._kind.shown_in
        was, stands = words.amount(before, unit), words.amount(now, unit)
        subject = self._kind.subject
        return Finding(
            title=f"{subject} {words.moved(now, before)}: {stands} instead of {was}",
            summary=(
                f"{subject} is at {stands} in the middle since {words.moment(since)}, over {words.count(delay)} decisions; in "
                f"the baseline of {words.count(self._design.baseline_n)} decisions it was at {was}. "
                f"{words.falseness(self._interval, self._kind.unit)}"
            ),
            since=since,
            delay=delay,
            direction=signal.side,
            baseline_value=before,
            observed_value=now,
            unit=unit,
            evidence=self._shown.newest(signal.side),
        )

    def lesson(self) -> Json:
        return {}

    def document(self) -> Json:
        return {
            "monitor": to_json(self._monitor),
            "trail": self._trail.document(),
            "shown": self._shown.document(),
            "seen": self._seen,
        }


class Latency(NumberKind):
    """How long the model took, in milliseconds; below a tenth of one it is noise."""

    kind = "latency"
    subject = "Latency"
    shown_in = "ms"

    def __init__(self) -> None:
        super().__init__(floor=0.2)

    def sample(self, event: Event) -> float | None:
        assert isinstance(event, DecisionMade)
        return None if event.latency_ms is None else self.to_scale(event.latency_ms)

    def to_scale(self, value: float) -> float:
        return math.log(max(value, 0.1))

    def from_scale(self, value: float) -> float:
        return math.exp(value)


class Cost(NumberKind):
    """What a decision cost: log(1 + millionths of a dollar), since some cost nothing; shown in dollars."""

    kind = "cost"
    subject = "Cost"
    shown_in = "usd"

    def __init__(self) -> None:
        super().__init__(floor=0.1)

    def sample(self, event: Event) -> float | None:
        assert isinstance(event, DecisionMade)
        return None if event.cost_micros is None else self.to_scale(event.cost_micros / 1e6)

    def to_scale(self, value: float) -> float:
        return math.log1p(max(value, 0) * 1e6)

    def from_scale(self, value: float) -> float:
        return math.expm1(value) / 1e6
