"""Rates: how often something happens, one observation at a time, by Bernoulli CUSUM (Page 1954; Reynolds & Stoumbos 1999).

The baseline is a count of a count. Each direction has its own detector; together they give a false alarm once in `arl0`
observations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from operations.detectors import (
    BernoulliCusum,
    InsufficientData,
    RateDesign,
    Signal,
    design_rate_monitor,
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
from operations.observations import DecisionMade, Event, Inputs, RulingReleased
from reviews.models import Decision, Review

# The changes for which a delay may be stated, as multiples of the baseline.
STATED_FOR = (2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
EFFECT = Setting("effect", 1.5, 1.1, 20, "How many times the odds have to change to be looked for")
FLOOR = Setting("floor", 0.01, 0, 0.5, "Changes of the rate smaller than this are no alarm")


@dataclass(frozen=True, slots=True)
class RateChange:
    """What a detector of a rate signalled: the rates, since when, over how many observations."""

    signal: Signal
    design: RateDesign
    since: datetime
    delay: int
    evidence: tuple[str, ...]

    @property
    def now(self) -> str:
        return words.percent(self.signal.observed)

    @property
    def before(self) -> str:
        return words.percent(self.design.baseline_rate)

    @property
    def moved(self) -> str:
        return words.moved(self.signal.observed, self.design.baseline_rate)

    def finding(self, *, title: str, summary: str, segment: str = "", interval: float | None = None) -> Finding:
        stated: Json = {"expected_delay": self.design.expected_delay, "delay_within": self.design.delay_95}
        if interval is not None:
            stated["false_alarm_interval"] = interval
        return Finding(
            title=title,
            summary=summary,
            since=self.since,
            delay=self.delay,
            segment=segment,
            direction=self.signal.side,
            baseline_value=self.design.baseline_rate,
            observed_value=self.signal.observed,
            unit="share",
            evidence=self.evidence,
            stated=stated,
        )


class Sides:
    """Detectors of one rate, one a direction, with what an alarm has to show."""

    def __init__(self, designs: Mapping[str, RateDesign], state: Json) -> None:
        self._designs = designs
        kept = state.get("detectors", {})
        self._detectors: dict[str, BernoulliCusum] = {
            side: from_json(kept[side]) if side in kept else design.start() for side, design in designs.items()
        }
        self._trail = Trail(state.get("trail", ()))
        self._shown = Shown(state.get("shown"))
        self._seen: int = state.get("seen", 0)
        self._events: int = state.get("events", 0)

    def look(self, happened: bool, event: Event) -> RateChange | None:
        self._seen += 1
        self._events += happened
        self._trail.add(self._seen, event.at)
        self._shown.add("yes" if happened else "no", event.decision_id)
        found: Signal | None = None
        for side, detector in self._detectors.items():
            self._detectors[side], signal = update(detector, happened)
            found = found or signal
        if found is None:
            return None
        return RateChange(
            signal=found,
            design=self._designs[found.side],
            since=self._trail.at(found.since),
            delay=found.seen - found.since + 1,
            evidence=self._shown.newest("yes" if found.side == "up" else "no"),
        )

    def document(self) -> Json:
        return {
            "detectors": {side: to_json(detector) for side, detector in self._detectors.items()},
            "trail": self._trail.document(),
            "shown": self._shown.document(),
            "seen": self._seen,
            "events": self._events,
        }

    def lesson(self) -> Json:
        return {"n": self._seen, "events": self._events}


def design_sides(
    events: int,
    n: int,
    directions: Sequence[str],
    settings: Mapping[str, float],
    *,
    arl0: float,
    stated_for: Sequence[float] = STATED_FOR,
) -> dict[str, RateDesign] | InsufficientData:
    """A design for each direction that the baseline leaves room for; refused where there is none at all."""
    designs: dict[str, RateDesign] = {}
    refusal: InsufficientData | None = None
    for direction in directions:
        design = _design_side(events, n, "up" if direction == "up" else "down", settings, arl0, stated_for)
        if isinstance(design, InsufficientData):
            refusal = refusal or design
        else:
            designs[direction] = design
    return refusal if refusal is not None and not designs else designs


def _design_side(
    events: int,
    n: int,
    direction: Literal["up", "down"],
    settings: Mapping[str, float],
    arl0: float,
    stated_for: Sequence[float],
) -> RateDesign | InsufficientData:
    """The delay is stated for a doubling (halving), or for the next greater change that is noticed within twice the
    baseline's length: of a small baseline it would be an empty promise."""
    design: RateDesign | InsufficientData = InsufficientData("", None)
    for times in stated_for:
        design = design_rate_monitor(
            events,
            n,
            direction=direction,
            effect=settings["effect"],
            floor=settings["floor"],
            arl0=arl0,
            expected_at=times,
        )
        if isinstance(design, InsufficientData) or design.expected_delay <= 2 * n:
            break
    return design


def promise_of(designs: Mapping[str, RateDesign], what: str, unit: str) -> Json:
    """What a monitor of that rate states of each side; the whole speaks of the rise where there is room for one."""
    sides = {
        side: {
            "expected_delay": design.expected_delay,
            "delay_within": design.delay_95,
            "alternative": design.alternative,
        }
        for side, design in designs.items()
    }
    sentences = []
    for side, design in designs.items():
        verb = "rises" if side == "up" else "falls"
        effect = f"that {what} {verb} from {words.percent(design.baseline_rate)} to {words.percent(design.alternative)}"
        sentences.append(words.promise(effect, design.expected_delay, design.delay_95, unit))
    first = next(iter(designs.values()))
    return {
        "effect": f"from {words.percent(first.baseline_rate)} to {words.percent(first.alternative)}",
        "expected_delay": first.expected_delay,
        "delay_within": first.delay_95,
        "sides": sides,
        "sentence": " ".join(sentences),
    }


