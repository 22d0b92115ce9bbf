"""Opening incidents and joining them: what makes two alarms one incident, how grave it is, and who is told first.

One cause shows in several monitors: a dependency that breaks raises failed outcomes, then overrides, then escalations,
then the age of the queue. So there is one unresolved incident a system and family of causes, and whatever alarms
meanwhile joins it (docs/adr/0011).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F

from governance.actors import Actor
from governance.models import AISystem
from operations.models import Alarm, Incident, Monitor
from operations.services.assigning import admins_of, assign_from
from operations.services.timeline import record_of_incident

BEHAVIOUR: Final = "behaviour"
OWNERSHIP: Final = "ownership"
FAMILIES: Final[Mapping[str, str]] = {
    Monitor.Kind.OWNER: OWNERSHIP,
    Monitor.Kind.REPORT_OVERDUE: OWNERSHIP,
}

SEVERITIES: Final = (Incident.Severity.NOTICE, Incident.Severity.WARNING, Incident.Severity.CRITICAL)
# How bad such a change is for whoever the system serves, before its risk tier is looked at: harm done is critical, another
# behaviour a warning, and a change that may be harmless (a release, longer inputs, a dearer model) a notice.
GRAVITY: Final[Mapping[str, int]] = {
    Monitor.Kind.FAILED_OUTCOMES: 2,
    Monitor.Kind.MISSING_OUTCOMES: 2,
    Monitor.Kind.SAMPLED_ERRORS: 2,
    Monitor.Kind.SILENCE: 1,
    Monitor.Kind.ESCALATION_RATE: 1,
    Monitor.Kind.OVERRIDE_RATE: 1,
    Monitor.Kind.CORRECTIONS: 1,
    Monitor.Kind.ACTION_MIX: 1,
    Monitor.Kind.MODEL: 1,
    Monitor.Kind.QUEUE_AGE: 1,
    Monitor.Kind.OWNER: 1,
    Monitor.Kind.UNGATED_RELEASE: 1,
    Monitor.Kind.REPORT_OVERDUE: 1,
    Monitor.Kind.VOLUME: 0,
    Monitor.Kind.CONFIDENCE: 0,
    Monitor.Kind.INPUT_SHIFT: 0,
    Monitor.Kind.RELEASE: 0,
    Monitor.Kind.LATENCY: 0,
    Monitor.Kind.COST: 0,
}
TIER_SHIFT: Final[Mapping[str, int]] = {
    AISystem.RiskTier.MINIMAL: -1,
    AISystem.RiskTier.LIMITED: 0,
    AISystem.RiskTier.HIGH: 1,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why there is an incident: an alarm, or somebody who opened the breaker by hand."""

    fingerprint: str
    title: str
    severity: str
    facts: Mapping[str, Any]
    # Who opened it by hand knows of it; an alarm is known to nobody yet.
    known_to: uuid.UUID | None = None


def fingerprint_of(kind: str) -> str:
    """The family of causes to which a monitor's kind belongs."""
    return FAMILIES.get(kind, BEHAVIOUR)


def grade(*, gravity: int, risk_tier: str) -> str:
    """The severity of a gravity (0 notice, 1 warning, 2 critical) in a risk tier."""
    return str(SEVERITIES[min(max(gravity + TIER_SHIFT.get(risk_tier, 0), 0), len(SEVERITIES) - 1)])


def severity_of(alarm: Alarm) -> str:
    """How grave an alarm is, by kind and risk tier; one that stops the system is critical whatever it is about."""
    if alarm.monitor.trips_breaker:
        return str(Incident.Severity.CRITICAL)
    return grade(gravity=GRAVITY[alarm.monitor.kind], risk_tier=alarm.system.risk_tier)


def cause_of(alarm: Alarm) -> Cause:
    return Cause(
        fingerprint=fingerprint_of(alarm.monitor.kind),
        title=alarm.title,
        severity=severity_of(alarm),
        facts={
            "alarm": str(alarm.pk),
            "monitor": str(alarm.monitor_id),
            "kind": alarm.monitor.kind,
            "since": alarm.since_at.isoformat(),
            "alarm_title": alarm.title,
        },
    )


def open_or_join_step(*, actor: Actor, system: AISystem, cause: Cause, now: datetime) -> tuple[Incident, bool]:
    """Within an open transaction: the system's unresolved incident of this cause's family, and whether it is new.

    Two causes at the same moment make one incident: the database lets one open it, and the other joins. One that is
    resolved at the same moment is not joined: a new one opens.
    """
    for _ in range(10):
        incident = _join(actor, system, cause, now)
        if incident is not None:
            return incident, False
        incident = _open(actor, system, cause, now)
        if incident is not None:
            return incident, True
    raise RuntimeError(f"the incident of {system.slug} was opened and resolved ten times while it was joined")


