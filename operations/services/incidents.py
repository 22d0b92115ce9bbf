"""What people do about an incident, from being told to having learned from it; every step a compare-and-set and an entry."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from evaluations.models import Example
from governance.actors import SYSTEM, Actor
from governance.errors import NotFound, NotPermitted
from governance.models import User
from governance.permissions import may
from governance.services.fields import read_text
from governance.services.membership import require_standing
from operations.errors import IncidentMovedOn, InvalidReview
from operations.models import Alarm, Incident, Monitor
from operations.services.baselines import rearm_step
from operations.services.breaker import trip_step
from operations.services.opening import cause_of, open_or_join_step
from operations.services.timeline import record_of_incident
from reviews.services.clock import database_now

Status = Incident.Status
LONGEST_NOTE: Final = 4000
MOST_EXAMPLES: Final = 100


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a review has to say. Examples that were added against a repetition, or the reason why there are none."""

    cause: str
    earlier_detection: str
    action: str
    action_owner_id: uuid.UUID | None
    action_due_on: date | None
    example_ids: Sequence[uuid.UUID] = ()
    no_examples_reason: str = ""


def open_or_join_incident(*, alarm: Alarm, now: datetime) -> Incident:
    """Within the alarm's open transaction: open the system's incident or join the one that is unresolved, tie the alarm to
    it, and open the breaker where the monitor says so."""
    system = alarm.system
    incident, _ = open_or_join_step(actor=SYSTEM, system=system, cause=cause_of(alarm), now=now)
    Alarm.objects.filter(pk=alarm.pk).update(incident=incident)
    alarm.incident = incident
    if alarm.monitor.trips_breaker:
        trip_step(actor=SYSTEM, incident=incident, reason=f"Monitor {alarm.monitor}: {alarm.title}", now=now)
    return incident


def may_handle(actor: Actor, incident: Incident) -> bool:
    """The roles of `incidents.handle`, and always the system's owner, its backup and whoever the incident is assigned to."""
    if may(actor, "incidents.handle"):
        return actor.kind == "system" or actor.organization_id == incident.organization_id
    concerned = {incident.system.owner_id, incident.system.backup_id, incident.assignee_id} - {None}
    return actor.is_person and actor.organization_id == incident.organization_id and actor.user_id in concerned


def acknowledge_incident(*, actor: Actor, incident_id: uuid.UUID) -> Incident:
    """Somebody has it: from here on it is theirs, and nobody further is told. Refuses (IncidentMovedOn) one that was
    acknowledged already, (NotPermitted) whom it does not concern, (NotFound) another organization's."""
    incident = find_handled(actor, incident_id)
    with transaction.atomic(durable=True):
        now = database_now()
        _move(actor, incident, Status.ACKNOWLEDGED, (Status.OPEN,), acknowledged_at=now)
        _tell(actor, incident, "incident.acknowledged", f"Acknowledged by {actor.label}: {incident.title}", {}, now)
    return _fresh(incident)


def comment_on_incident(*, actor: Actor, incident_id: uuid.UUID, text: str) -> Incident:
    """A note in the timeline, in whatever state the incident is. Refuses (Invalid) an empty one."""
    incident = find_handled(actor, incident_id)
    comment = read_text(text, field="text", limit=LONGEST_NOTE, is_multiline=True)
    with transaction.atomic(durable=True):
        now = database_now()
        _tell(
            actor,
            incident,
            "incident.commented",
            f"{actor.label} on “{incident.title}”: {comment}",
            {"text": comment},
            now,
        )
    return _fresh(incident)


def mitigate_incident(*, actor: Actor, incident_id: uuid.UUID, note: str) -> Incident:
    """The harm is contained; `note` says how. Acknowledges it too where nobody had. Refuses (IncidentMovedOn) one that is
    mitigated or further."""
    incident = find_handled(actor, incident_id)
    chosen_note = read_text(note, field="note", limit=LONGEST_NOTE, is_multiline=True)
    with transaction.atomic(durable=True):
        now = database_now()
        _move(
            actor,
            incident,
            Status.MITIGATED,
            (Status.OPEN, Status.ACKNOWLEDGED),
            acknowledged_at=Coalesce(F("acknowledged_at"), Value(now)),
            mitigated_at=now,
        )
        _tell(actor, incident, "incident.mitigated", f"Contained: {incident.title}", {"note": chosen_note}, now)
    return _fresh(incident)


def resolve_incident(
    *,
    actor: Actor,
    incident_id: uuid.UUID,
    note: str,
    is_false_alarm: bool = False,
    judged: Mapping[uuid.UUID, bool] | None = None,
) -> Incident:
    """It is over; `note` says why. Its monitors watch again from here on, and alarms that nobody has judged count as false
    or not as it is said here: `judged` of single ones, `is_false_alarm` of the others and of the whole. The breaker stays
    as it is. Refuses (IncidentMovedOn) one that is resolved already."""
    incident = find_handled(actor, incident_id)
    chosen_note = read_text(note, field="note", limit=LONGEST_NOTE, is_multiline=True)
    with transaction.atomic(durable=True):
        now = database_now()
        # Before the incident's row, as whoever raises an alarm takes them: neither waits for the other.
        alarmed = Monitor.objects.filter(alarms__incident=incident, status=Monitor.Status.ALARMED).distinct()
        rearm_step(list(alarmed), actor=actor, now=now, reason=f"Resolved: {incident.title}")
        _move(
            actor,
            incident,
            Status.RESOLVED,
            Incident.UNRESOLVED,
            acknowledged_at=Coalesce(F("acknowledged_at"), Value(now)),
            resolved_at=now,
            is_false_alarm=is_false_alarm,
        )
        for alarm_id, is_false in (judged or {}).items():
            incident.alarms.filter(pk=alarm_id, is_false__isnull=True).update(is_false=is_false)
        incident.alarms.filter(is_false__isnull=True).update(is_false=is_false_alarm)
        _tell(
            actor,
            incident,
            "incident.resolved",
            f"{'False alarm' if is_false_alarm else 'Resolved'}: {incident.title}",
            {"note": chosen_note, "is_false_alarm": is_false_alarm},
            now,
        )
    return _fresh(incident)


