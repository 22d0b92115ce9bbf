"""How a decision ends: a held ruling is released, the time runs out, or the application withdraws it.

Every way out is a compare-and-set on `pending`, taken in one order (decision, then escalation), so that two ways out
that meet can't both win and can't wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from governance.actors import SYSTEM, Actor
from governance.canonical import canonicalize, sha256_hex
from governance.errors import NotFound
from governance.models import AISystem
from governance.services.nudging import nudge
from governance.services.recording import record
from governance.services.sweeping import sweep
from reviews.errors import DecisionNotPending, Overtaken
from reviews.models import Correction, Decision, DecisionPayload, Escalation, Review
from reviews.services.clock import database_now
from reviews.services.handover import hand_over_step

STATUS_BY_VERDICT = {
    Review.Verdict.APPROVE: Decision.Status.APPROVED,
    Review.Verdict.CORRECT: Decision.Status.CORRECTED,
    Review.Verdict.REJECT: Decision.Status.REJECTED,
    Review.Verdict.ANSWER: Decision.Status.ANSWERED,
}
# What always teaches; of approvals so many of a hundred as the system says.
TEACHING = frozenset({Review.Verdict.CORRECT, Review.Verdict.REJECT, Review.Verdict.ANSWER})
NULL_OUTPUT = '{"output":null}'
# By name: the floor above, which turns corrections into examples, is not known here.
HARVEST = "evaluations.harvest_corrections"


def release_due_rulings(
    *,
    now: datetime | None = None,
    decision_ids: Collection[uuid.UUID] | None = None,
    limit: int = 200,
) -> int:
    """Release the rulings whose undo window has passed, oldest first; returns how many. May run twice or late."""
    instant = now or database_now()
    due = Escalation.objects.filter(status=Escalation.Status.RULED, release_at__lte=instant)
    if decision_ids is not None:
        due = due.filter(decision_id__in=decision_ids)
    oldest = due.select_related("ruling__reviewer", "decision", "system").order_by("release_at")[:limit]
    return sweep(oldest, lambda escalation: release_ruling(escalation=escalation, now=instant))


def release_ruling(*, escalation: Escalation, now: datetime) -> bool:
    """Release one held ruling; False where somebody took it back or was faster."""
    try:
        with transaction.atomic(durable=True):
            resolve_step(escalation=escalation, now=now)
    except Overtaken:
        return False
    return True


def resolve_step(*, escalation: Escalation, now: datetime) -> None:
    """Within an open transaction: end the decision by its ruling, close the escalation, note what follows."""
    ruling = escalation.ruling
    if ruling is None:
        raise Overtaken
    if escalation.is_approval:
        _end_decision(escalation, ruling, now)
    closed = Escalation.objects.filter(
        pk=escalation.pk,
        status=Escalation.Status.RULED,
        ruling=ruling,
        release_at__lte=now,
    ).update(
        status=Escalation.Status.CLOSED,
        closure=Escalation.Closure.RULED,
        closed_at=now,
        release_at=None,
        version=F("version") + 1,
    )
    if not closed:
        raise Overtaken
    if does_teach(escalation, ruling):
        Correction.objects.get_or_create(
            review=ruling,
            defaults={"organization_id": escalation.organization_id, "created_at": now},
        )
        nudge(HARVEST)
    record(
        organization_id=escalation.organization_id,
        type="decision.resolved" if escalation.is_approval else "quality.judged",
        actor=SYSTEM,
        subject=f"decision:{escalation.decision_id}",
        payload={
            "escalation": str(escalation.pk),
            "review": str(ruling.pk),
            "verdict": ruling.verdict,
            "reviewer": str(ruling.reviewer_id),
            "status": STATUS_BY_VERDICT[Review.Verdict(ruling.verdict)] if escalation.is_approval else None,
            "labels": ruling.labels,
        },
        occurred_at=now,
    )


def does_teach(escalation: Escalation, ruling: Review) -> bool:
    """Whether a ruling becomes an example: always where it says what would have been right, at the system's rate where it
    approves, never for a test key. An approval is drawn by its id, SHA-256 mod 100: the same whenever one asks. That of an
    output which is null teaches nothing: as an example it would read as its rejection does."""
    if escalation.decision.is_test:
        return False
    if ruling.verdict in TEACHING:
        return True
    drawn = int.from_bytes(hashlib.sha256(ruling.pk.bytes).digest()[:8], "big") % 100
    if drawn >= escalation.system.approvals_taught_percent:
        return False
    return escalation.decision.payload.proposal != NULL_OUTPUT


def _end_decision(escalation: Escalation, ruling: Review, now: datetime) -> None:
    status = STATUS_BY_VERDICT[Review.Verdict(ruling.verdict)]
    effective_sha256 = ""
    if status == Decision.Status.APPROVED:
        effective_sha256 = escalation.decision.proposal_sha256
    elif ruling.correction is not None:
        effective_sha256 = sha256_hex(canonicalize(next(iter(json.loads(ruling.correction).values()))))
    ended = Decision.objects.filter(pk=escalation.decision_id, status=Decision.Status.PENDING).update(
        status=status,
        decided_at=now,
        decided_by_kind=Decision.DeciderKind.PERSON,
        decided_by_label=ruling.reviewer_label,
        effective_sha256=effective_sha256,
    )
    if not ended:
        raise Overtaken
    if ruling.correction is not None:
        _answer(escalation.decision_id, effective=ruling.correction)
    elif ruling.answer is not None:
        _answer(escalation.decision_id, effective=f'{{"answer":{ruling.answer}}}')


def _answer(decision_id: uuid.UUID, *, effective: str) -> None:
    DecisionPayload.objects.filter(pk=decision_id).update(effective=effective)


def settle_decision(*, decision_id: uuid.UUID) -> None:
    """Carry out on read what is due for one pending decision: nobody waits for a sweep."""
    now = database_now()
    escalation = (
        Escalation.objects.filter(
            Q(status=Escalation.Status.RULED, release_at__lte=now)
            | Q(status__in=["open", "claimed", "waiting"], due_at__lte=now),
            decision_id=decision_id,
            kind=Escalation.Kind.APPROVAL,
        )
        .select_related("ruling__reviewer", "decision", "system")
        .first()
    )
    if escalation is None:
        return
    if escalation.status == Escalation.Status.RULED:
        release_ruling(escalation=escalation, now=now)
    elif not (escalation.status == Escalation.Status.WAITING and escalation.does_pause):
        act_on_deadline(escalation=escalation, now=now)


def act_on_deadlines(*, now: datetime | None = None, limit: int = 200) -> int:
    """Carry out `on_timeout` where nobody answered in time; returns how many. A ruling made before the deadline has won:
    its escalation is `ruled` and not looked at here."""
    instant = now or database_now()
    overdue = overdue_approvals(instant).select_related("decision", "system")
    oldest = overdue.order_by("due_at")[:limit]
    return sweep(oldest, lambda escalation: act_on_deadline(escalation=escalation, now=instant))


def overdue_approvals(now: datetime) -> Any:
    """Approvals past their time whose clock does not stand still while the application is asked."""
    return (
        Escalation.objects.overdue(now).filter(kind=Escalation.Kind.APPROVAL).exclude(status="waiting", does_pause=True)
    )


def act_on_deadline(*, escalation: Escalation, now: datetime) -> bool:
    """One overdue escalation: expire, allow, or hand over. False where something else was faster."""
    try:
        with transaction.atomic(durable=True):
            deadline_step(escalation=escalation, now=now)
    except Overtaken:
        return False
    return True


def deadline_step(*, escalation: Escalation, now: datetime) -> None:
    """Within an open transaction: what the escalation's timeout asks for. While the system's breaker is not closed nothing
    acts without a person, so a timeout that would allow lets the decision expire."""
    does_allow = escalation.on_timeout == Decision.OnTimeout.ALLOW
    if escalation.on_timeout == Decision.OnTimeout.ESCALATE and escalation.expires_at > now:
        hand_over_step(escalation=escalation, now=now)
    elif does_allow and _may_act(escalation):
        _end_by_timeout(escalation, Decision.Status.ALLOWED, Escalation.Closure.TIMEOUT, now)
    else:
        _end_by_timeout(escalation, Decision.Status.EXPIRED, Escalation.Closure.EXPIRED, now)


def _may_act(escalation: Escalation) -> bool:
    """Asked anew: a sweep read its rows before it began, and the breaker may have opened since."""
    return AISystem.objects.filter(pk=escalation.system_id, breaker=AISystem.Breaker.CLOSED).exists()


def _end_by_timeout(escalation: Escalation, status: str, closure: str, now: datetime) -> None:
    decision = escalation.decision
    ended = Decision.objects.filter(pk=decision.pk, status=Decision.Status.PENDING).update(
        status=status,
        decided_at=now,
        decided_by_kind=Decision.DeciderKind.TIMEOUT,
        decided_by_label=f"timeout: {_timeout_of(escalation, status)}",
        effective_sha256=decision.proposal_sha256 if status == Decision.Status.ALLOWED else "",
    )
    if not ended or not close_step(escalation, closure, now, still=Q(due_at__lte=now)):
        raise Overtaken
    if status == Decision.Status.EXPIRED and escalation.system.fallback_message:
        DecisionPayload.objects.filter(pk=decision.pk).update(message=escalation.system.fallback_message)
    record(
        organization_id=escalation.organization_id,
        type="decision.expired" if status == Decision.Status.EXPIRED else "decision.allowed_by_timeout",
        actor=SYSTEM,
        subject=f"decision:{decision.pk}",
        payload={
            "escalation": str(escalation.pk),
            "status": status,
            "on_timeout": escalation.on_timeout,
        },
        occurred_at=now,
    )


def _timeout_of(escalation: Escalation, status: str) -> str:
    """What the timeout asked for; or the breaker, which is stricter."""
    is_held = status == Decision.Status.EXPIRED and escalation.on_timeout == Decision.OnTimeout.ALLOW
    return "breaker" if is_held else escalation.on_timeout


def close_step(escalation: Escalation, closure: str, now: datetime, *, still: Q | None = None) -> bool:
    """Close an escalation on which nobody's ruling is held."""
    return bool(
        Escalation.objects.filter(still or Q(), pk=escalation.pk, status__in=["open", "claimed", "waiting"]).update(
            status=Escalation.Status.CLOSED,
            closure=closure,
            closed_at=now,
            claim_token=None,
            lease_until=None,
            version=F("version") + 1,
        )
    )


