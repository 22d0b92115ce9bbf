"""Ruling on an escalation and taking it back."""

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from governance.errors import NotFound, NotPermitted
from governance.models import AuditEntry, Group
from reviews.errors import (
    ClaimLost,
    EscalationAlreadyRuled,
    EscalationExpired,
    IdempotencyKeyReused,
    InvalidRuling,
    OutsideGroups,
    OwnDecision,
    UndoWindowClosed,
)
from reviews.models import Correction, Decision, Escalation, Review
from reviews.rulings import Ruling
from reviews.services.resolution import release_due_rulings
from reviews.services.rulings import Submission, rule, undo_ruling
from reviews.services.triage import claim
from tests.factories import make_organization
from tests.reviews.scenes import BIG, FIXED, open_desk, submission
from tests.support.races import race

pytestmark = pytest.mark.django_db


def later(seconds: float) -> Any:
    return timezone.now() + timedelta(seconds=seconds)


def test_a_ruling_is_held_and_the_decision_stays_pending() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    review = rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    escalation.refresh_from_db()
    assert (escalation.status, escalation.ruling_id, escalation.decision.status) == ("ruled", review.pk, "pending")
    assert AuditEntry.objects.about(f"decision:{escalation.decision_id}").filter(type="escalation.ruled").count() == 1


def test_a_held_ruling_is_released_after_the_undo_window_and_once() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    assert release_due_rulings() == 0
    assert release_due_rulings(now=later(6)) == 1
    assert release_due_rulings(now=later(6)) == 0
    decision = Decision.objects.get(pk=escalation.decision_id)
    assert (decision.status, decision.decided_by_kind, decision.decided_by_label) == ("approved", "person", actor.label)
    assert decision.effective_sha256 == decision.proposal_sha256


def test_without_an_undo_window_the_answer_goes_out_at_once() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    escalation, actor = desk.escalation(), desk.reviewer()
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, "correct", action=FIXED))
    decision = Decision.objects.select_related("payload").get(pk=escalation.decision_id)
    assert decision.status == "corrected"
    assert decision.payload.effective is not None and '"amount":150' in decision.payload.effective
    assert Correction.objects.filter(review__escalation=escalation).count() == 1


def test_an_approval_teaches_nothing_and_a_rejection_does() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    actor = desk.reviewer()
    approved, rejected = desk.escalation(), desk.escalation()
    rule(actor=actor, escalation_id=approved.pk, submission=submission(actor, approved))
    rule(actor=actor, escalation_id=rejected.pk, submission=submission(actor, rejected, "reject", reason="Too much."))
    assert [row.review.verdict for row in Correction.objects.select_related("review")] == ["reject"]


def test_a_second_ruling_is_refused_with_the_current_state() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    first = submission(actor, escalation)
    rule(actor=actor, escalation_id=escalation.pk, submission=first)
    with pytest.raises(EscalationAlreadyRuled) as refused:
        rule(actor=actor, escalation_id=escalation.pk, submission=first)
    assert refused.value.state is not None and refused.value.state["status"] == "ruled"
    assert Review.objects.filter(escalation=escalation).count() == 1


def test_a_repeat_with_the_same_idempotency_key_answers_the_same_review() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    plain = submission(actor, escalation)
    keyed = Submission(plain.ruling, plain.claim_token, idempotency_key="k1", request_sha256="a")
    first = rule(actor=actor, escalation_id=escalation.pk, submission=keyed)
    assert rule(actor=actor, escalation_id=escalation.pk, submission=keyed).pk == first.pk
    other = Submission(plain.ruling, plain.claim_token, idempotency_key="k1", request_sha256="b")
    with pytest.raises(IdempotencyKeyReused):
        rule(actor=actor, escalation_id=escalation.pk, submission=other)


def test_somebody_elses_claim_token_is_worth_nothing() -> None:
    desk = open_desk()
    escalation, holder, other = desk.escalation(), desk.reviewer(), desk.reviewer()
    stolen = submission(holder, escalation)
    with pytest.raises(ClaimLost):
        rule(actor=other, escalation_id=escalation.pk, submission=stolen)


def test_a_late_ruling_is_accepted_while_nobody_has_reclaimed() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    mine = submission(actor, escalation)
    Escalation.objects.filter(pk=escalation.pk).update(lease_until=later(-1))
    assert rule(actor=actor, escalation_id=escalation.pk, submission=mine).verdict == "approve"


