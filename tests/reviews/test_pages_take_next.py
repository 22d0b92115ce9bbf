"""Take next: the most urgent one that this person may take, or the reason why there is none."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from governance.models import Group
from reviews.models import Escalation
from reviews.services.triage import claim
from tests.factories import actor_of, make_decision, make_escalation
from tests.reviews.console import sign_in
from tests.reviews.scenes import open_desk

pytestmark = pytest.mark.django_db


def take(client: Client, **fields: str) -> Any:
    return client.post(reverse("take-next"), fields)


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_it_opens_the_most_urgent_one_of_all_queues() -> None:
    desk = open_desk()
    make_escalation(make_decision(desk.system), queue=desk.queue("mail"), priority=1)
    urgent = make_escalation(make_decision(desk.system), queue=desk.queue("refunds"), priority=3)
    client, person = sign_in(desk)
    assert take(client).url == reverse("review", args=[urgent.pk])
    urgent.refresh_from_db()
    assert urgent.holder == person


def test_one_queue_can_be_named() -> None:
    desk = open_desk()
    ours = make_escalation(make_decision(desk.system), queue=desk.queue("mail"), priority=1)
    make_escalation(make_decision(desk.system), queue=desk.queue("refunds"), priority=3)
    client, _ = sign_in(desk)
    assert take(client, queue="mail").url == reverse("review", args=[ours.pk])


def test_it_passes_over_what_the_person_may_not_take() -> None:
    desk = open_desk()
    group = Group.objects.create(organization=desk.organization, slug="legal", name="Legal")
    closed = desk.queue("closed")
    closed.groups.add(group)
    make_escalation(make_decision(desk.system), queue=closed, priority=3)
    make_escalation(make_decision(desk.system), queue=desk.queue(), priority=3, group=group)
    client, person = sign_in(desk)
    make_escalation(make_decision(desk.system, requested_by_id=person.pk), queue=desk.queue(), priority=3)
    last = make_escalation(make_decision(desk.system), queue=desk.queue(), priority=0)
    assert take(client).url == reverse("review", args=[last.pk])
    assert take(client).url == reverse("queue", args=["unclaimed"])


def test_nothing_to_take_is_told_apart_from_all_taken_and_from_others_work() -> None:
    desk = open_desk()
    desk.queue()
    client, person = sign_in(desk)
    assert "Nothing waits in any of your queues" in said(take(client))
    assert "Nothing waits in Refunds" in said(take(client, queue="refunds"))
    escalation = desk.escalation()
    holder = desk.reviewer()
    held = claim(actor=holder, escalation_id=escalation.pk)
    words = said(take(client, queue="refunds"))
    assert "taken" in words
    assert f"{holder.label}'s, at {held.lease_until:%H:%M} UTC" in words
    Escalation.objects.update(status="open", holder=None, claim_token=None, lease_until=None)
    claim(actor=actor_of(person, desk.organization), escalation_id=escalation.pk)
    assert "You hold all that waits" in said(take(client))
    group = Group.objects.create(organization=desk.organization, slug="legal", name="Legal")
    Escalation.objects.update(status="open", holder=None, claim_token=None, lease_until=None, group=group)
    assert "for other groups" in said(take(client))
    assert "for other groups" in said(take(client, queue="refunds"))


def test_it_comes_back_to_the_view_that_it_was_pressed_in_and_nowhere_else() -> None:
    desk = open_desk()
    client, _ = sign_in(desk)
    assert take(client, next="/queue/mine/?q=a").url == "/queue/mine/?q=a"
    for address in ("https://evil.example/queue/", "//evil.example/queue/", "/sign-out/", "javascript:alert(1)"):
        assert take(client, next=address).url == reverse("queue", args=["unclaimed"])


def test_it_takes_a_role_a_post_and_a_queue_of_ones_own_organization() -> None:
    desk, other = open_desk(), open_desk()
    other.queue("theirs")
    viewer, _ = sign_in(desk, "viewer")
    reviewer, _ = sign_in(desk)
    assert take(viewer).status_code == 403
    assert reviewer.get(reverse("take-next")).status_code == 405
    assert take(reviewer, queue="theirs").status_code == 404
