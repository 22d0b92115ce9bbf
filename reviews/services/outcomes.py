"""What really happened: the application's word on a decision that was answered."""

import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance.actors import Actor
from governance.canonical import canonicalize
from governance.errors import NotFound
from governance.services.recording import record
from reviews.errors import DecisionStillPending
from reviews.models import Decision, Outcome


def report_outcome(
    *,
    actor: Actor,
    decision_id: uuid.UUID,
    status: str,
    is_resolved: bool | None,
    detail: Any,
) -> Outcome:
    """Keep what the application says happened; the newest report counts. Refuses (409) a decision that is pending."""
    with transaction.atomic(durable=True):
        now = timezone.now()
        decision = Decision.objects.visible_to(actor).filter(pk=decision_id).first()
        if decision is None:
            raise NotFound()
        if decision.is_pending:
            raise DecisionStillPending(state={"id": str(decision.pk), "status": decision.status})
        outcome = Outcome.objects.create(
            organization_id=decision.organization_id,
            decision=decision,
            status=status,
            is_resolved=is_resolved,
            detail=None if detail is None else canonicalize(detail),
            reported_at=now,
        )
        record(
            organization_id=decision.organization_id,
            type="decision.outcome_reported",
            actor=actor,
            subject=f"decision:{decision_id}",
            payload={"status": status, "resolved": is_resolved},
            occurred_at=now,
        )
    return outcome
