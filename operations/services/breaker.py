"""The circuit breaker of a system: open, nothing acts without people (or nothing at all); half-open, a share acts again."""

from __future__ import annotations

from datetime import datetime

from governance.actors import Actor
from governance.models import AISystem
from governance.services.registry import set_breaker_step
from operations.models import Incident

Breaker = AISystem.Breaker


def trip_step(*, actor: Actor, incident: Incident, reason: str, now: datetime) -> bool:
    """Within an open transaction: open the breaker of the incident's system; a recovery that runs has failed. False where
    the breaker is open already."""
    system = incident.system
    return set_breaker_step(
        actor=actor,
        system=system,
        state=Breaker.OPEN,
        only_from=(Breaker.CLOSED, Breaker.HALF_OPEN),
        reason=reason,
        facts={"incident": str(incident.pk), "path": f"/incidents/{incident.pk}/"},
        now=now,
    )
