"""The API of monitors and incidents: what it answers, what it refuses, and that lists cost the same however long."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from operations.models import Incident, Monitor
from tests.factories import make_decision, make_key, make_organization, make_person, make_system
from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor

pytestmark = pytest.mark.django_db


def get(client: Client, address: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/{address}")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_an_incident_says_what_changed_since_when_and_how_often_that_is_false(client: Client) -> None:
    system = make_system()
    decision = make_decision(system)
    incident = make_incident(system)
    alarm = make_alarm(incident, evidence=[decision], segment="action=refund")
    client.force_login(make_person(system.organization, "viewer"))
    listed = get(client, "incidents")["results"]
    detail = get(client, f"incidents/{incident.pk}")
    assert [{**detail_without_review(detail)}] == listed
    assert detail["system"] == {"id": str(system.pk), "slug": system.slug, "name": system.name}
    assert detail["assignee"]["email"] == system.owner.email
    assert (detail["status"], detail["severity"], detail["breaker"]) == ("open", "warning", "closed")
    assert detail["review"] is None
    (shown,) = detail["alarms"]
    assert shown["id"] == str(alarm.pk) and shown["monitor"] == str(alarm.monitor_id)
    assert (shown["segment"], shown["baseline"], shown["observed"], shown["unit"]) == (
        "action=refund",
        0.1,
        0.24,
        "share",
    )
    assert (shown["decisions_until_detected"], shown["false_alarm_interval"]) == (214, 20_000)
    assert shown["evidence"] == [str(decision.pk)]


def detail_without_review(detail: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name != "review"}


def test_an_alarm_that_is_no_estimate_has_no_interval(client: Client) -> None:
    incident = make_incident()
    make_alarm(incident, stated={"unit": "decisions"})
    client.force_login(incident.system.owner)
    assert get(client, f"incidents/{incident.pk}")["alarms"][0]["false_alarm_interval"] is None


def test_incidents_are_filtered_by_system_status_and_severity(client: Client) -> None:
    organization = make_organization()
    mine, other = make_system(organization, slug="mine"), make_system(organization, slug="other")
    first = make_incident(mine, severity="critical")
    second = make_incident(other, status=Incident.Status.RESOLVED)
    client.force_login(make_person(organization, "auditor"))

    def found(query: str) -> set[str]:
        return {row["id"] for row in get(client, f"incidents?{query}")["results"]}

    assert found("system=mine") == {str(first.pk)}
    assert found("status=resolved") == {str(second.pk)}
    assert found("status=resolved&status=open") == {str(first.pk), str(second.pk)}
    assert found("severity=critical") == {str(first.pk)}
    assert found("system=other&status=open") == set()


@pytest.mark.parametrize(
    "address",
    ["incidents?staus=open", "incidents?status=perhaps", "incidents?cursor=x", "monitors?kind=x", "monitors?q=x"],
)
def test_a_filter_that_is_not_known_is_refused(client: Client, address: str) -> None:
    client.force_login(make_system().owner)
    problem = get(client, address, 400)
    assert problem["type"] == "urn:countersign:problem:invalid-parameter"


def test_one_takes_no_parameters(client: Client) -> None:
    incident, monitor = make_incident(), make_monitor()
    client.force_login(incident.system.owner)
    get(client, f"incidents/{incident.pk}?verbose=1", 400)
    client.force_login(monitor.system.owner)
    get(client, f"monitors/{monitor.pk}?verbose=1", 400)


def test_a_monitor_says_what_it_promises_and_what_it_found(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.LATENCY)
    make_alarm(monitor=monitor)
    client.force_login(monitor.system.owner)
    shown = get(client, f"monitors/{monitor.pk}")
    (line,) = get(client, "monitors?kind=latency&status=watching")["results"]
    assert {**line, "baseline": {"learned": {"n": 500, "events": 50}}} == shown
    assert get(client, "monitors?status=off")["results"] == []
    assert (shown["kind"], shown["alarms"], shown["stated"]["false_alarm_interval"]) == ("latency", 1, 20_000)
    assert shown["last_alarm_at"] is not None and "state" not in shown


def test_strangers_and_keys_read_nothing(client: Client) -> None:
    incident, monitor = make_incident(), make_monitor()
    client.force_login(make_person(make_organization(), "admin", "owner"))
    assert get(client, "incidents")["results"] == get(client, "monitors")["results"] == []
    get(client, f"incidents/{incident.pk}", 404)
    get(client, f"monitors/{monitor.pk}", 404)
    _, secret = make_key(incident.system)
    answer = Client().get("/api/v1/incidents", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403


def test_pages_follow_each_other_without_gaps_and_cost_no_more_queries(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    organization = make_organization()
    made = []
    for _ in range(7):
        incident = make_incident(make_system(organization))
        make_alarm(incident)
        made.append(str(incident.pk))
    client.force_login(make_person(organization, "viewer"))
    seen, address = [], "incidents?page_size=3"
    while address:
        # Session, person, organization, roles; incidents, their alarms.
        with django_assert_max_num_queries(6):
            shown = get(client, address)
        seen += [row["id"] for row in shown["results"]]
        address = (shown["next"] or "").partition("/api/v1/")[2]
    assert sorted(seen) == sorted(made)
    with django_assert_max_num_queries(5):
        assert len(get(client, "monitors")["results"]) == 7
