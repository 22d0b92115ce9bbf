"""Outcomes: what the application says became of its decisions, whether that fails more often, and whether it says anything.

Failures are watched as a whole, by action and by dependency. An application may name a dependency only where it failed, so a
report that names none and succeeded counts for every dependency.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluations.statistics import clopper_pearson
from operations.detectors import (
    InsufficientData,
    RateDesign,
    from_json,
    missing_events_false_alarm_interval,
    missing_events_threshold,
    to_json,
)
from operations.monitor_kinds import words
from operations.monitor_kinds.base import (
    COOLDOWN,
    Finding,
    Json,
    MonitorKind,
    Setting,
    Shown,
    baseline_setting,
    interval_setting,
)
from operations.monitor_kinds.rates import FLOOR, STATED_FOR, RateChange, Sides, design_sides, promise_of
from operations.observations import AllowedByTimeout, DecisionMade, Event, Inputs, OutcomeReported, RulingReleased

MOST_SEGMENTS = 20
# The whole notices first where one place has too little traffic of its own; so many failures say which place it is.
FAILURES_KEPT = 20
MOSTLY = 0.8
# A segment with fewer observations in the baseline is judged by the whole's.
OWN_BASELINE = 50
SEGMENT_STATED_FOR = 10.0
# A third of the false alarms each for the whole, for actions and for dependencies. Each outcome has one action, so these share
# by themselves; it may count for every dependency, so these divide by their number.
SHARES = {"": 3, "action": 3, "dependency": 3 * MOST_SEGMENTS}


@dataclass(frozen=True, slots=True)
class Failures:
    """A sealed baseline of failures: the designs of the whole and of segments, and those for segments without their own."""

    whole: Mapping[str, RateDesign]
    segments: Mapping[str, Mapping[str, RateDesign]]
    guards: Mapping[str, Mapping[str, RateDesign]]


class FailedOutcomes(MonitorKind):
    """Reports of failure, of all reports of what became of a decision."""

    kind = "failed_outcomes"
    unit = "outcomes"
    listens = (OutcomeReported,)
    settings = (
        baseline_setting(200, "outcomes", least=50),
        interval_setting(50_000, "outcomes"),
        Setting("effect", 2.0, 1.1, 20, "How many times the odds of failure have to change to be looked for"),
        FLOOR,
        COOLDOWN,
    )

    def sample(self, event: Event) -> OutcomeReported | None:
        return event if isinstance(event, OutcomeReported) else None

    def learn(self, learned: Json, sample: Any, event: Event) -> None:
        counts: dict[str, list[int]] = learned.setdefault("segments", {})
        named = set(counts) | set(segments_of(sample, ()))
        for segment in [f"action={sample.action}", *_dependencies(sample, named)]:
            if segment not in counts and sum(one.startswith(_sort(segment)) for one in counts) >= MOST_SEGMENTS:
                continue
            count = counts.setdefault(segment, [0, 0])
            count[0] += sample.is_failed
            count[1] += 1
        learned["n"] = learned.get("n", 0) + 1
        learned["events"] = learned.get("events", 0) + sample.is_failed

    def count(self, learned: Json) -> int:
        return int(learned.get("n", 0))

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        def design(events: int, n: int, sort: str) -> dict[str, RateDesign] | InsufficientData:
            # A chain of many states is solved for each change that is tried, and there may be forty segments.
            stated_for = (SEGMENT_STATED_FOR,) if sort else STATED_FOR
            arl0 = settings["arl0"] * SHARES[sort]
            return design_sides(events, n, ("up",), settings, arl0=arl0, stated_for=stated_for)

        whole = design(learned["events"], learned["n"], "")
        if isinstance(whole, InsufficientData):
            return whole
        guards = {sort: design(learned["events"], learned["n"], sort) for sort in ("action", "dependency")}
        segments = {}
        for segment, (events, n) in learned["segments"].items():
            own = design(events, n, _sort(segment)) if n >= OWN_BASELINE else None
            if own is not None and not isinstance(own, InsufficientData):
                segments[segment] = own
        return {
            "learned": learned,
            "whole": _write(whole),
            "guards": {
                sort: _write(sides) for sort, sides in guards.items() if not isinstance(sides, InsufficientData)
            },
            "segments": {segment: _write(sides) for segment, sides in segments.items()},
        }

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        counts = {segment: list(count) for segment, count in learned["segments"].items()}
        for segment, seen in lesson["segments"].items():
            events, n = counts.get(segment, (0, 0))
            counts[segment] = [events + seen["events"], n + seen["n"]]
        whole = lesson["whole"]
        return {"n": learned["n"] + whole["n"], "events": learned["events"] + whole["events"], "segments": counts}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> Failures:
        return Failures(
            whole=_read(baseline["whole"]),
            segments={segment: _read(sides) for segment, sides in baseline["segments"].items()},
            guards={sort: _read(sides) for sort, sides in baseline["guards"].items()},
        )

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> FailureWatch:
        return FailureWatch(prepared, settings, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        promise = promise_of(prepared.whole, "the share of outcomes that fail", self.unit)
        return {"false_alarm_interval": settings["arl0"], "unit": self.unit, **promise}

    def point(self, sample: Any) -> float | None:
        return float(sample.is_failed)


def _sort(segment: str) -> str:
    return segment.partition("=")[0]


def _write(sides: Mapping[str, RateDesign]) -> Json:
    return {side: to_json(design) for side, design in sides.items()}


def _read(sides: Json) -> dict[str, RateDesign]:
    return {side: from_json(design) for side, design in sides.items()}


def segments_of(outcome: OutcomeReported, known: Any) -> list[str]:
    """Every segment that an outcome is an observation of; `known`: segments that are watched."""
    return [f"action={outcome.action}", *_dependencies(outcome, known)]


def _dependencies(outcome: OutcomeReported, known: Any) -> list[str]:
    if outcome.dependency:
        return [f"dependency={outcome.dependency}"]
    return [] if outcome.is_failed else [segment for segment in known if segment.startswith("dependency=")]


class FailureWatch:
    """The detectors of the whole and of each segment. Where several signal at once, the narrowest place is the finding."""

    statistic: float | None = None

    def __init__(self, prepared: Failures, settings: Mapping[str, float], state: Json) -> None:
        self._prepared = prepared
        self._interval = settings["arl0"]
        self._whole = Sides(prepared.whole, state.get("whole", {}))
        # Where the newest failures were, oldest first: what the whole notices has a place as well.
        self._failed_at: deque[str] = deque(state.get("failed_at", ()), maxlen=FAILURES_KEPT)
        self._segments: dict[str, Sides] = {}
        for segment in [*prepared.segments, *(name for name in state.get("segments", {}))]:
            if segment not in self._segments:
                self._segments[segment] = Sides(self._designs(segment), state.get("segments", {}).get(segment, {}))

    def step(self, sample: Any, event: Event) -> Finding | None:
        found: tuple[str, RateChange] | None = None
        if sample.is_failed:
            self._failed_at.append(
                f"dependency={sample.dependency}" if sample.dependency else f"action={sample.action}"
            )
        if change := self._whole.look(sample.is_failed, event):
            found = ("", change)
        for segment in segments_of(sample, tuple(self._segments)):
            sides = self._segments.get(segment) or self._begin(segment)
            if sides is not None and (change := sides.look(sample.is_failed, event)):
                found = (segment, change)
        return self._describe(*found) if found else None

    def _designs(self, segment: str) -> Mapping[str, RateDesign]:
        return self._prepared.segments.get(segment) or self._prepared.guards.get(_sort(segment), {})

    def _begin(self, segment: str) -> Sides | None:
        sort = _sort(segment)
        if not self._designs(segment) or sum(_sort(one) == sort for one in self._segments) >= MOST_SEGMENTS:
            return None
        self._segments[segment] = Sides(self._designs(segment), {})
        return self._segments[segment]

    def _describe(self, segment: str, change: RateChange) -> Finding:
        is_whole = not segment
        place = segment or self._common_place()
        sort, _, value = place.partition("=")
        where = {"": "", "action": f" of {words.name(value)}", "dependency": f" at {words.name(value)}"}[sort]
        compared = f"in the baseline they were at {change.before}"
        if segment and segment not in self._prepared.segments:
            compared = f"in the baseline, over everything, they were at {change.before}"
        of = "" if is_whole else where
        of_all = " of all" if is_whole and place else ""
        mostly = f" Most of the newest failures are {where.strip()}." if is_whole and place else ""
        return change.finding(
            segment=place,
            title=f"Failed outcomes{where} {change.moved}: {change.now}{of_all} instead of {change.before}",
            summary=(
                f"Of the outcomes{of} {change.now} fail since {words.moment(change.since)}, over "
                f"{words.count(change.delay)} outcomes; {compared}.{mostly} {words.falseness(self._interval, 'outcomes')}"
            ),
        )

    def _common_place(self) -> str:
        """The dependency (or the action, where none was named) of at least four in five of the newest failures."""
        if not self._failed_at:
            return ""
        place, count = Counter(self._failed_at).most_common(1)[0]
        return place if count >= MOSTLY * len(self._failed_at) else ""

    def lesson(self) -> Json:
        return {
            "whole": self._whole.lesson(),
            "segments": {segment: sides.lesson() for segment, sides in self._segments.items()},
        }

    def document(self) -> Json:
        return {
            "failed_at": list(self._failed_at),
            "whole": self._whole.document(),
            "segments": {segment: sides.document() for segment, sides in self._segments.items()},
        }


@dataclass(frozen=True, slots=True)
class Expected:
    """How many decisions in a row may go ahead without any report: of everything and by action."""

    most: Mapping[str, int]
    interval: float


class MissingOutcomes(MonitorKind):
    """Decisions that go ahead one after the other while the application reports no outcome at all.

    In the baseline, between how many of such decisions and the next did a report come: that share's lower bound says how
    long a run without one is, by chance, once in `arl0`; a run twice as long as the baseline's longest is never an alarm,
    nor is one of fewer than `least`. How late reports come does not matter, only that they do.
    """

    kind = "missing_outcomes"
    listens = (DecisionMade, RulingReleased, AllowedByTimeout, OutcomeReported)
    settings = (
        baseline_setting(200, "decisions that went ahead", least=50),
        interval_setting(50_000, "decisions"),
        Setting("margin", 2, 1, 20, "How many times the baseline's longest run without a report is no alarm yet"),
        # Rulings that are released together go ahead in one instant, before the first of their reports can come.
        Setting("least", 30, 1, 10_000, "Fewer decisions without a report are never an alarm", is_whole=True),
        COOLDOWN,
    )
    _went_ahead = frozenset({"allowed", "observed"})
    _released = frozenset({"approve", "correct"})

    def sample(self, event: Event) -> tuple[str, bool] | None:
        """The action, and whether this is a report; None for what neither goes ahead nor reports."""
        if isinstance(event, OutcomeReported):
            return event.action, True
        if isinstance(event, DecisionMade):
            return (event.action, False) if event.status in self._went_ahead else None
        if isinstance(event, RulingReleased):
            is_ahead = not event.is_quality and event.verdict in self._released
            return (event.action, False) if is_ahead else None
        return (event.action, False) if isinstance(event, AllowedByTimeout) else None

    def learn(self, learned: Json, sample: Any, event: Event) -> None:
        """A list a segment: decisions since the last report, decisions, those with a report before the next, the longest
        run. An application that has reported nothing yet teaches nothing."""
        action, is_report = sample
        runs: dict[str, list[int]] = learned.setdefault("runs", {})
        for segment in ("", f"action={action}"):
            if segment not in runs and (not is_report or len(runs) > MOST_SEGMENTS):
                continue
            run = runs.setdefault(segment, [0, 0, 0, 0])
            if is_report:
                run[2] += run[0] > 0
                run[0] = 0
            else:
                run[0], run[1], run[3] = run[0] + 1, run[1] + 1, max(run[3], run[0] + 1)

    def count(self, learned: Json) -> int:
        return int(learned.get("runs", {}).get("", [0, 0])[1])

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        most, intervals = {}, {}
        for segment, (_, decisions, reported, longest) in learned["runs"].items():
            if reported == 0 or (segment and decisions < OWN_BASELINE):
                continue
            # Two-sided .96: with 98 % confidence the rate is no lower.
            low = clopper_pearson(reported, decisions, confidence=0.96).low
            # Half of the false alarms for the whole, half for the actions: each decision has one.
            threshold = missing_events_threshold(low, 1 / (2 * settings["arl0"]))
            most[segment] = max(threshold, round(settings["margin"] * longest) + 1, int(settings["least"]))
            intervals[segment] = missing_events_false_alarm_interval(low, most[segment])
        if "" not in most:
            return InsufficientData("No outcome was reported in the baseline.", None)
        return {"learned": learned, "most": most, "interval": min(intervals.values()) / 2}

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        """A run without a report that was no alarm is a run of the baseline like the others."""
        runs = {segment: list(run) for segment, run in learned["runs"].items()}
        for segment, length in lesson["runs"].items():
            if segment in runs:
                runs[segment][3] = max(runs[segment][3], length)
        return {**learned, "runs": runs}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> Expected:
        return Expected(most=baseline["most"], interval=baseline["interval"])

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> RunWatch:
        return RunWatch(prepared, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        most = prepared.most[""]
        return {
            "false_alarm_interval": prepared.interval,
            "unit": self.unit,
            "effect": "no outcome is reported any more",
            "expected_delay": most,
            "delay_within": max(prepared.most.values()),
            "sentence": f"That no outcome is reported any more is noticed after {words.count(most)} decisions that go ahead.",
        }

    def point(self, sample: Any) -> float | None:
        return float(sample[1])


class RunWatch:
    """Counts decisions since the last report, as a whole and by action."""

    statistic: float | None = None

    def __init__(self, prepared: Expected, state: Json) -> None:
        self._prepared = prepared
        self._runs: dict[str, int] = dict(state.get("runs", {}))
        self._began: dict[str, str] = dict(state.get("began", {}))
        self._shown: dict[str, Shown] = {segment: Shown(ids) for segment, ids in state.get("shown", {}).items()}

    def step(self, sample: Any, event: Event) -> Finding | None:
        action, is_report = sample
        found = None
        for segment in ("", f"action={action}"):
            most = self._prepared.most.get(segment)
            if most is None:
                continue
            if is_report:
                for kept in (self._runs, self._began, self._shown):
                    kept.pop(segment, None)
                continue
            self._runs[segment] = self._runs.get(segment, 0) + 1
            self._began.setdefault(segment, event.at.isoformat())
            self._shown.setdefault(segment, Shown()).add("yes", event.decision_id)
            if self._runs[segment] == most:
                found = segment if found is None else found
        return None if found is None else self._describe(found, event)

    def _describe(self, segment: str, event: Event) -> Finding:
        where = f" of {words.name(segment.partition('=')[2])}" if segment else ""
        since = event.at.fromisoformat(self._began[segment])
        run = words.count(self._runs[segment])
        return Finding(
            title=f"No outcomes{where} any more: {run} decisions without a report",
            summary=(
                f"{run} decisions{where} went ahead since {words.moment(since)} and the application has reported no outcome of "
                f"any{where}. In the baseline a report came within {words.count(self._prepared.most[segment])} decisions each "
                f"time. {words.falseness(self._prepared.interval, 'decisions')}"
            ),
            since=since,
            delay=self._runs[segment],
            segment=segment,
            direction="missing",
            baseline_value=None,
            observed_value=float(self._runs[segment]),
            unit="decisions",
            evidence=self._shown[segment].newest("yes"),
        )

    def lesson(self) -> Json:
        return {"runs": dict(self._runs)}

    def document(self) -> Json:
        return {
            "runs": self._runs,
            "began": self._began,
            "shown": {segment: shown.document() for segment, shown in self._shown.items()},
        }
