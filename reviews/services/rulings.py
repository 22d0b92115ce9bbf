"""Ruling and taking back: many rulings an escalation, one authoritative, chosen by compare-and-set on the claim."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from governance.actors import Actor
from governance.errors import NotFound
from governance.identifiers import new_id
from governance.models import Group
from governance.permissions import require
from governance.services.recording import record
from reviews.errors import (
    ClaimLost,
    EscalationAlreadyRuled,
    EscalationExpired,
    IdempotencyKeyReused,
    InvalidRuling,
    UndoWindowClosed,
)
from reviews.models import Decision, Escalation, Review, ReviewDraft
from reviews.rulings import Asked, CheckedRuling, Ruling, check_ruling, read_asked
from reviews.services.clock import database_now
from reviews.services.handover import ask_step, escalate_step
from reviews.services.resolution import resolve_step, settle_decision
from reviews.services.triage import describe_state, find_visible, refuse_barred


@dataclass(frozen=True, slots=True)
class Submission:
    """One submitted ruling with the claim that it rests on. `request_sha256` tells a repeat from another ruling under
    the same (optional) idempotency key."""

    ruling: Ruling
    claim_token: uuid.UUID
    idempotency_key: str = ""
    request_sha256: str = ""


def rule(*, actor: Actor, escalation_id: uuid.UUID, submission: Submission) -> Review:
    """Record a ruling; a final one is held for the queue's undo window and then released.

    Refuses: InvalidRuling (422), OwnDecision and OutsideGroups (403), and with the current state (409) ClaimLost,
    EscalationAlreadyRuled, EscalationExpired. A lease that has run out does no harm as long as nobody else has taken
    the escalation.
    """
    require(actor, "escalations.rule")
    escalation = find_visible(actor, escalation_id)
    earlier = _find_repeat(escalation, actor, submission)
    if earlier is not None:
        return earlier
    refuse_barred(actor, escalation)
    if escalation.is_approval and escalation.decision.is_pending:
        settle_decision(decision_id=escalation.decision_id)
    checked = check_ruling(ruling=submission.ruling, asked=read_asked_of(escalation))
    try:
        with transaction.atomic(durable=True):
            review = _record_ruling(actor, escalation, submission, checked)
    except IntegrityError as error:
        earlier = _find_repeat(escalation, actor, submission)
        if earlier is None:
            raise _say_why_not(actor, escalation_id) from error
        return earlier
    return review


def undo_ruling(*, actor: Actor, review_id: uuid.UUID) -> Review:
    """Take one's own ruling back within the undo window; the escalation is one's claim again. An undo after the deadline
    lets the decision expire. Refuses (409) a ruling that was released, or that never was the authoritative one."""
    require(actor, "escalations.rule")
    with transaction.atomic(durable=True):
        now = database_now()
        review = (
            Review.objects.visible_to(actor)
            .filter(pk=review_id, reviewer_id=actor.user_id)
            .exclude(verdict=Review.Verdict.UNDO)
            .select_related("escalation__queue", "decision")
            .first()
        )
        if review is None:
            raise NotFound()
        escalation = review.escalation
        taken_back = Escalation.objects.filter(
            pk=escalation.pk,
            status=Escalation.Status.RULED,
            ruling=review,
            release_at__gt=now,
        ).update(
            status=Escalation.Status.CLAIMED,
            ruling=None,
            release_at=None,
            holder_id=actor.user_id,
            claim_token=uuid.uuid4(),
            claimed_at=now,
            lease_until=now + timedelta(seconds=escalation.queue.lease_s),
            version=F("version") + 1,
        )
        if not taken_back:
            raise UndoWindowClosed(state=describe_state(find_visible(actor, escalation.pk)))
        undo = Review.objects.create(
            organization_id=review.organization_id,
            escalation=escalation,
            decision_id=review.decision_id,
            reviewer_id=actor.person_id,
            reviewer_label=actor.label,
            verdict=Review.Verdict.UNDO,
            supersedes=review,
            created_at=now,
        )
        _record(
            actor,
            escalation,
            "escalation.undone",
            {"review": str(review.pk), "verdict": review.verdict},
            now,
        )
    settle_decision(decision_id=review.decision_id)
    return undo


def read_asked_of(escalation: Escalation) -> Asked:
    """What the escalation's decision leaves open to its reviewer."""
    decision = escalation.decision
    return read_asked(
        proposal=decision.payload.proposal,
        review_options=decision.payload.review_options,
        has_happened=not escalation.is_approval,
    )


