"""Arrivals: that nothing comes any more, and that more or less comes in an hour than at this hour of the week.

Silence is what no entry of the log can show, so the clock looks: these kinds learn from entries or rows, and once their baseline
is sealed the clock's sweep asks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.detectors import (
    InsufficientData,
    Signal,
    SilenceDesign,
    VolumeBaseline,
    VolumeMonitor,
    fit_volume_baseline,
    from_json,
    silence_threshold,
    to_json,
    update,
)
from operations.monitor_kinds import words
from operations.monitor_kinds.base import COOLDOWN, Finding, Json, MonitorKind, Setting, baseline_setting
from operations.observations import DecisionMade, Event, Inputs

# Volume counts hours since a Monday 00:00 UTC.
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour_of(at: datetime) -> int:
    """Whole hours since a Monday 00:00 UTC."""
    return (at - MONDAY) // HOUR


def start_of(hour: int) -> datetime:
    return MONDAY + hour * HOUR


class Silence(MonitorKind):
    """The time between a decision and the next. It learns over so many decisions and so many hours, so that a night is among
    them."""

    kind = "silence"
    unit = "seconds"
    unit_learned = "decisions"
    listens = (DecisionMade,)
    is_of_clock = True
    settings = (
        baseline_setting(300, "decisions", least=50),
        Setting("hours", 12, 0, 24 * 14, "How many hours the baseline has to cover"),
        Setting("arl0", 30 * 86_400, 3_600, 10 * 365 * 86_400, "A false alarm at most about once in so many seconds"),
        Setting("margin", 1.5, 1, 20, "How many times the longest gap of the baseline is no alarm yet"),
        COOLDOWN,
    )

    def sample(self, event: Event) -> datetime:
        return event.at

    def learn(self, learned: Json, sample: Any, event: Event) -> None:
        gaps: list[float] = learned.setdefault("values", [])
        at = sample.timestamp()
        if "last" in learned:
            gaps.append(round(max(at - learned["last"], 0.0), 6))
            # The newest gaps, should the hours take longer than the decisions; the longest is kept beside them.
            learned["longest"] = max(learned.get("longest", 0.0), gaps[-1])
            del gaps[:-5_000]
        learned.setdefault("first", at)
        learned["last"] = max(at, learned.get("last", at))

    def is_ready(self, learned: Json, settings: Mapping[str, float]) -> bool:
        span = learned.get("last", 0.0) - learned.get("first", 0.0)
        return super().is_ready(learned, settings) and span >= settings["hours"] * 3600

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        if not learned["longest"]:
            return InsufficientData("All decisions came at the same moment.", None)
        gaps = [*learned["values"], learned["longest"]]
        design = silence_threshold(gaps, arl0=settings["arl0"], longest_gap_multiple=settings["margin"])
        if isinstance(design, InsufficientData):
            return design
        return {"learned": learned, "design": to_json(design)}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> SilenceDesign:
        design: SilenceDesign = from_json(baseline["design"])
        return design

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> SilenceWatch:
        return SilenceWatch(prepared)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        after = words.duration(prepared.threshold)
        return {
            "false_alarm_interval": prepared.arl0,
            "unit": self.unit,
            "effect": "no decision comes any more",
            "expected_delay": prepared.threshold,
            "delay_within": prepared.threshold,
            "sentence": f"That no decision comes any more is noticed after {after}.",
        }


class SilenceWatch:
    """For a preview: a gap of the past that was longer than it may be. At work, the clock asks `describe_silence`."""

    statistic: float | None = None

    def __init__(self, design: SilenceDesign) -> None:
        self._design = design
        self._last: tuple[datetime, str] | None = None

    def step(self, sample: Any, event: Event) -> Finding | None:
        last, self._last = self._last, (sample, event.decision_id)
        if last is None:
            return None
        gap = (sample - last[0]).total_seconds()
        self.statistic = gap
        if gap <= self._design.threshold:
            return None
        return describe_silence(self._design, last_at=last[0], now=sample, newest=last[1])

    def lesson(self) -> Json:
        return {}

    def document(self) -> Json:
        return {}


def describe_silence(design: SilenceDesign, *, last_at: datetime, now: datetime, newest: str) -> Finding:
    """What to say of a silence that is longer than the baseline's threshold."""
    lasted = (now - last_at).total_seconds()
    longest = design.longest_gap or 0.0
    return Finding(
        title=f"Silence: no decision for {words.duration(lasted)}",
        summary=(
            f"The last decision came at {words.moment(last_at)}, {words.duration(lasted)} ago. In the baseline of "
            f"{words.count(design.arrivals)} decisions the longest gap was {words.duration(longest)}; longer than "
            f"{words.duration(design.threshold)} is an alarm. {words.falseness(design.arl0, 'seconds')}"
        ),
        since=last_at,
        delay=0,
        direction="missing",
        baseline_value=longest,
        observed_value=lasted,
        unit="seconds",
        evidence=(newest,) if newest else (),
    )


