"""Monitors and alarms in the words of somebody who never studied statistics: every number with what it is about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from governance.templatetags.console import duration_words
from governance.templatetags.hostile import inert_line
from operations.models import Alarm, Monitor
from operations.watch_selectors import EVIDENCE_SHOWN
from reviews.models import Decision

# What each kind looks at, as the end of "This monitor watches …".
WATCHES = {
    Monitor.Kind.SILENCE: "whether decisions still come in at all",
    Monitor.Kind.VOLUME: "how many decisions come in by hour of the week",
    Monitor.Kind.ESCALATION_RATE: "how often policy sends a decision to people",
    Monitor.Kind.OVERRIDE_RATE: "how often people correct or reject what they are asked about",
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
}
PLACES = {
    "action": "action",
    "dependency": "dependency",
    "path": "input field",
    "model": "model",
    "release": "release",
    "queue": "queue",
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
    falseness: str
    evidence: list[Decision]


def show_alarm(alarm: Alarm, decisions: dict[str, Decision] | None = None) -> AlarmShown:
    known = decisions or {}
    return AlarmShown(
        alarm=alarm,
        where=say_where(alarm.segment),
        was=say_value(alarm.baseline_value, alarm.unit),
        now=say_value(alarm.observed_value, alarm.unit),
        change=say_change(alarm.baseline_value, alarm.observed_value, alarm.unit),
        delay=say_delay(alarm),
        falseness=say_falseness(alarm.stated),
        evidence=[known[str(key)] for key in list(alarm.evidence)[:EVIDENCE_SHOWN] if str(key) in known],
    )


def say_where(segment: str) -> str:
    """ "action=refund" as "action refund", hidden characters shown; the whole system where there is no segment."""
    if not segment:
        return "the whole system"
    name, _, value = segment.partition("=")
    return inert_line(f"{PLACES.get(name, name)} {value}" if value else segment)


def say_value(value: float | None, unit: str) -> str:
    """A number with its unit, at a precision that one can read: "12.4 %", "1.2 s", "$0.0031", "41 an hour"."""
    if value is None or not math.isfinite(value):
        return ""
    match unit:
        case "share":
            return f"{_round(100 * value)} %"
        case "ms":
            return f"{_round(value / 1000)} s" if value >= 1000 else f"{_round(value)} ms"
        case "usd":
            return f"${value:,.2f}" if abs(value) >= 1 else f"${value:.5f}".rstrip("0").rstrip(".")
        case "per_hour":
            return f"{_round(value)} an hour"
        case "seconds":
            return duration_words(value)
        case "psi" | "ks":
            return f"{value:.2f}"
        case _:
            return f"{_round(value)}{f' {unit}' if unit else ''}"


def say_change(before: float | None, now: float | None, unit: str) -> str:
    """How much it moved: "2.5 times as much", "down by 40 %"; what a distance means where no value went up or down."""
    if unit in {"psi", "ks"}:
        return "a distance: 0 is no difference at all, and above 0.25 is a great one"
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


def count_words(count: float | int) -> str:
    return f"{count:,.0f}"


def say_delay(alarm: Alarm) -> str:
    """How long it took to notice, in what the monitor counts and in time."""
    waited = duration_words(alarm.detected_at - alarm.since_at)
    if not alarm.delay_observations:
        return f"{waited} later"
    return f"{waited} and {count_words(alarm.delay_observations)} {unit_of(alarm.stated)} later"


def unit_of(stated: dict[str, Any]) -> str:
    """What the monitor counts: "decisions", "rulings", "outcomes", "hours"."""
    return str(stated.get("unit") or "observations")


def say_falseness(stated: dict[str, Any]) -> str:
    """How often such an alarm comes although nothing has changed."""
    interval = stated.get("false_alarm_interval")
    if not isinstance(interval, (int, float)) or interval <= 0:
        return "It is no estimate: an alarm of this monitor says what is so."
    if unit_of(stated) == "seconds":
        return f"Where nothing has changed, such an alarm comes about once in {duration_words(interval)}."
    return f"Where nothing has changed, such an alarm comes about once in {count_words(interval)} {unit_of(stated)}."


def say_status(monitor: Monitor) -> str:
    """Where it stands, with how far it has come where it is still learning."""
    unit = unit_of(monitor.stated)
    match monitor.status:
        case Monitor.Status.LEARNING:
            wanted = monitor.settings.get("learn")
            so_far = count_words(monitor.observations)
            if isinstance(wanted, (int, float)) and wanted > 0:
                return f"Learning what is usual: {so_far} of {count_words(wanted)} {unit} so far."
            return f"Learning what is usual: {so_far} {unit} so far."
        case Monitor.Status.WATCHING:
            return f"Watching: {count_words(monitor.observations)} {unit} so far."
        case Monitor.Status.ALARMED:
            return "It has raised an alarm, and watches on against the same baseline."
        case _:
            return "Off: nothing is looked at, and no alarm comes."


def say_baseline(monitor: Monitor) -> str:
    """The sealed baseline in words."""
    if monitor.baseline is None:
        return "none yet"
    words = str(monitor.baseline.get("words") or "")
    sealed = f"sealed on {monitor.baseline_sealed_at:%-d %B %Y, %H:%M} UTC" if monitor.baseline_sealed_at else "sealed"
    return f"{words}; {sealed}" if words else sealed


def say_expected_delay(stated: dict[str, Any]) -> str:
    """After how much it notices which change; empty where it states none."""
    expected = stated.get("expected_delay")
    if not isinstance(expected, (int, float)):
        return ""
    change = str(stated.get("change") or "such a change")
    said = f"{change[:1].upper()}{change[1:]} is noticed after about {_amount(expected, unit_of(stated))}"
    late = stated.get("delay_95")
    if isinstance(late, (int, float)):
        return f"{said}, in 95 of 100 cases within {_amount(late, unit_of(stated))}."
    return f"{said}."


def _amount(value: float, unit: str) -> str:
    return duration_words(value) if unit == "seconds" else f"{count_words(value)} {unit}"