def test_a_late_ruling_is_refused_once_somebody_has_reclaimed() -> None:
    desk = open_desk()
    escalation, actor, other = desk.escalation(), desk.reviewer(), desk.reviewer()
    mine = submission(actor, escalation)
    Escalation.objects.filter(pk=escalation.pk).update(lease_until=later(-1))
    claim(actor=other, escalation_id=escalation.pk)
    with pytest.raises(ClaimLost) as refused:
        rule(actor=actor, escalation_id=escalation.pk, submission=mine)
    assert refused.value.state is not None and refused.value.state["holder"] == other.label


def test_a_ruling_after_the_deadline_is_refused_and_the_decision_has_expired() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    mine = submission(actor, escalation)
    Escalation.objects.filter(pk=escalation.pk).update(due_at=later(-2), expires_at=later(-1))
    with pytest.raises(EscalationExpired):
        rule(actor=actor, escalation_id=escalation.pk, submission=mine)
    assert Decision.objects.get(pk=escalation.decision_id).status == "expired"
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("ruling", "pointer"),
    [
        (Ruling("correct"), "/action"),
        (Ruling("correct", action=BIG), "/action"),
        (Ruling("correct", output="text"), "/action"),
        (Ruling("reject"), "/labels"),
        (Ruling("reject", labels=("Not A Slug",)), "/labels/0"),
        (Ruling("answer"), "/answer"),
        (Ruling("need_information"), "/reason"),
        (Ruling("escalate"), "/group"),
        (Ruling("escalate", group="nobody-here"), "/group"),
        (Ruling("approve", note="x" * 10_001), "/note"),
    ],
)
def test_a_ruling_that_lacks_what_it_needs_is_refused(ruling: Ruling, pointer: str) -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    mine = submission(actor, escalation)
    with pytest.raises(InvalidRuling) as refused:
        rule(actor=actor, escalation_id=escalation.pk, submission=Submission(ruling, mine.claim_token))
    assert [error["pointer"] for error in refused.value.errors] == [pointer]
    escalation.refresh_from_db()
    assert escalation.status == "claimed"


def test_a_correction_must_fit_the_schema_of_the_request() -> None:
    desk = open_desk()
    schema = {"type": "object", "properties": {"amount": {"type": "number", "maximum": 200}}, "required": ["amount"]}
    escalation, actor = desk.escalation(schema=schema), desk.reviewer()
    too_much = {"name": "refund", "arguments": {"amount": 300}}
    mine = submission(actor, escalation, "correct", action=too_much)
    with pytest.raises(InvalidRuling) as refused:
        rule(actor=actor, escalation_id=escalation.pk, submission=mine)
    assert [error["pointer"] for error in refused.value.errors] == ["/action/arguments/amount"]


def test_a_request_may_narrow_the_verdicts() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(allowed=("approve", "reject")), desk.reviewer()
    with pytest.raises(InvalidRuling):
        rule(
            actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, "correct", action=FIXED)
        )


def test_nobody_rules_on_what_they_requested() -> None:
    desk = open_desk()
    actor = desk.reviewer()
    named = desk.escalation(actor=actor.email.upper())
    with pytest.raises(OwnDecision):
        claim(actor=actor, escalation_id=named.pk)
    desk.key.created_by_id = actor.user_id
    made = desk.escalation()
    with pytest.raises(OwnDecision):
        claim(actor=actor, escalation_id=made.pk)


def test_whoever_is_no_reviewer_may_not_rule() -> None:
    desk = open_desk()
    escalation, reviewer, auditor = desk.escalation(), desk.reviewer(), desk.reviewer("auditor", "admin", "owner")
    mine = submission(reviewer, escalation)
    with pytest.raises(NotPermitted):
        rule(actor=auditor, escalation_id=escalation.pk, submission=mine)


def test_another_organizations_escalation_is_not_there() -> None:
    desk, stranger = open_desk(), open_desk().reviewer()
    escalation = desk.escalation()
    with pytest.raises(NotFound):
        rule(
            actor=stranger,
            escalation_id=escalation.pk,
            submission=Submission(Ruling("approve"), claim_token=uuid.uuid4()),
        )


def test_a_ruling_can_be_taken_back_within_the_window() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    review = rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    undo = undo_ruling(actor=actor, review_id=review.pk)
    escalation.refresh_from_db()
    assert (undo.verdict, undo.supersedes_id) == ("undo", review.pk)
    assert (escalation.status, escalation.holder_id, escalation.ruling_id) == ("claimed", actor.user_id, None)
    assert release_due_rulings(now=later(60)) == 0
    with pytest.raises(UndoWindowClosed):
        undo_ruling(actor=actor, review_id=review.pk)