def review_incident(*, actor: Actor, incident_id: uuid.UUID, lesson: Lesson) -> Incident:
    """What is learned from a resolved incident. Refuses (InvalidReview) what lacks one of the compulsory parts, naming
    each, (NotAMember) an action's owner from outside, (IncidentMovedOn) one that is not resolved or reviewed already."""
    incident = find_handled(actor, incident_id)
    fields, owner, examples = _read_lesson(incident, lesson)
    with transaction.atomic(durable=True):
        now = database_now()
        require_standing(incident.organization_id, owner)
        changes = {**fields, "action_owner": owner, "action_due_on": lesson.action_due_on, "reviewed_at": now}
        _move(actor, incident, Status.REVIEWED, (Status.RESOLVED,), does_take=False, **changes)
        incident.examples.set(examples)
        _tell(
            actor,
            incident,
            "incident.reviewed",
            f"Reviewed: {incident.title}",
            {
                **fields,
                "examples": sorted(str(example.pk) for example in examples),
                "action_owner": owner.email,
                "action_due_on": str(lesson.action_due_on),
            },
            now,
            also=[owner.pk],
        )
    return _fresh(incident)


def find_handled(actor: Actor, incident_id: uuid.UUID) -> Incident:
    """The incident, if the actor may handle it. Refuses (NotFound, NotPermitted)."""
    incidents = Incident.objects.all() if actor.kind == "system" else Incident.objects.visible_to(actor)
    incident: Incident | None = incidents.select_related("system", "assignee").filter(pk=incident_id).first()
    if incident is None:
        raise NotFound()
    if not may_handle(actor, incident):
        raise NotPermitted("Incidents are handled by leads, owners and admins, and by whoever the system names.")
    return incident


def describe_incident_state(incident: Incident) -> dict[str, Any]:
    """What a refusal says of the incident as it is now."""
    return {
        "id": str(incident.pk),
        "status": incident.status,
        "assignee": incident.assignee.get_short_name() if incident.assignee else None,
    }


def _move(
    actor: Actor, incident: Incident, status: str, only_from: Collection[str], *, does_take: bool = True, **changes: Any
) -> None:
    """The compare-and-set of one step. Whoever takes it becomes its assignee, and nobody else is told any more."""
    taking = {"assignee_id": actor.user_id} if does_take and actor.user_id is not None else {}
    moved = Incident.objects.filter(pk=incident.pk, status__in=only_from).update(
        **changes, **taking, status=status, next_step_at=None, version=F("version") + 1
    )
    if not moved:
        current = _fresh(incident)
        raise IncidentMovedOn(f"It is {current.get_status_display().lower()}.", state=describe_incident_state(current))


def _tell(
    actor: Actor,
    incident: Incident,
    type: str,
    title: str,
    facts: Mapping[str, Any],
    now: datetime,
    *,
    also: Sequence[uuid.UUID] = (),
) -> None:
    """An entry, told to all whom the incident concerns; the log's reader leaves out whoever acted."""
    system = incident.system
    concerned = [system.owner_id, system.backup_id, incident.assignee_id, *also]
    told = list(dict.fromkeys(person for person in concerned if person is not None))
    record_of_incident(incident=incident, type=type, actor=actor, to=told, title=title, facts=facts, now=now)


def _fresh(incident: Incident) -> Incident:
    fresh: Incident = Incident.objects.select_related("system", "assignee", "action_owner").get(pk=incident.pk)
    return fresh


def _read_lesson(incident: Incident, lesson: Lesson) -> tuple[dict[str, str], User, list[Example]]:
    faults: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for name, is_required in (
        ("cause", True),
        ("earlier_detection", True),
        ("action", True),
        ("no_examples_reason", False),
    ):
        text = read_text(getattr(lesson, name), field=name, limit=LONGEST_NOTE, is_required=False, is_multiline=True)
        fields[name] = text
        if is_required and not text:
            faults.append({"pointer": f"/{name}", "detail": "This is required."})
    wanted = set(lesson.example_ids)
    if not wanted and not fields["no_examples_reason"]:
        faults.append(
            {"pointer": "/example_ids", "detail": "Name the examples that were added, or say why there are none."}
        )
    if len(wanted) > MOST_EXAMPLES:
        faults.append({"pointer": "/example_ids", "detail": f"Name {MOST_EXAMPLES} examples at the most."})
    examples = list(
        Example.objects.filter(pk__in=list(wanted)[:MOST_EXAMPLES], organization_id=incident.organization_id)
    )
    if len(examples) < len(wanted) <= MOST_EXAMPLES:
        faults.append({"pointer": "/example_ids", "detail": "Some of these are no examples of this organization."})
    owner = User.objects.filter(pk=lesson.action_owner_id).first() if lesson.action_owner_id else None
    if owner is None:
        faults.append({"pointer": "/action_owner", "detail": "Name who will do it."})
    if lesson.action_due_on is None:
        faults.append({"pointer": "/action_due_on", "detail": "Say until when."})
    elif lesson.action_due_on < incident.opened_at.date():
        faults.append({"pointer": "/action_due_on", "detail": "This lies before the incident."})
    if faults or owner is None:
        raise InvalidReview(
            "A review says what happened, what was learned, and who does what until when.", errors=faults
        )
    return fields, owner, examples
