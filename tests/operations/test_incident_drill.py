"""The drill, rehearsed: from the alarm to the review, with the real intake, real rulings and every sweep in its place."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from governance.models import AISystem, AuditEntry, Membership
from governance.services.sequencing import sequence_entries
from operations.models import Incident, Monitor, Recovery
from operations.services.assigning import assign_next
from operations.services.breaker import Conditions, half_open_breaker
from operations.services.incidents import (
    Lesson,
    acknowledge_incident,
    mitigate_incident,
    resolve_incident,
    review_incident,
)
from operations.services.judging import judge_recoveries
from reviews.models import Decision, Escalation, Notification
from reviews.services.notifying import mail_notifications, notify_from_log
from reviews.services.outcomes import report_outcome
from reviews.services.resolution import release_due_rulings
from reviews.services.rulings import rule
from tests.factories import actor_of, make_person
from tests.operations.incident_scenes import alarm_on, types_of
from tests.reviews.scenes import SMALL, Desk, open_desk, submission

pytestmark = pytest.mark.django_db
MESSAGE = "Booking is disturbed. A colleague calls you back within the hour."


def ask(desk: Desk) -> Any:
    body = {"action": SMALL, "input": "Please."}
    return desk.post("/api/v1/decisions", body, **{"idempotency-key": timezone.now().isoformat()}).json()


def tell() -> None:
    while sequence_entries():
        pass
    while notify_from_log():
        pass
    mail_notifications()


def rule_on_all(desk: Desk, verdict: str = "approve") -> int:
    """A reviewer works the queue off, and the undo window passes."""
    waiting = Escalation.objects.filter(status="open").select_related("queue")
    count = 0
    for escalation in list(waiting):
        reviewer = desk.reviewer()
        rule(actor=reviewer, escalation_id=escalation.pk, submission=submission(reviewer, escalation, verdict))
        count += 1
    release_due_rulings(now=timezone.now() + timedelta(hours=1))
    return count


def test_from_the_alarm_to_the_review() -> None:
    desk = open_desk(fallback_message=MESSAGE, fallback_queue="disturbed")
    system = desk.system
    backup = system.backup
    assert backup is not None
    assert ask(desk)["proceed"] is True

    # The dependency breaks; its monitor alarms, and trips the breaker by itself.
    incident = alarm_on(system, "failed_outcomes", trips_breaker=True)
    tell()
    assert {(told.user_id, told.type) for told in Notification.objects.all()} == {
        (system.owner_id, "incident.opened"),
        (system.owner_id, "breaker.opened"),
        (backup.pk, "breaker.opened"),
    }
    assert f"/incidents/{incident.pk}/" in mail.outbox[0].body

    # Decisions wait, and customers are told.
    answers = [ask(desk) for _ in range(3)]
    assert {(answer["proceed"], answer["message"]) for answer in answers} == {(False, MESSAGE)}
    assert {answer["escalation"]["queue"] for answer in answers} == {"disturbed"}

    # The owner does not stir; the backup is told and takes it.
    assert assign_next(now=timezone.now() + timedelta(minutes=61)) == 1
    tell()
    assert Notification.objects.filter(user=backup, type="incident.assigned").count() == 1
    handler = actor_of(backup, desk.organization)
    acknowledge_incident(actor=handler, incident_id=incident.pk)
    assert assign_next(now=timezone.now() + timedelta(days=1)) == 0
    mitigate_incident(actor=handler, incident_id=incident.pk, note="People book by hand.")
    assert rule_on_all(desk) == 3
    assert Decision.objects.filter(is_diverted=True, status="approved").count() == 3

    # Repaired: half of what policy allows may act again.
    conditions = Conditions(share=0.5, wanted_rulings=5, most_overridden=0.2, wanted_outcomes=5, most_failed=0.1)
    recovery = half_open_breaker(actor=handler, system=AISystem.objects.get(pk=system.pk), conditions=conditions)
    desk.system = AISystem.objects.get(pk=system.pk)
    for _ in range(200):
        ask(desk)
        if Decision.objects.filter(created_at__gte=recovery.started_at, status="pending").count() == 5:
            break
    assert judge_recoveries() == 0
    rule_on_all(desk)
    for decision in Decision.objects.filter(created_at__gte=recovery.started_at):
        report_outcome(
            actor=handler,
            decision_id=decision.pk,
            status="executed",
            is_resolved=True,
            detail={"dependency": "calendar"},
        )
    assert judge_recoveries() == 1
    assert Recovery.objects.get().status == "passed"
    assert AISystem.objects.get(pk=system.pk).breaker == "closed"
    assert ask(desk)["proceed"] is True

    # Over, and learned from.
    resolve_incident(actor=handler, incident_id=incident.pk, note="The field's new name is read.")
    assert set(Monitor.objects.values_list("status", flat=True)) == {"watching"}
    lesson = Lesson(
        cause="The calendar renamed a field and went on answering 200.",
        earlier_detection="A contract test against the calendar, every hour.",
        action="Add the contract test.",
        action_owner_id=system.owner_id,
        action_due_on=timezone.now().date() + timedelta(days=14),
        no_examples_reason="The model proposed what was right.",
    )
    assert review_incident(actor=handler, incident_id=incident.pk, lesson=lesson).status == "reviewed"
    assert types_of(incident) == [
        "incident.opened",
        "breaker.opened",
        "incident.assigned",
        "incident.acknowledged",
        "incident.mitigated",
        "breaker.half_opened",
        "recovery.started",
        "breaker.closed",
        "recovery.passed",
        "incident.resolved",
        "incident.reviewed",
    ]
    system_types = AuditEntry.objects.about(f"system:{system.pk}").values_list("type", flat=True)
    assert [kind for kind in system_types if kind.startswith("breaker.")] == [
        "breaker.opened",
        "breaker.half_opened",
        "breaker.closed",
    ]


def test_a_recovery_that_goes_wrong_opens_the_breaker_again_and_tells() -> None:
    desk = open_desk(fallback_message=MESSAGE)
    incident = alarm_on(desk.system, "failed_outcomes", trips_breaker=True)
    owner = actor_of(desk.system.owner, desk.organization)
    acknowledge_incident(actor=owner, incident_id=incident.pk)
    conditions = Conditions(share=0.5, wanted_rulings=5, most_overridden=0.2, wanted_outcomes=0)
    half_open_breaker(actor=owner, system=AISystem.objects.get(pk=desk.system.pk), conditions=conditions)
    for _ in range(200):
        ask(desk)
        if Decision.objects.filter(status="pending").count() == 2:
            break
    for escalation in Escalation.objects.filter(status="open").select_related("queue"):
        reviewer = desk.reviewer()
        ruling = submission(reviewer, escalation, "reject", reason="Wrong customer.")
        rule(actor=reviewer, escalation_id=escalation.pk, submission=ruling)
    release_due_rulings(now=timezone.now() + timedelta(hours=1))
    assert judge_recoveries() == 1
    assert AISystem.objects.get(pk=desk.system.pk).breaker == "open"
    assert ask(desk)["message"] == MESSAGE
    tell()
    joined = Notification.objects.get(type="incident.joined")
    assert (joined.user, joined.path) == (desk.system.owner, f"/incidents/{incident.pk}/")
    assert "Recovery failed: 2 of 2 rulings overrode the system" in joined.title


def test_an_owner_who_has_left_is_not_waited_for() -> None:
    desk = open_desk()
    make_person(desk.organization, "admin")
    Membership.objects.filter(user=desk.system.owner).delete()
    incident = alarm_on(desk.system)
    tell()
    assert incident.step == Incident.Step.BACKUP
    assert [told.user for told in Notification.objects.filter(type="incident.opened")] == [desk.system.backup]
