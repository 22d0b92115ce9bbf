"""What the monitors could have seen in a month, and what could not have been detected.

A monitor that watches has a smallest change that it can be counted on to notice within what it observes; one that was still
learning, was off, or lay silent because it was alarmed did not watch. All of that belongs into a report: no alarm is good news
only as far as somebody could have raised one. So only those hours count that a monitor watched from end to end, and nothing is
said by a baseline that was not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from operations.detectors import MeanDesign, RateDesign, minimum_detectable_change
from operations.figure_selectors import HOUR, Figures, Period, Point, floor_to, series_of
from operations.models import Monitor
from operations.monitor_kinds import KINDS, MonitorKind
from operations.monitor_kinds.numbers import NumberKind
from operations.monitor_kinds.outcomes import FailedOutcomes
from operations.monitor_kinds.rates import RateKind
from operations.months import end_of_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.histories import (
    ALARMED,
    LEARNING,
    OFF,
    QUIET,
    WATCHING,
    History,
    Stretch,
    read_histories,
)
from operations.report_parts.plain import Json

Kind = Monitor.Kind
# A share of a month below which a silence is not worth a word.
LEAST_SILENCE_S: Final = 60
# With a baseline in force, whether or not an alarm could be raised just then.
STANDING: Final = (WATCHING, ALARMED, QUIET)


def _of_policy(hour: Figures) -> int:
    return hour.allowed + hour.asked + hour.blocked


def _gone_ahead(hour: Figures) -> int:
    """What was corrected went ahead too, but an hour does not tell it from what was rejected."""
    return hour.allowed + hour.allowed_by_timeout + hour.ruled - hour.overridden - hour.answered


def _made(hour: Figures) -> int:
    return hour.decisions


# What an hour brought of that which each kind observes (`MonitorKind.sample`), as far as roll-ups can tell: what was
# only observed they count too, which escalation rate and corrections do not, and decisions without a confidence.
OBSERVED: Final[Mapping[str, Callable[[Figures], int]]] = {
    Kind.ESCALATION_RATE: _of_policy,
    Kind.OVERRIDE_RATE: lambda hour: hour.ruled,
    # It counts overrides once more, but not of what the breaker sent to people; an hour does not tell these apart.
    Kind.CORRECTIONS: _of_policy,
    Kind.SAMPLED_ERRORS: lambda hour: hour.judged,
    Kind.ACTION_MIX: _made,
    # How many decisions came with a confidence is counted nowhere; an application sends it with each or with none.
    Kind.CONFIDENCE: _made,
    Kind.INPUT_SHIFT: _made,
    Kind.MODEL: _made,
    Kind.RELEASE: _made,
    Kind.LATENCY: lambda hour: hour.latency_known,
    Kind.COST: lambda hour: hour.priced,
    Kind.FAILED_OUTCOMES: lambda hour: hour.outcomes,
    Kind.MISSING_OUTCOMES: _gone_ahead,
}


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor with what it saw of the month. `observations`: in all the hours that it watched, None where there is nothing to
    count; `within`: those of them that it watched by its last baseline."""

    history: History
    stretches: Sequence[Stretch]
    observations: int | None
    within: int | None

    @property
    def monitor(self) -> Monitor:
        return self.history.monitor

    @property
    def state(self) -> str:
        """At the month's end: watched, silent (alarmed, or told to wait, all the time), learning, off, or new (made
        after it)."""
        if not self.stretches:
            return "new"
        status = self.stretches[-1].status
        if status not in STANDING:
            return status
        return "watched" if self.watched_s else "silent"

    @property
    def watched_s(self) -> int:
        return int(sum(one.seconds for one in self.stretches if one.status == WATCHING))

    @property
    def begun(self) -> datetime | None:
        """When it first stood with a baseline in the month."""
        return next((one.since for one in self.stretches if one.status in STANDING), None)

    @property
    def ended(self) -> datetime | None:
        """Until when it stood with its last one."""
        return next((one.until for one in reversed(self.stretches) if one.status in STANDING), None)

    @property
    def stated(self) -> Mapping[str, Any]:
        """What it promised when it last stood in the month."""
        return {} if self.ended is None else self.history.stated_at(self.ended)

    @property
    def promise(self) -> str:
        return str(self.stated.get("sentence", ""))

    def seconds_in(self, status: str) -> int:
        """Since it first stood with a baseline in the month."""
        begun = self.begun
        if begun is None:
            return 0
        seconds = sum(one.seconds for one in self.stretches if one.status == status and one.since >= begun)
        return int(seconds) if seconds >= LEAST_SILENCE_S else 0


