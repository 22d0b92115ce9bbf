"""How decisions end when nobody rules: time, cancellation, questions."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.models import AuditEntry
from governance.selectors import actor_for_key
from reviews.errors import DecisionNotPending, DecisionStillPending, NoQuestionOpen
from reviews.models import Decision, Escalation
from reviews.services.handover import inform
from reviews.services.outcomes import report_outcome
from reviews.services.resolution import act_on_deadlines, cancel_decision, release_due_rulings
from reviews.services.rulings import rule
from tests.factories import put_in_force
from tests.reviews.scenes import FIXED, Desk, get, open_desk, submission
from tests.support.races import race

pytestmark = pytest.mark.django_db

CHAIN = """
apiVersion: governance/v1
kind: Policy
metadata: {key: chained}
default: review
on_error: review
rules:
  - id: all
    when: "true"
    verdict: review
    queue: first
    sla: {respond: 10m, total: 1h, on_timeout: escalate, escalate_to: [second, third]}
    reason: Everything
"""


def in_(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def reload(decision: Decision) -> Decision:
    return Decision.objects.select_related("payload").get(pk=decision.pk)


def test_unanswered_in_time_it_expires_with_the_fallbacks_message() -> None:
    desk = open_desk(fallback_message="A colleague will call you back.")
    decision = desk.ask()
    assert act_on_deadlines(now=in_(1799)) == 0
    assert act_on_deadlines(now=in_(1801)) == 1
    assert act_on_deadlines(now=in_(1801)) == 0
    answer = get(f"/api/v1/decisions/{decision.pk}", secret=desk.secret).json()
    assert (answer["status"], answer["proceed"], answer["message"]) == (
        "expired",
        False,
        "A colleague will call you back.",
    )
    assert answer["decided_by"]["kind"] == "timeout"
    assert AuditEntry.objects.filter(type="decision.expired").count() == 1


def test_a_timeout_may_allow_where_policy_says_so() -> None:
    desk = open_desk()
    put_in_force(desk.system, CHAIN.replace("escalate, escalate_to: [second, third]", "allow"))
    decision = desk.ask()
    act_on_deadlines(now=in_(601))
    ended = reload(decision)
    assert (ended.status, ended.decided_by_kind, ended.does_proceed) == ("allowed", "timeout", True)
    assert ended.effective_sha256 == ended.proposal_sha256


def test_a_timeout_never_allows_what_policy_gave_to_a_person() -> None:
    desk = open_desk()
    decision = desk.ask(subject="legal", on_timeout="allow")
    assert (decision.verdict, decision.escalations.get().on_timeout) == ("escalate", "block")


def test_unanswered_it_goes_through_the_chain_and_then_expires() -> None:
    desk = open_desk()
    put_in_force(desk.system, CHAIN)
    decision = desk.ask()
    groups = []
    for minutes in (11, 21, 31):
        act_on_deadlines(now=in_(minutes * 60))
        escalation = Escalation.objects.select_related("group").get(decision=decision)
        groups.append((escalation.group.slug if escalation.group else None, escalation.status))
    assert groups == [("second", "open"), ("third", "open"), ("third", "open")]
    assert reload(decision).status == "pending"
    act_on_deadlines(now=in_(3601))
    assert reload(decision).status == "expired"


def test_a_ruling_before_the_deadline_wins_over_it() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=60)
    escalation, actor = desk.escalation(), desk.reviewer()
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, "correct", action=FIXED))
    Escalation.objects.filter(pk=escalation.pk).update(due_at=in_(-1), expires_at=in_(-1))
    assert act_on_deadlines() == 0
    assert release_due_rulings(now=in_(61)) == 1
    assert reload(escalation.decision).status == "corrected"


def test_cancelling_wins_over_a_held_ruling() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    response = desk.post(f"/api/v1/decisions/{escalation.decision_id}/cancel", {"reason": "withdrawn"})
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert release_due_rulings(now=in_(60)) == 0
    escalation.refresh_from_db()
    assert (escalation.status, escalation.closure) == ("closed", "cancelled")


def test_what_has_ended_can_not_be_cancelled() -> None:
    desk = open_desk()
    decision = desk.ask()
    act_on_deadlines(now=in_(1801))
    with pytest.raises(DecisionNotPending) as refused:
        cancel_decision(actor=actor_for_key(desk.key), decision_id=decision.pk, reason="")
    assert refused.value.state == {"id": str(decision.pk), "status": "expired"}


def test_a_question_goes_to_the_application_and_its_answer_back_to_the_queue() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    asked = submission(actor, escalation, "need_information", reason="Which order?")
    rule(actor=actor, escalation_id=escalation.pk, submission=asked)
    path = f"/api/v1/decisions/{escalation.decision_id}"
    answer = get(path, secret=desk.secret).json()
    assert (answer["information"]["question"], answer["escalation"]["status"]) == ("Which order?", "waiting")
    replied = desk.post(f"{path}/information", {"answer": {"order": 8831}})
    assert (replied.status_code, replied.json()["information"]) == (200, None)
    escalation.refresh_from_db()
    assert (escalation.status, escalation.holder_id) == ("open", None)
    assert desk.post(f"{path}/information", {"answer": 1}).status_code == 409


def test_nobody_answers_what_nobody_asked() -> None:
    desk = open_desk()
    decision = desk.ask()
    with pytest.raises(NoQuestionOpen):
        inform(actor=actor_for_key(desk.key), decision_id=decision.pk, answer=1)


@pytest.mark.parametrize(("pauses", "status"), [("true", "pending"), ("false", "expired")])
def test_the_clock_stands_still_only_where_the_policy_says_so(pauses: str, status: str) -> None:
    desk = open_desk()
    sla = f"{{respond: 10m, on_timeout: block, pause_while_waiting: {pauses}}}"
    put_in_force(
        desk.system,
        CHAIN.replace("{respond: 10m, total: 1h, on_timeout: escalate, escalate_to: [second, third]}", sla),
    )
    escalation, actor = desk.escalation(), desk.reviewer()
    asked = submission(actor, escalation, "need_information", reason="Which order?")
    rule(actor=actor, escalation_id=escalation.pk, submission=asked)
    act_on_deadlines(now=in_(3600))
    assert reload(escalation.decision).status == status
    if status == "pending":
        Escalation.objects.filter(pk=escalation.pk).update(asked_at=in_(-300))
        inform(actor=actor_for_key(desk.key), decision_id=escalation.decision_id, answer=1)
        moved = Escalation.objects.get(pk=escalation.pk)
        assert 299 < (moved.due_at - escalation.due_at).total_seconds() < 302
        assert reload(escalation.decision).expires_at == moved.expires_at


def test_outcomes_are_kept_and_the_newest_counts() -> None:
    desk = open_desk()
    decision = desk.ask(action={"name": "note", "arguments": {}})
    path = f"/api/v1/decisions/{decision.pk}/outcome"
    assert desk.post(path, {"status": "failed", "detail": {"dependency": "mail"}}).status_code == 200
    assert desk.post(path, {"status": "executed", "resolved": True}).status_code == 200
    assert [row.status for row in decision.outcomes.all()] == ["executed", "failed"]
    assert desk.post(path, {"status": "done"}).status_code == 422
    assert desk.post(path, {"status": "executed", "resolved": "yes"}).status_code == 422
    assert desk.post(path, {"status": "executed", "more": 1}).status_code == 422


def test_a_pending_decision_has_no_outcome_yet() -> None:
    desk = open_desk()
    decision = desk.ask()
    with pytest.raises(DecisionStillPending):
        report_outcome(
            actor=actor_for_key(desk.key), decision_id=decision.pk, status="executed", is_resolved=None, detail=None
        )


def test_looking_carries_out_what_is_due() -> None:
    desk = open_desk()
    decision = desk.ask()
    Escalation.objects.filter(decision=decision).update(due_at=in_(-1), expires_at=in_(-1))
    assert get(f"/api/v1/decisions/{decision.pk}", secret=desk.secret).json()["status"] == "expired"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rival", ["cancel", "deadline"])
def test_a_decision_ends_once_whoever_comes_together(rival: str) -> None:
    desk: Desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation))
    contenders: list[Any] = [lambda: release_due_rulings(now=in_(6))] * 4
    if rival == "cancel":
        key = actor_for_key(desk.key)
        contenders += [lambda: cancel_decision(actor=key, decision_id=escalation.decision_id, reason="")] * 4
    else:
        contenders += [lambda: act_on_deadlines(now=in_(7200))] * 4
    race(*contenders)
    ended = AuditEntry.objects.filter(type__in=["decision.resolved", "decision.cancelled", "decision.expired"])
    assert ended.count() == 1
    decision = reload(escalation.decision)
    assert decision.status in {"approved", "cancelled"}
    escalation.refresh_from_db()
    assert escalation.status == "closed"
