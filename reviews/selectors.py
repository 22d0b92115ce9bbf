"""Reads that cross this floor's tables."""

from __future__ import annotations

import json
import uuid
from typing import Any

from governance.actors import Actor
from governance.errors import NotFound
from reviews.models import Decision, Escalation, InformationExchange
from reviews.proposals import USAGE, read_usage


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


def read_rule_context(decision: Decision) -> dict[str, Any]:
    """What the rules of a past decision could read, with the clock of its evaluation, so that a replay says the same."""
    payload = decision.payload
    proposal = json.loads(payload.proposal)
    usage = {name: count for name in USAGE if (count := getattr(decision, name)) is not None}
    clock = json.loads(payload.evaluation).get("clock")
    return {
        "action": proposal.get("action"),
        "input": json.loads(payload.input),
        "output": json.loads(payload.output) if payload.output is not None else None,
        "confidence": decision.confidence,
        "subject": decision.subject or None,
        "actor": decision.actor or None,
        "model": decision.model or None,
        "release": decision.release or None,
        "usage": read_usage(usage, decision.cost_usd_micros),
        "latency_ms": decision.latency_ms,
        "context": json.loads(payload.context) if payload.context is not None else None,
        **({"now": clock} if clock else {}),
    }
