"""`POST /api/v1/decisions`: what is answered, what is refused, and that a refusal leaves nothing behind."""

import json
import uuid
from typing import Any

import pytest
from django.utils import timezone

from governance.models import AuditEntry
from reviews.models import Decision, DecisionPayload, Escalation
from tests.factories import POLICY, make_key, make_system, put_in_force
from tests.reviews.scenes import BIG, SMALL, Desk, get, open_desk, post
from tests.support.races import race

pytestmark = pytest.mark.django_db
URL = "/api/v1/decisions"


def ask(desk: Desk, body: Any, key: str | None = None, **headers: str) -> Any:
    return desk.post(URL, body, **{"idempotency-key": key or uuid.uuid4().hex, **headers})


def test_what_policy_allows_may_proceed_at_once() -> None:
    desk = open_desk()
    response = ask(desk, {"action": SMALL, "input": "x"})
    answer = response.json()
    assert (response.status_code, answer["status"], answer["proceed"]) == (201, "allowed", True)
    assert answer["effective_action"] == SMALL
    assert answer["effective_digest"] == answer["digest"]
    assert answer["decided_by"] == {"kind": "policy", "label": "refunds v1"}
    assert answer["policy"] == {"name": "refunds", "version": 1}


def test_what_policy_asks_for_waits_for_a_person() -> None:
    desk = open_desk()
    response = ask(desk, {"action": BIG, "input": {"a": 1}, "confidence": 0.9})
    answer = response.json()
    assert (response.status_code, answer["status"], answer["proceed"]) == (202, "pending", False)
    assert answer["effective_action"] is None and answer["decided_by"] is None
    assert answer["reasons"] == [{"rule": "large-refund", "text": "Refunds over 200 need a person"}]
    assert (answer["escalation"]["queue"], answer["escalation"]["priority"]) == ("refunds", "high")
    assert answer["escalation"]["reviews"] == {"have": 0, "need": 1}
    assert response["Location"] == f"/api/v1/decisions/{answer['id']}"
    assert int(response["Retry-After"]) >= 1
    assert "Countersign-Wait" not in response
    looked = get(f"{URL}/{answer['id']}", secret=desk.secret).json()
    assert looked == answer


def test_every_count_of_tokens_that_is_sent_is_kept() -> None:
    desk = open_desk()
    usage = {
        "input_tokens": 1000,
        "cached_input_tokens": 600,
        "cache_write_tokens": 400,
        "output_tokens": 50,
        "reasoning_tokens": 50,
    }
    answer = ask(desk, {"action": SMALL, "input": "x", "usage": usage}).json()
    assert Decision.objects.values(*usage).get(pk=answer["id"]) == usage


def test_the_reviewer_reads_why_people_are_asked_and_not_what_else_was_allowed() -> None:
    desk = open_desk()
    put_in_force(
        desk.system, POLICY + "  - {id: small, when: action.name == 'refund', verdict: allow, reason: It may}\n"
    )
    answer = ask(desk, {"action": BIG, "input": "x"}).json()
    assert {reason["rule"] for reason in answer["reasons"]} == {"large-refund", "small"}
    assert Escalation.objects.get().reason == "Refunds over 200 need a person"


def test_what_policy_blocks_is_a_successful_answer() -> None:
    answer = ask(open_desk(), {"action": {"name": "wipe", "arguments": {}}, "input": 1}).json()
    assert (answer["status"], answer["verdict"], answer["proceed"]) == ("blocked", "block", False)


def test_without_a_policy_in_force_people_are_asked() -> None:
    system = make_system()
    _, secret = make_key(system)
    answer = post(URL, {"output": "hello", "input": 1}, secret=secret, **{"idempotency-key": "k"}).json()
    assert (answer["status"], answer["policy"], answer["escalation"]["queue"]) == ("pending", None, system.slug)


def test_an_open_breaker_asks_about_everything() -> None:
    answer = ask(open_desk(breaker="open"), {"action": SMALL, "input": 1}).json()
    assert (answer["verdict"], answer["proceed"]) == ("review", False)


def test_an_output_is_a_proposal_too() -> None:
    desk = open_desk()
    source = (
        "apiVersion: governance/v1\nkind: Policy\nmetadata: {key: p}\ndefault: allow\non_error: review\nrules: []\n"
    )
    put_in_force(desk.system, source)
    answer = ask(desk, {"output": {"text": "hi"}, "input": 1}).json()
    assert (answer["effective_output"], answer["effective_action"]) == ({"text": "hi"}, None)


