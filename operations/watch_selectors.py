"""What pages and API read of monitors, alarms, incidents and channels: one question each, never another organization's."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, Prefetch, Q, QuerySet, Value, When

from evaluations.models import Example
from evaluations.querysets import ExampleQuerySet
from governance.actors import Actor
from governance.errors import NotFound
from governance.models import AuditEntry
from operations.models import Alarm, Channel, Delivery, Incident, Monitor, Recovery
from reviews.models import Decision

ALARMS_SHOWN = 50
EVIDENCE_SHOWN = 5
ENTRIES_SHOWN = 300
EXAMPLES_OFFERED = 200
DELIVERIES_SHOWN = 20


def monitors_of(actor: Actor) -> QuerySet[Any]:
    """Every monitor of the organization with its system, and how many alarms it has raised and when the last one."""
    monitors = Monitor.objects.visible_to(actor).select_related("system")
    counted: QuerySet[Any] = monitors.annotate(alarm_count=Count("alarms"), last_alarm_at=Max("alarms__detected_at"))
    return counted


def find_monitor(*, actor: Actor, monitor_id: uuid.UUID) -> Monitor:
    """Refuses (NotFound) a monitor of another organization."""
    monitor: Monitor | None = monitors_of(actor).filter(pk=monitor_id).first()
    if monitor is None:
        raise NotFound()
    return monitor


def alarms_of(monitor: Monitor) -> list[Alarm]:
    """The newest alarms of one monitor, each with its incident."""
    return list(monitor.alarms.select_related("incident")[:ALARMS_SHOWN])


def incidents_of(actor: Actor) -> QuerySet[Incident]:
    """Every incident of the organization with its system, who has it, and its alarms with their monitors."""
    alarms = Alarm.objects.select_related("monitor").order_by("detected_at", "id")
    incidents = Incident.objects.visible_to(actor).select_related("system", "assignee", "action_owner")
    return incidents.prefetch_related(Prefetch("alarms", alarms))


def with_urgency(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """Unresolved before resolved, of these the unacknowledged first, then the newest."""
    urgency = Case(
        When(status=Incident.Status.OPEN, then=Value(0)),
        When(status__in=Incident.UNRESOLVED, then=Value(1)),
        When(status=Incident.Status.RESOLVED, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return incidents.annotate(urgency=urgency).order_by("urgency", "-opened_at", "-id")


def unresolved_incidents(actor: Actor) -> QuerySet[Incident]:
    """What the rail counts."""
    return Incident.objects.visible_to(actor).filter(status__in=Incident.UNRESOLVED).order_by()


def find_incident(*, actor: Actor, incident_id: uuid.UUID) -> Incident:
    """Refuses (NotFound) an incident of another organization."""
    incidents = incidents_of(actor).select_related("system__owner", "system__backup")
    incidents = incidents.prefetch_related("examples__dataset")
    incident = incidents.filter(pk=incident_id).first()
    if incident is None:
        raise NotFound()
    return incident


def find_evidence(actor: Actor, alarms: Iterable[Alarm]) -> dict[str, Decision]:
    """The decisions that alarms point to, by id, the first ones of each; what was erased is missing."""
    wanted = {text for alarm in alarms for text in list(alarm.evidence)[:EVIDENCE_SHOWN]}
    decisions = Decision.objects.visible_to(actor).select_related("system").filter(pk__in=_ids(wanted))
    return {str(decision.pk): decision for decision in decisions}


def _ids(texts: Iterable[Any]) -> list[uuid.UUID]:
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(str(text)))
        except ValueError:
            continue
    return found


def entries_about(actor: Actor, subject: str) -> list[AuditEntry]:
    """The newest entries on one thing with their payloads, oldest of them first."""
    entries = (
        AuditEntry.objects.visible_to(actor)
        .filter(payload__organization_id=actor.organization_id, payload__subject=subject)
        .select_related("payload")
        .order_by("-id")[:ENTRIES_SHOWN]
    )
    return list(entries)[::-1]


def examples_since(incident: Incident) -> ExampleQuerySet:
    """Examples of the system's datasets that were made since the incident's first alarm says that it began."""
    since = min([alarm.since_at for alarm in incident.alarms.all()], default=incident.opened_at)
    examples = Example.objects.filter(
        organization_id=incident.organization_id,
        dataset__system_id=incident.system_id,
        created_at__gte=min(since, incident.opened_at),
    )
    return examples.exclude(status=Example.Status.RETIRED).order_by("-created_at", "-id")


def running_recovery(system_id: uuid.UUID) -> Recovery | None:
    return Recovery.objects.filter(system_id=system_id, status=Recovery.Status.RUNNING).first()


def recent_recoveries(system_id: uuid.UUID, at_most: int = 5) -> list[Recovery]:
    """Those that ended, newest first."""
    ended = Recovery.objects.filter(system_id=system_id).exclude(status=Recovery.Status.RUNNING)
    return list(ended.order_by("-started_at")[:at_most])


def channels_of(actor: Actor) -> QuerySet[Any]:
    """Channels by name, with how many deliveries wait."""
    waiting = Count("deliveries", filter=Q(deliveries__due_at__isnull=False))
    channels: QuerySet[Any] = Channel.objects.visible_to(actor).annotate(waiting=waiting)
    return channels.order_by("name", "id")


def find_channel(*, actor: Actor, channel_id: uuid.UUID) -> Channel:
    """Refuses (NotFound) a channel of another organization."""
    channel: Channel | None = channels_of(actor).filter(pk=channel_id).first()
    if channel is None:
        raise NotFound()
    return channel


def recent_deliveries(actor: Actor) -> list[Delivery]:
    return list(Delivery.objects.visible_to(actor).select_related("channel").order_by("-id")[:DELIVERIES_SHOWN])
