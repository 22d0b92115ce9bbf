"""The overview and the clients' page: what needs somebody stands first, nobody sees others' systems, queries don't grow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import Membership, User
from operations.health_selectors import Condition, conditions_of
from operations.services.baselines import ensure_monitors
from operations.web.overview import SystemRow, draw_volumes, measure_systems
from tests.factories import make_decision, make_escalation, make_organization, make_person, make_queue, make_system
from tests.operations.figure_scenes import make_roll_up, this_hour
from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor

pytestmark = pytest.mark.django_db


def measure(system: Any) -> SystemRow:
    return measure_systems([system], now=timezone.now())[0]


def read(client: Client, name: str, **query: str) -> str:
    return client.get(reverse(name), query).content.decode()


@pytest.mark.parametrize(
    ("known", "decisions", "code"),
    [
        ({"breaker": "open", "severity": "critical"}, 5, "breaker_open"),
        ({"breaker": "half_open", "severity": "critical"}, 5, "critical"),
        ({"breaker": "half_open", "severity": "warning"}, 5, "recovering"),
        ({"has_owner": False, "severity": "warning"}, 5, "ownerless"),
        ({"severity": "warning", "alarmed": 1}, 5, "warning"),
        ({"severity": "notice", "alarmed": 1}, 5, "alarmed"),
        ({"severity": "notice"}, 0, "notice"),
        ({"watching": 3}, 0, "silent"),
        ({"watching": 0}, 5, "unwatched"),
        ({"watching": 4, "standing": 4}, 5, "unwatched"),
        ({"learning": 3}, 5, "learning"),
        ({"learning": 3, "watching": 6, "standing": 4}, 5, "learning"),
        ({"learning": 3, "watching": 7, "standing": 4}, 5, "fine"),
    ],
)
def test_the_word_for_a_system_is_what_needs_somebody_most(known: dict[str, Any], decisions: int, code: str) -> None:
    condition = Condition(**{"breaker": "closed", "has_owner": True, **known})
    assert condition.health(decisions=decisions).code == code


def test_how_many_still_learn_stands_below_the_word() -> None:
    def detail(**known: int) -> str:
        return Condition(breaker="closed", has_owner=True, **known).health(decisions=5).detail

    assert detail(learning=3, watching=7, standing=4) == "3 of 6 still learn"
    assert detail(learning=9, watching=4, standing=4) == "9 of 9 still learn"
    assert detail(watching=9, standing=4) == ""


def test_a_system_whose_monitors_have_just_been_made_is_learning_on_every_page(client: Client) -> None:
    system = make_system()
    ensure_monitors(system)
    make_roll_up(system)
    client.force_login(system.owner)
    assert measure(system).health.code == "learning"
    for address in (reverse("overview"), reverse("client-list"), reverse("system-health", args=[system.slug])):
        body = client.get(address).content.decode()
        assert ">Learning</span>" in body, address
    assert "Still learning." in body and "No change noticed" not in body


@pytest.mark.parametrize("way", ["account", "role"])
def test_an_owner_without_account_or_role_has_left_on_every_page(client: Client, way: str) -> None:
    system = make_system()
    make_roll_up(system)
    if way == "account":
        User.objects.filter(pk=system.owner_id).update(is_active=False)
    else:
        Membership.objects.filter(user=system.owner).delete()
        Membership.objects.create(organization=make_organization(), user=system.owner, role="owner")
    assert conditions_of([system])[system.pk].has_owner is False
    incident = make_incident(system)
    client.force_login(make_person(system.organization, "viewer"))
    assert "has left" in read(client, "overview")
    assert "Nobody answers for it." in client.get(reverse("system-health", args=[system.slug])).content.decode()
    page = client.get(reverse("incident-detail", args=[incident.pk])).content.decode()
    assert page.count('<span class="tag block">has left</span>') == 1


def test_a_condition_is_read_from_incidents_monitors_and_queues() -> None:
    system = make_system()
    queue = make_queue(system.organization)
    oldest = timezone.now() - timedelta(hours=5)
    make_escalation(make_decision(system), queue=queue, opened_at=oldest)
    make_escalation(make_decision(system), queue=queue)
    make_monitor(system, status="alarmed")
    make_monitor(system, kind="latency")
    make_monitor(system, kind="cost", status="learning")
    make_incident(system, severity="notice")
    make_incident(system, severity="critical", fingerprint="other")
    make_incident(system, severity="critical", fingerprint="old", status="resolved")
    condition = conditions_of([system])[system.pk]
    assert (condition.incidents, condition.severity) == (2, "critical")
    make_monitor(system, kind="owner")
    condition = conditions_of([system])[system.pk]
    assert (condition.alarmed, condition.watching, condition.standing, condition.learning) == (1, 2, 1, 1)
    assert (condition.waiting, condition.oldest_at) == (2, oldest)


def test_what_waits_is_not_counted_beyond_the_cap(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.health_selectors.COUNT_CAP", 2)
    monkeypatch.setattr("operations.web.overview.COUNT_CAP", 2)
    monkeypatch.setattr("reviews.queue_selectors.COUNT_CAP", 2)
    system = make_system()
    queue = make_queue(system.organization)
    for _ in range(4):
        make_escalation(make_decision(system), queue=queue)
    condition = conditions_of([system])[system.pk]
    assert (condition.waiting, condition.waiting_words) == (3, "2+")
    client.force_login(make_person(system.organization, "owner"))
    assert "2+" in client.get(reverse("overview")).content.decode()
    assert "2+" in client.get(reverse("client-list")).content.decode()


def test_figures_are_of_the_last_seven_days() -> None:
    system = make_system()
    make_roll_up(system, decisions=10, allowed=8, asked=2)
    make_roll_up(system, starts_at=this_hour() - timedelta(days=6), decisions=30, allowed=30)
    make_roll_up(system, starts_at=this_hour() - timedelta(days=7), decisions=500)
    row = measure(system)
    assert (row.figures.decisions, row.figures.escalation.part) == (40, 2)
    spark = draw_volumes([system], now=timezone.now())[system.pk]
    assert spark is not None and spark.line.count("L") == 6


def test_what_needs_somebody_stands_first(client: Client) -> None:
    organization = make_organization()
    fine, broken, quiet = (make_system(organization, name=name) for name in ("A fine", "B broken", "C quiet"))
    for system in (fine, broken):
        make_roll_up(system, cost_micros=1_000_000 if system == fine else 0, priced=10)
        make_monitor(system)
    make_alarm(make_incident(broken))
    client.force_login(make_person(organization, "viewer"))

    def order(**query: str) -> list[str]:
        body = read(client, "overview", **query)
        return sorted((fine.name, broken.name, quiet.name), key=body.index)

    assert order() == [broken.name, quiet.name, fine.name]
    assert order(order="name") == [fine.name, broken.name, quiet.name]
    assert order(order="cost")[0] == fine.name
    assert order(order="<script>") == order()


def test_a_row_says_what_is_known_and_what_is_missing(client: Client) -> None:
    organization = make_organization()
    owner = make_person(organization, "owner", name="Ada Owner", is_active=False)
    system = make_system(organization, owner=owner, backup=make_person(organization, "owner", name="Bea Backup"))
    make_roll_up(system, priced=10, cost_micros=42_000, ruled=4, overridden=1)
    make_incident(system)
    client.force_login(make_person(organization, "viewer"))
    body = read(client, "overview")
    for words in ("Ada Owner", "has left", "backup Bea Backup", "more review", "$0.04", "$0.0042 each", "1 of 4"):
        assert words in body, words
    assert f"{reverse('incident-list')}?system={system.slug}" in body
    assert reverse("system-health", args=[system.slug]) in body


def test_the_page_says_where_there_is_nothing(client: Client) -> None:
    organization = make_organization()
    client.force_login(make_person(organization, "viewer"))
    assert "No AI system yet" in read(client, "overview")
    make_system(organization)
    body = read(client, "overview")
    assert "no decisions" in body and "no rulings" in body and "not known" in body


def test_more_systems_cost_no_more_queries_and_strangers_see_none(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    organization = make_organization()
    stranger = make_system(name="Somebody else's")
    make_roll_up(stranger)
    for _ in range(12):
        make_roll_up(make_system(organization))
    client.force_login(make_person(organization, "viewer"))
    with django_assert_max_num_queries(12):
        body = read(client, "overview")
    assert body.count('class="what"') == 12
    assert stranger.slug not in body


def test_many_systems_are_paged_with_the_sums_of_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.web.overview.AT_ONCE", 20)
    organization = make_organization()
    owner = make_person(organization, "owner")
    systems = [make_system(organization, owner=owner, name=f"S{number:02}") for number in range(51)]
    for system in (systems[0], systems[50]):
        make_roll_up(system, decisions=1_000, priced=1, cost_micros=2_000_000)
    make_incident(systems[50], severity="critical")
    client.force_login(owner)
    first, second = read(client, "overview"), read(client, "overview", page="2")
    assert (first.count('class="what"'), second.count('class="what"')) == (50, 1)
    # What is last by name stands first, for it needs somebody most.
    assert "S50" in first and "S50" not in second
    assert "Showing 50 of 51" in first and "Showing 1 of 51" in second
    for body in (first, second, read(client, "client-list")):
        assert "2,000 decisions, $4.00; nothing waits; 1 open incident." in " ".join(body.split())


def serve_two_clients() -> tuple[User, list[Any]]:
    """A person of an agency, and a system of each of its clients."""
    person = make_person(make_organization(name="First client"), "viewer")
    second = make_organization(name="Second client")
    Membership.objects.create(organization=second, user=person, role="owner")
    return person, [make_system(membership.organization) for membership in person.memberships.order_by("id")]


def test_an_agency_sees_each_of_its_clients_and_nobody_elses(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    person, (first, second) = serve_two_clients()
    third = make_system(make_organization(name="Third client"))
    make_roll_up(first, decisions=20, priced=20, cost_micros=2_000_000)
    for system in (second, third):
        make_incident(system, severity="critical")
    client.force_login(person)
    with django_assert_max_num_queries(13):
        body = read(client, "client-list")
    assert body.index(second.organization.name) < body.rindex(f'<span class="strong">{first.organization.name}')
    assert "Critical incident" in body and "$2.00" in body
    assert third.organization.name not in body and third.name not in body


def test_the_button_of_a_client_switches_the_organization(client: Client) -> None:
    person, (_, second) = serve_two_clients()
    client.force_login(person)
    assert f'value="{second.organization.slug}"' in read(client, "client-list")
    client.post(reverse("switch-organization"), {"organization": second.organization.slug})
    assert second.name in read(client, "overview")


def test_only_an_agency_has_clients_in_its_rail(client: Client) -> None:
    person, (first, _) = serve_two_clients()
    address = f'href="{reverse("client-list")}"'
    client.force_login(person)
    assert address in read(client, "overview")
    client.force_login(make_person(first.organization, "viewer"))
    assert address not in read(client, "overview")
    assert "You belong to one organization" in read(client, "client-list")