def cancel_decision(*, actor: Actor, decision_id: uuid.UUID, reason: str) -> Decision:
    """The application withdraws a pending decision; a held ruling loses. Refuses (409) one that has ended."""
    with transaction.atomic(durable=True):
        now = database_now()
        decision = Decision.objects.visible_to(actor).filter(pk=decision_id).first()
        if decision is None:
            raise NotFound()
        cancelled = Decision.objects.filter(pk=decision_id, status=Decision.Status.PENDING).update(
            status=Decision.Status.CANCELLED,
            decided_at=now,
            decided_by_kind=Decision.DeciderKind.APPLICATION,
            decided_by_label=actor.label,
        )
        if not cancelled:
            decision.refresh_from_db()
            raise DecisionNotPending(state={"id": str(decision.pk), "status": decision.status})
        Escalation.objects.filter(decision_id=decision_id, kind=Escalation.Kind.APPROVAL).exclude(
            status=Escalation.Status.CLOSED
        ).update(
            status=Escalation.Status.CLOSED,
            closure=Escalation.Closure.CANCELLED,
            closed_at=now,
            claim_token=None,
            lease_until=None,
            release_at=None,
            version=F("version") + 1,
        )
        record(
            organization_id=decision.organization_id,
            type="decision.cancelled",
            actor=actor,
            subject=f"decision:{decision_id}",
            payload={"reason": reason},
            occurred_at=now,
        )
    decision.refresh_from_db()
    return decision
