"""What a breaker that is not closed does to decisions: nothing acts by itself, and customers are told."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.models import AISystem, AuditEntry
from reviews.models import Decision, DecisionPayload, Escalation
from reviews.services.resolution import act_on_deadline, act_on_deadlines, release_due_rulings
from reviews.services.rulings import rule
from tests.factories import POLICY, make_key, make_system, put_in_force
from tests.reviews.scenes import BIG, SMALL, Desk, get, open_desk, submission

pytestmark = pytest.mark.django_db
URL = "/api/v1/decisions"
MESSAGE = "We have a disruption; a person looks after you."
SAMPLED = POLICY + "sampling:\n  - {rate: 0.25, of: allow, queue: quality}\n"
WIPE = {"name": "wipe", "arguments": {}}


def open_broken(**system: Any) -> Desk:
    return open_desk(**{"breaker": "open", "fallback_message": MESSAGE, **system})


def ask(desk: Desk, action: dict[str, Any] = SMALL, **fields: Any) -> Any:
    body = {"action": action, "input": "x", **fields}
    return desk.post(URL, body, **{"idempotency-key": uuid.uuid4().hex}).json()


def look(desk: Desk, answer: Any) -> Any:
    return get(f"{URL}/{answer['id']}", secret=desk.secret).json()


def evaluation_of(decision: Decision) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DecisionPayload.objects.get(pk=decision.pk).evaluation)
    return read


def test_what_policy_allows_waits_for_people_and_the_answer_says_why() -> None:
    desk = open_broken(fallback_queue="backlog")
    answer = ask(desk)
    assert (answer["status"], answer["verdict"], answer["proceed"]) == ("pending", "review", False)
    assert answer["message"] == MESSAGE
    assert "breaker of this system is open" in answer["reasons"][0]["text"]
    assert answer["escalation"]["queue"] == "backlog"
    assert look(desk, answer) == answer
    decision = Decision.objects.get()
    assert (decision.is_diverted, decision.review_probability) == (True, 1.0)


def test_without_a_fallback_queue_it_waits_in_the_systems_own() -> None:
    assert ask(open_broken())["escalation"]["queue"] == "refund-bot"


def test_where_the_fallback_says_so_nothing_proceeds() -> None:
    desk = open_broken(fallback_verdict="block")
    answer = ask(desk)
    assert (answer["status"], answer["verdict"], answer["message"]) == ("blocked", "block", MESSAGE)
    assert answer["reasons"][0]["text"].endswith("so it is blocked")
    decision = Decision.objects.get()
    assert (decision.is_diverted, decision.review_probability) == (True, 0.0)


@pytest.mark.parametrize(
    ("action", "fields", "verdict", "queue"),
    [(BIG, {}, "review", "refunds"), (SMALL, {"subject": "legal"}, "escalate", "refunds"), (WIPE, {}, "block", None)],
)
@pytest.mark.parametrize("fallback", ["review", "block"])
def test_what_policy_holds_back_anyway_keeps_its_verdict(
    action: dict[str, Any], fields: dict[str, Any], verdict: str, queue: str | None, fallback: str
) -> None:
    answer = ask(open_broken(fallback_queue="backlog", fallback_verdict=fallback), action, **fields)
    assert (answer["verdict"], answer["message"]) == (verdict, MESSAGE)
    assert (answer["escalation"]["queue"] if answer["escalation"] else None) == queue
    assert not Decision.objects.get().is_diverted


def test_without_a_policy_in_force_people_are_asked_as_ever() -> None:
    desk = open_broken(fallback_verdict="block")
    bare = make_system(
        desk.organization, breaker="open", fallback_verdict="block", fallback_message=MESSAGE, owner=desk.system.owner
    )
    key, secret = make_key(bare)
    answer = ask(Desk(desk.organization, bare, key, secret))
    assert (answer["status"], answer["message"]) == ("pending", MESSAGE)


def test_with_a_closed_breaker_nobody_is_told_anything() -> None:
    desk = open_broken(breaker="closed")
    assert [ask(desk, action)["message"] for action in (SMALL, BIG, WIPE)] == [None, None, None]
    assert "breaker" not in evaluation_of(Decision.objects.filter(status="allowed").get())


def test_what_has_happened_already_is_not_diverted() -> None:
    answer = ask(open_broken(), SMALL, mode="observe")
    assert (answer["status"], answer["verdict"], answer["message"]) == ("observed", "allow", None)
    assert not Decision.objects.get().is_diverted


def test_the_message_is_over_once_a_person_has_ruled() -> None:
    desk = open_broken()
    answer = ask(desk)
    escalation = Decision.objects.get().escalations.select_related("queue").get()
    reviewer = desk.reviewer()
    rule(actor=reviewer, escalation_id=escalation.pk, submission=submission(reviewer, escalation))
    assert look(desk, answer)["message"] == MESSAGE
    release_due_rulings(now=timezone.now() + timedelta(hours=1))
    ended = look(desk, answer)
    assert (ended["status"], ended["proceed"], ended["message"]) == ("approved", True, None)


def test_nobody_in_time_carries_the_message_too() -> None:
    desk = open_broken(breaker="closed")
    answer = ask(desk, BIG)
    assert answer["message"] is None
    act_on_deadlines(now=timezone.now() + timedelta(days=2))
    ended = look(desk, answer)
    assert (ended["status"], ended["message"]) == ("expired", MESSAGE)


@pytest.mark.parametrize(("breaker", "status"), [("closed", "allowed"), ("open", "expired"), ("half_open", "expired")])
def test_a_timeout_allows_nothing_while_the_breaker_is_not_closed(breaker: str, status: str) -> None:
    desk = open_desk(fallback_message=MESSAGE)
    put_in_force(desk.system, POLICY.replace("on_timeout: block", "on_timeout: allow"))
    answer = ask(desk, BIG, on_timeout="allow")
    AISystem.objects.filter(pk=desk.system.pk).update(breaker=breaker, breaker_share=0.5)
    act_on_deadlines(now=timezone.now() + timedelta(days=2))
    ended = look(desk, answer)
    assert ended["status"] == status
    assert ended["message"] == (MESSAGE if status == "expired" else None)


def test_a_sweep_that_began_before_the_breaker_opened_allows_nothing_either() -> None:
    desk = open_desk(fallback_message=MESSAGE)
    put_in_force(desk.system, POLICY.replace("on_timeout: block", "on_timeout: allow"))
    answer = ask(desk, BIG, on_timeout="allow")
    overdue = Escalation.objects.select_related("decision", "system").get(decision=answer["id"])
    AISystem.objects.filter(pk=desk.system.pk).update(breaker="open")
    act_on_deadline(escalation=overdue, now=timezone.now() + timedelta(days=2))
    assert look(desk, answer)["status"] == "expired"


def test_a_rule_that_allows_with_a_timeout_does_not_let_a_diverted_decision_act() -> None:
    desk = open_broken()
    source = POLICY + (
        "  - id: small\n    when: action.name == 'refund'\n    verdict: allow\n    reason: Small ones may go\n"
    )
    put_in_force(desk.system, source)
    decision = Decision.objects.get(pk=ask(desk, SMALL, on_timeout="allow")["id"])
    assert (decision.rule, decision.is_diverted) == ("small", True)
    assert decision.escalations.get().on_timeout == "block"


def test_a_test_key_gets_the_shape_of_the_same_answer() -> None:
    desk = open_broken(fallback_verdict="block")
    key, secret = make_key(desk.system, kind="test")
    answer = ask(Desk(desk.organization, desk.system, key, secret))
    assert (answer["status"], answer["message"], answer["test"]) == ("blocked", MESSAGE, True)


def test_the_audit_log_says_which_decisions_were_diverted() -> None:
    desk = open_broken()
    ask(desk)
    ask(desk, BIG)
    entries = AuditEntry.objects.filter(type="decision.escalated").select_related("payload").order_by("id")
    assert [json.loads(entry.payload.payload)["diverted"] for entry in entries] == [True, False]


# ------------------------------------------------------------------------------------------------------- half-open


def test_a_share_acts_again_and_the_draw_is_kept() -> None:
    desk = open_broken(breaker="half_open", breaker_share=0.5)
    put_in_force(desk.system, SAMPLED)
    decisions = [desk.ask(SMALL) for _ in range(120)]
    for decision in decisions:
        kept = evaluation_of(decision)["breaker"]
        assert (kept["state"], kept["share"]) == ("half_open", 0.5)
        assert (kept["draw"] < 0.5) == (decision.status == "allowed") == (not kept["diverted"])
        assert decision.is_diverted == (decision.status == "pending")
        assert decision.review_probability == pytest.approx(0.5 + 0.5 * 0.25)
    # 120 draws of one half: fewer than 30 or more than 90 come once in 40 million runs.
    assert 30 < sum(decision.is_diverted for decision in decisions) < 90


def test_where_the_fallback_blocks_only_what_acts_can_be_sampled() -> None:
    desk = open_broken(breaker="half_open", breaker_share=0.5, fallback_verdict="block")
    put_in_force(desk.system, SAMPLED)
    assert desk.ask(SMALL).review_probability == pytest.approx(0.5 * 0.25)


def test_everything_may_act_at_a_share_of_one_and_nothing_at_none() -> None:
    every = open_broken(breaker="half_open", breaker_share=1.0)
    assert {every.ask(SMALL).status for _ in range(20)} == {"allowed"}
    none = open_broken(breaker="half_open", breaker_share=0.0)
    assert {none.ask(SMALL).status for _ in range(20)} == {"pending"}


def test_what_acts_while_half_open_carries_no_message_and_what_waits_does() -> None:
    desk = open_broken(breaker="half_open", breaker_share=0.5)
    answers = [ask(desk) for _ in range(40)]
    assert {(answer["proceed"], answer["message"]) for answer in answers} == {(True, None), (False, MESSAGE)}
    assert "lets 50 % act" in next(a["reasons"][0]["text"] for a in answers if not a["proceed"])


def test_what_policy_holds_back_is_not_drawn() -> None:
    desk = open_broken(breaker="half_open", breaker_share=1.0)
    decision = desk.ask(BIG)
    assert (decision.status, decision.is_diverted) == ("pending", False)
    assert "breaker" not in evaluation_of(decision)
