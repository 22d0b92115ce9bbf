"""Monitors, alarms and incidents for the tests, written as the reader of the log would write them."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from governance.models import AISystem, AuditEntry
from operations.models import Alarm, Incident, Monitor
from operations.services.incidents import open_or_join_incident


def make_monitor(system: AISystem, **fields: Any) -> Monitor:
    now = timezone.now()
    fields = {"kind": Monitor.Kind.OVERRIDE_RATE, "status": Monitor.Status.ALARMED, **fields}
    return Monitor.objects.create(
        organization_id=system.organization_id, system=system, created_at=now, changed_at=now, **fields
    )


def make_alarm(monitor: Monitor, **fields: Any) -> Alarm:
    now = timezone.now()
    fields = {"title": "Overrides rose from 5 % to 20 %", "summary": "Since noon.", "detected_index": 7, **fields}
    return Alarm.objects.create(
        organization_id=monitor.organization_id,
        system=monitor.system,
        monitor=monitor,
        since_at=now,
        detected_at=now,
        **fields,
    )


def alarm_on(system: AISystem, kind: str = "override_rate", **fields: Any) -> Incident:
    with transaction.atomic():
        return open_or_join_incident(alarm=make_alarm(make_monitor(system, kind=kind, **fields)), now=timezone.now())


def types_of(incident: Incident) -> list[str]:
    return list(AuditEntry.objects.about(f"incident:{incident.pk}").values_list("type", flat=True))
