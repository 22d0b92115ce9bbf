"""The breaker by hand: who may, from which state, and what stands in the log."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from governance.actors import SYSTEM
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, AuditEntry
from operations.errors import BreakerUnchanged
from operations.models import Incident, Recovery
from operations.services.breaker import (
    Conditions,
    close_breaker,
    half_open_breaker,
    incident_of_breaker,
    open_breaker,
)
from operations.services.incidents import resolve_incident
from tests.factories import actor_of, make_actor, make_person, make_system
from tests.operations.incident_scenes import alarm_on, types_of
from tests.operations.watch_scenes import make_incident
from tests.support.races import race

pytestmark = pytest.mark.django_db


def breaker_types(system: AISystem) -> list[str]:
    return list(AuditEntry.objects.about(f"system:{system.pk}").values_list("type", flat=True))


def state_of(system: AISystem) -> tuple[str, float, str]:
    fresh = AISystem.objects.get(pk=system.pk)
    return fresh.breaker, fresh.breaker_share, fresh.breaker_reason


def test_opening_by_hand_opens_an_incident_that_is_acknowledged() -> None:
    system = make_system()
    lead = make_person(system.organization, "lead")
    incident = open_breaker(actor=actor_of(lead, system.organization), system=system, reason="Wrong\nrefunds.")
    assert state_of(system) == ("open", 0, "Wrong\nrefunds.")
    assert (incident.status, incident.assignee_id, incident.title) == (
        "acknowledged",
        lead.pk,
        "Breaker opened by hand: Wrong refunds.",
    )
    assert types_of(incident) == ["incident.opened", "breaker.opened"]
    assert breaker_types(system) == ["breaker.opened"]
    opened = AuditEntry.objects.select_related("payload").get(type="incident.opened")
    assert str(system.owner_id) in json.loads(opened.payload.payload)["to"]


def test_opening_by_hand_joins_the_incident_that_is_there() -> None:
    system = make_system()
    incident = alarm_on(system)
    assert open_breaker(actor=SYSTEM, system=system, reason="Better so.") == incident
    assert types_of(incident) == ["incident.opened", "incident.joined", "breaker.opened"]


def test_the_way_back_by_hand() -> None:
    system = make_system()
    incident = open_breaker(actor=SYSTEM, system=system, reason="Wrong.")
    recovery = half_open_breaker(actor=SYSTEM, system=system, conditions=Conditions(share=0.25))
    assert state_of(system)[:2] == ("half_open", 0.25)
    assert (recovery.incident, recovery.status) == (incident, "running")
    close_breaker(actor=SYSTEM, system=system, reason="Repaired.")
    assert state_of(system) == ("closed", 0, "Repaired.")
    assert Recovery.objects.get().status == "stopped"
    assert breaker_types(system) == ["breaker.opened", "breaker.half_opened", "breaker.closed"]
    assert types_of(incident)[2:] == ["breaker.half_opened", "recovery.started", "breaker.closed", "recovery.stopped"]


def test_another_share_takes_the_place_of_a_recovery_that_runs() -> None:
    system = make_system()
    open_breaker(actor=SYSTEM, system=system, reason="Wrong.")
    half_open_breaker(actor=SYSTEM, system=system, conditions=Conditions(share=0.1))
    half_open_breaker(actor=SYSTEM, system=system, conditions=Conditions(share=0.5))
    assert sorted(Recovery.objects.values_list("status", "share")) == [("running", 0.5), ("stopped", 0.1)]
    assert state_of(system)[1] == 0.5


def test_opening_by_hand_stops_a_recovery() -> None:
    system = make_system()
    open_breaker(actor=SYSTEM, system=system, reason="Wrong.")
    half_open_breaker(actor=SYSTEM, system=system, conditions=Conditions())
    open_breaker(actor=actor_of(system.owner, system.organization), system=system, reason="Still wrong.")
    assert (Recovery.objects.get().status, state_of(system)[0]) == ("stopped", "open")


def test_from_a_state_in_which_it_makes_no_sense_it_is_refused_with_the_state() -> None:
    system = make_system()
    with pytest.raises(BreakerUnchanged) as refusal:
        close_breaker(actor=SYSTEM, system=system, reason="So.")
    assert refusal.value.state == {"system": system.slug, "breaker": "closed", "share": 0.0}
    with pytest.raises(BreakerUnchanged):
        half_open_breaker(actor=SYSTEM, system=system, conditions=Conditions())
    open_breaker(actor=SYSTEM, system=system, reason="So.")
    with pytest.raises(BreakerUnchanged):
        open_breaker(actor=SYSTEM, system=system, reason="Again.")
    assert types_of(Incident.objects.get()) == ["incident.opened", "breaker.opened"]


def test_a_reason_is_compulsory() -> None:
    system = make_system()
    with pytest.raises(Invalid):
        open_breaker(actor=SYSTEM, system=system, reason=" ")
    with pytest.raises(Invalid):
        close_breaker(actor=SYSTEM, system=system, reason="")
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(share=0),
        Conditions(share=1.01),
        Conditions(most_overridden=1),
        Conditions(most_failed=-0.1),
        Conditions(wanted_rulings=-1),
        Conditions(wanted_outcomes=10_001),
        Conditions(wanted_rulings=0, wanted_outcomes=0),
        Conditions(share=float("nan")),
    ],
)
def test_conditions_that_say_nothing_are_refused(conditions: Conditions) -> None:
    system = make_system(breaker="open")
    with pytest.raises(Invalid):
        half_open_breaker(actor=SYSTEM, system=system, conditions=conditions)
    assert state_of(system)[0] == "open"


def test_leads_owners_admins_and_the_backup_may_and_others_may_not() -> None:
    system = make_system()
    system.backup = make_person(system.organization, "viewer")
    system.save()
    for actor in (
        make_actor(system.organization, "lead"),
        make_actor(system.organization, "admin"),
        actor_of(system.owner, system.organization),
        actor_of(system.backup, system.organization),
    ):
        open_breaker(actor=actor, system=system, reason="So.")
        close_breaker(actor=actor, system=system, reason="So.")
    for role in ("viewer", "reviewer", "policy_approver", "auditor"):
        with pytest.raises(NotPermitted):
            open_breaker(actor=make_actor(system.organization, role), system=system, reason="So.")
    with pytest.raises(NotFound):
        open_breaker(actor=make_actor(make_system().organization, "admin"), system=system, reason="So.")


@pytest.mark.django_db(transaction=True)
def test_of_those_who_open_it_at_once_one_does() -> None:
    system = make_system()
    results = race(*[lambda: open_breaker(actor=SYSTEM, system=AISystem.objects.get(pk=system.pk), reason="So.")] * 4)
    assert sum(isinstance(result, Incident) for result in results) == 1
    assert sum(isinstance(result, BreakerUnchanged) for result in results) == 3
    assert breaker_types(system) == ["breaker.opened"]


@pytest.mark.django_db(transaction=True)
def test_of_those_who_half_open_it_at_once_one_recovery_runs() -> None:
    system = make_system()
    open_breaker(actor=SYSTEM, system=system, reason="So.")
    race(
        *[lambda: half_open_breaker(actor=SYSTEM, system=AISystem.objects.get(pk=system.pk), conditions=Conditions())]
        * 3
    )
    assert Recovery.objects.filter(status="running").count() == 1
    started = AuditEntry.objects.filter(type="recovery.started").count()
    assert Recovery.objects.count() == started


def test_a_resolved_incident_leaves_the_breaker_as_it_is() -> None:
    system = make_system()
    incident = open_breaker(actor=SYSTEM, system=system, reason="So.")
    resolve_incident(actor=SYSTEM, incident_id=incident.pk, note="Over.")
    assert state_of(system)[0] == "open"


def test_the_incident_of_a_breaker_is_the_one_that_opened_it_or_none() -> None:
    system = make_system()
    owner = actor_of(system.owner, system.organization)
    assert incident_of_breaker(system) is None
    opened = open_breaker(actor=owner, system=system, reason="Nothing is booked.")
    other = make_incident(system, fingerprint="ownership")
    assert other.opened_at < opened.opened_at
    Incident.objects.filter(pk=other.pk).update(opened_at=timezone.now() + timedelta(minutes=1))
    assert incident_of_breaker(system) == opened
    half_open_breaker(actor=owner, system=system, conditions=Conditions())
    assert incident_of_breaker(system) == opened
    resolve_incident(actor=owner, incident_id=opened.pk, note="Over.", is_false_alarm=False)
    later = alarm_on(system)
    assert later != opened
    assert incident_of_breaker(system) is None
    close_breaker(actor=owner, system=system, reason="It books again.")
    # Opened now, it would join this one.
    assert incident_of_breaker(system) == later
