"""Raising an alarm: the row, its entry in the log and its incident, in the transaction of whoever found it; and telling when
what raised it has ended by itself."""

from __future__ import annotations

from datetime import datetime

from governance.actors import SYSTEM
from governance.services.recording import record
from operations.models import Alarm, Monitor
from operations.monitor_kinds import Finding
from operations.services.incidents import open_or_join_incident


def raise_alarm_step(
    *, monitor: Monitor, finding: Finding, detected_at: datetime, detected_index: int, now: datetime
) -> Alarm:
    """Within an open transaction, after the monitor was set to alarmed by compare-and-set. The database refuses
    (IntegrityError) a second alarm of the same monitor, segment and entry."""
    alarm = Alarm.objects.create(
        organization_id=monitor.organization_id,
        system=monitor.system,
        monitor=monitor,
        segment=finding.segment[:300],
        direction=finding.direction,
        title=finding.title[:300],
        summary=finding.summary,
        baseline_value=finding.baseline_value,
        observed_value=finding.observed_value,
        unit=finding.unit,
        since_at=finding.since,
        detected_at=detected_at,
        delay_observations=finding.delay,
        detected_index=detected_index,
        evidence=list(finding.evidence),
        stated={**monitor.stated, **finding.stated},
    )
    record(
        organization_id=monitor.organization_id,
        type="alarm.raised",
        actor=SYSTEM,
        subject=f"monitor:{monitor.pk}",
        payload={
            "alarm": str(alarm.pk),
            "monitor": str(monitor.pk),
            "kind": monitor.kind,
            "system": str(monitor.system_id),
            "segment": alarm.segment,
            "title": alarm.title,
            "since": alarm.since_at.isoformat(),
            "detected_index": detected_index,
        },
        occurred_at=now,
    )
    open_or_join_incident(alarm=alarm, now=now)
    return alarm


def end_alarm_step(*, monitor: Monitor, reason: str, now: datetime, segment: str | None = None) -> None:
    """Within an open transaction: tell the incident of the monitor's newest alarm, or of its newest about this segment, that what
    raised it has ended by itself. The incident stays, for people to close."""
    alarms = monitor.alarms.all() if segment is None else monitor.alarms.filter(segment=segment[:300])
    alarm = alarms.order_by("-detected_at", "-id").first()
    if alarm is None:
        return
    incident = f"incident:{alarm.incident_id}" if alarm.incident_id else f"monitor:{monitor.pk}"
    record(
        organization_id=monitor.organization_id,
        type="alarm.ended",
        actor=SYSTEM,
        subject=incident,
        payload={
            "alarm": str(alarm.pk),
            "monitor": str(monitor.pk),
            "kind": monitor.kind,
            "system": str(monitor.system_id),
            "title": f"Ended by itself: {alarm.title}"[:300],
            "reason": reason,
        },
        occurred_at=now,
    )
