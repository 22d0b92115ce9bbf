"""The verbs of incidents and of the breaker through the API: what they answer, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from governance.models import AuditEntry
from governance.services.credentials import create_access_token
from operations.models import Incident, Monitor, Recovery
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import actor_of, make_key, make_organization, make_person, make_system
from tests.operations.watch_scenes import make_alarm, make_incident, make_monitor

pytestmark = pytest.mark.django_db


def post(client: Client, address: str, body: Any = None, status: int = 200) -> Any:
    answer = client.post(f"/api/v1/{address}", body or {}, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def patch(client: Client, address: str, body: Any, status: int = 200, **more: Any) -> Any:
    answer = client.patch(f"/api/v1/{address}", body, content_type="application/json", **more)
    assert answer.status_code == status, answer.content
    return answer.json()


def pointers(problem: dict[str, Any]) -> set[str]:
    return {fault["pointer"] for fault in problem["errors"]}


def test_an_incident_is_handled_to_its_end(client: Client) -> None:
    system = make_system()
    incident = make_incident(system)
    make_alarm(incident)
    example = make_example(make_dataset(system))
    client.force_login(system.owner)
    at = f"incidents/{incident.pk}"
    assert post(client, f"{at}/acknowledge")["assignee"]["email"] == system.owner.email
    assert post(client, f"{at}/comments", {"text": "Looking."})["status"] == "acknowledged"
    assert post(client, f"{at}/mitigate", {"note": "Contained."})["status"] == "mitigated"
    resolved = post(client, f"{at}/resolve", {"note": "Over.", "is_false_alarm": True})
    assert (resolved["status"], resolved["is_false_alarm"], resolved["alarms"][0]["is_false"]) == (
        "resolved",
        True,
        True,
    )
    lesson = {
        "cause": "c",
        "earlier_detection": "e",
        "example_ids": [str(example.pk)],
        "action": "a",
        "action_owner": system.owner.email.upper(),
        "action_due_on": "2100-01-01",
    }
    review = post(client, f"{at}/review", lesson)["review"]
    assert (review["cause"], review["examples"], review["action_due_on"]) == ("c", [str(example.pk)], "2100-01-01")
    assert review["action_owner"]["email"] == system.owner.email


def test_alarms_are_judged_one_by_one(client: Client) -> None:
    incident = make_incident()
    real, false = make_alarm(incident), make_alarm(incident, detected_index=7)
    client.force_login(incident.system.owner)
    body = {"note": "Over.", "alarms": [{"id": str(false.pk), "is_false": True}]}
    shown = post(client, f"incidents/{incident.pk}/resolve", body)["alarms"]
    assert {alarm["id"]: alarm["is_false"] for alarm in shown} == {str(real.pk): False, str(false.pk): True}


def test_what_comes_too_late_is_refused_with_the_state_as_it_is(client: Client) -> None:
    incident = make_incident(status=Incident.Status.RESOLVED)
    client.force_login(incident.system.owner)
    problem = post(client, f"incidents/{incident.pk}/acknowledge", status=409)
    assert problem["type"] == "urn:countersign:problem:incident-moved-on"
    assert problem["state"]["status"] == "resolved"


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("acknowledge", {"note": "x"}, "/note"),
        ("comments", {}, "/text"),
        ("comments", {"text": 7}, "/text"),
        ("mitigate", {"note": " "}, "/note"),
        ("resolve", {"note": "x", "is_false_alarm": "yes"}, "/is_false_alarm"),
        ("resolve", {"note": "x", "false_alarm": True}, "/false_alarm"),
        ("resolve", {"note": "x", "alarms": [{"id": "x", "is_false": True}]}, "/alarms/0/id"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(client: Client, verb: str, body: Any, pointer: str) -> None:
    incident = make_incident()
    client.force_login(incident.system.owner)
    assert pointers(post(client, f"incidents/{incident.pk}/{verb}", body, 422)) == {pointer}
    incident.refresh_from_db()
    assert incident.status == Incident.Status.OPEN


def test_a_review_says_all_that_it_lacks(client: Client) -> None:
    incident = make_incident(status=Incident.Status.RESOLVED)
    client.force_login(incident.system.owner)
    problem = post(client, f"incidents/{incident.pk}/review", {"cause": "c"}, 422)
    assert pointers(problem) == {"/earlier_detection", "/action", "/action_owner", "/action_due_on"}
    body = {"cause": "c", "earlier_detection": "e", "action": "a", "action_due_on": "2100-01-01"}
    problem = post(client, f"incidents/{incident.pk}/review", {**body, "action_owner": "nobody@example.org"}, 422)
    assert pointers(problem) == {"/action_owner"}
    # Of somebody who has an account in another organization it says the same.
    elsewhere = {**body, "no_examples_reason": "n", "action_owner": make_person(make_organization()).email}
    assert post(client, f"incidents/{incident.pk}/review", elsewhere, 422)["errors"] == problem["errors"]
    owner = incident.system.owner.email
    assert pointers(post(client, f"incidents/{incident.pk}/review", {**body, "action_owner": owner}, 422)) == {
        "/example_ids"
    }


def test_the_breaker_opens_half_opens_and_closes(client: Client) -> None:
    system = make_system()
    client.force_login(system.owner)
    at = f"systems/{system.slug}/breaker"
    opened = post(client, at, {"state": "open", "reason": "Stop."})
    assert (opened["system"], opened["breaker"], opened["reason"]) == (system.slug, "open", "Stop.")
    problem = post(client, at, {"state": "open", "reason": "Stop."}, 409)
    assert problem["type"] == "urn:countersign:problem:breaker-unchanged"
    half = post(client, at, {"state": "half_open", "reason": "Try.", "share": 0.5, "wanted_rulings": 3})
    assert (half["breaker"], half["share"]) == ("half_open", 0.5)
    assert Recovery.objects.get(system=system).wanted_rulings == 3
    assert post(client, at, {"state": "closed", "reason": "Good."})["breaker"] == "closed"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "ajar", "reason": "x"}, "/state"),
        ({"state": "open"}, "/reason"),
        ({"state": "open", "reason": "x", "share": 0.5}, "/share"),
        ({"state": "half_open", "reason": "x", "share": 2}, "/share"),
        ({"state": "half_open", "reason": "x", "share": "0.5"}, "/share"),
        ({"state": "half_open", "reason": "x", "share": 1e308}, "/share"),
        ({"state": "half_open", "reason": "x", "wanted_rulings": 10**15}, "/wanted_rulings"),
        ({"state": "half_open", "reason": "x", "wanted_rulings": 2.5}, "/wanted_rulings"),
        ({"state": "half_open", "reason": "x", "most_failed": True}, "/most_failed"),
        ({"state": "open", "reason": "x", "force": True}, "/force"),
    ],
)
def test_a_breaker_is_not_moved_by_what_does_not_fit(client: Client, body: Any, pointer: str) -> None:
    system = make_system(breaker="open" if body.get("state") == "half_open" else "closed")
    client.force_login(system.owner)
    assert pointers(post(client, f"systems/{system.slug}/breaker", body, 422)) == {pointer}


def test_a_key_operates_nothing() -> None:
    incident = make_incident()
    _, secret = make_key(incident.system)
    headers = {"Authorization": f"Bearer {secret}"}
    for address in (f"incidents/{incident.pk}/acknowledge", f"systems/{incident.system.slug}/breaker"):
        assert Client().post(f"/api/v1/{address}", {}, "application/json", headers=headers).status_code == 403


def test_a_monitor_is_set_by_its_version_and_what_is_left_out_stays(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.QUEUE_AGE, baseline={"learned": {}}, version=7)
    client.force_login(monitor.system.owner)
    at = f"monitors/{monitor.pk}"
    set_once = patch(client, at, {"version": 7, "settings": {"cooldown_s": 60}, "trips_breaker": True})
    assert (set_once["settings"], set_once["trips_breaker"], set_once["status"]) == (
        {"cooldown_s": 60},
        True,
        "watching",
    )
    problem = patch(client, at, {"version": 7, "is_on": False}, 409)
    assert problem["type"] == "urn:countersign:problem:monitor-changed"
    assert problem["state"]["version"] == set_once["version"] == 8
    off = patch(client, at, {"version": 8, "is_on": False})
    assert (off["status"], off["settings"], off["trips_breaker"]) == ("off", {"cooldown_s": 60}, True)
    back = patch(client, at, {"version": 9, "settings": {"cooldown_s": None}, "is_on": True})
    assert (back["status"], back["settings"]) == ("watching", {})
    assert AuditEntry.objects.filter(type="monitor.changed").count() == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"version": 1}, ""),
        ({"is_on": True}, "/version"),
        ({"version": "1", "is_on": True}, "/version"),
        ({"version": 1, "is_on": "yes"}, "/is_on"),
        ({"version": 1, "kind": "model"}, "/kind"),
        ({"version": 1, "settings": {"cooldown_s": -1}}, "/settings/cooldown_s"),
        ({"version": 1, "settings": {"cooldown_s": "60"}}, "/settings/cooldown_s"),
        ({"version": 1, "settings": {"patience": 3}}, "/settings/patience"),
        ({"version": 1, "settings": [1]}, "/settings"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_by_its_field(client: Client, body: Any, pointer: str) -> None:
    monitor = make_monitor(kind=Monitor.Kind.QUEUE_AGE, baseline={"learned": {}})
    client.force_login(monitor.system.owner)
    assert pointers(patch(client, f"monitors/{monitor.pk}", body, 422)) == {pointer}


def test_a_token_sets_monitors_and_an_applications_key_does_not() -> None:
    monitor = make_monitor(kind=Monitor.Kind.QUEUE_AGE, baseline={"learned": {}})
    owner, organization = monitor.system.owner, monitor.system.organization
    _, token = create_access_token(
        actor=actor_of(owner, organization), user=owner, organization=organization, name="scripts"
    )
    _, key = make_key(monitor.system)
    at, body = f"monitors/{monitor.pk}", {"version": 1, "trips_breaker": True}
    patch(Client(), at, body, 403, headers={"Authorization": f"Bearer {key}"})
    assert patch(Client(), at, body, headers={"Authorization": f"Bearer {token}"})["trips_breaker"] is True