def test_what_was_only_logged_never_proceeds_nor_waits() -> None:
    desk = open_desk()
    answer = ask(desk, {"action": BIG, "input": 1, "mode": "observe"}).json()
    assert (answer["status"], answer["verdict"], answer["proceed"]) == ("observed", "review", False)
    assert not Escalation.objects.exists()
    assert Decision.objects.get().review_probability == 0


def test_a_test_key_is_answered_at_once_and_counts_nowhere() -> None:
    desk = open_desk()
    _, secret = make_key(desk.system, kind="test")
    answer = post(URL, {"action": BIG, "input": 1}, secret=secret, **{"idempotency-key": "k"}).json()
    assert (answer["status"], answer["test"], answer["decided_by"]["label"]) == ("approved", True, "simulated")
    assert not Escalation.objects.exists() and not Decision.objects.real().exists()


def test_payloads_are_kept_as_canonical_text() -> None:
    body = b'{"input": {"b": 1.0, "a": 1e30, "\\u00e9": "\\u2028"}, "action": {"name": "x", "arguments": {}}}'
    desk = open_desk()
    assert ask(desk, body).status_code == 201
    assert DecisionPayload.objects.get().input == '{"a":1e+30,"b":1,"é":"\u2028"}'


def test_the_stricter_of_request_and_policy_holds_on_timeout() -> None:
    desk = open_desk()
    ask(desk, {"action": BIG, "input": 1, "on_timeout": "allow", "deadline_s": 60})
    escalation = Escalation.objects.get()
    assert escalation.on_timeout == "block"
    assert (escalation.expires_at - escalation.opened_at).total_seconds() == 60
    ask(desk, {"action": BIG, "input": 1, "deadline_s": 2_000_000})
    capped = Escalation.objects.latest("opened_at")
    assert (capped.expires_at - capped.opened_at).total_seconds() == 1800


def test_a_sampled_decision_goes_ahead_and_into_the_quality_queue() -> None:
    desk = open_desk()
    put_in_force(
        desk.system,
        "apiVersion: governance/v1\nkind: Policy\nmetadata: {key: p}\ndefault: allow\non_error: review\nrules: []\n"
        "sampling:\n  - {rate: 1.0, of: allow, queue: quality}\n",
    )
    answer = ask(desk, {"action": SMALL, "input": 1}).json()
    assert (answer["proceed"], answer["escalation"]["kind"], answer["escalation"]["queue"]) == (
        True,
        "quality",
        "quality",
    )
    assert Decision.objects.get().review_probability == 1.0


