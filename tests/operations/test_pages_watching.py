"""The pages of monitors and incidents: what stands there for whom, and what hostile text does to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from operations.models import Incident, Monitor, RollUp
from operations.monitor_kinds import KINDS
from operations.services.baselines import settings_of
from operations.services.breaker import open_breaker
from operations.services.incidents import acknowledge_incident
from operations.web.watch_words import UNTRIED
from tests.factories import actor_of, make_decision, make_organization, make_person, make_system
from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e\u200b evil"


def read(client: Client, name: str, *arguments: Any, query: str = "", status: int = 200) -> str:
    answer = client.get(reverse(name, args=arguments) + query)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_first_lines_of_an_incident_say_what_changed_and_since_when(client: Client) -> None:
    system = make_system(backup=make_person(name="Bea Backup"))
    incident = make_incident(system)
    alarm = make_alarm(incident)
    client.force_login(system.owner)
    body = read(client, "incident-detail", incident.pk)
    top = body[body.index("<h1") : body.index("What you can do")]
    assert "The escalation rate rose from 10.0 % to 24.0 %" in top
    assert f"Since {alarm.since_at:%-d %b, %H:%M} UTC" in top
    assert "10 %" in top and "24 %" in top and "2.4 times as much" in top
    assert "after 214 decisions" in top
    assert "about once in 20,000 decisions" in top
    assert "Bea Backup, the backup, is told in 3" in top


def test_an_incident_links_the_decisions_that_show_it_and_leaves_out_the_erased(client: Client) -> None:
    system = make_system()
    decision = make_decision(system, subject="C-1042")
    incident = make_incident(system)
    alarm = make_alarm(incident, evidence=[decision])
    alarm.evidence += ["01990000-0000-7000-8000-000000000000", "no id at all"]
    alarm.save()
    client.force_login(system.owner)
    body = read(client, "incident-detail", incident.pk)
    assert reverse("decision-detail", args=[decision.pk]) in body
    assert "C-1042" in body and "no id at all" not in body


def test_hostile_text_in_alarms_is_shown_and_does_nothing(client: Client) -> None:
    system = make_system()
    incident = make_incident(system, title=HOSTILE)
    make_alarm(incident, title=HOSTILE, summary=HOSTILE, segment=f"action={HOSTILE}")
    client.force_login(system.owner)
    monitor = Monitor.objects.get(system=system)
    pages = [("incident-list",), ("incident-detail", incident.pk), ("monitor-detail", monitor.pk)]
    for body in [read(client, *page) for page in pages]:
        assert "<script>alert" not in body and "\u202e" not in body and "\u200b" not in body
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body and "U+202E" in body


def test_incidents_that_nobody_has_taken_stand_first_and_the_rail_counts_the_unresolved(client: Client) -> None:
    system = make_system()
    for number, status in enumerate(["reviewed", "resolved", "acknowledged", "open"]):
        fields: dict[str, Any] = {}
        if status == "reviewed":
            fields = {"cause": "c", "earlier_detection": "e", "action": "a"}
            fields |= {"action_owner": system.owner, "action_due_on": "2026-01-01"}
        make_incident(system, fingerprint=f"f{number}", title=f"It is {status}", status=status, **fields)
    client.force_login(system.owner)
    body = read(client, "incident-list")
    places = [body.index(f"It is {status}") for status in ("open", "acknowledged", "resolved", "reviewed")]
    assert places == sorted(places)
    assert '<span class="count hot">2</span>' in body


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?status=unresolved", {"Mine is open", "The other"}),
        ("?status=resolved", {"Mine is resolved"}),
        ("?system=other", {"The other"}),
        ("?system=other&status=resolved", set()),
    ],
)
def test_incidents_are_found_by_system_and_status(client: Client, query: str, shown: set[str]) -> None:
    organization = make_organization()
    mine, other = make_system(organization, slug="mine"), make_system(organization, slug="other")
    make_incident(mine, title="Mine is open")
    make_incident(mine, title="Mine is resolved", status=Incident.Status.RESOLVED)
    make_incident(other, title="The other")
    client.force_login(make_person(organization, "viewer"))
    body = read(client, "incident-list", query=query)
    assert {title for title in ("Mine is open", "Mine is resolved", "The other") if title in body} == shown


@pytest.mark.parametrize("name", ["incident-list", "monitor-list"])
def test_a_filter_that_cannot_be_read_is_refused_and_lists_nothing(client: Client, name: str) -> None:
    system = make_system()
    make_incident(system)
    make_monitor(system)
    client.force_login(system.owner)
    body = read(client, name, query="?status=perhaps", status=422)
    assert "data-open" not in body


def test_a_monitor_says_what_it_watches_and_what_it_promises(client: Client) -> None:
    monitor = make_monitor(trips_breaker=True)
    client.force_login(monitor.system.owner)
    body = read(client, "monitor-detail", monitor.pk)
    assert "how often policy sends a decision to people" in body
    assert "about once in 20,000 decisions" in body
    assert "From 10 % to 20 % is noticed after about 180 decisions, in 95 of 100 cases within 410." in body
    assert "opens the system&#x27;s breaker by itself" in body or "opens the system's breaker by itself" in body


def test_a_false_alarm_interval_is_said_in_days_too_where_the_volume_is_known(client: Client) -> None:
    monitor = make_monitor()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    RollUp.objects.create(
        organization_id=monitor.organization_id,
        system=monitor.system,
        grain="hour",
        starts_at=hour,
        counted_at=hour,
        decisions=7_000,
    )
    client.force_login(monitor.system.owner)
    # 1,000 a day over the last seven: 20,000 decisions take 20 days.
    assert "that is once in 20 days" in read(client, "monitor-detail", monitor.pk)


@pytest.mark.parametrize(
    ("kind", "learned", "said"),
    [
        (Monitor.Kind.ESCALATION_RATE, {"n": 500, "events": 60}, "12 % of 500 decisions, sealed on"),
        (
            Monitor.Kind.ACTION_MIX,
            {"counts": {"refund": 300, "wipe<b>": 100}},
            "refund 75 %, wipe&lt;b&gt; 25 %, of 400",
        ),
        (Monitor.Kind.CONFIDENCE, {"values": [0.2, 0.8, 0.9]}, "Half of 3 decisions were at least 0.80 sure"),
        (Monitor.Kind.SILENCE, {"values": [4.0, 5.0], "longest": 7200.0}, "Gaps of up to 2 h between 2 decisions"),
        (Monitor.Kind.VOLUME, {"values": [10, 30], "hours": [1, 2]}, "20 an hour on average over 2 hours"),
        (Monitor.Kind.QUEUE_AGE, {}, "It needs none"),
    ],
)
def test_a_baseline_is_said_in_words(client: Client, kind: str, learned: Any, said: str) -> None:
    monitor = make_monitor(kind=kind, baseline={"learned": learned})
    client.force_login(monitor.system.owner)
    assert said in read(client, "monitor-detail", monitor.pk)


def test_a_monitor_that_learns_says_how_far_it_has_come(client: Client) -> None:
    state = {"learned": {"n": 120, "events": 3, "wanting": "Too few events so far."}}
    monitor = make_monitor(status="learning", baseline=None, baseline_sealed_at=None, state=state, stated={})
    client.force_login(monitor.system.owner)
    body = read(client, "monitor-detail", monitor.pk)
    wanted = KINDS[monitor.kind].defaults()["baseline"]
    assert f"Learning what is usual: 120 of {wanted:,} decisions so far. Too few events so far." in body
    assert "False alarms" not in body


def test_silence_that_waits_for_hours_counts_decisions(client: Client) -> None:
    state = {"learned": {"values": [2.0] * 383, "first": 0.0, "last": 766.0, "longest": 2.0}}
    fields = {"status": "learning", "baseline": None, "baseline_sealed_at": None, "state": state, "stated": {}}
    monitor = make_monitor(kind=Monitor.Kind.SILENCE, settings={"hours": 12, "baseline": 300}, **fields)
    client.force_login(monitor.system.owner)
    body = read(client, "monitor-detail", monitor.pk)
    assert "Learning what is usual: 383 decisions so far. They have to cover 12 hours." in body


@pytest.mark.parametrize("kind", sorted(UNTRIED))
def test_what_can_not_be_tried_is_not_offered(client: Client, kind: str) -> None:
    tried, untried = make_monitor(), make_monitor(kind=kind)
    for monitor, is_offered in ((tried, True), (untried, False)):
        client.force_login(monitor.system.owner)
        address = reverse("monitor-preview", args=[monitor.pk])
        assert (address in read(client, "monitor-detail", monitor.pk)) is is_offered
        settings = {name: str(value) for name, value in settings_of(monitor).items()}
        answer = client.get(address, {"days": "1", **settings})
        assert (answer.status_code == 200) is is_offered


def test_a_breaker_that_joins_an_incident_is_no_alarm(client: Client) -> None:
    incident = make_incident()
    owner = incident.system.owner
    actor = actor_of(owner, incident.system.organization)
    open_breaker(actor=actor, system=incident.system, reason="Too many wrong refunds.")
    acknowledge_incident(actor=actor, incident_id=incident.pk)
    client.force_login(owner)
    body = read(client, "incident-detail", incident.pk)
    assert "The breaker, opened by hand, joined it" in body and "Another alarm joined it" not in body


def test_monitors_are_found_by_system_and_status(client: Client) -> None:
    system = make_system()
    make_monitor(system, kind=Monitor.Kind.LATENCY, status=Monitor.Status.OFF)
    make_monitor(system, kind=Monitor.Kind.COST)
    client.force_login(system.owner)
    body = read(client, "monitor-list", query=f"?system={system.slug}&status=off")
    assert body.count("data-open") == 1 and "Latency" in body


def test_a_stranger_finds_nothing(client: Client) -> None:
    system = make_system()
    incident = make_incident(system)
    monitor = make_monitor(system)
    client.force_login(make_person(make_organization(), "owner", "admin"))
    read(client, "incident-detail", incident.pk, status=404)
    read(client, "monitor-detail", monitor.pk, status=404)
    for name in ("incident-list", "monitor-list"):
        assert system.name not in read(client, name)


def test_more_rows_cost_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    organization = make_organization()
    for _ in range(12):
        system = make_system(organization)
        make_alarm(make_incident(system), evidence=[make_decision(system)])
    client.force_login(make_person(organization, "viewer"))
    incident = Incident.objects.first()
    assert incident is not None
    for _ in range(4):
        make_alarm(incident, detected_index=_)
    monitor = Monitor.objects.filter(system=incident.system).get()
    # Session, person, organization, roles; the rail's organizations and counts; then the page's own.
    with django_assert_max_num_queries(9):
        read(client, "incident-list")
    with django_assert_max_num_queries(8):
        read(client, "monitor-list")
    with django_assert_max_num_queries(13):
        read(client, "incident-detail", incident.pk)
    with django_assert_max_num_queries(10):
        read(client, "monitor-detail", monitor.pk)