def _join(actor: Actor, system: AISystem, cause: Cause, now: datetime) -> Incident | None:
    unresolved = Incident.objects.filter(system=system, fingerprint=cause.fingerprint, status__in=Incident.UNRESOLVED)
    found: Incident | None = unresolved.first()
    if found is None:
        return None
    # Takes the row: whoever resolves it waits, and finds the alarm joined.
    if not unresolved.filter(pk=found.pk).update(version=F("version") + 1):
        return None
    found.refresh_from_db()
    severity = max(found.severity, cause.severity, key=[str(one) for one in SEVERITIES].index)
    is_graver = severity != found.severity
    told = _told_of_joining(found, is_graver=is_graver)
    if is_graver:
        Incident.objects.filter(pk=found.pk).update(severity=severity)
        found.severity = severity
    if is_graver and severity == Incident.Severity.CRITICAL and cause.known_to is None:
        again = _ask_again_step(actor, found, now)
        told = [person for person in told if person not in again]
    record_of_incident(
        incident=found,
        type="incident.joined",
        actor=actor,
        to=told,
        title=f"{found.get_severity_display()} now: {cause.title}, joined the incident “{found.title}”"
        if is_graver
        else f"Joined the incident “{found.title}”: {cause.title}",
        facts={**cause.facts, "severity": severity, "is_graver": is_graver},
        now=now,
    )
    return found


def _ask_again_step(actor: Actor, incident: Incident, now: datetime) -> list[uuid.UUID]:
    """Somebody took a lesser thing, or contained it, and may have gone home since: it is open again, and owner, backup and admins
    are told in turn until one of them takes it as it is now. Whom this tells; nobody where it is open anyway."""
    taken = (Incident.Status.ACKNOWLEDGED, Incident.Status.MITIGATED)
    if incident.status not in taken:
        return []
    assignment = assign_from(system=incident.system, step=Incident.Step.OWNER, now=now)
    opened_again = Incident.objects.filter(pk=incident.pk, status=incident.status).update(
        status=Incident.Status.OPEN,
        acknowledged_at=None,
        mitigated_at=None,
        step=assignment.step,
        assignee_id=assignment.assignee_id,
        next_step_at=assignment.next_step_at,
    )
    # Somebody has moved it since it was read: they know it as it is.
    if not opened_again:
        return []
    record_of_incident(
        incident=incident,
        type="incident.assigned",
        actor=actor,
        to=assignment.told,
        title=f"Critical now, take it again: {incident.title} ({incident.system.name})",
        facts={
            "step": Incident.Step(assignment.step).label,
            "from": incident.get_status_display(),
            "assignee": str(assignment.assignee_id) if assignment.assignee_id else None,
            "is_open_again": True,
        },
        now=now,
    )
    incident.refresh_from_db()
    return assignment.told


def _told_of_joining(incident: Incident, *, is_graver: bool) -> list[uuid.UUID]:
    """Whoever has it, or the admins where it is nobody's alone. What was taken as a trifle and becomes grave may lie with
    somebody who is away: then owner and backup are told too."""
    told = [incident.assignee_id] if incident.assignee_id else admins_of(incident.organization_id)
    answering = [incident.system.owner_id, incident.system.backup_id] if is_graver else []
    return list(dict.fromkeys([*told, *(person for person in answering if person is not None)]))


def _open(actor: Actor, system: AISystem, cause: Cause, now: datetime) -> Incident | None:
    assignment = assign_from(system=system, step=Incident.Step.OWNER, now=now)
    incident = Incident(
        organization_id=system.organization_id,
        system=system,
        fingerprint=cause.fingerprint,
        title=cause.title[:300],
        severity=cause.severity,
        opened_at=now,
        step=assignment.step,
        assignee_id=assignment.assignee_id,
        next_step_at=assignment.next_step_at,
    )
    if cause.known_to is not None:
        incident.status = Incident.Status.ACKNOWLEDGED
        incident.assignee_id, incident.acknowledged_at, incident.next_step_at = cause.known_to, now, None
    try:
        with transaction.atomic():
            incident.save(force_insert=True)
    except IntegrityError:
        return None
    record_of_incident(
        incident=incident,
        type="incident.opened",
        actor=actor,
        to=assignment.told,
        title=f"{incident.get_severity_display()}: {incident.title} ({system.name})",
        facts={
            **cause.facts,
            "severity": incident.severity,
            "status": incident.status,
            "step": Incident.Step(assignment.step).label,
            "assignee": str(incident.assignee_id) if incident.assignee_id else None,
        },
        now=now,
    )
    return incident
