"""What people do about an incident, from being told to having learned from it; every step a compare-and-set and an entry."""

from __future__ import annotations

from datetime import datetime

from governance.actors import SYSTEM
from operations.models import Alarm, Incident
from operations.services.breaker import trip_step
from operations.services.opening import cause_of, open_or_join_step


def open_or_join_incident(*, alarm: Alarm, now: datetime) -> Incident:
    """Within the alarm's open transaction: open the system's incident or join the one that is unresolved, tie the alarm to
    it, and open the breaker where the monitor says so."""
    system = alarm.system
    cause = cause_of(alarm)
    incident, _ = open_or_join_step(actor=SYSTEM, system=system, cause=cause, now=now)
    Alarm.objects.filter(pk=alarm.pk).update(incident=incident)
    alarm.incident = incident
    if alarm.monitor.trips_breaker:
        trip_step(actor=SYSTEM, incident=incident, reason=f"Monitor {alarm.monitor}: {alarm.title}", now=now)
    return incident
