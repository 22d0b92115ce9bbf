"""My history, and what one was told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import User
from governance.selectors import actor_for_key
from reviews.models import Notification, Review
from reviews.services.outcomes import report_outcome
from reviews.services.rulings import rule, undo_ruling
from tests.factories import actor_of, make_decision
from tests.reviews.console import HOSTILE, assert_harmless, sign_in, walk
from tests.reviews.scenes import Desk, open_desk, submission

pytestmark = pytest.mark.django_db


def decide(desk: Desk, person: User, verdict: str = "approve", **fields: Any) -> Review:
    actor = actor_of(person, desk.organization)
    escalation = desk.escalation()
    return rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, verdict, **fields))


def history(client: Client) -> Any:
    return client.get(reverse("history"))


def came_of_it(client: Client) -> list[str]:
    return [ruled.came_of_it for ruled in history(client).context["rulings"]]


def tell(desk: Desk, person: User, number: int, **fields: Any) -> Notification:
    fields = {
        "title": f"Assigned to you: {number}",
        "path": f"/decisions/{number}/",
        "created_at": timezone.now(),
        **fields,
    }
    return Notification.objects.create(
        organization=desk.organization, user=person, entry_id=number, type="escalation.reassigned", **fields
    )


def test_history_shows_ones_own_rulings_newest_first() -> None:
    desk = open_desk()
    client, person = sign_in(desk)
    first, second = decide(desk, person), decide(desk, person, "reject", labels=("unsafe",))
    decide(desk, sign_in(desk)[1])
    answer = history(client)
    assert [ruled.review for ruled in answer.context["rulings"]] == [second, first]
    assert "unsafe" in answer.content.decode()


def test_a_ruling_can_be_undone_while_its_window_lasts() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=600)
    client, person = sign_in(desk)
    review = decide(desk, person)
    address = reverse("review-undo", args=[review.pk])
    assert address in history(client).content.decode()
    undo_ruling(actor=actor_of(person, desk.organization), review_id=review.pk)
    answer = history(client)
    assert [ruled.is_undone for ruled in answer.context["rulings"]] == [True]
    assert address not in answer.content.decode()
    assert "<s>" in answer.content.decode()


def test_what_came_of_each_ruling_is_said() -> None:
    desk = open_desk()
    desk.queue(undo_window_s=0)
    client, person = sign_in(desk)
    key = actor_for_key(desk.key)
    for status in ("executed", "failed", "unknown"):
        review = decide(desk, person)
        report_outcome(actor=key, decision_id=review.decision_id, status=status, is_resolved=None, detail=None)
    decide(desk, person)
    decide(desk, person, "reject", reason="No.")
    decide(desk, person, "need_information", reason="Which?")
    desk.queue(undo_window_s=600)
    decide(desk, person)
    assert came_of_it(client) == [
        "held, so that you can undo it",
        "the application is asked",
        "rejected",
        "not reported yet",
        "unknown whether it ran",
        "failed when it ran",
        "executed",
    ]


def test_a_history_without_rulings_says_what_will_stand_here() -> None:
    desk = open_desk()
    client, _ = sign_in(desk, "viewer")
    answer = history(client)
    assert answer.status_code == 200
    assert "You have ruled on nothing yet" in answer.content.decode()


def test_history_pages_lose_no_ruling_and_cost_the_same(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("reviews.web.keyset.PAGE_SIZE", 3)
    desk = open_desk()
    client, person = sign_in(desk)
    reviews = [decide(desk, person) for _ in range(8)]
    forth, back = walk(client, reverse("history"), lambda answer: [ruled.review for ruled in answer.context["rulings"]])
    assert forth == back == reviews[::-1]
    with django_assert_max_num_queries(12):
        history(client)


def test_hostile_words_of_rulings_and_titles_are_harmless() -> None:
    desk = open_desk()
    client, person = sign_in(desk)
    review = decide(desk, person, "reject", reason=HOSTILE, note=HOSTILE)
    type(review.escalation).objects.update(title=HOSTILE)
    tell(desk, person, 1, title=HOSTILE)
    assert_harmless(history(client))
    assert_harmless(client.get(reverse("notifications")))


def test_notifications_show_ones_own_with_the_unread_marked() -> None:
    desk, other = open_desk(), open_desk()
    client, person = sign_in(desk)
    tell(desk, person, 1)
    tell(desk, person, 2, read_at=timezone.now())
    tell(desk, sign_in(desk)[1], 3)
    tell(other, person, 4)
    answer = client.get(reverse("notifications"))
    assert [one.entry_id for one in answer.context["page"].rows] == [2, 1]
    assert answer.content.decode().count('class="unread"') == 1
    assert reverse("notification-open", args=[answer.context["page"].rows[0].pk]) in answer.content.decode()


def test_opening_one_marks_it_as_read_and_leads_there() -> None:
    desk = open_desk()
    client, person = sign_in(desk)
    stranger, _ = sign_in(desk)
    one = tell(desk, person, 7)
    address = reverse("notification-open", args=[one.pk])
    assert stranger.get(address).status_code == 404
    one.refresh_from_db()
    assert one.read_at is None
    answer = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, one.path)
    one.refresh_from_db()
    assert one.read_at is not None


def test_one_is_read_off_by_its_owner_alone() -> None:
    desk = open_desk()
    client, person = sign_in(desk)
    stranger, _ = sign_in(desk)
    one = tell(desk, person, 1)
    address = reverse("notification-read", args=[one.pk])
    assert client.get(address).status_code == 405
    assert stranger.post(address).status_code == 404
    assert client.post(reverse("notification-read", args=[10**30])).status_code == 404
    one.refresh_from_db()
    assert one.read_at is None
    assert client.post(address).status_code == 302
    one.refresh_from_db()
    assert one.read_at is not None


def test_all_are_read_off_up_to_what_was_seen() -> None:
    desk = open_desk()
    client, person = sign_in(desk)
    seen, late = tell(desk, person, 1), tell(desk, person, 2)
    assert client.post(reverse("notifications-read"), {"up_to": str(seen.pk)}).status_code == 302
    assert list(Notification.objects.filter(read_at__isnull=True)) == [late]
    for junk in ("", "all", "-1", "9" * 40):
        assert client.post(reverse("notifications-read"), {"up_to": junk}).status_code == 422


def test_notifications_are_paged_and_cost_the_same(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("reviews.web.keyset.PAGE_SIZE", 4)
    desk = open_desk()
    client, person = sign_in(desk)
    told = [tell(desk, person, number, created_at=timezone.now() - timedelta(days=number)) for number in range(1, 10)]
    forth, back = walk(client, reverse("notifications"), lambda answer: list(answer.context["page"].rows))
    assert forth == back == told[::-1]
    with django_assert_max_num_queries(12):
        client.get(reverse("notifications"))


def test_nobody_was_told_anything_yet() -> None:
    desk = open_desk()
    make_decision(desk.system)
    client, _ = sign_in(desk, "viewer")
    assert "Nothing to tell you" in client.get(reverse("notifications")).content.decode()
