"""The rail shows what one's roles open, where one is, and counts that stop at their cap."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from aiops_site.navigation import cap_words, console, count_places
from governance.models import PolicyVersion, User
from operations.models import Incident
from reviews import queue_selectors
from reviews.models import Notification
from tests.factories import (
    actor_of,
    make_actor,
    make_decision,
    make_escalation,
    make_organization,
    make_person,
    make_queue,
    make_system,
    put_in_force,
)

pytestmark = pytest.mark.django_db


def ask(person: User, path: str = "/") -> dict[str, Any]:
    request = RequestFactory().get(path)
    request.user = person
    request.session = {}  # type: ignore[assignment]
    return console(request)


def labels(context: dict[str, Any]) -> set[str]:
    return {entry.label for section in context["navigation"]() for entry in section.entries}


def test_the_rail_shows_what_the_roles_open() -> None:
    organization = make_organization()
    viewer = labels(ask(make_person(organization, "viewer")))
    admin = labels(ask(make_person(organization, "admin")))
    assert {"Unclaimed", "AI systems", "Policies", "Overview", "Queues"} <= viewer
    assert viewer.isdisjoint({"Mine", "People", "Groups", "Audit log"})
    assert {"People", "Groups", "Audit log"} <= admin
    assert "Mine" in labels(ask(make_person(organization, "reviewer")))


def test_one_entry_is_current_also_below_its_page() -> None:
    person = make_person(make_organization(), "viewer")
    for path in (reverse("system-list"), reverse("system-detail", args=["bot"])):
        sections = ask(person, path)["navigation"]()
        assert [entry.label for section in sections for entry in section.entries if entry.is_current] == ["AI systems"]


def test_whoever_is_not_signed_in_or_in_no_organization_gets_no_rail() -> None:
    assert "navigation" not in ask(make_person())
    assert console(RequestFactory().get("/")) == {}


def test_counts_are_of_ones_own_organization_and_in_one_query(django_assert_num_queries: Any) -> None:
    organization, now = make_organization(), timezone.now()
    person = make_person(organization, "reviewer", "policy_approver")
    system, queue = make_system(organization), make_queue(organization)
    claim = {"status": "claimed", "holder": person, "claim_token": system.pk, "claimed_at": now}
    make_escalation(make_decision(system), queue=queue)
    make_escalation(make_decision(system), queue=queue, status="waiting")
    make_escalation(make_decision(system), queue=queue, **claim, lease_until=now + timedelta(minutes=5))
    make_escalation(make_decision(system), queue=queue, **claim, lease_until=now - timedelta(minutes=5))
    make_escalation(make_decision(system), queue=queue, due_at=now - timedelta(minutes=1))
    make_escalation()
    version = put_in_force(system)
    PolicyVersion.objects.filter(pk=version.pk).update(status="submitted")
    Notification.objects.create(
        organization=organization, user=person, entry_id=1, type="x", title="x", path="/", created_at=now
    )
    for number, status in enumerate(("open", "mitigated", "resolved")):
        Incident.objects.create(
            organization=organization, system=system, fingerprint=str(number), title="x", status=status, opened_at=now
        )
    actor = actor_of(person, organization)
    with django_assert_num_queries(1):
        counts = count_places(actor)
    assert counts == {
        "unclaimed": 3,
        "mine": 1,
        "breaching": 1,
        "waiting": 1,
        "to_approve": 1,
        "incidents": 2,
        "unread": 1,
    }


def test_nobody_is_asked_to_approve_what_is_not_theirs_to_approve() -> None:
    system = make_system()
    version = put_in_force(system)
    PolicyVersion.objects.filter(pk=version.pk).update(status="submitted")
    assert count_places(make_actor(system.organization, "viewer"))["to_approve"] == 0


def test_a_count_stops_at_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [cap_words(count, 500) for count in (0, 1, 500, 501)] == ["", "1", "500", "500+"]
    monkeypatch.setattr(queue_selectors, "COUNT_CAP", 2)
    system = make_system()
    queue = make_queue(system.organization)
    for _ in range(5):
        make_escalation(make_decision(system), queue=queue)
    assert count_places(make_actor(system.organization, "viewer"))["unclaimed"] == 3


def test_a_page_costs_at_most_five_queries_around_its_own(client: Client, django_assert_max_num_queries: Any) -> None:
    person = make_person(make_organization(), "reviewer", password="correct horse battery")
    client.post(reverse("sign-in"), {"username": person.email, "password": "correct horse battery"})
    # Session, person, roles; organizations, counts.
    with django_assert_max_num_queries(5):
        assert client.get(reverse("keys")).status_code == 200