class RateKind(MonitorKind):
    """The rate of something, with the words of the one kind that it is."""

    directions: ClassVar[tuple[str, ...]] = ("up", "down")
    # What the rate is of, what an observation is, and how an alarm begins.
    what: ClassVar[str]
    subject: ClassVar[str]

    def learn(self, learned: Json, sample: Any, event: Event) -> None:
        learned["n"] = learned.get("n", 0) + 1
        learned["events"] = learned.get("events", 0) + bool(sample)

    def count(self, learned: Json) -> int:
        return int(learned.get("n", 0))

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        arl0 = settings["arl0"] * len(self.directions)
        designs = design_sides(learned["events"], learned["n"], self.directions, settings, arl0=arl0)
        if isinstance(designs, InsufficientData):
            return designs
        return {"learned": learned, "designs": {side: to_json(design) for side, design in designs.items()}}

    def teach(self, learned: Json, lesson: Json) -> Json | None:
        return {**learned, "n": learned["n"] + lesson["n"], "events": learned["events"] + lesson["events"]}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> dict[str, RateDesign]:
        return {side: from_json(design) for side, design in baseline["designs"].items()}

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> RateWatch:
        return RateWatch(self, prepared, settings, state)

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        return {
            "false_alarm_interval": settings["arl0"],
            "unit": self.unit,
            **promise_of(prepared, self.what, self.unit),
        }

    def point(self, sample: Any) -> float | None:
        return float(sample)


class RateWatch:
    """The detectors of a rate over the whole system."""

    statistic: float | None = None

    def __init__(
        self, kind: RateKind, designs: Mapping[str, RateDesign], settings: Mapping[str, float], state: Json
    ) -> None:
        self._kind = kind
        self._interval = settings["arl0"]
        self._sides = Sides(designs, state)

    def step(self, sample: Any, event: Event) -> Finding | None:
        change = self._sides.look(bool(sample), event)
        if change is None:
            return None
        kind = self._kind
        return change.finding(
            title=f"{kind.subject} {change.moved}: {change.now} instead of {change.before}",
            summary=(
                f"{kind.subject} are at {change.now} since {words.moment(change.since)}, over {words.count(change.delay)} "
                f"{kind.unit}; in the baseline of {words.count(change.design.baseline_n)} {kind.unit} they were at "
                f"{change.before}. {words.falseness(self._interval, kind.unit)}"
            ),
        )

    def lesson(self) -> Json:
        return self._sides.lesson()

    def document(self) -> Json:
        return self._sides.document()


class EscalationRate(RateKind):
    """Decisions that policy sends to people, of all it judges; the breaker's doing and what is only observed don't count."""

    kind = "escalation_rate"
    listens = (DecisionMade,)
    settings = (
        baseline_setting(300, "decisions", least=50),
        interval_setting(50_000, "decisions"),
        EFFECT,
        FLOOR,
        COOLDOWN,
    )
    what = "the share of decisions that go to people"
    subject = "Escalations"

    def sample(self, event: Event) -> bool | None:
        assert isinstance(event, DecisionMade)
        if event.is_diverted or event.mode == "observe":
            return None
        return event.verdict in Decision.ASKING


class OverrideRate(RateKind):
    """Rulings on approvals that correct or reject, of all that were released."""

    kind = "override_rate"
    unit = "rulings"
    listens = (RulingReleased,)
    settings = (
        baseline_setting(50, "rulings", least=50),
        interval_setting(5_000, "rulings"),
        Setting("effect", 2.0, 1.1, 20, EFFECT.words),
        Setting("floor", 0.02, 0, 0.5, FLOOR.words),
        COOLDOWN,
    )
    what = "the share of rulings that correct or reject"
    subject = "Overrides"

    def sample(self, event: Event) -> bool | None:
        assert isinstance(event, RulingReleased)
        return None if event.is_quality else event.verdict in Review.OVERRIDING


class SampledErrors(RateKind):
    """Quality samples that were found wrong, of all that were judged."""

    kind = "sampled_errors"
    unit = "rulings"
    directions = ("up",)
    listens = (RulingReleased,)
    settings = (
        baseline_setting(50, "rulings", least=50),
        interval_setting(5_000, "rulings"),
        Setting("effect", 2.0, 1.1, 20, EFFECT.words),
        Setting("floor", 0.02, 0, 0.5, FLOOR.words),
        COOLDOWN,
    )
    what = "the share of errors in quality samples"
    subject = "Errors in quality samples"

    def sample(self, event: Event) -> bool | None:
        assert isinstance(event, RulingReleased)
        return event.verdict in Review.OVERRIDING if event.is_quality else None


class Corrections(RateKind):
    """Rulings that correct or reject, by decision: a decision counts when it is made, and once more when a person overrides it.

    Where people are asked about more and more decisions and find the same share of them wrong, no rate of rulings moves;
    this one does.
    """

    kind = "corrections"
    unit = "decisions"
    directions = ("up",)
    listens = (DecisionMade, RulingReleased)
    settings = (
        baseline_setting(400, "decisions", least=100),
        interval_setting(50_000, "decisions"),
        Setting("effect", 2.0, 1.1, 20, EFFECT.words),
        FLOOR,
        COOLDOWN,
    )
    what = "the share of decisions that people correct or reject"
    subject = "Corrections"

    def sample(self, event: Event) -> bool | None:
        if isinstance(event, RulingReleased):
            is_counted = event.verdict in Review.OVERRIDING and not event.is_quality and not event.is_diverted
            return True if is_counted else None
        assert isinstance(event, DecisionMade)
        # While the breaker sends everything to people they correct more because they see more.
        return None if event.is_diverted or event.mode == "observe" else False
