"""What happened in a month: alarms, the false ones and the unjudged ones too; incidents, and how the breaker stood."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from governance.models import AISystem, AuditPayload
from operations.models import Alarm, Incident
from operations.months import end_of_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.plain import Json

ALARMS_AT_MOST = 100
BREAKER_STATES = {"breaker.opened": "open", "breaker.half_opened": "half_open", "breaker.closed": "closed"}


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the audit log with its payload."""

    type: str
    at: datetime
    by: str
    payload: dict[str, Any]

    @classmethod
    def of(cls, payload: AuditPayload) -> Told:
        entry = payload.entry
        return cls(entry.type, entry.occurred_at, entry.actor_label, json.loads(payload.payload))


def read_entries(system: AISystem, types: Iterable[str], until: datetime, subject: str) -> list[Told]:
    """What the log says of one thing of the organization's up to an instant, oldest first."""
    payloads = AuditPayload.objects.filter(
        organization_id=system.organization_id,
        subject=subject,
        entry__type__in=list(types),
        entry__occurred_at__lt=until,
    ).select_related("entry")
    ordered = sorted(payloads, key=lambda payload: (payload.entry.occurred_at, payload.entry_id))
    return [Told.of(payload) for payload in ordered]


def say_alarms(month: Month, expected_false: float | None) -> Json:
    """Every alarm of the month, judged or not, beside how many false ones its monitors had announced."""
    alarms = list(
        Alarm.objects.filter(
            system=month.system,
            detected_at__gte=start_of_month(month.month),
            detected_at__lt=end_of_month(month.month),
        )
        .select_related("monitor")
        .order_by("detected_at", "id")
    )
    counts = {"real": False, "false": True, "unjudged": None}
    return {
        "raised": len(alarms),
        **{name: sum(alarm.is_false is value for alarm in alarms) for name, value in counts.items()},
        "expected_false": expected_false,
        "alarms": [_say_alarm(alarm) for alarm in alarms[:ALARMS_AT_MOST]],
        "more_alarms": max(0, len(alarms) - ALARMS_AT_MOST),
    }


def _say_alarm(alarm: Alarm) -> Json:
    interval = alarm.stated.get("false_alarm_interval")
    return {
        "kind": alarm.monitor.kind,
        "title": alarm.title,
        "segment": alarm.segment,
        "since": plain.at(alarm.since_at),
        "detected_at": plain.at(alarm.detected_at),
        "judgement": {True: "false", False: "real", None: "unjudged"}[alarm.is_false],
        "false_alarm_interval": plain.significant(interval) if isinstance(interval, (int, float)) else None,
        "unit": str(alarm.stated.get("unit", "")),
    }


def say_incidents(month: Month) -> Json:
    """Incidents that were opened in the month, or were unresolved in it, with all that is known of them by now."""
    since, until = start_of_month(month.month), end_of_month(month.month)
    found = (
        Incident.objects.filter(system=month.system, opened_at__lt=until)
        .filter(Q(opened_at__gte=since) | Q(resolved_at__isnull=True) | Q(resolved_at__gte=since))
        .select_related("action_owner")
        .annotate(alarm_count=Count("alarms", distinct=True), example_count=Count("examples", distinct=True))
    )
    incidents = sorted(found, key=lambda incident: (incident.opened_at, incident.pk))
    return {
        "opened": sum(incident.opened_at >= since for incident in incidents),
        "unresolved": sum(incident.resolved_at is None for incident in incidents),
        "incidents": [_say_incident(incident) for incident in incidents],
        "breaker": say_breaker(month),
    }


def _say_incident(incident: Any) -> Json:
    opened = incident.opened_at
    return {
        "title": incident.title,
        "severity": incident.severity,
        "status": incident.status,
        "opened_at": plain.at(opened),
        "acknowledged_after_s": plain.seconds_between(opened, incident.acknowledged_at),
        "mitigated_after_s": plain.seconds_between(opened, incident.mitigated_at),
        "resolved_after_s": plain.seconds_between(opened, incident.resolved_at),
        "is_false_alarm": incident.is_false_alarm,
        "alarms": incident.alarm_count,
        "cause": incident.cause,
        "earlier_detection": incident.earlier_detection,
        "examples": incident.example_count,
        "action": incident.action,
        "action_owner": incident.action_owner.get_short_name() if incident.action_owner else None,
        "action_due_on": f"{incident.action_due_on:%Y-%m-%d}" if incident.action_due_on else None,
    }


def say_breaker(month: Month) -> Json:
    """When the breaker was moved, and for how long of the month it stood open or half open."""
    since, until = start_of_month(month.month), end_of_month(month.month)
    told = read_entries(month.system, BREAKER_STATES, until, f"system:{month.system.pk}")
    within = [one for one in told if one.at >= since]
    before = BREAKER_STATES[told[-len(within) - 1].type] if len(told) > len(within) else "closed"
    stood = _time_in_states(before, within, since, until)
    return {
        "openings": sum(one.type == "breaker.opened" for one in within),
        "open_s": stood["open"],
        "half_open_s": stood["half_open"],
        "moves": [
            {
                "state": BREAKER_STATES[one.type],
                "at": plain.at(one.at),
                "by": one.by,
                "reason": str(one.payload.get("reason", "")),
            }
            for one in within
        ],
    }


def _time_in_states(state: str, moves: Sequence[Told], since: datetime, until: datetime) -> dict[str, int]:
    stood = {"open": 0.0, "half_open": 0.0, "closed": 0.0}
    begun = since
    for one in moves:
        stood[state] += (one.at - begun).total_seconds()
        state, begun = BREAKER_STATES[one.type], one.at
    stood[state] += (until - begun).total_seconds()
    return {name: int(seconds) for name, seconds in stood.items()}
