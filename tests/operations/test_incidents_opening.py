"""Alarms become incidents: one a cause, told to the right person, whatever happens at once."""

import json

import pytest

from governance.models import AuditEntry, Membership
from operations.models import Alarm, Incident
from operations.services.assigning import assign_next
from operations.services.breaker import open_breaker
from operations.services.incidents import acknowledge_incident, mitigate_incident
from operations.web.watch_sentences import tell
from tests.factories import actor_of, make_person, make_system
from tests.operations.incident_scenes import alarm_on, types_of
from tests.support.races import race

pytestmark = pytest.mark.django_db


def test_an_alarm_opens_an_incident_of_the_owner() -> None:
    system = make_system()
    incident = alarm_on(system)
    assert (incident.status, incident.assignee_id, incident.severity) == ("open", system.owner_id, "warning")
    assert incident.title == "Overrides rose from 5 % to 20 %"
    assert types_of(incident) == ["incident.opened"]
    assert Alarm.objects.get().incident == incident


def test_an_alarm_of_the_same_family_joins_and_raises_the_severity() -> None:
    system = make_system()
    first = alarm_on(system)
    second = alarm_on(system, "failed_outcomes")
    assert first == second
    second.refresh_from_db()
    assert (second.severity, types_of(second)) == ("critical", ["incident.opened", "incident.joined"])


def test_owner_and_backup_are_told_when_what_somebody_has_taken_becomes_graver() -> None:
    system = make_system()
    system.backup = make_person(system.organization, "viewer")
    system.save()
    lead = make_person(system.organization, "lead")
    incident = alarm_on(system, "release")
    acknowledge_incident(actor=actor_of(lead, system.organization), incident_id=incident.pk)
    alarm_on(system, "latency")
    alarm_on(system, "failed_outcomes")
    joined = AuditEntry.objects.filter(type="incident.joined").select_related("payload").order_by("id")
    same, graver = (json.loads(entry.payload.payload) for entry in joined)
    assert (same["to"], same["is_graver"]) == ([str(lead.pk)], False)
    # The owner is told by the entry that opens it again.
    assert graver["to"] == [str(lead.pk), str(system.backup_id)]
    assert graver["title"].startswith("Critical now: Overrides rose")


@pytest.mark.parametrize("verb", ["acknowledge", "mitigate"])
def test_what_somebody_has_taken_and_becomes_critical_goes_through_owner_backup_and_admins_again(verb: str) -> None:
    system = make_system()
    lead, admin = make_person(system.organization, "lead"), make_person(system.organization, "admin")
    incident = alarm_on(system, "override_rate")
    actor = actor_of(lead, system.organization)
    acknowledge_incident(actor=actor, incident_id=incident.pk)
    if verb == "mitigate":
        mitigate_incident(actor=actor, incident_id=incident.pk, note="Contained.")
    alarm_on(system, "latency")
    incident.refresh_from_db()
    assert incident.status != "open"
    alarm_on(system, "failed_outcomes")
    incident.refresh_from_db()
    assert (incident.status, incident.severity, incident.assignee_id) == ("open", "critical", system.owner_id)
    assert (incident.acknowledged_at, incident.mitigated_at) == (None, None)
    told = []
    for _ in range(2):
        assert incident.next_step_at is not None
        assert assign_next(now=incident.next_step_at) == 1
        incident.refresh_from_db()
        told.append(incident.assignee_id)
    assert told == [system.backup_id, None]
    assigned = AuditEntry.objects.filter(type="incident.assigned").select_related("payload").order_by("id")
    payloads = [json.loads(entry.payload.payload) for entry in assigned]
    assert [payload["to"] for payload in payloads] == [[str(system.owner_id)], [str(system.backup_id)], [str(admin.pk)]]
    assert payloads[0]["title"].startswith("Critical now, take it again: ")
    assert tell([assigned[0]])[0].what == "Open again: it became critical after somebody had taken it"
    # Taken as what it is, it stays with whoever took it, whatever else comes.
    acknowledge_incident(actor=actor, incident_id=incident.pk)
    alarm_on(system, "missing_outcomes")
    incident.refresh_from_db()
    assert (incident.status, incident.assignee_id) == ("acknowledged", lead.pk)