def look_at_monitors(month: Month, now: datetime | None = None) -> list[Watched]:
    """The system's monitors in the order of their kinds, each with how far it watched in the month; of a month that still runs,
    until `now`. At most five queries."""
    since, end = start_of_month(month.month), end_of_month(month.month)
    until = end if now is None else max(since, min(now, end))
    histories = read_histories(month.system, since, until)
    hours = series_of(month.system, Period(since, end, "hour")) if histories else []
    watched = []
    for history in histories:
        kind, stretches = KINDS[history.monitor.kind], history.stretches(since, until)
        watched.append(
            Watched(
                history=history,
                stretches=stretches,
                observations=_count(kind, stretches, hours),
                within=_count(kind, _by_last_baseline(stretches), hours),
            )
        )
    return watched


def _by_last_baseline(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """From where it last had learned; a baseline that was forgotten by the month's end is the last one too."""
    kept = list(stretches)
    while kept and kept[-1].status not in STANDING:
        kept.pop()
    learned = [number for number, one in enumerate(kept, start=1) if one.status == LEARNING]
    return kept[learned[-1] :] if learned else kept


def _count(kind: MonitorKind, stretches: Iterable[Stretch], hours: Sequence[Point]) -> int | None:
    """What it observed while it watched: seconds, or what came in whole UTC hours, by the hour in which a decision was made."""
    watched = [one for one in stretches if one.status == WATCHING]
    if kind.unit == "seconds":
        return int(sum(one.seconds for one in watched))
    whole = [hour for stretch in watched for hour in _hours_within(stretch, hours)]
    if kind.unit == "hours":
        return len(whole)
    observed = OBSERVED.get(kind.kind)
    return None if observed is None else sum(observed(hour.figures) for hour in whole)


def _hours_within(stretch: Stretch, hours: Sequence[Point]) -> Sequence[Point]:
    """`hours`: one after the other without a gap."""
    if not hours:
        return []
    begun, ended = floor_to(stretch.since, "hour"), floor_to(stretch.until, "hour")
    first = (begun - hours[0].starts_at) // HOUR + (begun < stretch.since)
    return hours[first : (ended - hours[0].starts_at) // HOUR]


def say_sight(watched: Sequence[Watched], month: Month) -> Json:
    return {
        "monitors": [_say_monitor(one, month) for one in watched],
        "unwatched": [one.monitor.kind for one in watched if not one.watched_s],
    }


def _say_monitor(one: Watched, month: Month) -> Json:
    """Seconds are those since it first watched in the month; `watched_since` null: from its first instant. `detectable` null:
    `unknown_because` says why it can't be told."""
    unknown = _why_unknown(one)
    is_late = one.begun is not None and one.begun > start_of_month(month.month)
    return {
        "kind": one.monitor.kind,
        "state": one.state,
        "watched_since": plain.at(one.begun) if is_late else None,
        "watched_s": one.watched_s,
        "silent_s": one.seconds_in(ALARMED),
        "quiet_s": one.seconds_in(QUIET),
        "off_s": one.seconds_in(OFF),
        "relearned_s": one.seconds_in(LEARNING),
        "unit": KINDS[one.monitor.kind].unit,
        "observations": one.observations,
        "false_alarm_interval": plain.significant(_interval(one)),
        "expected_false": plain.significant(_expected_false(one), 3),
        "detectable": None if unknown else _detectable(one),
        "unknown_because": unknown,
        "promise": one.promise,
    }


def _interval(one: Watched) -> float | None:
    interval = one.stated.get("false_alarm_interval")
    return interval if isinstance(interval, (int, float)) and interval else None


def _expected_false(one: Watched) -> float | None:
    """How many false alarms its interval announces for so many observations, had nothing changed; None where it states none."""
    interval = _interval(one)
    return None if interval is None or one.observations is None else one.observations / interval


def expect_false_alarms(watched: Sequence[Watched]) -> float | None:
    """The sum over all monitors that watched: at most about so many false alarms were to be expected."""
    parts = [expected for one in watched if (expected := _expected_false(one)) is not None]
    return plain.significant(sum(parts), 3) if parts else None


def _is_computed(kind: MonitorKind) -> bool:
    """Whether its smallest change follows from its baseline; of the others the promise says what they notice."""
    return isinstance(kind, (RateKind, NumberKind, FailedOutcomes))


def _why_unknown(one: Watched) -> str | None:
    """Why what it could have noticed can't be told any more: the baseline by which it watched is not there."""
    if not one.watched_s or one.ended is None:
        return None
    why = one.history.redesigned_since(one.ended)
    return why if _is_computed(KINDS[one.monitor.kind]) or not one.promise else None


def _detectable(one: Watched) -> list[Json]:
    """The mildest lasting change, on each side, that is noticed on average within what it observed by its baseline; empty where
    the monitor's own promise says what it notices, or it saw nothing at all."""
    kind, monitor, within = KINDS[one.monitor.kind], one.monitor, one.within or 0
    if within < 1 or one.ended is None or monitor.baseline is None or not _is_computed(kind):
        return []
    try:
        prepared: Any = kind.prepare(monitor.baseline, one.history.settings_at(one.ended))
    except (KeyError, TypeError, ValueError):
        # A baseline that can't be read watched nothing; the monitor says so in the log.
        return []
    if isinstance(kind, NumberKind):
        return _of_mean(kind, prepared, within)
    designs = prepared.whole if isinstance(kind, FailedOutcomes) else prepared
    return [_of_rate(side, design, within) for side, design in sorted(designs.items(), reverse=True)]


def _of_rate(side: str, design: RateDesign, within: int) -> Json:
    change = minimum_detectable_change(design, within=within)
    edge = change.detectable_high if side == "up" else change.detectable_low
    return _say_change(side, "share", design.baseline_rate, edge, within)


def _of_mean(kind: NumberKind, design: MeanDesign, within: int) -> list[Json]:
    change = minimum_detectable_change(design, within=within)
    before = kind.from_scale(design.mean)
    edges = {"up": change.detectable_high, "down": change.detectable_low}
    return [
        _say_change(side, kind.shown_in, before, None if edge is None else kind.from_scale(edge), within)
        for side, edge in edges.items()
    ]


def _say_change(side: str, unit: str, before: float, edge: float | None, within: int) -> Json:
    """`edge` null: no change to that side could be counted on to be noticed."""
    return {
        "direction": side,
        "unit": unit,
        "baseline": plain.significant(before),
        "edge": plain.significant(edge),
        "within": within,
    }


def say_tripwires(watched: Sequence[Watched], month: Month, budget: Json | None) -> Json:
    """What will ring next month: the monitors that are on, with what they promise, and the budget's thresholds."""
    end = end_of_month(month.month)
    histories = [one.history for one in watched]
    return {
        "monitors": [_say_tripwire(one, end) for one in histories if one.status_before(end) not in (None, OFF)],
        "budget": None if budget is None else {"monthly_micros": budget["monthly_micros"], "thresholds": [50, 80, 100]},
    }


def _say_tripwire(history: History, end: datetime) -> Json:
    is_learning = history.status_before(end) == LEARNING
    return {
        "kind": history.monitor.kind,
        "is_learning": is_learning,
        "trips_breaker": history.trips_breaker_at(end),
        "promise": "" if is_learning else str(history.stated_at(end).get("sentence", "")),
        "settings": {name: plain.significant(value, 6) for name, value in sorted(history.settings_at(end).items())},
    }
