"""From acknowledged to reviewed: every step once, by whom it concerns, and recorded."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from evaluations.models import Example
from governance.actors import SYSTEM, Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry, Membership
from governance.services.membership import NotAMember
from operations.errors import IncidentMovedOn, InvalidReview
from operations.models import Alarm, Incident, Monitor
from operations.services.assigning import assign_next
from operations.services.incidents import (
    Lesson,
    acknowledge_incident,
    comment_on_incident,
    mitigate_incident,
    resolve_incident,
    review_incident,
)
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import actor_of, make_actor, make_person, make_system
from tests.operations.incident_scenes import alarm_on, types_of
from tests.support.races import race

pytestmark = pytest.mark.django_db


def owner_of(incident: Incident) -> Actor:
    return actor_of(incident.system.owner, incident.organization)


def lesson_of(incident: Incident, **fields: Any) -> Lesson:
    return Lesson(
        **{
            "cause": "The calendar renamed a field.",
            "earlier_detection": "A contract test against the calendar.",
            "action": "Add the contract test.",
            "action_owner_id": incident.system.owner_id,
            "action_due_on": timezone.now().date() + timedelta(days=7),
            "no_examples_reason": "The model did nothing wrong.",
            **fields,
        }
    )


def resolved() -> Incident:
    incident = alarm_on(make_system())
    return resolve_incident(actor=owner_of(incident), incident_id=incident.pk, note="The field is read again.")


def test_an_incident_goes_from_alarm_to_review() -> None:
    incident = alarm_on(make_system())
    owner = owner_of(incident)
    assert acknowledge_incident(actor=owner, incident_id=incident.pk).status == "acknowledged"
    comment_on_incident(actor=owner, incident_id=incident.pk, text="Looking at the calendar.")
    assert mitigate_incident(actor=owner, incident_id=incident.pk, note="People decide.").status == "mitigated"
    assert resolve_incident(actor=owner, incident_id=incident.pk, note="Repaired.").status == "resolved"
    reviewed = review_incident(actor=owner, incident_id=incident.pk, lesson=lesson_of(incident))
    assert (reviewed.status, reviewed.cause, reviewed.action_owner_id) == (
        "reviewed",
        "The calendar renamed a field.",
        incident.system.owner_id,
    )
    assert types_of(incident) == [
        "incident.opened",
        "incident.acknowledged",
        "incident.commented",
        "incident.mitigated",
        "incident.resolved",
        "incident.reviewed",
    ]


def test_whoever_acknowledges_has_it_and_nobody_else_is_told() -> None:
    incident = alarm_on(make_system())
    lead = make_person(incident.organization, "lead")
    taken = acknowledge_incident(actor=actor_of(lead, incident.organization), incident_id=incident.pk)
    assert (taken.assignee, taken.next_step_at) == (lead, None)
    assert assign_next(now=timezone.now() + timedelta(days=1)) == 0


VERBS: dict[str, Callable[[Actor, uuid.UUID], Incident]] = {
    "acknowledge": lambda actor, key: acknowledge_incident(actor=actor, incident_id=key),
    "comment": lambda actor, key: comment_on_incident(actor=actor, incident_id=key, text="Hm."),
    "mitigate": lambda actor, key: mitigate_incident(actor=actor, incident_id=key, note="Held back."),
    "resolve": lambda actor, key: resolve_incident(actor=actor, incident_id=key, note="Over."),
}


@pytest.mark.parametrize("verb", VERBS)
def test_strangers_to_an_incident_can_do_nothing(verb: str) -> None:
    incident = alarm_on(make_system())
    for role in ("viewer", "reviewer", "policy_author", "auditor"):
        with pytest.raises(NotPermitted):
            VERBS[verb](make_actor(incident.organization, role), incident.pk)
    with pytest.raises(NotFound):
        VERBS[verb](make_actor(make_system().organization, "admin"), incident.pk)


@pytest.mark.parametrize("verb", VERBS)
def test_a_backup_who_is_a_viewer_may_handle_it(verb: str) -> None:
    system = make_system()
    system.backup = backup = make_person(system.organization, "viewer")
    system.save()
    incident = alarm_on(system)
    assert VERBS[verb](actor_of(backup, system.organization), incident.pk).pk == incident.pk


@pytest.mark.parametrize("verb", ["acknowledge", "mitigate", "resolve"])
def test_a_step_back_is_refused_with_the_current_state(verb: str) -> None:
    incident = resolved()
    with pytest.raises(IncidentMovedOn) as refusal:
        VERBS[verb](owner_of(incident), incident.pk)
    assert refusal.value.state is not None
    assert refusal.value.state["status"] == "resolved"
    assert len(types_of(incident)) == 2


def test_a_comment_says_something() -> None:
    incident = alarm_on(make_system())
    with pytest.raises(Invalid):
        comment_on_incident(actor=owner_of(incident), incident_id=incident.pk, text="  ")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_acknowledge_at_once_one_has_it() -> None:
    incident = alarm_on(make_system())
    actors = [make_actor(incident.organization, "lead") for _ in range(4)]
    results = race(
        *[lambda actor=actor: acknowledge_incident(actor=actor, incident_id=incident.pk) for actor in actors]
    )
    assert sum(isinstance(result, Incident) for result in results) == 1
    assert sum(isinstance(result, IncidentMovedOn) for result in results) == 3
    assert types_of(incident).count("incident.acknowledged") == 1


@pytest.mark.parametrize("is_false", [True, False])
def test_resolving_judges_the_alarms_that_nobody_judged(is_false: bool) -> None:
    incident = alarm_on(make_system())
    resolve_incident(actor=SYSTEM, incident_id=incident.pk, note="Over.", is_false_alarm=is_false)
    assert Alarm.objects.get().is_false is is_false


def test_resolving_lets_the_monitors_watch_again() -> None:
    incident = alarm_on(make_system())
    resolve_incident(actor=owner_of(incident), incident_id=incident.pk, note="Over.")
    assert Monitor.objects.get().status == "watching"


def test_a_refused_resolution_leaves_the_monitors_alarmed() -> None:
    incident = alarm_on(make_system())
    Incident.objects.filter(pk=incident.pk).update(status="resolved")
    with pytest.raises(IncidentMovedOn):
        resolve_incident(actor=owner_of(incident), incident_id=incident.pk, note="Over.")
    assert Monitor.objects.get().status == "alarmed"


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("cause", " ", "/cause"),
        ("earlier_detection", "", "/earlier_detection"),
        ("action", "", "/action"),
        ("action_owner_id", None, "/action_owner"),
        ("action_owner_id", uuid.uuid4(), "/action_owner"),
        ("action_due_on", None, "/action_due_on"),
        ("action_due_on", timezone.now().date() - timedelta(days=2), "/action_due_on"),
        ("no_examples_reason", "", "/example_ids"),
        ("example_ids", [uuid.uuid4()], "/example_ids"),
    ],
)
def test_a_review_that_lacks_a_part_is_refused_and_names_it(field: str, value: Any, pointer: str) -> None:
    incident = resolved()
    with pytest.raises(InvalidReview) as refusal:
        review_incident(actor=owner_of(incident), incident_id=incident.pk, lesson=lesson_of(incident, **{field: value}))
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]


def test_a_review_names_the_examples_that_were_added() -> None:
    incident = resolved()
    example = make_example(make_dataset(incident.system))
    lesson = lesson_of(incident, no_examples_reason="", example_ids=[example.pk])
    review_incident(actor=owner_of(incident), incident_id=incident.pk, lesson=lesson)
    assert list(incident.examples.all()) == [example]


def test_examples_and_people_of_others_are_refused() -> None:
    incident = resolved()
    foreign: Example = make_example(make_dataset(make_system()))
    with pytest.raises(InvalidReview):
        review_incident(actor=SYSTEM, incident_id=incident.pk, lesson=lesson_of(incident, example_ids=[foreign.pk]))
    with pytest.raises(NotAMember):
        review_incident(
            actor=SYSTEM, incident_id=incident.pk, lesson=lesson_of(incident, action_owner_id=make_person().pk)
        )


def test_only_what_is_resolved_can_be_reviewed_and_once() -> None:
    incident = alarm_on(make_system())
    lesson = lesson_of(incident)
    with pytest.raises(IncidentMovedOn):
        review_incident(actor=SYSTEM, incident_id=incident.pk, lesson=lesson)
    resolve_incident(actor=SYSTEM, incident_id=incident.pk, note="Over.")
    review_incident(actor=SYSTEM, incident_id=incident.pk, lesson=lesson)
    with pytest.raises(IncidentMovedOn):
        review_incident(actor=SYSTEM, incident_id=incident.pk, lesson=lesson)


# -------------------------------------------------------------------------------------------- who is told, and when


@pytest.mark.parametrize(("tier", "minutes"), [("high", 15), ("limited", 60), ("minimal", 240)])
def test_owner_then_backup_then_admins_are_told(tier: str, minutes: int) -> None:
    system = make_system(risk_tier=tier)
    system.backup = backup = make_person(system.organization, "viewer")
    system.save()
    make_person(system.organization, "admin")
    incident = alarm_on(system)
    opened = incident.opened_at
    assert assign_next(now=opened + timedelta(minutes=minutes - 1)) == 0
    assert assign_next(now=opened + timedelta(minutes=minutes, seconds=1)) == 1
    incident.refresh_from_db()
    assert incident.assignee == backup
    assert assign_next(now=opened + timedelta(minutes=minutes + 1)) == 0
    assert assign_next(now=opened + timedelta(minutes=2 * minutes + 1)) == 1
    incident.refresh_from_db()
    assert incident.step == Incident.Step.ADMINS.value
    assert incident.assignee_id is None and incident.next_step_at is None
    assert types_of(incident) == ["incident.opened", "incident.assigned", "incident.assigned"]


def test_a_backup_who_left_is_passed_over() -> None:
    system = make_system()
    system.backup = make_person(system.organization, "viewer", is_active=False)
    system.save()
    incident = alarm_on(system)
    assign_next(now=incident.opened_at + timedelta(hours=2))
    incident.refresh_from_db()
    assert incident.step == Incident.Step.ADMINS


@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_an_assignee_who_leaves_is_replaced_at_once(is_acknowledged: bool) -> None:
    system = make_system()
    lead = make_person(system.organization, "lead")
    incident = alarm_on(system)
    if is_acknowledged:
        acknowledge_incident(actor=actor_of(lead, system.organization), incident_id=incident.pk)
        Membership.objects.filter(user=lead).delete()
    else:
        Membership.objects.filter(user=system.owner).delete()
    assert assign_next() == 1
    incident.refresh_from_db()
    assert incident.assignee == (system.owner if is_acknowledged else system.backup)
    assert incident.status == ("acknowledged" if is_acknowledged else "open")


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_the_next_one_once() -> None:
    incident = alarm_on(make_system())
    later = incident.opened_at + timedelta(hours=2)
    assert sorted(race(*[lambda: assign_next(now=later)] * 3)) == [0, 0, 1]
    assert AuditEntry.objects.filter(type="incident.assigned").count() == 1
