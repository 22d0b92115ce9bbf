"""What the monitors could have seen in a month, and what could not have been detected.

A monitor that watches has a smallest change that it can be counted on to notice within the month's observations; one that
was still learning, was off, or lay silent because it was alarmed did not watch. All of that belongs into a report: no alarm
is good news only as far as somebody could have raised one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from operations.detectors import MeanDesign, RateDesign, minimum_detectable_change
from operations.models import Monitor
from operations.monitor_kinds import KINDS
from operations.monitor_kinds.numbers import NumberKind
from operations.monitor_kinds.outcomes import FailedOutcomes
from operations.monitor_kinds.rates import RateKind
from operations.monitor_kinds.standing import StandingKind
from operations.months import end_of_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.events import Told, read_entries
from operations.report_parts.figures import Month
from operations.report_parts.plain import Json

Status = Monitor.Status
SILENCING: Final = ("alarm.raised", "alarm.ended", "monitor.rearmed")
# A share of a month below which a silence is not worth a word.
LEAST_SILENCE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor with what it saw of the month. `state`: watched, learning, off or new (made after the month's end)."""

    monitor: Monitor
    state: str
    since: datetime | None
    silent_s: int
    observations: int | None


def look_at_monitors(month: Month) -> list[Watched]:
    """The system's monitors in the order of their kinds, each with how far it watched in the month: two queries."""
    since, until = start_of_month(month.month), end_of_month(month.month)
    silences = _silences(month, since, until)
    order = list(KINDS)
    monitors = Monitor.objects.filter(system=month.system, kind__in=order).defer("state")
    counts = count_observations(month)
    watched = []
    for monitor in sorted(monitors, key=lambda one: order.index(one.kind)):
        state = _state_of(monitor, until)
        begun = monitor.baseline_sealed_at if state == "watched" else None
        seen = counts.get(KINDS[monitor.kind].unit) if state == "watched" else None
        watched.append(
            Watched(
                monitor=monitor,
                state=state,
                since=begun if begun is not None and begun > since else None,
                silent_s=silences.get(str(monitor.pk), 0),
                observations=seen,
            )
        )
    return watched


def _state_of(monitor: Monitor, until: datetime) -> str:
    if monitor.created_at >= until:
        return "new"
    if monitor.status == Status.OFF:
        return "off"
    if monitor.baseline_sealed_at is None or monitor.baseline_sealed_at >= until:
        return "learning"
    return "watched"


def count_observations(month: Month) -> dict[str, int]:
    """How many observations of each unit the month brought, of what the monitors count."""
    total, since, until = month.total, start_of_month(month.month), end_of_month(month.month)
    seconds = int((until - since).total_seconds())
    return {
        "decisions": total.decisions,
        "rulings": total.ruled,
        "outcomes": total.outcomes,
        "hours": seconds // 3600,
        "seconds": seconds,
    }


def _silences(month: Month, since: datetime, until: datetime) -> Mapping[str, int]:
    """For how many seconds of the month each monitor said nothing because it was alarmed, by its id."""
    by_monitor: dict[str, list[Told]] = defaultdict(list)
    for one in read_entries(month.system, SILENCING, until):
        by_monitor[str(one.payload.get("monitor", ""))].append(one)
    silent: dict[str, int] = {}
    for key, entries in by_monitor.items():
        begun: datetime | None = None
        seconds = 0.0
        for one in entries:
            if one.type == "alarm.raised":
                begun = begun or one.at
            elif begun is not None:
                seconds += max(0.0, (one.at - max(begun, since)).total_seconds())
                begun = None
        if begun is not None:
            seconds += (until - max(begun, since)).total_seconds()
        if seconds >= LEAST_SILENCE_S:
            silent[key] = int(seconds)
    return silent


def say_sight(watched: Sequence[Watched], month: Month) -> Json:
    return {
        "monitors": [_say_monitor(one, month) for one in watched],
        "unwatched": [one.monitor.kind for one in watched if one.state != "watched"],
    }


def _say_monitor(one: Watched, month: Month) -> Json:
    monitor, kind = one.monitor, KINDS[one.monitor.kind]
    interval = monitor.stated.get("false_alarm_interval") if one.state == "watched" else None
    has_interval = isinstance(interval, (int, float))
    return {
        "kind": monitor.kind,
        "state": one.state,
        "watched_since": plain.at(one.since),
        "silent_s": one.silent_s,
        "unit": kind.unit,
        "observations": one.observations,
        "false_alarm_interval": plain.significant(interval) if has_interval else None,
        "expected_false": plain.significant(_expected_false(one), 3),
        "detectable": _detectable(one) if one.state == "watched" else [],
        "promise": str(monitor.stated.get("sentence", "")) if one.state == "watched" else "",
    }


def _expected_false(one: Watched) -> float | None:
    """How many false alarms its interval announces for so many observations, had nothing changed; None where it states none."""
    interval = one.monitor.stated.get("false_alarm_interval")
    if one.state != "watched" or one.observations is None or not isinstance(interval, (int, float)) or not interval:
        return None
    return one.observations / interval


def expect_false_alarms(watched: Sequence[Watched]) -> float | None:
    """The sum over all monitors that watched: at most about so many false alarms were to be expected."""
    parts = [expected for one in watched if (expected := _expected_false(one)) is not None]
    return plain.significant(sum(parts), 3) if parts else None


def _detectable(one: Watched) -> list[Json]:
    """The mildest lasting change, on each side, that is noticed on average within the month's observations; empty where the
    monitor's own promise says what it notices, or it saw nothing at all."""
    kind, monitor, within = KINDS[one.monitor.kind], one.monitor, one.observations or 0
    if within < 1 or monitor.baseline is None or not isinstance(kind, (RateKind, NumberKind, FailedOutcomes)):
        return []
    settings = {**kind.defaults(), **monitor.settings}
    try:
        prepared: Any = kind.prepare(monitor.baseline, settings)
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


def say_tripwires(month: Month, budget: Json | None) -> Json:
    """What will ring next month: the monitors that are on, with what they promise, and the budget's thresholds."""
    monitors: list[Json] = []
    order = list(KINDS)
    rows = Monitor.objects.filter(system=month.system, kind__in=order, created_at__lt=end_of_month(month.month))
    for monitor in sorted(rows.defer("state", "baseline"), key=lambda one: order.index(one.kind)):
        kind = KINDS[monitor.kind]
        if monitor.status == Status.OFF:
            continue
        is_learning = monitor.baseline_sealed_at is None and not isinstance(kind, StandingKind)
        monitors.append(
            {
                "kind": monitor.kind,
                "is_learning": is_learning,
                "trips_breaker": monitor.trips_breaker,
                "promise": "" if is_learning else str(monitor.stated.get("sentence", "")),
                "settings": {
                    name: plain.significant(value, 6)
                    for name, value in sorted({**kind.defaults(), **monitor.settings}.items())
                },
            }
        )
    return {
        "monitors": monitors,
        "budget": None if budget is None else {"monthly_micros": budget["monthly_micros"], "thresholds": [50, 80, 100]},
    }