class Volume(MonitorKind):
    """Decisions an hour. It learns and watches whole hours, counted from the decisions themselves; the clock steps it."""

    kind = "volume"
    unit = "hours"
    is_of_clock = True
    settings = (
        Setting("baseline", 48, 48, 24 * 7 * 8, "How many hours make the baseline", is_whole=True),
        Setting("arl0", 24 * 365, 24, 24 * 3_650, "A false alarm at most about once in so many hours"),
        Setting("floor", 0.3, 0, 0.95, "Changes by less than this share are no alarm"),
        COOLDOWN,
    )

    def sample(self, event: Event) -> None:
        """Nothing: an hour is whole only when the next one has begun."""
        return

    def learn_hour(self, learned: Json, hour: int, count: int) -> None:
        learned.setdefault("hours", []).append(hour)
        learned.setdefault("values", []).append(count)

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        baseline = fit_volume_baseline(
            learned["hours"], learned["values"], arl0=settings["arl0"], floor=settings["floor"]
        )
        if isinstance(baseline, InsufficientData):
            return baseline
        return {"learned": learned, "design": to_json(baseline)}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> VolumeBaseline:
        design: VolumeBaseline = from_json(baseline["design"])
        return design

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> VolumeWatch:
        return VolumeWatch(prepared, settings, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        rhythm = {168: "hour of the week", 24: "hour of the day"}.get(prepared.period, "hour")
        return {
            "false_alarm_interval": settings["arl0"],
            "unit": self.unit,
            "effect": f"more or fewer decisions than at this {rhythm}",
            "expected_delay": None,
            "delay_within": None,
            "sentence": f"Each hour is compared with the same {rhythm} in a baseline of {words.count(prepared.hours)} hours.",
        }


class VolumeWatch:
    """Steps through whole hours."""

    def __init__(self, baseline: VolumeBaseline, settings: Mapping[str, float], state: Json) -> None:
        self.statistic: float | None = None
        self._baseline = baseline
        self._interval = settings["arl0"]
        self._monitor: VolumeMonitor = from_json(state["monitor"]) if "monitor" in state else baseline.start()

    def look(self, hour: int, count: int, evidence: tuple[str, ...] = ()) -> Finding | None:
        self.statistic = float(count)
        self._monitor, signal = update(self._monitor, (hour, count))
        return None if signal is None else self._describe(signal, hour, count, evidence)

    def step(self, sample: Any, event: Event) -> Finding | None:
        return None

    def _describe(self, signal: Signal, hour: int, count: int, evidence: tuple[str, ...]) -> Finding:
        delay = signal.seen - signal.since + 1
        first = hour - delay + 1
        expected = sum(self._baseline.expected(one) for one in range(first, hour + 1)) / delay
        observed = expected * signal.observed
        now, was = words.amount(observed, "per_hour"), words.amount(expected, "per_hour")
        since = start_of(first)
        return Finding(
            title=f"Volume {words.moved(observed, expected)}: {now} instead of {was}",
            summary=(
                f"Since {words.moment(since)} there are {now} decisions on average over {words.count(delay)} hours ({count} in the "
                f"last); at such hours the baseline had {was}. {words.falseness(self._interval, 'hours')}"
            ),
            since=since,
            delay=delay,
            direction=signal.side,
            baseline_value=expected,
            observed_value=observed,
            unit="per_hour",
            evidence=evidence,
        )

    def lesson(self) -> Json:
        return {}

    def document(self) -> Json:
        return {"monitor": to_json(self._monitor)}
