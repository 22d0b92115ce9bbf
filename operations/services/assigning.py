"""Who has to deal with an incident: the owner, then the backup, then the admins, until somebody acknowledges it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from governance.models import AISystem, Membership
from governance.permissions import ADMIN
from governance.services.sweeping import sweep
from operations.models import Incident
from operations.services.timeline import record_of_incident
from reviews.services.clock import database_now

# How long one person is waited for. High risk: people may be harmed meanwhile, and a quarter of an hour is what an on-call
# rota allows; limited: an hour, so that a meeting does not wake the backup; minimal: half a working day.
PATIENCE: Final[Mapping[str, timedelta]] = {
    AISystem.RiskTier.HIGH: timedelta(minutes=15),
    AISystem.RiskTier.LIMITED: timedelta(minutes=60),
    AISystem.RiskTier.MINIMAL: timedelta(minutes=240),
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """One step: whose the incident is (nobody's alone where it is all admins'), who is told, and when the next one is."""

    step: int
    assignee_id: uuid.UUID | None
    told: list[uuid.UUID]
    next_step_at: datetime | None


def assign_from(*, system: AISystem, step: int, now: datetime) -> Assignment:
    """The first step from `step` on at which somebody stands. An owner or backup who is missing, whose account is closed or
    who holds no role in the organization any more is skipped at once; the admins are the last."""
    if step <= Incident.Step.OWNER and has_standing(system, system.owner_id):
        return Assignment(Incident.Step.OWNER, system.owner_id, [system.owner_id], now + PATIENCE[system.risk_tier])
    if step <= Incident.Step.BACKUP and system.backup_id is not None and has_standing(system, system.backup_id):
        return Assignment(Incident.Step.BACKUP, system.backup_id, [system.backup_id], now + PATIENCE[system.risk_tier])
    return Assignment(Incident.Step.ADMINS, None, admins_of(system.organization_id), None)


def has_standing(system: AISystem, person_id: uuid.UUID) -> bool:
    """Whether the person still has an open account and a role in the system's organization."""
    return Membership.objects.filter(
        organization_id=system.organization_id, user_id=person_id, user__is_active=True
    ).exists()


def admins_of(organization_id: uuid.UUID) -> list[uuid.UUID]:
    admins = Membership.objects.filter(organization_id=organization_id, role=ADMIN, user__is_active=True)
    return list(admins.order_by("user_id").values_list("user_id", flat=True))


def assign_next(*, now: datetime | None = None, limit: int = 200) -> int:
    """Tell the next one about incidents that nobody acknowledged in time, or whose assignee has left; returns how many. May
    run twice or late: whoever is second changes nothing."""
    instant = now or database_now()
    standing = Membership.objects.filter(
        organization_id=OuterRef("organization_id"), user_id=OuterRef("assignee_id"), user__is_active=True
    )
    overdue = Incident.objects.filter(status=Incident.Status.OPEN, next_step_at__lte=instant)
    abandoned = Incident.objects.filter(~Exists(standing), status__in=Incident.UNRESOLVED, assignee__isnull=False)
    waiting = {
        incident.pk: incident
        for found in (overdue, abandoned)
        for incident in found.select_related("system").order_by("opened_at")[:limit]
    }
    return sweep(waiting.values(), lambda incident: _assign(incident, instant))


def _assign(incident: Incident, now: datetime) -> bool:
    is_open = incident.status == Incident.Status.OPEN
    with transaction.atomic(durable=True):
        assignment = assign_from(
            system=incident.system, step=incident.step + 1 if is_open else Incident.Step.OWNER, now=now
        )
        assigned = Incident.objects.filter(
            pk=incident.pk, status=incident.status, step=incident.step, assignee_id=incident.assignee_id
        ).update(
            step=assignment.step,
            assignee_id=assignment.assignee_id,
            next_step_at=assignment.next_step_at if is_open else None,
            version=F("version") + 1,
        )
        if assigned:
            record_of_incident(
                incident=incident,
                type="incident.assigned",
                to=assignment.told,
                title=f"Nobody has acknowledged it yet: {incident.title} ({incident.system.name})"
                if is_open
                else f"Whoever had it has left: {incident.title} ({incident.system.name})",
                facts={
                    "step": Incident.Step(assignment.step).label,
                    "from": Incident.Step(incident.step).label,
                    "assignee": str(assignment.assignee_id) if assignment.assignee_id else None,
                },
                now=now,
            )
    return bool(assigned)