def _record_ruling(actor: Actor, escalation: Escalation, submission: Submission, checked: CheckedRuling) -> Review:
    now = database_now()
    review = _draft_review(actor, escalation, submission, checked, now)
    if escalation.is_approval and review.undo_until == now:
        # It ends the decision at once, so the decision's lock comes first, as in every other way out.
        Decision.objects.select_for_update(no_key=True).get(pk=escalation.decision_id)
    review.save(force_insert=True)
    held = Escalation.objects.filter(
        pk=escalation.pk,
        status=Escalation.Status.CLAIMED,
        claim_token=submission.claim_token,
        holder_id=actor.user_id,
    )
    if escalation.is_approval:
        held = held.filter(expires_at__gt=now)
    if not _apply(actor, escalation, review, checked.ruling, held, now):
        raise _say_why_not(actor, escalation.pk)
    ReviewDraft.objects.filter(escalation=escalation, reviewer_id=actor.user_id).delete()
    if review.verdict in Review.FINAL:
        payload: dict[str, object] = {"review": str(review.pk), "verdict": review.verdict, "labels": checked.labels}
        _record(actor, escalation, "escalation.ruled", payload, now)
        if review.undo_until == now:
            ruled = Escalation.objects.select_related("decision", "ruling", "system").get(pk=escalation.pk)
            resolve_step(escalation=ruled, now=now)
    return review


def _apply(
    actor: Actor,
    escalation: Escalation,
    review: Review,
    ruling: Ruling,
    held: QuerySet[Escalation],
    now: datetime,
) -> bool:
    """The compare-and-set that belongs to the verdict; False where the claim does not hold any more."""
    if review.verdict == Review.Verdict.NEED_INFORMATION:
        return ask_step(
            actor=actor,
            escalation=escalation,
            question=ruling.question,
            held=held,
            now=now,
        )
    if review.verdict == Review.Verdict.ESCALATE:
        group = Group.objects.get(organization_id=escalation.organization_id, slug=review.group_slug)
        return escalate_step(
            actor=actor,
            escalation=escalation,
            group=group,
            reason=ruling.reason,
            held=held,
        )
    return bool(
        held.update(
            status=Escalation.Status.RULED,
            ruling=review,
            release_at=review.undo_until,
            claim_token=None,
            lease_until=None,
            version=F("version") + 1,
        )
    )


def _draft_review(
    actor: Actor,
    escalation: Escalation,
    submission: Submission,
    checked: CheckedRuling,
    now: datetime,
) -> Review:
    ruling = submission.ruling
    is_final = ruling.verdict in Review.FINAL
    return Review(
        id=new_id(),
        organization_id=escalation.organization_id,
        escalation=escalation,
        decision_id=escalation.decision_id,
        reviewer_id=actor.person_id,
        reviewer_label=actor.label,
        verdict=ruling.verdict,
        correction=checked.correction,
        answer=checked.answer,
        patch=checked.patch,
        labels=checked.labels,
        reason=ruling.reason.strip(),
        note=ruling.note.strip(),
        group_slug=_find_group_slug(escalation, ruling) if ruling.verdict == Review.Verdict.ESCALATE else "",
        undo_until=now + timedelta(seconds=escalation.queue.undo_window_s) if is_final else None,
        held_s=(now - escalation.claimed_at).total_seconds() if escalation.claimed_at else None,
        idempotency_key=submission.idempotency_key,
        request_sha256=submission.request_sha256,
        created_at=now,
    )


def _find_group_slug(escalation: Escalation, ruling: Ruling) -> str:
    """The group that the ruling names, or the next of the policy's chain. Refuses one that the organization lacks."""
    slug = ruling.group or (escalation.chain[0] if escalation.chain else "")
    if not slug:
        raise InvalidRuling(errors=[{"pointer": "/group", "detail": "Name the group that it goes to."}])
    if not Group.objects.filter(organization_id=escalation.organization_id, slug=slug).exists():
        raise InvalidRuling(
            errors=[
                {
                    "pointer": "/group",
                    "detail": f"There is no group {slug[:63]!r} here.",
                }
            ]
        )
    return slug


def _find_repeat(escalation: Escalation, actor: Actor, submission: Submission) -> Review | None:
    if not submission.idempotency_key:
        return None
    review = Review.objects.filter(escalation=escalation, idempotency_key=submission.idempotency_key).first()
    if review is None:
        return None
    if review.reviewer_id != actor.user_id or review.request_sha256 != submission.request_sha256:
        raise IdempotencyKeyReused("The same key came with another ruling before.")
    return review


def _say_why_not(actor: Actor, escalation_id: uuid.UUID) -> ClaimLost | EscalationAlreadyRuled | EscalationExpired:
    """Why a claim does not hold any more, with the current state."""
    current = find_visible(actor, escalation_id)
    state = describe_state(current)
    if current.status == Escalation.Status.RULED or current.closure == Escalation.Closure.RULED:
        return EscalationAlreadyRuled(state=state)
    if current.closure in {Escalation.Closure.EXPIRED, Escalation.Closure.TIMEOUT} or (
        current.is_approval and current.expires_at <= database_now()
    ):
        return EscalationExpired(state=state)
    return ClaimLost(state=state)


def _record(
    actor: Actor,
    escalation: Escalation,
    type: str,
    payload: dict[str, object],
    now: datetime,
) -> None:
    record(
        organization_id=escalation.organization_id,
        type=type,
        actor=actor,
        subject=f"decision:{escalation.decision_id}",
        payload={"escalation": str(escalation.pk), **payload},
        occurred_at=now,
    )
