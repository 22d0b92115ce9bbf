"""Reads that cross this floor's tables."""

from __future__ import annotations

import uuid

from governance.actors import Actor
from governance.errors import NotFound
from reviews.models import Decision, Escalation, InformationExchange


def find_decision(*, actor: Actor, decision_id: uuid.UUID) -> Decision:
    """A decision with payload, policy and system; another organization's, or another system's, is not there (404)."""
    decision = (
        Decision.objects.visible_to(actor)
        .select_related("payload", "policy_version__policy", "system")
        .filter(pk=decision_id)
        .first()
    )
    if decision is None:
        raise NotFound()
    return decision


def find_place(decision: Decision) -> Escalation | None:
    """Where a decision waits or waited for approval; else its quality sample."""
    return Escalation.objects.filter(decision=decision).select_related("queue", "ruling").order_by("kind").first()


def find_open_question(decision: Decision) -> InformationExchange | None:
    return InformationExchange.objects.filter(decision=decision, answered_at__isnull=True).first()
