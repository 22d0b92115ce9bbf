"""Sending an escalation on: to the next group of its chain, to a group that a person names, or back to the application
with a question."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from governance.actors import SYSTEM, Actor
from governance.canonical import canonicalize
from governance.errors import NotFound
from governance.models import Group
from governance.services.recording import record
from reviews.errors import NoQuestionOpen, Overtaken
from reviews.models import Decision, Escalation, InformationExchange
from reviews.services.clock import database_now
from reviews.services.routing import find_or_open_group

_FREED: dict[str, Any] = {
    "status": Escalation.Status.OPEN,
    "holder": None,
    "claim_token": None,
    "claimed_at": None,
    "lease_until": None,
}


def hand_over_step(*, escalation: Escalation, now: datetime) -> None:
    """Within an open transaction: nobody answered in time, so the next group of the chain gets it; after the last one it
    waits for the total deadline."""
    group = None
    due_at = escalation.expires_at
    if escalation.chain:
        group = find_or_open_group(organization_id=escalation.organization_id, slug=escalation.chain[0])
        due_at = min(now + timedelta(seconds=escalation.respond_s), escalation.expires_at)
    handed = Escalation.objects.filter(
        pk=escalation.pk, status__in=["open", "claimed", "waiting"], due_at__lte=now
    ).update(
        **(_FREED if group is not None else {}),
        **({"group": group} if group is not None else {}),
        chain=escalation.chain[1:],
        due_at=due_at,
        warned_at=None,
        version=F("version") + 1,
    )
    if not handed:
        raise Overtaken
    if group is not None:
        _record_handover(SYSTEM, escalation, group, "nobody answered in time")


def escalate_step(*, actor: Actor, escalation: Escalation, group: Group, reason: str, held: Any) -> bool:
    """Within an open transaction: the holder hands it to a group. `held` is the claim to compare with."""
    handed = held.update(
        **_FREED,
        group=group,
        chain=[slug for slug in escalation.chain if slug != group.slug],
        warned_at=None,
        version=F("version") + 1,
    )
    if handed:
        _record_handover(actor, escalation, group, reason)
    return bool(handed)


def ask_step(*, actor: Actor, escalation: Escalation, question: str, held: Any, now: datetime) -> bool:
    """Within an open transaction: the holder asks the application back."""
    asked = held.update(
        **{**_FREED, "status": Escalation.Status.WAITING},
        question=question,
        asked_at=now,
        version=F("version") + 1,
    )
    if asked:
        InformationExchange.objects.create(
            organization_id=escalation.organization_id,
            decision_id=escalation.decision_id,
            question=question,
            asked_by_label=actor.label,
            asked_at=now,
        )
        record(
            organization_id=escalation.organization_id,
            type="decision.information_requested",
            actor=actor,
            subject=f"decision:{escalation.decision_id}",
            payload={"escalation": str(escalation.pk), "question": question},
            occurred_at=now,
        )
    return bool(asked)


def inform(*, actor: Actor, decision_id: uuid.UUID, answer: Any) -> Decision:
    """The application's reply; the escalation returns to its queue, and a clock that stood still goes on. Refuses (409)
    where nobody has asked."""
    with transaction.atomic(durable=True):
        now = database_now()
        decision = Decision.objects.visible_to(actor).filter(pk=decision_id).first()
        if decision is None:
            raise NotFound()
        answered = InformationExchange.objects.filter(decision_id=decision_id, answered_at__isnull=True).update(
            answer=canonicalize(answer), answered_at=now
        )
        escalation = Escalation.objects.filter(
            decision_id=decision_id,
            kind=Escalation.Kind.APPROVAL,
            status=Escalation.Status.WAITING,
        ).first()
        if not answered or escalation is None or not decision.is_pending:
            raise NoQuestionOpen(state={"id": str(decision.pk), "status": decision.status})
        _return_to_queue(escalation, now)
        record(
            organization_id=decision.organization_id,
            type="decision.information_given",
            actor=actor,
            subject=f"decision:{decision_id}",
            payload={"escalation": str(escalation.pk)},
            occurred_at=now,
        )
    return Decision.objects.get(pk=decision_id)


def _return_to_queue(escalation: Escalation, now: datetime) -> None:
    stood_still = timedelta(0)
    if escalation.does_pause and escalation.asked_at is not None:
        stood_still = now - escalation.asked_at
    expires_at = escalation.expires_at + stood_still
    if stood_still:
        # The decision first, as everywhere: two transactions that meet must take their locks in one order.
        Decision.objects.filter(pk=escalation.decision_id).update(expires_at=expires_at)
    returned = Escalation.objects.filter(pk=escalation.pk, status=Escalation.Status.WAITING).update(
        status=Escalation.Status.OPEN,
        due_at=escalation.due_at + stood_still,
        expires_at=expires_at,
        warned_at=None,
        version=F("version") + 1,
    )
    if not returned:
        raise NoQuestionOpen(state={"id": str(escalation.decision_id)})


def _record_handover(actor: Actor, escalation: Escalation, group: Group, reason: str) -> None:
    record(
        organization_id=escalation.organization_id,
        type="escalation.handed_over",
        actor=actor,
        subject=f"decision:{escalation.decision_id}",
        payload={
            "escalation": str(escalation.pk),
            "group": group.slug,
            "reason": reason,
        },
    )
