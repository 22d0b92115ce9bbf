"""The triage list: what each view shows to whom, how it is filtered and paged, and what it says when it is empty."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import Group
from reviews.models import Escalation
from reviews.queue_selectors import COUNT_CAP, VIEWS
from reviews.services.rulings import rule
from reviews.services.triage import claim
from tests.factories import actor_of, make_decision, make_escalation
from tests.reviews.console import HOSTILE, assert_harmless, sign_in, walk
from tests.reviews.scenes import BIG, SMALL, Desk, open_desk, submission

pytestmark = pytest.mark.django_db


def look(client: Client, view: str = "unclaimed", **filters: str) -> Any:
    return client.get(reverse("queue", args=[view]), filters)


def rows_of(answer: Any) -> list[Escalation]:
    return [row.escalation for row in answer.context["rows"]]


def lapse(escalation: Escalation) -> None:
    Escalation.objects.filter(pk=escalation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def hand_to_group(desk: Desk, escalation: Escalation) -> Group:
    group = Group.objects.create(organization=desk.organization, slug="legal", name="Legal")
    Escalation.objects.filter(pk=escalation.pk).update(group=group)
    return group


def test_a_row_says_who_wants_what_and_why() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    client, _ = sign_in(desk)
    answer = look(client)
    assert rows_of(answer) == [escalation]
    text = answer.content.decode()
    for words in (
        "Refund bot wants to refund",
        "large-refund",
        "Refunds over 200",
        reverse("review", args=[escalation.pk]),
    ):
        assert words in text


def test_a_claimed_escalation_moves_from_unclaimed_to_mine_and_back_when_the_claim_runs_out() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    client, person = sign_in(desk)
    claim(actor=actor_of(person, desk.organization), escalation_id=escalation.pk)
    assert rows_of(look(client)) == []
    assert rows_of(look(client, "mine")) == [escalation]
    lapse(escalation)
    assert rows_of(look(client)) == [escalation]
    assert rows_of(look(client, "mine")) == []


def test_each_view_shows_its_own() -> None:
    desk = open_desk()
    near, waiting, later = desk.escalation(), desk.escalation(), desk.escalation()
    Escalation.objects.filter(pk=near.pk).update(due_at=timezone.now() + timedelta(minutes=3))
    reviewer = desk.reviewer()
    sent = submission(reviewer, waiting, "need_information", reason="Which order?")
    rule(actor=reviewer, escalation_id=waiting.pk, submission=sent)
    sample = make_escalation(make_decision(desk.system, status="allowed", verdict="allow"))
    client, _ = sign_in(desk)
    shown = {view: set(rows_of(look(client, view))) for view in VIEWS}
    assert shown["breaching"] == {near}
    assert shown["waiting"] == {waiting}
    assert shown["quality"] == {sample}
    assert shown["unclaimed"] == {near, later, sample}
    assert shown["all"] == {near, waiting, later, sample}


def test_a_quality_sample_says_that_it_has_already_happened() -> None:
    desk = open_desk()
    make_escalation(make_decision(desk.system, status="allowed", verdict="allow"))
    client, _ = sign_in(desk)
    assert "has already happened" in look(client, "quality").content.decode()


def test_who_may_rule_is_offered_only_what_they_may_take() -> None:
    desk = open_desk()
    free, handed = desk.escalation(), desk.escalation()
    hand_to_group(desk, handed)
    client, _ = sign_in(desk)
    answer = look(client)
    assert rows_of(answer) == [free]
    assert "1 more wait" in answer.content.decode()
    listed = {row.escalation.pk: row.is_claimable for row in look(client, "all").context["rows"]}
    assert listed == {free.pk: True, handed.pk: False}


def test_who_may_not_rule_sees_the_list_without_buttons() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    client, _ = sign_in(desk, "auditor")
    answer = look(client)
    assert rows_of(answer) == [escalation]
    text = answer.content.decode()
    assert reverse("take-next") not in text
    assert reverse("review-claim", args=[escalation.pk]) not in text


def test_what_nobody_can_claim_any_more_has_no_claim_button() -> None:
    desk = open_desk()
    escalation = desk.escalation()
    past = timezone.now() - timedelta(seconds=1)
    Escalation.objects.filter(pk=escalation.pk).update(due_at=past, expires_at=past)
    client, _ = sign_in(desk)
    assert [row.is_claimable for row in look(client).context["rows"]] == [False]


def test_another_organization_is_not_there() -> None:
    desk, other = open_desk(), open_desk()
    other.escalation()
    client, _ = sign_in(desk)
    for view in VIEWS:
        assert rows_of(look(client, view)) == []
    assert look(client, "unclaimed", queue="refunds").status_code == 422


def test_a_stranger_is_sent_to_sign_in_and_an_unknown_view_is_not_found() -> None:
    desk = open_desk()
    assert Client().get(reverse("queue", args=["unclaimed"])).status_code == 302
    client, _ = sign_in(desk)
    assert client.get("/queue/everything/").status_code == 404
    assert client.get("/queue/everything/new/", {"since": timezone.now().isoformat()}).status_code == 404


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"queue": "refunds"}, True),
        ({"queue": "mail"}, False),
        ({"system": "refund-bot"}, True),
        ({"rule": "large-refund"}, True),
        ({"rule": "legal"}, False),
        ({"priority": "high"}, True),
        ({"priority": "low"}, False),
        ({"q": "wants to refund"}, True),
        ({"q": "nothing of the kind"}, False),
    ],
)
def test_a_filter_narrows_the_list_and_shows_as_a_chip(filters: dict[str, str], matches: bool) -> None:
    desk = open_desk()
    desk.queue("mail")
    escalation = desk.escalation()
    client, _ = sign_in(desk)
    answer = look(client, **filters)
    assert rows_of(answer) == ([escalation] if matches else [])
    assert [chip["remove_url"] for chip in answer.context["applied"]] == ["?"]


def test_a_chip_takes_off_one_filter_and_keeps_the_others() -> None:
    desk = open_desk()
    desk.escalation()
    client, _ = sign_in(desk)
    chips = look(client, q="refund", priority="high").context["applied"]
    assert {chip["remove_url"] for chip in chips} == {"?q=refund", "?priority=high"}


@pytest.mark.parametrize(
    "filters", [{"queue": "nope"}, {"priority": "9"}, {"system": HOSTILE}, {"q": "a\x00b"}, {"rule": "x" * 300}]
)
def test_a_filter_that_cannot_be_read_says_so(filters: dict[str, str]) -> None:
    desk = open_desk()
    desk.escalation()
    client, _ = sign_in(desk)
    answer = look(client, **filters)
    assert answer.status_code == 422
    assert "This filter can" in answer.content.decode()
    assert rows_of(answer) == []
    assert "<script>alert" not in answer.content.decode()


def test_pages_lose_no_row_and_repeat_none_in_either_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = open_desk()
    now = timezone.now()
    # Equal priorities and deadlines, so that the last key has to decide.
    for number in range(23):
        make_escalation(
            make_decision(desk.system),
            queue=desk.queue(),
            priority=number % 3,
            due_at=now + timedelta(hours=number % 2),
        )
    client, _ = sign_in(desk)
    monkeypatch.setattr("reviews.web.keyset.PAGE_SIZE", 5)
    forth, back = walk(client, reverse("queue", args=["unclaimed"]), rows_of)
    expected = list(Escalation.objects.order_by("-priority", "due_at", "id"))
    assert forth == expected
    assert back == expected


@pytest.mark.parametrize("cursor", ["x", "e30", "WyIxIl0", "WyIxIiwieCIsInkiXQ", "WzEsMiwzXQ", "9" * 500])
def test_a_cursor_that_is_not_ours_means_the_first_page(cursor: str) -> None:
    desk = open_desk()
    escalation = desk.escalation()
    client, _ = sign_in(desk)
    assert rows_of(look(client, after=cursor)) == [escalation]
    assert rows_of(look(client, before=cursor)) == [escalation]


def test_the_number_of_queries_does_not_grow_with_the_rows(django_assert_max_num_queries: Any) -> None:
    desk = open_desk()
    client, person = sign_in(desk)
    for _ in range(12):
        desk.escalation()
    for escalation in Escalation.objects.all()[:4]:
        claim(actor=actor_of(person, desk.organization), escalation_id=escalation.pk)
    for view in VIEWS:
        with django_assert_max_num_queries(12):
            look(client, view)


def test_hostile_text_in_every_field_is_harmless() -> None:
    desk = open_desk()
    action = {"name": f"refund{HOSTILE}"[:100], "arguments": {"amount": 900.0, "why": HOSTILE}}
    decision = make_decision(desk.system, action=action, subject=HOSTILE, actor=HOSTILE)
    make_escalation(decision, queue=desk.queue(), title=HOSTILE, reason=HOSTILE, rule="large-refund")
    client, _ = sign_in(desk)
    assert_harmless(look(client))
    assert_harmless(look(client, q="gpj.exe"))


def test_counts_stop_at_their_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reviews.queue_selectors.COUNT_CAP", 2)
    desk = open_desk()
    for _ in range(4):
        desk.escalation()
    client, _ = sign_in(desk)
    assert look(client).context["count"] == "2+"
    assert COUNT_CAP == 500


def empty_kind(answer: Any) -> str:
    return str(answer.context["empty"]["kind"])


def test_the_four_empty_states_are_four_sentences() -> None:
    desk = open_desk()
    client, _ = sign_in(desk)
    assert empty_kind(look(client)) == "done"
    escalation = desk.escalation()
    assert empty_kind(look(client, q="no such thing")) == "filtered"
    holder = desk.reviewer()
    claim(actor=holder, escalation_id=escalation.pk)
    taken = look(client)
    assert empty_kind(taken) == "claimed"
    until = Escalation.objects.get().lease_until
    assert until is not None
    assert f"{holder.label}&#x27;s, at {until:%H:%M} UTC" in taken.content.decode()
    lapse(escalation)
    hand_to_group(desk, escalation)
    assert empty_kind(look(client)) == "outside"


def test_news_are_counted_from_the_moment_the_page_was_drawn() -> None:
    desk = open_desk()
    desk.escalation()
    client, _ = sign_in(desk)
    address = look(client).context["fresh_url"]
    assert client.get(address).json() == {"new": 0}
    desk.escalation()
    desk.ask(SMALL)
    desk.escalation(action=BIG)
    assert client.get(address).json() == {"new": 2}
    assert client.get(f"{address}&q=nothing").json() == {"new": 0}
    for junk in ("yesterday", "2026-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ""):
        assert client.get(reverse("queue-new", args=["unclaimed"]), {"since": junk}).status_code == 404