VALID: dict[str, Any] = {"action": SMALL, "input": "x"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"input": ...}, "/input"),
        ({"action": ...}, "/action"),
        ({"action": "refund"}, "/action"),
        ({"action": {"arguments": {}}}, "/action/name"),
        ({"action": {"name": "", "arguments": {}}}, "/action/name"),
        ({"action": {"name": "x" * 101, "arguments": {}}}, "/action/name"),
        ({"action": {"name": 5, "arguments": {}}}, "/action/name"),
        ({"action": {"name": "x"}}, "/action/arguments"),
        ({"action": {"name": "x", "arguments": []}}, "/action/arguments"),
        ({"action": {"name": "x", "arguments": {}, "tool": 1}}, "/action/tool"),
        ({"action": None}, "/action"),
        ({"confidence": 1.01}, "/confidence"),
        ({"confidence": -0.1}, "/confidence"),
        ({"confidence": True}, "/confidence"),
        ({"confidence": "0.5"}, "/confidence"),
        ({"confidence": None}, "/confidence"),
        ({"subject": "x" * 256}, "/subject"),
        ({"subject": ""}, "/subject"),
        ({"subject": 5}, "/subject"),
        ({"actor": None}, "/actor"),
        ({"trace_id": ["a"]}, "/trace_id"),
        ({"session_id": {}}, "/session_id"),
        ({"external_id": 1.5}, "/external_id"),
        ({"model": "x" * 300}, "/model"),
        ({"release": False}, "/release"),
        ({"usage": []}, "/usage"),
        ({"usage": {"input_tokens": -1}}, "/usage/input_tokens"),
        ({"usage": {"output_tokens": 1.5}}, "/usage/output_tokens"),
        ({"usage": {"reasoning": 1}}, "/usage/reasoning"),
        ({"usage": {"input_tokens": 1, "cached_input_tokens": 2}}, "/usage/cached_input_tokens"),
        (
            {"usage": {"input_tokens": 3, "cached_input_tokens": 2, "cache_write_tokens": 2}},
            "/usage/cache_write_tokens",
        ),
        ({"usage": {"output_tokens": 1, "reasoning_tokens": 2}}, "/usage/reasoning_tokens"),
        ({"cost_usd": -1}, "/cost_usd"),
        ({"cost_usd": "1"}, "/cost_usd"),
        ({"latency_ms": -1}, "/latency_ms"),
        ({"context": []}, "/context"),
        ({"review": []}, "/review"),
        ({"review": {"allowed": []}}, "/review/allowed"),
        ({"review": {"allowed": ["undo"]}}, "/review/allowed"),
        ({"review": {"allowed": "approve"}}, "/review/allowed"),
        ({"review": {"quorum": 2}}, "/review/quorum"),
        ({"review": {"schema": 5}}, "/review/schema"),
        ({"review": {"schema": {"type": "nonsense"}}}, "/review/schema"),
        ({"review": {"schema": {"$ref": "https://example.org/schema"}}}, "/review/schema"),
        ({"review": {"schema": {"pattern": "(?=look)"}}}, "/review/schema"),
        ({"deadline_s": 0}, "/deadline_s"),
        ({"deadline_s": 1.5}, "/deadline_s"),
        ({"deadline_s": 10**9}, "/deadline_s"),
        ({"deadline_s": True}, "/deadline_s"),
        ({"on_timeout": "retry"}, "/on_timeout"),
        ({"on_timeout": None}, "/on_timeout"),
        ({"mode": "silent"}, "/mode"),
        ({"callback": {"endpoint": "x"}}, "/callback"),
        ({"supersedes": str(uuid.uuid4())}, "/supersedes"),
        ({"verdict": "allow"}, "/verdict"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_its_pointer(change: dict[str, Any], pointer: str) -> None:
    desk = open_desk()
    body = {name: value for name, value in {**VALID, **change}.items() if value is not ...}
    response = ask(desk, body)
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert not Decision.objects.exists() and not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b'"text" trailing',
        b'{"input": NaN, "action": {"name": "x", "arguments": {}}}',
        b'{"input": Infinity}',
        b'{"input": 1, "input": 2}',
        b'{"input": {"a": 1, "a": 2}}',
        b'{"input": 1e999}',
        b'{"input": 9007199254740992}',
        b'{"input": -9007199254740993}',
        b'{"input": "\\u0000"}',
        b'{"input": "\\ud800"}',
        b'{"input": "\\udc00\\ud800"}',
        b'{"input": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"input": 1}'.encode("utf-16"),
        b'{"input": ' + b"[" * 64 + b"]" * 64 + b"}",
        b"[" * 100_000,
        b'{"input": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_not_i_json_is_refused(body: bytes) -> None:
    response = ask(open_desk(), body)
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert not Decision.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"5"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert ask(open_desk(), body).status_code == 422


def test_nesting_of_sixty_four_levels_is_let_through() -> None:
    desk = open_desk()
    body = b'{"action": {"name": "x", "arguments": {}}, "input": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert ask(desk, body).status_code in {201, 202}


def test_a_body_over_one_mebibyte_is_refused() -> None:
    response = ask(open_desk(), json.dumps({**VALID, "input": "x" * 1024 * 1024}).encode())
    assert (response.status_code, response.json()["type"].rsplit(":", 1)[1]) == (413, "too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_another_media_type_is_refused(media_type: str) -> None:
    assert ask(open_desk(), b"{}", content_type=media_type).status_code == 415


@pytest.mark.parametrize("key", ["x" * 256, "tab\there", "é"])
def test_an_idempotency_key_that_is_none_is_refused(key: str) -> None:
    assert ask(open_desk(), VALID, key).status_code == 400


def test_an_idempotency_key_is_required() -> None:
    assert open_desk().post(URL, VALID).status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic dTpw", "Bearer cs_live_unknown"])
def test_an_unknown_caller_is_refused(header: str) -> None:
    headers = {"authorization": header} if header else {}
    response = post(URL, VALID, **{"idempotency-key": "k", **headers})
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")


def test_a_revoked_key_is_refused_at_once() -> None:
    desk = open_desk()
    desk.key.revoked_at = timezone.now()
    desk.key.save()
    assert ask(desk, VALID).status_code == 401


def test_an_unknown_method_and_path_are_problems_too() -> None:
    desk = open_desk()
    assert post(f"{URL}/{uuid.uuid4()}", {}, secret=desk.secret)["Content-Type"] == "application/problem+json"
    for path in (f"{URL}/not-an-id", "/api/v1/nothing"):
        response = get(path, secret=desk.secret)
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_the_same_key_and_body_answer_the_same_decision_in_its_current_state() -> None:
    desk = open_desk()
    first = ask(desk, {"action": BIG, "input": 1}, "k1")
    desk.post(f"{URL}/{first.json()['id']}/cancel", {"reason": "changed my mind"})
    again = ask(desk, {"input": 1, "action": BIG}, "k1")
    assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "cancelled")
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert Decision.objects.count() == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    desk = open_desk()
    ask(desk, {"action": BIG, "input": 1}, "k1")
    response = ask(desk, {"action": BIG, "input": 2}, "k1")
    assert (response.status_code, response.json()["type"].rsplit(":", 1)[1]) == (422, "idempotency-key-reused")


def test_a_refused_request_is_not_remembered() -> None:
    desk = open_desk()
    assert ask(desk, {"action": BIG}, "k1").status_code == 422
    assert ask(desk, {"action": BIG, "input": 2}, "k1").status_code == 202


def test_two_systems_may_use_the_same_key() -> None:
    assert ask(open_desk(), VALID, "k1").status_code == 201
    assert ask(open_desk(), VALID, "k1").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_thirty_asks_with_one_key_at_once_make_one_decision() -> None:
    desk = open_desk()
    responses = race(*[lambda: ask(desk, {"action": BIG, "input": 1}, "k1")] * 30)
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    assert sum("Idempotent-Replayed" not in response for response in responses) == 1
    assert (Decision.objects.count(), Escalation.objects.count()) == (1, 1)
    assert AuditEntry.objects.filter(type="decision.escalated").count() == 1


def test_another_systems_decision_is_not_there() -> None:
    desk, other = open_desk(), open_desk()
    decision = desk.ask()
    for verb in ("", "/cancel", "/outcome", "/information"):
        path = f"{URL}/{decision.pk}{verb}"
        body = {"status": "executed"} if verb == "/outcome" else {"answer": 1} if verb == "/information" else {}
        response = other.post(path, body) if verb else get(path, secret=other.secret)
        assert (verb, response.status_code) == (verb, 404)
    assert Decision.objects.get().status == "pending"


@pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=1.5", "weit=5", "wait=%C2%B2"])
def test_a_bad_wait_is_refused(query: str) -> None:
    desk = open_desk()
    decision = desk.ask()
    assert get(f"{URL}/{decision.pk}?{query}", secret=desk.secret).status_code == 400


def test_a_wait_is_capped_and_told_to_the_bridge() -> None:
    desk = open_desk()
    decision = desk.ask()
    response = get(f"{URL}/{decision.pk}?wait=999", secret=desk.secret)
    assert response["Countersign-Wait"] == f"{decision.pk}; 30"


def test_intake_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    desk = open_desk()
    ask(desk, {"action": BIG, "input": 1})
    with django_assert_max_num_queries(12):
        ask(desk, {"action": BIG, "input": 1})


def test_the_title_says_in_plain_words_what_it_is_about() -> None:
    desk = open_desk()
    ask(desk, {"action": BIG, "input": 1})
    assert Escalation.objects.latest("opened_at").title == "Refund bot wants to refund: 900, C-1042"
    ask(desk, {"action": BIG, "input": 1, "context": {"summary": "the broken\nlamp"}})
    assert Escalation.objects.latest("opened_at").title == "Refund bot wants to refund: the broken lamp"
    ask(desk, {"action": BIG, "input": 1, "context": {"summary": "x" * 500}})
    assert len(Escalation.objects.latest("opened_at").title) == 200
