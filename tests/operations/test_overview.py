"""The overview's figures: each against decisions whose count is known, none made up where there is nothing to count."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from operations.figure_selectors import Share
from operations.selectors import SystemFigures, measure_systems
from reviews.models import Escalation, Review
from tests.factories import make_decision, make_escalation, make_organization, make_person, make_queue, make_system

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def rule(escalation: Escalation, verdict: str) -> None:
    review = Review.objects.create(
        organization=escalation.organization,
        escalation=escalation,
        decision=escalation.decision,
        reviewer=escalation.system.owner,
        reviewer_label="x",
        verdict=verdict,
        correction="{}" if verdict == "correct" else None,
        answer='"x"' if verdict == "answer" else None,
        created_at=NOW,
    )
    Escalation.objects.filter(pk=escalation.pk).update(status="closed", closed_at=NOW, closure="ruled", ruling=review)


def measure(system: Any) -> SystemFigures:
    return measure_systems([system], now=NOW)[0]


def test_a_system_that_did_nothing_has_no_rates() -> None:
    figures = measure(make_system())
    assert (figures.day, figures.week, figures.waiting, figures.oldest_at) == (0, 0, 0, None)
    assert figures.escalation.percent is None and figures.override.percent is None


def test_a_share_has_its_whole_beside_it() -> None:
    assert Share(1, 4).percent == 25
    assert Share(0, 4).percent == 0
    assert Share(0, 0).percent is None


def test_volume_counts_a_day_and_a_week_and_nothing_older() -> None:
    system = make_system()
    for age in (1, 23, 25, 24 * 7 - 1, 24 * 7 + 1):
        make_decision(system, status="allowed", verdict="allow", created_at=NOW - timedelta(hours=age))
    assert (measure(system).day, measure(system).week) == (2, 4)


def test_escalated_is_what_policy_sent_to_people() -> None:
    system = make_system()
    for status, verdict in [("allowed", "allow"), ("blocked", "block"), ("pending", "review"), ("pending", "escalate")]:
        make_decision(system, status=status, verdict=verdict)
    assert measure(system).escalation == Share(2, 4)


def test_overridden_is_corrected_or_rejected_of_all_that_was_ruled() -> None:
    system = make_system()
    queue = make_queue(system.organization)
    for verdict in ("approve", "approve", "correct", "reject", "answer"):
        rule(make_escalation(make_decision(system), queue=queue), verdict)
    rule(make_escalation(make_decision(system), queue=queue, opened_at=NOW - timedelta(days=8)), "reject")
    make_escalation(make_decision(system), queue=queue)
    assert measure(system).override == Share(2, 5)


def test_the_oldest_that_waits_is_not_one_that_was_ruled_on() -> None:
    system = make_system()
    queue = make_queue(system.organization)
    oldest = NOW - timedelta(days=9)
    rule(make_escalation(make_decision(system), queue=queue, opened_at=NOW - timedelta(days=20)), "approve")
    make_escalation(make_decision(system), queue=queue, opened_at=oldest)
    make_escalation(make_decision(system), queue=queue, status="waiting", opened_at=NOW)
    assert (measure(system).waiting, measure(system).oldest_at) == (2, oldest)


def test_decisions_of_test_keys_count_nowhere() -> None:
    system = make_system()
    make_escalation(make_decision(system, is_test=True))
    rule(make_escalation(make_decision(system, is_test=True)), "reject")
    figures = measure(system)
    assert (figures.week, figures.waiting, figures.override.whole) == (0, 0, 0)


def test_each_system_has_its_own_figures() -> None:
    organization = make_organization()
    busy, quiet = make_system(organization), make_system(organization)
    make_escalation(make_decision(busy))
    figures = measure_systems([quiet, busy], now=NOW)
    assert [(row.system, row.week, row.waiting) for row in figures] == [(quiet, 0, 0), (busy, 1, 1)]


def test_the_page_says_where_there_is_nothing_to_count(client: Client) -> None:
    organization = make_organization()
    client.force_login(make_person(organization, "viewer"))
    assert "No AI system yet" in client.get(reverse("overview")).content.decode()
    make_system(organization)
    body = client.get(reverse("overview")).content.decode()
    assert "no decisions yet" in body and "no rulings yet" in body


def test_more_systems_cost_no_more_queries_and_strangers_see_none(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    organization = make_organization()
    stranger = make_system(name="Somebody else's")
    queue = make_queue(organization)
    for _ in range(12):
        system = make_system(organization)
        make_escalation(make_decision(system), queue=queue)
    client.force_login(make_person(organization, "viewer"))
    # Session, person, organization, roles; systems, three figures; organizations, counts.
    with django_assert_max_num_queries(10):
        body = client.get(reverse("overview")).content.decode()
    assert body.count('class="what"') == 12
    assert stranger.slug not in body
