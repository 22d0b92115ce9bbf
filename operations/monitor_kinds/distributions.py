"""Distributions of a number over windows that follow each other, against the baseline's own sample, by Kolmogorov-Smirnov."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.detectors import InsufficientData, KsResult, false_alarm_interval, ks
from operations.monitor_kinds import words
from operations.monitor_kinds.base import COOLDOWN, EVIDENCE, Finding, Json, MonitorKind, Setting, baseline_setting
from operations.monitor_kinds.categories import ALPHA, WINDOW
from operations.observations import DecisionMade, Event, Inputs

# A baseline that false alarms have taught keeps the newest values.
MOST_TAUGHT = 2_000
KS_FLOOR = Setting("floor", 0.1, 0, 1, "Distances between the distributions smaller than this are no alarm (0 to 1)")


def noticed_distance(baseline: int, window: float, alpha: float) -> float:
    """The Kolmogorov-Smirnov distance that 95 of 100 windows notice: the critical distance sqrt(-ln(alpha/2)/2 · (1/n + 1/m))
    (Smirnov's limit) and 1.645 standard deviations, which are at most sqrt(1/4 · (1/n + 1/m)) each."""
    spread = 1 / baseline + 1 / window
    return math.sqrt(-math.log(alpha / 2) / 2 * spread) + 1.645 * math.sqrt(spread / 4)


def evidence_of(result: KsResult, values: Sequence[tuple[float, str]]) -> tuple[str, ...]:
    """The newest of the window's decisions on that side of the widest gap where there are more than before."""
    is_up = result.window_median >= result.baseline_median
    beyond = [key for value, key in values if (value > result.at if is_up else value <= result.at)]
    return tuple((beyond or [key for _, key in values])[::-1][:EVIDENCE])


@dataclass(slots=True)
class NumberWindow:
    """A window of numbers that is being filled, each with its decision."""

    values: list[tuple[float, str]]
    began: str

    @classmethod
    def of(cls, state: Json) -> NumberWindow:
        return cls([(value, key) for value, key in state.get("values", ())], state.get("began", ""))

    def add(self, value: float, event: Event) -> None:
        self.began = self.began or event.at.isoformat()
        self.values.append((value, event.decision_id))

    def document(self) -> Json:
        return {"values": [list(one) for one in self.values], "began": self.began}


class Confidence(MonitorKind):
    """How sure the application says that it is."""

    is_designed_by_settings = False
    kind = "confidence"
    listens = (DecisionMade,)
    settings = (baseline_setting(300, "decisions", least=100), WINDOW, ALPHA, KS_FLOOR, COOLDOWN)

    def sample(self, event: Event) -> float | None:
        assert isinstance(event, DecisionMade)
        return event.confidence

    def point(self, sample: Any) -> float | None:
        return float(sample)

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        return {"learned": learned}

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        return {**learned, "values": [*learned["values"], *lesson["values"]][-MOST_TAUGHT:]}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(baseline["learned"]["values"])

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> ConfidenceWatch:
        return ConfidenceWatch(prepared, settings, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        window = settings["window"]
        distance = noticed_distance(len(prepared), window, settings["alpha"])
        effect = f"a shift that moves {words.percent(max(distance, settings['floor']))} of the decisions or more"
        return {
            "false_alarm_interval": false_alarm_interval(int(window), settings["alpha"]),
            "unit": self.unit,
            "effect": effect,
            "expected_delay": 1.5 * window,
            "delay_within": 2 * window,
            "sentence": words.promise(effect, 1.5 * window, 2 * window, self.unit),
        }


class ConfidenceWatch:
    statistic: float | None = None

    def __init__(self, baseline: Sequence[float], settings: Mapping[str, float], state: Json) -> None:
        self._baseline = baseline
        self._settings = settings
        self._window = NumberWindow.of(state)
        self._closed: list[float] = []

    def step(self, sample: Any, event: Event) -> Finding | None:
        self._window.add(sample, event)
        if len(self._window.values) < self._settings["window"]:
            return None
        window, self._window = self._window, NumberWindow([], "")
        self._closed = [value for value, _ in window.values]
        result = ks(
            self._baseline,
            self._closed,
            alpha=self._settings["alpha"],
            floor=self._settings["floor"],
        )
        if isinstance(result, InsufficientData) or not result.is_signal:
            return None
        return self._describe(result, window)

    def _describe(self, result: KsResult, window: NumberWindow) -> Finding:
        before, now = result.baseline_median, result.window_median
        was, stands = f"{before:.2g}", f"{now:.2g}"
        title = f"Confidence {words.moved(now, before)}: {stands} in the middle instead of {was}"
        if was == stands:
            title = f"Confidence spreads differently around {was}"
        since, n = datetime.fromisoformat(window.began), len(window.values)
        interval = false_alarm_interval(n, self._settings["alpha"])
        return Finding(
            title=title,
            summary=(
                f"In the {words.count(n)} decisions since {words.moment(since)} the confidence is {stands} in the middle; in the "
                f"baseline of {words.count(len(self._baseline))} decisions it was {was}. At {result.at:.2g} the shares below "
                f"differ by {words.percent(result.statistic)}. {words.falseness(interval, 'decisions')}"
            ),
            since=since,
            delay=n,
            direction="up" if now >= before else "down",
            baseline_value=before,
            observed_value=now,
            unit="",
            evidence=evidence_of(result, window.values),
        )

    def lesson(self) -> Json:
        return {"values": self._closed}

    def document(self) -> Json:
        return self._window.document()
