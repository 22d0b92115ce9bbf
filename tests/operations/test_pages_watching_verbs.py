"""What people do on the pages of incidents and the breaker: each verb by its form, each refusal where it belongs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import AISystem
from operations.models import Incident, Recovery
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_organization, make_person, make_system
from tests.operations.watch_scenes import make_alarm, make_incident

pytestmark = pytest.mark.django_db


def send(client: Client, name: str, key: Any, status: int = 302, **fields: Any) -> str:
    answer = client.post(reverse(name, args=[key]), fields)
    assert answer.status_code == status, answer.content.decode()[:3000]
    return answer.content.decode()


def read(client: Client, name: str, key: Any, query: str = "") -> str:
    return client.get(reverse(name, args=[key]) + query).content.decode()


def test_an_address_that_only_takes_forms_says_so(client: Client) -> None:
    incident = make_incident()
    address = reverse("incident-acknowledge", args=[incident.pk])
    assert client.post(address).headers["Location"] == f"{reverse('sign-in')}?next={address}"
    client.force_login(incident.system.owner)
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert "send it again" in answer.content.decode()


def test_who_takes_an_incident_twice_has_it(client: Client) -> None:
    incident = make_incident()
    client.force_login(incident.system.owner)
    send(client, "incident-acknowledge", incident.pk)
    send(client, "incident-acknowledge", incident.pk)
    client.force_login(make_person(incident.system.organization, "lead"))
    assert "Somebody was faster" in send(client, "incident-acknowledge", incident.pk, 409)


def test_an_incident_goes_from_taken_to_learned_from_by_its_forms(client: Client) -> None:
    system = make_system()
    incident = make_incident(system)
    alarm = make_alarm(incident)
    example = make_example(make_dataset(system), input={"message": "The lamp came in two pieces."})
    client.force_login(system.owner)
    send(client, "incident-acknowledge", incident.pk)
    send(client, "incident-comment", incident.pk, text="Looking at the calendar.")
    send(client, "incident-mitigate", incident.pk, note="The old release is back.")
    send(client, "incident-resolve", incident.pk, note="It is mended.", **{f"alarm-{alarm.pk}": "real"})
    form = read(client, "incident-review", incident.pk)
    assert "The lamp came in two pieces." in form
    lesson = {
        "cause": "Fields were renamed.",
        "earlier_detection": "A contract test.",
        "example_ids": [str(example.pk)],
        "action": "Write the contract test.",
        "action_owner": str(system.owner.pk),
        "action_due_on": (timezone.now() + timedelta(days=7)).date().isoformat(),
    }
    send(client, "incident-review", incident.pk, **lesson)
    incident.refresh_from_db()
    alarm.refresh_from_db()
    assert incident.status == Incident.Status.REVIEWED
    assert list(incident.examples.all()) == [example]
    assert alarm.is_false is False and not incident.is_false_alarm
    page = read(client, "incident-detail", incident.pk)
    for said in (
        "Took it",
        "Looking at the calendar.",
        "The old release is back.",
        "It is mended.",
        "Fields were renamed.",
        "A contract test.",
        "Write the contract test.",
    ):
        assert said in page
    assert reverse("example-detail", args=[example.dataset_id, example.pk]) in page


def test_each_alarm_is_judged_when_an_incident_is_resolved(client: Client) -> None:
    incident = make_incident()
    alarm = make_alarm(incident)
    client.force_login(incident.system.owner)
    body = send(client, "incident-resolve", incident.pk, 422, note="Nothing was wrong.")
    assert "This field is required." in body and "Nothing was wrong." in body
    send(client, "incident-resolve", incident.pk, note="Nothing was wrong.", **{f"alarm-{alarm.pk}": "false"})
    incident.refresh_from_db()
    alarm.refresh_from_db()
    assert incident.is_false_alarm and alarm.is_false is True


def test_one_alarm_of_several_may_have_been_false(client: Client) -> None:
    incident = make_incident()
    real, false = make_alarm(incident), make_alarm(incident, detected_index=7)
    client.force_login(incident.system.owner)
    ticked = {f"alarm-{real.pk}": "real", f"alarm-{false.pk}": "false"}
    send(client, "incident-resolve", incident.pk, note="It is mended.", **ticked)
    incident.refresh_from_db()
    real.refresh_from_db()
    false.refresh_from_db()
    assert (incident.is_false_alarm, real.is_false, false.is_false) == (False, False, True)


@pytest.mark.parametrize(("name", "field"), [("incident-comment", "text"), ("incident-mitigate", "note")])
def test_an_empty_form_is_refused_at_its_field(client: Client, name: str, field: str) -> None:
    incident = make_incident()
    client.force_login(incident.system.owner)
    body = send(client, name, incident.pk, 422, **{field: " "})
    assert "error-summary" in body and "This field is required." in body
    incident.refresh_from_db()
    assert incident.status == Incident.Status.OPEN


def test_whoever_was_slower_sees_how_it_stands_and_keeps_what_they_typed(client: Client) -> None:
    incident = make_incident()
    client.force_login(incident.system.owner)
    Incident.objects.filter(pk=incident.pk).update(status="mitigated")
    body = send(client, "incident-mitigate", incident.pk, 409, note="I switched it off by hand.")
    assert "Somebody was faster." in body and "It is mitigated." in body
    assert "I switched it off by hand." in body
    assert "Somebody was faster." in send(client, "incident-acknowledge", incident.pk, 409)


def test_a_review_says_what_it_lacks_beside_each_field(client: Client) -> None:
    incident = make_incident(status=Incident.Status.RESOLVED)
    client.force_login(incident.system.owner)
    body = send(client, "incident-review", incident.pk, 422, cause="A cause.")
    assert body.count("This field is required.") >= 2 * 5
    assert "A cause." in body
    fields = {"cause": "c", "earlier_detection": "e", "action": "a", "no_examples_reason": "n"}
    fields |= {"action_owner": str(incident.system.owner.pk), "action_due_on": "2020-01-01"}
    body = send(client, "incident-review", incident.pk, 422, **fields)
    assert "This lies before the incident." in body


def test_a_review_wants_examples_or_a_reason_why_there_is_none(client: Client) -> None:
    incident = make_incident(status=Incident.Status.RESOLVED)
    make_example(make_dataset(incident.system))
    client.force_login(incident.system.owner)
    fields = {"cause": "c", "earlier_detection": "e", "action": "a", "action_due_on": "2100-01-01"}
    fields["action_owner"] = str(incident.system.owner.pk)
    body = send(client, "incident-review", incident.pk, 422, **fields)
    assert "or say why there are none" in body
    send(client, "incident-review", incident.pk, **fields, no_examples_reason="Nobody ruled meanwhile.")
    assert "Nobody ruled meanwhile." in read(client, "incident-detail", incident.pk)


def test_a_review_that_came_too_late_keeps_every_word(client: Client) -> None:
    incident = make_incident(status=Incident.Status.RESOLVED)
    client.force_login(incident.system.owner)
    fields = {"cause": "My cause.", "earlier_detection": "e", "action": "a", "no_examples_reason": "n"}
    fields |= {"action_owner": str(incident.system.owner.pk), "action_due_on": "2100-01-01"}
    Incident.objects.filter(pk=incident.pk).update(status="open")
    body = send(client, "incident-review", incident.pk, 409, **fields)
    assert "It is open." in body and "My cause." in body


def test_examples_of_other_systems_and_of_before_are_not_offered(client: Client) -> None:
    incident = make_incident(status=Incident.Status.RESOLVED)
    dataset = make_dataset(incident.system)
    make_example(dataset, input={"message": "Long before"}, created_at=timezone.now() - timedelta(days=3))
    make_example(make_dataset(make_system(incident.organization)), input={"message": "Another system"})
    make_example(dataset, input={"message": "<b>Since then</b>"})
    client.force_login(incident.system.owner)
    body = read(client, "incident-review", incident.pk)
    assert "&lt;b&gt;Since then&lt;/b&gt;" in body
    assert "Long before" not in body and "Another system" not in body


def test_a_viewer_reads_but_finds_no_forms_and_is_refused(client: Client) -> None:
    incident = make_incident()
    client.force_login(make_person(incident.organization, "viewer"))
    body = read(client, "incident-detail", incident.pk)
    assert "What you can do" not in body and "?state=open" not in body
    for name in (
        "incident-acknowledge",
        "incident-comment",
        "incident-mitigate",
        "incident-resolve",
        "incident-review",
    ):
        send(client, name, incident.pk, 403)
    send(client, "system-breaker", incident.system.slug, 403, state="open", reason="x")
    assert 'name="reason"' not in read(client, "system-breaker", incident.system.slug, "?state=open")


def test_the_owner_of_the_system_handles_its_incident_whatever_their_role(client: Client) -> None:
    organization = make_organization()
    owner = make_person(organization, "viewer")
    incident = make_incident(make_system(organization, owner=owner))
    client.force_login(owner)
    assert "I take it" in read(client, "incident-detail", incident.pk)
    send(client, "incident-acknowledge", incident.pk)
    send(client, "system-breaker", incident.system.slug, state="open", reason="Stop it.")


def test_the_breaker_opens_half_opens_and_closes_with_reasons(client: Client) -> None:
    system = make_system(fallback_message="We call you back.")
    client.force_login(system.owner)
    page = read(client, "system-breaker", system.slug, "?state=open")
    assert "We call you back." in page and "one is opened, and it is yours" in page
    send(client, "system-breaker", system.slug, 422, state="open", reason="")
    send(client, "system-breaker", system.slug, state="open", reason="It books nothing.")
    system.refresh_from_db()
    assert system.breaker == AISystem.Breaker.OPEN
    incident = Incident.objects.get(system=system)
    page = read(client, "incident-detail", incident.pk)
    assert "People decide on everything" in page and "The breaker opened" in page
    conditions = {"share": "25", "wanted_rulings": "8", "most_overridden": "20"}
    conditions |= {"wanted_outcomes": "0", "most_failed": "10"}
    send(client, "system-breaker", system.slug, state="half_open", reason="It is mended.", **conditions)
    recovery = Recovery.objects.get(system=system, status="running")
    assert (recovery.share, recovery.wanted_rulings, recovery.most_overridden) == (0.25, 8, 0.2)
    page = read(client, "incident-detail", incident.pk)
    assert "25 % acts again" in page and "Rulings: 0 of 8" in page and "Outcomes: 0 of" not in page
    send(client, "system-breaker", system.slug, state="closed", reason="Seen enough.")
    system.refresh_from_db()
    assert system.breaker == AISystem.Breaker.CLOSED
    assert "Stopped" in read(client, "system-breaker", system.slug)


def test_conditions_that_say_nothing_are_refused_at_their_field(client: Client) -> None:
    system = make_system(breaker="open")
    client.force_login(system.owner)
    conditions = {"share": "0", "wanted_rulings": "0", "most_overridden": "20"}
    conditions |= {"wanted_outcomes": "0", "most_failed": "10"}
    body = send(client, "system-breaker", system.slug, 422, state="half_open", reason="x", **conditions)
    assert "greater than or equal to 0.1" in body
    body = send(
        client,
        "system-breaker",
        system.slug,
        422,
        state="half_open",
        reason="My reason",
        **{**conditions, "share": "10"},
    )
    assert "nothing would close the breaker" in body and "My reason" in body


def test_a_breaker_that_somebody_else_opened_is_said_to_be_open(client: Client) -> None:
    system = make_system(breaker="open")
    client.force_login(system.owner)
    body = send(client, "system-breaker", system.slug, 409, state="open", reason="Stop it, please.")
    assert "The breaker is open." in body and "Stop it, please." in body
    assert client.post(reverse("system-breaker", args=[system.slug]), {"state": "ajar"}).status_code == 400
