"""The list of decisions and the page of one: everything that happened to it, in plain words and without harm."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluations.services.harvesting import harvest_corrections
from governance.selectors import actor_for_key
from reviews.models import Decision, Escalation
from reviews.services.handover import inform
from reviews.services.outcomes import report_outcome
from reviews.services.resolution import cancel_decision, release_due_rulings
from reviews.services.rulings import rule, undo_ruling
from reviews.services.triage import claim
from reviews.web.sentences import SENTENCES
from tests.factories import actor_of, make_decision, make_escalation
from tests.reviews.console import HOSTILE, assert_harmless, sign_in, walk
from tests.reviews.scenes import BIG, FIXED, SMALL, Desk, open_desk, submission

pytestmark = pytest.mark.django_db


def look(client: Client, decision: Decision, **query: str) -> Any:
    return client.get(reverse("decision-detail", args=[decision.pk]), query)


def search(client: Client, **filters: str) -> Any:
    return client.get(reverse("decision-list"), filters)


def rows_of(answer: Any) -> list[Decision]:
    return list(answer.context["page"].rows)


def words_of(answer: Any) -> str:
    """What stands on the page, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def decide(desk: Desk, decision: Decision, verdict: str, **fields: Any) -> Any:
    reviewer = desk.reviewer()
    escalation = decision.escalations.get()
    return rule(
        actor=reviewer, escalation_id=escalation.pk, submission=submission(reviewer, escalation, verdict, **fields)
    )


def report(desk: Desk, decision: Decision, status: str) -> None:
    key = actor_for_key(desk.key)
    report_outcome(actor=key, decision_id=decision.pk, status=status, is_resolved=True, detail={"note": status})


def test_the_list_shows_the_newest_first_and_marks_tests() -> None:
    desk = open_desk()
    first, second = desk.ask(), desk.ask(SMALL)
    tested = make_decision(desk.system, is_test=True, status="approved")
    client, _ = sign_in(desk, "viewer")
    answer = search(client)
    assert rows_of(answer) == [tested, second, first]
    assert "test: counts nowhere" in words_of(answer)
    assert "Refund bot wants to refund: 900, C-1042" in words_of(answer)
    assert "Refund bot did refund" in words_of(answer)


@pytest.mark.parametrize(
    ("name", "value", "others"),
    [
        ("status", "pending", "blocked"),
        ("verdict", "review", "block"),
        ("action", "refund", "wipe"),
        ("model", "m-1", "m-2"),
        ("release", "7", "8"),
        ("subject", "C-1", "C-2"),
        ("rule", "large-refund", "never"),
        ("system", "refund-bot", None),
        ("q", "lamp", "sofa"),
        ("q", "C-1", "C-2"),
        ("created_after", "2020-01-01T00:00", "2100-01-01T00:00"),
        ("created_before", "2100-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
    ],
)
def test_each_filter_narrows_the_list(name: str, value: str, others: str | None) -> None:
    desk = open_desk()
    decision = desk.ask(model="m-1", release="7", subject="C-1")
    client, _ = sign_in(desk)
    assert rows_of(search(client, **{name: value})) == [decision]
    if others is not None:
        assert rows_of(search(client, **{name: others})) == []


def test_a_label_finds_the_decisions_that_were_ruled_with_it() -> None:
    desk = open_desk()
    decision, other = desk.ask(), desk.ask()
    decide(desk, decision, "reject", labels=("unsafe", "wrong-amount"))
    decide(desk, other, "reject", labels=("too-late",))
    client, _ = sign_in(desk)
    assert rows_of(search(client, label="unsafe")) == [decision]


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "nope"},
        {"verdict": HOSTILE},
        {"system": "someone-elses"},
        {"created_after": "yesterday"},
        {"created_before": "0001-01-01T00:00:00+23:59"},
        {"q": "\x00"},
        {"subject": "x" * 400},
    ],
)
def test_a_filter_that_cannot_be_read_says_so(filters: dict[str, str]) -> None:
    desk = open_desk()
    desk.ask()
    client, _ = sign_in(desk)
    answer = search(client, **filters)
    assert answer.status_code == 422
    assert "This filter can" in words_of(answer)
    assert rows_of(answer) == []


