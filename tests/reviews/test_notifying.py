"""Telling people: once per entry and person, by a reader of the log."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from governance.actors import OPERATOR
from governance.models import AuditEntry, Group, ReaderCursor, User
from governance.services.membership import remove_person
from governance.services.recording import record
from governance.services.sequencing import sequence_entries
from reviews.models import Escalation, Notification
from reviews.services.notifying import mail_notifications, notify_from_log, warn_of_deadlines
from reviews.services.resolution import act_on_deadlines
from reviews.services.rulings import rule
from reviews.services.triage import claim, reassign
from tests.reviews.scenes import open_desk, submission

pytestmark = pytest.mark.django_db


def read_on() -> None:
    while sequence_entries():
        pass
    while notify_from_log():
        pass


def told(user_id: Any) -> list[str]:
    return list(Notification.objects.filter(user_id=user_id).order_by("id").values_list("type", flat=True))


def test_an_assignment_is_told_to_whom_it_was_given() -> None:
    desk = open_desk()
    escalation, lead, reviewer = desk.escalation(), desk.reviewer("lead"), desk.reviewer()
    reassign(actor=lead, escalation_id=escalation.pk, assignee=User.objects.get(pk=reviewer.user_id))
    read_on()
    (notification,) = Notification.objects.filter(user_id=reviewer.user_id)
    assert notification.title == f"Assigned to you: {escalation.title}"
    assert notification.path == f"/review/{escalation.pk}/"
    assert told(lead.user_id) == []


def test_entries_of_the_floors_above_are_told_to_whom_they_name() -> None:
    desk = open_desk()
    owner, stranger = desk.system.owner, desk.reviewer()
    with transaction.atomic():
        record(
            organization_id=desk.organization.pk,
            type="incident.opened",
            actor=OPERATOR,
            subject="incident:1",
            payload={"to": [str(owner.pk)], "title": "Critical: refunds fail", "path": "/incidents/1/"},
        )
    read_on()
    notification = Notification.objects.get()
    assert (notification.user, notification.title, notification.path) == (
        owner,
        "Critical: refunds fail",
        "/incidents/1/",
    )
    mail_notifications()
    assert [sent.to for sent in mail.outbox] == [[owner.email]]
    assert "/incidents/1/" in mail.outbox[0].body
    assert told(stranger.user_id) == []


def test_reading_again_tells_nobody_twice() -> None:
    desk = open_desk()
    escalation, lead, reviewer = desk.escalation(), desk.reviewer("lead"), desk.reviewer()
    reassign(actor=lead, escalation_id=escalation.pk, assignee=User.objects.get(pk=reviewer.user_id))
    read_on()
    ReaderCursor.objects.update(next_index=0)
    read_on()
    assert told(reviewer.user_id) == ["escalation.reassigned"]


def test_a_late_committed_entry_is_not_passed_over() -> None:
    desk = open_desk()
    read_on()
    before = AuditEntry.objects.latest("pk") if AuditEntry.objects.exists() else None
    assert before is None or before.leaf_index is not None
    escalation, reviewer = desk.escalation(), desk.reviewer()
    person = User.objects.get(pk=reviewer.user_id)
    reassign(actor=desk.reviewer("lead"), escalation_id=escalation.pk, assignee=person)
    assert notify_from_log() == 0, "an entry is read when the sequencer has placed it, not before"
    read_on()
    assert told(reviewer.user_id) == ["escalation.reassigned"]


def test_a_warning_comes_once_when_a_fifth_of_the_time_is_left() -> None:
    desk = open_desk()
    escalation, lead, reviewer = desk.escalation(), desk.reviewer("lead"), desk.reviewer()
    claim(actor=reviewer, escalation_id=escalation.pk)
    assert warn_of_deadlines() == 0
    Escalation.objects.filter(pk=escalation.pk).update(due_at=timezone.now() + timedelta(seconds=300))
    assert warn_of_deadlines() == 1
    assert warn_of_deadlines() == 0
    read_on()
    assert told(lead.user_id) == told(reviewer.user_id) == ["escalation.breaching"]


def test_an_expiry_is_told_to_leads_and_the_owner() -> None:
    desk = open_desk()
    lead, reviewer = desk.reviewer("lead"), desk.reviewer()
    desk.ask()
    act_on_deadlines(now=timezone.now() + timedelta(hours=1))
    read_on()
    assert told(lead.user_id) == told(desk.system.owner_id) == ["decision.expired"]
    assert told(reviewer.user_id) == []


def test_a_group_is_told_what_it_was_handed() -> None:
    desk = open_desk()
    group = Group.objects.create(organization=desk.organization, slug="legal", name="Legal")
    lawyer, actor = desk.reviewer(), desk.reviewer()
    assert lawyer.user_id is not None
    group.members.add(lawyer.user_id)
    escalation = desk.escalation()
    rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, "escalate", group="legal"))
    read_on()
    assert (told(lawyer.user_id), told(actor.user_id)) == (["escalation.handed_over"], [])


def test_whoever_asked_learns_of_the_answer() -> None:
    desk = open_desk()
    escalation, actor = desk.escalation(), desk.reviewer()
    asked = submission(actor, escalation, "need_information", reason="Which order?")
    rule(actor=actor, escalation_id=escalation.pk, submission=asked)
    desk.post(f"/api/v1/decisions/{escalation.decision_id}/information", {"answer": 1})
    read_on()
    assert told(actor.user_id) == ["decision.information_given"]


def test_mail_goes_out_once_to_those_who_want_it() -> None:
    desk = open_desk()
    escalation, lead = desk.escalation(), desk.reviewer("lead")
    quiet, keen = desk.reviewer("reviewer", "lead"), desk.reviewer("reviewer", "lead")
    User.objects.filter(pk=quiet.user_id).update(is_mail_on=False)
    User.objects.filter(pk=lead.user_id).update(is_mail_on=False)
    Escalation.objects.filter(pk=escalation.pk).update(due_at=timezone.now() + timedelta(seconds=10))
    warn_of_deadlines()
    read_on()
    mail_notifications()
    mail_notifications()
    assert [message.to for message in mail.outbox] == [[keen.email]]
    assert f"/review/{escalation.pk}/" in mail.outbox[0].body
    assert told(quiet.user_id) == ["escalation.breaching"]


def test_hostile_titles_stay_on_one_line_of_the_mail() -> None:
    desk = open_desk()
    action = {"name": "refund", "arguments": {"amount": 900.0, "to": "x\r\nBcc: evil@example.org"}}
    escalation, lead = desk.escalation(action=action), desk.reviewer("lead")
    Escalation.objects.filter(pk=escalation.pk).update(
        title="x\r\nBcc: evil@example.org", due_at=timezone.now() + timedelta(seconds=10)
    )
    warn_of_deadlines()
    read_on()
    mail_notifications()
    assert [message.to for message in mail.outbox] == [[lead.email]]
    assert "\n" not in mail.outbox[0].subject and mail.outbox[0].bcc == []


def test_an_entry_of_a_thing_that_is_gone_stops_nobody(transactional_db: None) -> None:
    desk = open_desk()
    with transaction.atomic():
        record(
            organization_id=desk.organization.pk,
            type="escalation.breaching",
            actor=OPERATOR,
            subject="decision:gone",
            payload={"escalation": str(uuid.uuid4())},
        )
    read_on()
    assert not Notification.objects.exists()


def test_who_has_left_is_told_nothing_more_though_they_hold_a_claim() -> None:
    desk = open_desk()
    escalation, lead, holder = desk.escalation(), desk.reviewer("lead"), desk.reviewer()
    claim(actor=holder, escalation_id=escalation.pk)
    Escalation.objects.update(due_at=timezone.now() + timedelta(seconds=30))
    person = User.objects.get(pk=holder.user_id)
    remove_person(actor=desk.reviewer("admin"), organization=desk.organization, user=person)
    warn_of_deadlines()
    read_on()
    assert (told(holder.user_id), told(lead.user_id)) == ([], ["escalation.breaching"])


def test_a_mail_that_was_due_before_somebody_left_is_not_sent() -> None:
    desk = open_desk()
    escalation, lead, reviewer = desk.escalation(), desk.reviewer("lead"), desk.reviewer()
    person = User.objects.get(pk=reviewer.user_id)
    reassign(actor=lead, escalation_id=escalation.pk, assignee=person)
    read_on()
    remove_person(actor=desk.reviewer("admin"), organization=desk.organization, user=person)
    assert mail_notifications() == 0 and mail.outbox == []
