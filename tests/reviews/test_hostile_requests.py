"""Requests that no client of ours would send: each is refused as the documentation says, and leaves nothing behind."""

import base64
import gzip
import json
import uuid
from typing import Any

import pytest
from django.test import Client

from governance.actors import Actor
from governance.models import AuditEntry, User
from governance.services.credentials import create_access_token
from reviews.models import Decision, Review, ReviewDraft
from reviews.services.triage import claim
from tests.reviews.scenes import SMALL, Desk, get, open_desk, post

pytestmark = pytest.mark.django_db
DECISIONS = "/api/v1/decisions"


@pytest.mark.parametrize("size", ["²", "٣", "0", "101", "-1", "1e1", "", "9" * 5_000])
def test_a_page_size_that_is_no_small_number_is_400(size: str) -> None:
    answer = Client().get(DECISIONS, {"page_size": size}, headers={"authorization": f"Bearer {open_desk().secret}"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("place", ["p=abc", "p=%00", "p=99999-01-01", "p=2020-13-01T00:00:00Z"])
def test_a_tampered_cursor_is_400(place: str) -> None:
    cursor = base64.b64encode(place.encode()).decode()
    answer = Client().get(DECISIONS, {"cursor": cursor}, headers={"authorization": f"Bearer {open_desk().secret}"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:countersign:problem:invalid-parameter")


def test_an_unknown_host_is_refused_before_anything_is_recorded() -> None:
    desk = open_desk()
    entries = AuditEntry.objects.count()
    answer = Client().post(
        DECISIONS,
        json.dumps({"action": SMALL, "input": 1}),
        content_type="application/json",
        headers={"authorization": f"Bearer {desk.secret}", "idempotency-key": "k", "host": "elsewhere.example"},
    )
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (Decision.objects.count(), AuditEntry.objects.count()) == (0, entries)


def test_a_compressed_body_is_415() -> None:
    desk = open_desk()
    answer = Client().post(
        DECISIONS,
        gzip.compress(json.dumps({"action": SMALL, "input": 1}).encode()),
        content_type="application/json",
        headers={
            "authorization": f"Bearer {desk.secret}",
            "idempotency-key": uuid.uuid4().hex,
            "content-encoding": "gzip",
        },
    )
    assert (answer.status_code, Decision.objects.count()) == (415, 0)


def test_options_are_not_offered_and_say_what_is() -> None:
    answer = Client().options(DECISIONS, headers={"authorization": f"Bearer {open_desk().secret}"})
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert "GET" in answer["Allow"] and "POST" in answer["Allow"]
    assert get(DECISIONS, secret=open_desk().secret).status_code == 200


@pytest.mark.parametrize("field", ["reason", "note", "action_name", "group", "submission", "labels"])
def test_a_form_with_a_null_character_is_refused_and_nothing_is_kept(field: str) -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    claim(actor=actor, escalation_id=escalation.pk)
    escalation.refresh_from_db()
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id))
    form = {"verdict": "correct", "claim_token": str(escalation.claim_token), "action_name": "b", field: "a\x00b"}
    for step in ("ruling", "draft", "preview"):
        assert client.post(f"/review/{escalation.pk}/{step}/", form).status_code == 400
    assert not Review.objects.exists() and not ReviewDraft.objects.exists()


def test_a_number_longer_than_any_id_marks_nothing_as_read() -> None:
    client = Client()
    client.force_login(User.objects.get(pk=open_desk().reviewer().user_id))
    assert client.post("/notifications/read/", {"up_to": "0" * 20 + "9" * 5_000}).status_code == 422


@pytest.mark.parametrize(
    ("verdict", "more"),
    [
        ("approve", {"action": SMALL}),
        ("approve", {"output": None}),
        ("reject", {"answer": "no", "labels": ["unsafe"]}),
        ("correct", {"action": SMALL, "group": "others"}),
    ],
)
def test_a_ruling_refuses_what_its_verdict_would_ignore(verdict: str, more: dict[str, Any]) -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    body = {"verdict": verdict, "claim_token": str(claim(actor=actor, escalation_id=escalation.pk).claim_token)}
    answer = post(f"/api/v1/escalations/{escalation.pk}/review", body | more, secret=token_of(desk, actor))
    pointer = {"action": "/action", "output": "/output", "answer": "/answer"}.get(next(iter(more)))
    assert answer.status_code == 422 and not Review.objects.exists()
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/group" if "group" in more else pointer]


@pytest.mark.parametrize("command", ["claim", "renew", "release", "reassign"])
def test_commands_refuse_unknown_fields(command: str) -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer("lead")
    path = f"/api/v1/escalations/{escalation.pk}/{command}"
    answer = post(path, {"claim_tokn": "x"}, secret=token_of(desk, actor))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/claim_tokn")
    taken = post("/api/v1/queues/refunds/take-next", {"kind": "quality"}, secret=token_of(desk, actor))
    assert taken.status_code == 422


def token_of(desk: Desk, actor: Actor) -> str:
    user = User.objects.get(pk=actor.user_id)
    return create_access_token(actor=actor, user=user, organization=desk.organization, name="tests")[1]
