"""Monitors and alarms in the words of somebody who never studied statistics: every number with what it is about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.templatetags.console import duration_words
from governance.templatetags.hostile import inert_line
from operations.models import Alarm, Monitor
from operations.monitor_kinds import KINDS, MonitorKind, words
from operations.watch_selectors import EVIDENCE_SHOWN
from reviews.models import Decision

# What each kind looks at, as the end of "This monitor watches …".
WATCHES = {
    Monitor.Kind.SILENCE: "whether decisions still come in at all",
    Monitor.Kind.VOLUME: "how many decisions come in by hour of the week",
    Monitor.Kind.ESCALATION_RATE: "how often policy sends a decision to people",
    Monitor.Kind.OVERRIDE_RATE: "how often people correct or reject what they are asked about",
    Monitor.Kind.CORRECTIONS: "how many of its decisions people correct or reject",
    Monitor.Kind.SAMPLED_ERRORS: "how often the random quality samples turn out wrong",
    Monitor.Kind.ACTION_MIX: "which actions the system wants to take, and in which shares",
    Monitor.Kind.CONFIDENCE: "how sure the model says that it is",
    Monitor.Kind.INPUT_SHIFT: "whether what the system is given still looks like what it was given before",
    Monitor.Kind.MODEL: "which model answers",
    Monitor.Kind.RELEASE: "which release of the application asks",
    Monitor.Kind.LATENCY: "how long the model takes",
    Monitor.Kind.COST: "what a decision costs",
    Monitor.Kind.FAILED_OUTCOMES: "how often what was allowed fails when it is carried out, by action and by dependency",
    Monitor.Kind.MISSING_OUTCOMES: "whether the application still reports what became of what was allowed",
    Monitor.Kind.QUEUE_AGE: "how long the oldest escalation waits for people",
    Monitor.Kind.OWNER: "whether somebody still answers for the system",
    Monitor.Kind.UNGATED_RELEASE: "whether the release that is in use has passed a gate",
    Monitor.Kind.REPORT_OVERDUE: "whether the owner has signed the report of each month that is over",
}
# Kinds that operations.services.previewing refuses to try: of what they look at no past is kept, or nothing of it is set.
UNTRIED = {Monitor.Kind.OWNER, Monitor.Kind.UNGATED_RELEASE, Monitor.Kind.REPORT_OVERDUE}
# Units of a distance between two distributions: there is no "before", and nothing went up or down.
DISTANCES = {"psi", "ks"}
PLACES = {
    "action": "action",
    "dependency": "dependency",
    "path": "input field",
    "model": "model",
    "release": "release",
    "queue": "queue",
    "month": "month",
}


@dataclass(frozen=True, slots=True)
class AlarmShown:
    """One alarm with its numbers in words. `evidence`: decisions that show it, as far as they are still there."""

    alarm: Alarm
    where: str
    was: str
    now: str
    change: str
    delay: str
    counted: str
    falseness: str
    evidence: list[Decision]


def show_alarm(alarm: Alarm, decisions: dict[str, Decision] | None = None) -> AlarmShown:
    known = decisions or {}
    falseness = say_falseness(alarm.stated)
    counted = alarm.delay_observations
    return AlarmShown(
        alarm=alarm,
        where=say_where(alarm.segment),
        was="" if alarm.unit in DISTANCES else say_value(alarm.baseline_value, alarm.unit),
        now=say_value(alarm.observed_value, alarm.unit),
        change=say_change(alarm.baseline_value, alarm.observed_value, alarm.unit),
        delay=say_delay(alarm),
        counted=f"{words.count(counted)} {unit_of(alarm.stated)}" if counted else "",
        # The monitor's own summary mostly says so already.
        falseness="" if falseness in alarm.summary else falseness,
        evidence=[known[str(key)] for key in list(alarm.evidence)[:EVIDENCE_SHOWN] if str(key) in known],
    )


def say_where(segment: str) -> str:
    """ "action=refund" as "action refund", hidden characters shown; the whole system where there is no segment."""
    if not segment:
        return "the whole system"
    name, _, value = segment.partition("=")
    return inert_line(f"{PLACES.get(name, name)} {value}" if value else segment)


def say_value(value: float | None, unit: str) -> str:
    """A number with its unit, at a precision that one can read: "12 %", "1.2 s", "$0.0031", "41 an hour"."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.2f}" if unit in DISTANCES else words.amount(value, unit)


def say_change(before: float | None, now: float | None, unit: str) -> str:
    """How much it moved: "2.5 times as much", "down by 40 %"; what a distance means where no value went up or down."""
    if unit in DISTANCES:
        return "0 is no difference, above 0.25 a great one"
    if before is None or now is None or not before or before < 0 or now < 0:
        return ""
    ratio = now / before
    if ratio >= 1.95:
        return f"{_round(ratio)} times as much"
    if ratio > 1:
        return f"up by {_round(100 * (ratio - 1))} %"
    if ratio == 1:
        return ""
    return f"down by {_round(100 * (1 - ratio))} %"


def _round(value: float) -> str:
    """Three significant digits, whole numbers whole."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def say_delay(alarm: Alarm) -> str:
    """How long it took to notice."""
    return f"{duration_words(alarm.detected_at - alarm.since_at)} later"


def unit_of(stated: Mapping[str, Any]) -> str:
    """What the monitor counts: "decisions", "rulings", "outcomes", "hours"."""
    return str(stated.get("unit") or "observations")


def interval_of(stated: Mapping[str, Any]) -> float | None:
    """Observations (or seconds) between two false alarms; None where the monitor makes no estimate."""
    interval = stated.get("false_alarm_interval")
    return float(interval) if isinstance(interval, (int, float)) and interval > 0 else None


def say_falseness(stated: Mapping[str, Any], daily: Mapping[str, float] | None = None) -> str:
    """How often such an alarm comes although nothing has changed; in days too where it is known how much comes a day."""
    interval = interval_of(stated)
    if interval is None:
        return "It is no estimate: an alarm of this monitor says what is so."
    unit = unit_of(stated)
    said = words.falseness(interval, unit)
    a_day = (daily or {}).get(unit, 0)
    if not a_day:
        return said
    return f"{said} As much as comes now, that is once in {words.duration(86_400 * interval / a_day)}."


def say_status(monitor: Monitor, settings: Mapping[str, float]) -> str:
    """Where it stands, with how far it has come where it is still learning."""
    kind = KINDS[monitor.kind]
    match monitor.status:
        case Monitor.Status.LEARNING:
            return f"Learning what is usual{_say_learning(monitor, kind, settings)}"
        case Monitor.Status.WATCHING:
            return "Watching."
        case Monitor.Status.ALARMED:
            return "It has raised an alarm; once the incident is resolved, it watches again."
        case _:
            return "Off: nothing is looked at, and no alarm comes."


def _say_learning(monitor: Monitor, kind: MonitorKind, settings: Mapping[str, float]) -> str:
    """How far it has come, and what else it waits for."""
    learned = monitor.state.get("learned", {})
    counted, wanted = kind.count(learned), max(settings.get("baseline", 0), learned.get("wanted", 0))
    # Silence counts gaps in seconds, each of them between two decisions.
    unit = "decisions" if monitor.kind == Monitor.Kind.SILENCE else kind.unit
    of_all = f" of {words.count(wanted)}" if counted < wanted else ""
    so_far = f": {words.count(counted)}{of_all} {unit} so far." if wanted else "."
    if monitor.kind == Monitor.Kind.SILENCE and settings.get("hours"):
        so_far += f" They have to cover {settings['hours']:g} hours."
    return f"{so_far} {learned.get('wanting', '')}".rstrip()