def test_whoever_stops_a_critical_system_by_hand_is_not_asked_again() -> None:
    system = make_system(risk_tier="high")
    incident = alarm_on(system, "latency")
    owner = actor_of(system.owner, system.organization)
    acknowledge_incident(actor=owner, incident_id=incident.pk)
    open_breaker(actor=owner, system=system, reason="Nothing is booked.")
    incident.refresh_from_db()
    assert (incident.status, incident.severity) == ("acknowledged", "critical")


def test_what_joins_an_incident_of_nobody_is_told_to_the_admins() -> None:
    system = make_system(backup=None)
    admin = make_person(system.organization, "admin")
    Membership.objects.filter(user=system.owner).delete()
    alarm_on(system)
    alarm_on(system, "latency")
    entry = AuditEntry.objects.select_related("payload").get(type="incident.joined")
    assert json.loads(entry.payload.payload)["to"] == [str(admin.pk)]


def test_who_owns_a_system_is_another_matter_than_what_it_does() -> None:
    system = make_system()
    assert alarm_on(system) != alarm_on(system, "owner")


def test_what_happens_after_an_incident_is_resolved_is_a_new_one() -> None:
    system = make_system()
    first = alarm_on(system)
    Incident.objects.filter(pk=first.pk).update(status="resolved")
    assert alarm_on(system, "latency") != first


@pytest.mark.parametrize(
    ("kind", "tier", "trips", "severity"),
    [
        ("release", "minimal", False, "notice"),
        ("release", "high", False, "warning"),
        ("override_rate", "minimal", False, "notice"),
        ("override_rate", "high", False, "critical"),
        ("failed_outcomes", "limited", False, "critical"),
        ("failed_outcomes", "minimal", False, "warning"),
        ("release", "minimal", True, "critical"),
    ],
)
def test_severity_goes_by_kind_and_risk_tier(kind: str, tier: str, trips: bool, severity: str) -> None:
    assert alarm_on(make_system(risk_tier=tier), kind, trips_breaker=trips).severity == severity


def test_an_owner_who_left_is_skipped_at_once() -> None:
    system = make_system()
    system.backup = backup = make_person(system.organization, "viewer")
    system.save()
    Membership.objects.filter(user=system.owner).delete()
    incident = alarm_on(system)
    assert (incident.step, incident.assignee) == (Incident.Step.BACKUP, backup)


def test_without_owner_and_backup_it_is_the_admins() -> None:
    system = make_system(backup=None)
    admin = make_person(system.organization, "admin")
    system.owner.is_active = False
    system.owner.save()
    incident = alarm_on(system)
    assert (incident.step, incident.assignee, incident.next_step_at) == (Incident.Step.ADMINS, None, None)
    entry = AuditEntry.objects.about(f"incident:{incident.pk}").select_related("payload").get()
    assert f'"to":["{admin.pk}"]' in entry.payload.payload


def test_a_monitor_that_says_so_opens_the_breaker_in_the_same_transaction() -> None:
    system = make_system()
    incident = alarm_on(system, trips_breaker=True)
    system.refresh_from_db()
    assert system.breaker == "open"
    entry = AuditEntry.objects.about(f"system:{system.pk}").select_related("payload").get()
    assert entry.type == "breaker.opened"
    assert str(incident.pk) in entry.payload.payload


@pytest.mark.django_db(transaction=True)
def test_alarms_at_the_same_moment_are_one_incident() -> None:
    system = make_system()
    kinds = ("override_rate", "latency", "cost", "confidence", "silence")
    found = race(*[lambda kind=kind: alarm_on(system, kind) for kind in kinds])
    assert {incident.pk for incident in found} == {Incident.objects.get().pk}
    assert sorted(types_of(found[0])) == ["incident.joined"] * 4 + ["incident.opened"]