def test_a_released_ruling_can_not_be_taken_back() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    review = rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    release_due_rulings(now=later(6))
    with pytest.raises(UndoWindowClosed):
        undo_ruling(actor=actor, review_id=review.pk)


def test_nobody_takes_back_somebody_elses_ruling() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    review = rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    with pytest.raises(NotFound):
        undo_ruling(actor=desk.reviewer(), review_id=review.pk)


def test_an_undo_after_the_deadline_lets_the_decision_expire() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    review = rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    Escalation.objects.filter(pk=escalation.pk).update(due_at=later(-2), expires_at=later(-1))
    undo_ruling(actor=actor, review_id=review.pk)
    assert Decision.objects.get(pk=escalation.decision_id).status == "expired"


def test_escalating_hands_it_to_a_group_that_alone_may_take_it() -> None:
    desk = open_desk()
    group = Group.objects.create(organization=desk.organization, slug="legal", name="Legal")
    escalation, actor, lawyer = desk.escalation(), desk.reviewer(), desk.reviewer()
    assert lawyer.user_id is not None
    group.members.add(lawyer.user_id)
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, "escalate", group="legal"))
    escalation.refresh_from_db()
    assert (escalation.status, escalation.group_id, escalation.holder_id) == ("open", group.pk, None)
    with pytest.raises(OutsideGroups):
        claim(actor=actor, escalation_id=escalation.pk)
    assert claim(actor=lawyer, escalation_id=escalation.pk).holder_id == lawyer.user_id


def test_a_quality_ruling_never_touches_the_decision() -> None:
    desk = open_desk()
    decision = desk.ask(action={"name": "note", "arguments": {}})
    queue = desk.queue("quality", undo_window_s=0)
    escalation = Escalation.objects.create(
        organization=desk.organization,
        system=desk.system,
        queue=queue,
        decision=decision,
        kind="quality",
        title="note",
        respond_s=60,
        opened_at=timezone.now(),
        due_at=later(60),
        expires_at=later(60),
    )
    actor = desk.reviewer()
    mine = submission(actor, escalation, "correct", action={"name": "note", "arguments": {"text": "better"}})
    rule(actor=actor, escalation_id=escalation.pk, submission=mine)
    decision.refresh_from_db()
    assert (decision.status, decision.decided_by_kind) == ("allowed", "policy")
    assert Correction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_fifty_rulings_at_once_one_wins() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    escalation, actor = desk.escalation(), desk.reviewer()
    mine = submission(actor, escalation, "correct", action=FIXED)
    results = race(*[lambda: rule(actor=actor, escalation_id=escalation.pk, submission=mine)] * 50)
    assert sum(isinstance(result, Review) for result in results) == 1
    refusals = [result for result in results if not isinstance(result, Review)]
    assert {type(refusal) for refusal in refusals} == {EscalationAlreadyRuled}
    assert all(refusal.state["status"] in {"ruled", "closed"} for refusal in refusals)
    assert AuditEntry.objects.filter(type="escalation.ruled").count() == 1
    assert AuditEntry.objects.filter(type="decision.resolved").count() == 1
    assert Correction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_undo_and_release_can_not_both_win() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    review = rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    undone, released = race(
        lambda: undo_ruling(actor=actor, review_id=review.pk), lambda: release_due_rulings(now=later(6))
    )
    status = Decision.objects.get(pk=escalation.decision_id).status
    if released:
        assert status == "approved" and isinstance(undone, UndoWindowClosed)
    else:
        assert status == "pending" and isinstance(undone, Review)


def test_strangers_see_no_reviews() -> None:
    assert not Review.objects.visible_to(open_desk().reviewer()).exists()
    assert make_organization().slug


@pytest.mark.django_db(transaction=True)
def test_a_ruling_without_an_undo_window_and_another_way_out_do_not_wait_for_each_other() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    escalation, actor = desk.escalation(), desk.reviewer()
    mine = submission(actor, escalation)

    def hold_decision_then_escalation() -> None:
        """The locks of a cancellation or a timeout, slowly."""
        with transaction.atomic():
            Decision.objects.filter(pk=escalation.decision_id).update(trace_id="held")
            time.sleep(1)
            Escalation.objects.filter(pk=escalation.pk).update(question="")

    def rule_meanwhile() -> Review:
        time.sleep(0.4)
        return rule(actor=actor, escalation_id=escalation.pk, submission=mine)

    held, review = race(hold_decision_then_escalation, rule_meanwhile)
    assert held is None
    assert isinstance(review, Review)
    assert Decision.objects.get(pk=escalation.decision_id).status == "approved"
