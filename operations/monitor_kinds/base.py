"""What every family of monitors is made of: settings, learning, watching, and a run that the reader and the preview share.

No database here: a run takes events in order and says what it found, so that what a preview shows is what the monitor
does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol

from operations.detectors import InsufficientData
from operations.observations import Event, Inputs

Json = dict[str, Any]
EVIDENCE = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Setting:
    """One number that people may set, with its bounds; `words` says what it is, for forms and refusals."""

    name: str
    default: float
    least: float
    most: float
    words: str
    is_whole: bool = False

    def read(self, value: Any) -> float | int:
        """Refuses (ValueError, with a sentence) what is no number or out of bounds."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise ValueError("This must be a number.")
        if self.is_whole and value != int(value):
            raise ValueError("This must be a whole number.")
        if not self.least <= value <= self.most:
            raise ValueError(f"This must be from {self.least:,g} to {self.most:,g}.")
        return int(value) if self.is_whole else float(value)


def baseline_setting(default: int, unit: str, *, least: int = 20) -> Setting:
    return Setting("baseline", default, least, 5_000, f"How many {unit} make the baseline", is_whole=True)


def interval_setting(default: int, unit: str) -> Setting:
    return Setting("arl0", default, 100, 10_000_000, f"A false alarm at most about once in so many {unit}")