def test_pages_lose_no_row_and_repeat_none_in_either_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = open_desk()
    now = timezone.now()
    for number in range(17):
        make_decision(desk.system, created_at=now - timedelta(seconds=number // 3))
    client, _ = sign_in(desk)
    monkeypatch.setattr("reviews.web.keyset.PAGE_SIZE", 4)
    forth, back = walk(client, f"{reverse('decision-list')}?status=pending", rows_of)
    expected = list(Decision.objects.order_by("-created_at", "-id"))
    assert forth == expected
    assert back == expected


def test_another_organizations_decision_does_not_exist() -> None:
    desk, other = open_desk(), open_desk()
    decision = other.ask()
    client, _ = sign_in(desk)
    assert look(client, decision).status_code == 404
    assert look(client, decision, show="raw").status_code == 404
    assert rows_of(search(client)) == []
    assert Client().get(reverse("decision-detail", args=[decision.pk])).status_code == 302


def test_a_page_tells_the_whole_life_of_a_corrected_decision() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=3600)
    decision = desk.ask(confidence=0.4, trace_id="trace-7", session_id="session-7", external_id="order-7")
    escalation = decision.escalations.get()
    reviewer = desk.reviewer()
    first = rule(
        actor=reviewer, escalation_id=escalation.pk, submission=submission(reviewer, escalation, reason="Fine by me.")
    )
    undo_ruling(actor=reviewer, review_id=first.pk)
    Escalation.objects.update(status="open", holder=None, claim_token=None, lease_until=None)
    desk.queue(undo_window_s=0)
    decide(desk, decision, "correct", action=FIXED, labels=("wrong-amount",), reason="One lamp only.", note="By phone.")
    report(desk, decision, "executed")
    assert harvest_corrections() == 1
    client, _ = sign_in(desk, "viewer")
    page = words_of(look(client, decision))
    for words in (
        "Corrected, and it ran.",
        "taken back",
        "Fine by me.",
        "wrong-amount",
        "One lamp only.",
        "By phone.",
        "removed: 900",
        "added: 150",
        "/action/arguments/amount",
        "refunds, version 1",
        "applies: review",
        "always comes before a person",
        "trace-7",
        "session-7",
        "order-7",
        decision.idempotency_key,
        decision.proposal_sha256,
        "Asked; policy sent it to the queue refunds",
        "Took the ruling back: approve",
        "The ruling went out; the decision is corrected",
        "Became an example of the dataset refund-bot",
        "(read by the rule)",
    ):
        assert words in page


def test_raw_json_shows_every_stored_text() -> None:
    desk = open_desk()
    decision = desk.ask(context={"order": 8831}, confidence=0.4)
    client, _ = sign_in(desk)
    answer = look(client, decision, show="raw")
    names = [name for name, _ in answer.context["raw"]]
    assert names == ["Proposal", "Input", "Context", "Review options", "Evaluation"]
    assert json.loads(dict(answer.context["raw"])["Context"]) == {"order": 8831}


def test_what_was_said_before_is_shown_as_a_conversation_once() -> None:
    desk = open_desk()
    messages = [{"role": "user", "content": "My lamp broke"}, {"role": "assistant", "content": "Which order?"}]
    client, _ = sign_in(desk)
    answer = look(client, desk.ask(context={"messages": messages, "order": 8831}))
    assert [turn.text for turn in answer.context["turns"]] == ["My lamp broke", "Which order?"]
    assert [fact.label for fact in answer.context["context_facts"]] == ["order"]
    assert words_of(answer).count("My lamp broke") == 1


@pytest.mark.parametrize(
    ("verdict", "outcome", "words"),
    [
        ("approve", "executed", "Approved, and it ran."),
        ("approve", "failed", "Approved, but it failed when it ran."),
        ("approve", "unknown", "Approved, and nobody knows whether it ran."),
        ("approve", "", "has not reported yet whether it ran"),
        ("reject", "executed", "It ran, though it was not allowed to."),
    ],
)
def test_what_became_of_it_is_said_plainly(verdict: str, outcome: str, words: str) -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    decision = desk.ask()
    decide(desk, decision, verdict, reason="so")
    if outcome:
        report(desk, decision, outcome)
    client, _ = sign_in(desk)
    assert words in words_of(look(client, decision))


def test_an_approval_of_which_nothing_is_heard_counts_as_never_run() -> None:
    desk = open_desk()
    decision = make_decision(desk.system, status="approved", decided_by_kind="person")
    Decision.objects.filter(pk=decision.pk).update(decided_at=timezone.now() - timedelta(days=2))
    client, _ = sign_in(desk)
    assert "Approved but never run, as far as anybody knows. The application has reported nothing for 2 d." in words_of(
        look(client, decision)
    )


def test_questions_and_replies_stand_on_the_page() -> None:
    desk = open_desk()
    decision = desk.ask()
    decide(desk, decision, "need_information", reason="Which order is it?")
    client, _ = sign_in(desk)
    assert "No reply yet." in words_of(look(client, decision))
    inform(actor=actor_for_key(desk.key), decision_id=decision.pk, answer={"order": 8831})
    page = words_of(look(client, decision))
    assert "Which order is it?" in page
    assert "8831" in page


def test_a_cancelled_decision_says_why() -> None:
    desk = open_desk()
    decision = desk.ask()
    cancel_decision(actor=actor_for_key(desk.key), decision_id=decision.pk, reason="The customer called.")
    client, _ = sign_in(desk)
    page = words_of(look(client, decision))
    assert "The application withdrew it" in page
    assert "The customer called." in page


def test_every_entry_about_a_decision_has_its_sentence() -> None:
    written: set[str] = set()
    for folder in ("reviews/services", "evaluations/services"):
        for path in (Path(settings.BASE_DIR) / folder).glob("*.py"):
            found = re.findall(r'"((?:decision|escalation|quality|example)\.[a-z_]+)"', path.read_text())
            written |= set(found)
    assert len(written) > 12
    # An adjudication is about an example, whose page tells of it.
    assert written - {"example.adjudicated"} == set(SENTENCES)


def test_the_number_of_queries_does_not_grow_with_what_happened(django_assert_max_num_queries: Any) -> None:
    desk = open_desk()
    desk.queue(undo_window_s=3600)
    decision = desk.ask()
    for _ in range(4):
        review = decide(desk, decision, "approve")
        undo_ruling(actor=actor_of(review.reviewer, review.organization), review_id=review.pk)
        Escalation.objects.update(status="open", holder=None, claim_token=None, lease_until=None)
    for _ in range(8):
        desk.ask()
    client, _ = sign_in(desk)
    with django_assert_max_num_queries(12):
        look(client, decision)
    with django_assert_max_num_queries(12):
        look(client, decision, show="raw")
    with django_assert_max_num_queries(12):
        search(client, q="lamp", label="none")


def test_hostile_text_in_every_field_is_harmless() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    names = ("subject", "actor", "model", "release", "trace_id", "session_id", "external_id")
    decision = desk.ask(
        {
            "name": f"refund{HOSTILE}",
            "arguments": {"amount": 900.0, HOSTILE: HOSTILE, "list": [HOSTILE, {"a": HOSTILE}]},
        },
        input={HOSTILE: HOSTILE},
        output={"text": HOSTILE * 200},
        context={"messages": [{"role": HOSTILE, "content": HOSTILE}], HOSTILE: {HOSTILE: HOSTILE}},
        **dict.fromkeys(names, HOSTILE),
    )
    ruled = desk.ask(BIG, subject=HOSTILE)
    corrected = {"name": "refund", "arguments": {"amount": 1.0, "customer": HOSTILE}}
    decide(desk, ruled, "correct", action=corrected, reason=HOSTILE, note=HOSTILE)
    key = actor_for_key(desk.key)
    report_outcome(actor=key, decision_id=ruled.pk, status="failed", is_resolved=False, detail={HOSTILE: HOSTILE})
    client, _ = sign_in(desk)
    for page in (look(client, decision), look(client, decision, show="raw"), look(client, ruled), search(client)):
        assert_harmless(page)


def test_what_is_cut_says_how_much_is_hidden_and_can_be_opened() -> None:
    desk = open_desk()
    client, _ = sign_in(desk)
    answer = look(client, desk.ask(input={"letter": "a" * 5000}))
    assert "4100 more characters" in words_of(answer)
    assert answer.content.decode().count("a" * 900) >= 1


def test_an_allowed_decision_that_was_sampled_shows_its_draw() -> None:
    desk = open_desk()
    evaluation = {
        "rules": [],
        "sampling": [{"queue": "samples", "probability": 0.05, "draw": 0.01, "is_sampled": True}],
    }
    decision = make_decision(
        desk.system, status="allowed", verdict="allow", evaluation=evaluation, review_probability=0.05, is_sampled=True
    )
    make_escalation(decision, queue=desk.queue("samples"))
    client, _ = sign_in(desk)
    page = words_of(look(client, decision))
    assert "with a probability of 0.05" in page
    assert "drew 0.01 against 0.05, so it was sampled" in page


def test_a_claim_by_name_and_the_release_of_a_ruling_change_no_row_of_this_page() -> None:
    desk = open_desk()
    decision = desk.ask()
    claim(actor=desk.reviewer(), escalation_id=decision.escalations.get().pk)
    client, _ = sign_in(desk)
    before = Escalation.objects.values().get()
    look(client, decision)
    assert Escalation.objects.values().get() == before
    assert release_due_rulings() == 0
