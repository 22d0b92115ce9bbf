"""Who has to deal with an incident: the owner, then the backup, then the admins, until somebody acknowledges it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from governance.models import AISystem, Membership
from governance.permissions import ADMIN
from operations.models import Incident

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