COOLDOWN = Setting("cooldown_s", 0, 0, 30 * 86_400, "Seconds without alarms after it was re-armed", is_whole=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector signalled, in facts and words. `delay`: observations from `since` on; `stated` overrides what the
    monitor states as a whole where this side or segment has its own."""

    title: str
    summary: str
    since: datetime
    delay: int
    segment: str = ""
    direction: str = ""
    baseline_value: float | None = None
    observed_value: float | None = None
    unit: str = ""
    evidence: tuple[str, ...] = ()
    stated: Mapping[str, Any] = field(default_factory=dict)


class Watch(Protocol):
    """A detector at work. `statistic` is what it measured last where that shows only now and then, else None; `lesson` what it
    has seen since it began, as far as the baseline could learn from it should an alarm turn out to be false."""

    statistic: float | None

    def step(self, sample: Any, event: Event) -> Finding | None: ...

    def lesson(self) -> Json: ...

    def document(self) -> Json: ...


class MonitorKind(ABC):
    """One kind of monitor: what it observes, how it learns, its detector, its words, what it states."""

    kind: ClassVar[str]
    # What one observation is, in the plural: "decisions", "rulings", "outcomes", "hours", "seconds".
    unit: ClassVar[str] = "decisions"
    listens: ClassVar[tuple[type[Event], ...]] = ()
    settings: tuple[Setting, ...] = (COOLDOWN,)
    # What its baseline is counted in, where that is something else.
    unit_learned: ClassVar[str] = ""
    # Of the clock: once it has learned, the reader of the log leaves it alone.
    is_of_clock: ClassVar[bool] = False
    # Whether each thing that it finds is an alarm of its own, beside the others.
    tells_each: ClassVar[bool] = False
    # Whether the inputs of decisions have to be at hand while it watches.
    needs_inputs: ClassVar[bool] = False
    # Whether other settings make another detector from the same baseline.
    is_designed_by_settings: ClassVar[bool] = True

    def defaults(self) -> dict[str, float]:
        return {setting.name: setting.default for setting in self.settings}

    @abstractmethod
    def sample(self, event: Event) -> Any:
        """What it takes from an event; None for what it does not count."""

    def learn(self, learned: Json, sample: Any, event: Event) -> None:
        """Keep one observation of the baseline. What is kept must be JSON."""
        learned.setdefault("values", []).append(sample)

    def count(self, learned: Json) -> int:
        """How many observations the baseline has so far."""
        return len(learned.get("values", ()))

    def is_ready(self, learned: Json, settings: Mapping[str, float]) -> bool:
        wanted: float = max(settings["baseline"], learned.get("wanted", 0))
        return self.count(learned) >= wanted

    @abstractmethod
    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        """The sealed baseline: what was learned, under "learned", and whatever the watch needs. May be called again with
        what was learned and other settings."""

    def forget(self, learned: Json, inputs: Inputs) -> Json:
        """What was learned without what can't serve any more, after it did not carry a baseline."""
        return learned

    @abstractmethod
    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> Any:
        """The baseline as objects; kept between readings, so nothing may change it."""

    @abstractmethod
    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> Watch:
        """The detector in that state; at its beginning where the state is empty."""

    @abstractmethod
    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        """What the monitor promises: `false_alarm_interval` in `unit`, `expected_delay` and `delay_within` (95 of 100
        cases) for an `effect` in words, and all of it as a `sentence`."""

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        """What was learned together with what was seen until a false alarm: a baseline that was unlucky mends itself. None
        where the kind keeps nothing to learn from."""
        return None

    def point(self, sample: Any) -> float | None:
        """The observation as a number for a chart; None where only the watch's statistic can be drawn."""
        return None


@dataclass(slots=True)
class Sealed:
    """That the baseline was sealed, at which event."""

    baseline: Json
    event: Event
    count: int


class Run:
    """One monitor on its way through events. Stops looking after its first finding, unless `goes_on`."""

    def __init__(
        self,
        kind: MonitorKind,
        *,
        settings: Mapping[str, float],
        state: Json,
        prepared: Any,
        inputs: Inputs,
        observations: int = 0,
        goes_on: bool = False,
    ) -> None:
        self.kind = kind
        self.settings = settings
        self.inputs = inputs
        self.observations = observations
        self.goes_on = goes_on
        self.prepared = prepared
        self.sealed: Sealed | None = None
        self.findings: list[tuple[Finding, Event]] = []
        self.points: list[tuple[datetime, float]] | None = [] if goes_on else None
        self.is_touched = False
        self.quiet_until: str = state.get("quiet_until", "")
        # Of an alarm that nobody has judged yet; the next one takes its place.
        self._lesson: Json | None = state.get("lesson")
        self._learned: Json = dict(state.get("learned", {})) if prepared is None else {}
        self._watch: Watch | None = None
        self._watched: Json = state.get("watch", {})
        if prepared is not None and not self._is_over:
            self._watch = kind.watch(prepared, settings, self._watched, inputs)

    @property
    def _is_over(self) -> bool:
        """Whether nothing more is to be looked at: after an alarm, and where the clock has taken over."""
        return not self.goes_on and (bool(self.findings) or (self.prepared is not None and self.kind.is_of_clock))

    def take(self, event: Event) -> None:
        """Look at one event."""
        if self._is_over:
            return
        sample = self.kind.sample(event)
        if sample is None:
            return
        self.observations += 1
        self.is_touched = True
        if self.points is not None and (value := self.kind.point(sample)) is not None:
            self.points.append((event.at, value))
        if self._watch is None:
            self._learn(sample, event)
        else:
            self._look(self._watch, sample, event)

    def _learn(self, sample: Any, event: Event) -> None:
        self.kind.learn(self._learned, sample, event)
        if not self.kind.is_ready(self._learned, self.settings):
            return
        count = self.kind.count(self._learned)
        baseline = self.kind.design(self._learned, self.settings, self.inputs)
        if isinstance(baseline, InsufficientData):
            self._learned = self.kind.forget(self._learned, self.inputs)
            left = self.kind.count(self._learned)
            self._learned["wanted"] = left + max(10, left // 10)
            self._learned["wanting"] = baseline.reason
            return
        self.sealed = Sealed(baseline, event, count)
        self.prepared = self.kind.prepare(baseline, self.settings)
        self._learned = {}
        if not self._is_over:
            self._watch = self.kind.watch(self.prepared, self.settings, {}, self.inputs)

    def _look(self, watch: Watch, sample: Any, event: Event) -> None:
        finding = watch.step(sample, event)
        if self.points is not None and watch.statistic is not None:
            self.points.append((event.at, watch.statistic))
            watch.statistic = None
        if finding is None:
            return
        if self.quiet_until and event.at < datetime.fromisoformat(self.quiet_until):
            return
        self.findings.append((finding, event))

    @property
    def learned_count(self) -> int:
        return self.kind.count(self._learned)

    @property
    def shortfall(self) -> str:
        """Why a baseline of the wanted length did not do; "" where it is not as long yet."""
        return str(self._learned.get("wanting", ""))

    def state(self) -> Json:
        """What has to be kept until the next reading."""
        kept: Json = {}
        if self.quiet_until:
            kept["quiet_until"] = self.quiet_until
        if self._learned:
            kept["learned"] = self._learned
        if self._watch is not None and self.findings:
            kept["lesson"] = self._watch.lesson()
        elif self._watch is not None:
            kept["watch"] = self._watch.document()
            if self._lesson is not None:
                kept["lesson"] = self._lesson
        return kept


class Trail:
    """When each observation was made: exactly for the newest, ever more coarsely for older ones, in little room."""

    _MOST = 40

    def __init__(self, kept: Sequence[Sequence[int]] = ()) -> None:
        self._marks: list[tuple[int, int]] = [(number, at) for number, at in kept]

    def add(self, number: int, at: datetime) -> None:
        self._marks.append((number, (at - EPOCH) // MICROSECOND))
        if len(self._marks) > self._MOST:
            self._thin(number)

    def at(self, number: int) -> datetime:
        """When the observation of that number was made, or the last one before it that is known."""
        known = [at for seen, at in self._marks if seen <= number] or [self._marks[0][1]]
        return EPOCH + MICROSECOND * known[-1]

    def document(self) -> list[list[int]]:
        return [list(mark) for mark in self._marks]

    def _thin(self, newest: int) -> None:
        # Marks may be as far apart as an eighth of their age: about eight times the logarithm of the age remain.
        kept = [self._marks[-1]]
        for position in range(len(self._marks) - 2, -1, -1):
            older = self._marks[position - 1][0] if position else None
            if older is None or kept[-1][0] - older > (newest - older) / 8:
                kept.append(self._marks[position])
        self._marks = kept[::-1]


class Shown:
    """Ids of the newest decisions on each side, for the evidence of an alarm."""

    def __init__(self, kept: Mapping[str, Sequence[str]] | None = None) -> None:
        self._sides: dict[str, deque[str]] = {side: deque(ids, maxlen=EVIDENCE) for side, ids in (kept or {}).items()}

    def add(self, side: str, decision_id: str) -> None:
        if side not in self._sides:
            self._sides[side] = deque(maxlen=EVIDENCE)
        self._sides[side].append(decision_id)

    def newest(self, side: str) -> tuple[str, ...]:
        """Newest first."""
        return tuple(reversed(self._sides.get(side, ())))

    def newest_but(self, named: Collection[str]) -> tuple[str, ...]:
        """Of the sides that are not among these, taken together."""
        ids = [key for side in self._sides if side not in named for key in self.newest(side)]
        return tuple(ids[:EVIDENCE])

    def document(self) -> Json:
        return {side: list(ids) for side, ids in self._sides.items()}
