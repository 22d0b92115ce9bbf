"""Roll-ups written as rows, for pages that only read them; and decisions of every kind, for what opens behind a figure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from governance.models import AISystem
from operations.models import RollUp
from reviews.models import Decision, Escalation, Outcome, Review
from tests.factories import make_decision, make_escalation, make_queue


def this_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def make_roll_up(system: AISystem, *, starts_at: datetime | None = None, **fields: Any) -> None:
    """An hour and its day with the same counts; the present hour unless said otherwise."""
    hour = starts_at or this_hour()
    fields = {"decisions": 10, "allowed": 10, "counted_at": timezone.now(), **fields}
    for grain, at in (("hour", hour), ("day", hour.replace(hour=0))):
        RollUp.objects.create(
            organization_id=system.organization_id, system=system, grain=grain, starts_at=at, **fields
        )


def make_decisions_of_every_kind(system: AISystem, at: datetime) -> None:
    """Allowed, blocked, asked (approved, corrected, still waiting), diverted, sampled right and wrong, failed, resolved, and
    what counts nowhere: a test key's."""
    queue = make_queue(system.organization)
    unsampled = {"status": "allowed", "verdict": "allow", "created_at": at, "review_probability": 0.0}
    report(make_decision(system, release="r1", **unsampled), "executed", is_resolved=True)
    report(make_decision(system, release="r1", **unsampled), "failed", is_resolved=False)
    twice = make_decision(system, **unsampled)
    report(twice, "failed", is_resolved=False)
    report(twice, "executed", is_resolved=True)
    make_decision(system, status="blocked", verdict="block", created_at=at, review_probability=0.0)
    for verdict in ("approve", "correct", "reject"):
        rule(make_escalation(make_decision(system, created_at=at), queue=queue), verdict, labels=["tone"])
    make_escalation(make_decision(system, created_at=at), queue=queue)
    make_decision(system, is_diverted=True, verdict="allow", created_at=at)
    sampled = {**unsampled, "review_probability": 0.5, "is_sampled": True}
    for verdict in ("approve", "reject"):
        rule(make_escalation(make_decision(system, **sampled), queue=queue), verdict)
    make_escalation(make_decision(system, **sampled), queue=queue)
    make_decision(system, is_test=True, **unsampled)


def rule(escalation: Escalation, verdict: str, **fields: Any) -> None:
    now = timezone.now()
    review = Review.objects.create(
        organization=escalation.organization,
        escalation=escalation,
        decision=escalation.decision,
        reviewer=escalation.system.owner,
        reviewer_label="x",
        verdict=verdict,
        correction="{}" if verdict == "correct" else None,
        created_at=now,
        **fields,
    )
    Escalation.objects.filter(pk=escalation.pk).update(status="closed", closed_at=now, closure="ruled", ruling=review)


def report(decision: Decision, status: str, *, is_resolved: bool | None = None) -> None:
    Outcome.objects.create(
        organization_id=decision.organization_id,
        decision=decision,
        status=status,
        is_resolved=is_resolved,
        reported_at=timezone.now() + timedelta(seconds=1),
    )
