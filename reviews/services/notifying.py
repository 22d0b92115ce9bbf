"""Telling people: a reader of the audit log that turns entries into notifications, once per entry and person.

It reads by leaf index, so that an entry that was committed late is not passed over; nothing here is called by the verb
that made the change.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from governance.actors import SYSTEM
from governance.models import AuditEntry, Membership, ReaderCursor, User
from governance.services.recording import record
from reviews.models import Escalation, Notification
from reviews.services.clock import database_now

logger = logging.getLogger(__name__)

READER = "notifications"
# A warning comes when a fifth of the time is left, ten minutes at the most.
WARN_AHEAD_AT_MOST_S = 600
WARN_AHEAD_SHARE = 0.2


def warn_of_deadlines(*, limit: int = 200) -> int:
    """Write an entry for escalations that are about to breach their deadline, once each; returns how many."""
    now = database_now()
    near = Escalation.objects.filter(
        warned_at__isnull=True,
        status__in=["open", "claimed"],
        due_at__lte=now + timedelta(seconds=WARN_AHEAD_AT_MOST_S),
    ).select_related("queue")
    warned = 0
    for escalation in near.order_by("due_at")[:limit]:
        ahead = timedelta(seconds=min(escalation.respond_s * WARN_AHEAD_SHARE, WARN_AHEAD_AT_MOST_S))
        if escalation.due_at <= now + ahead:
            warned += _warn(escalation)
    return warned


def _warn(escalation: Escalation) -> bool:
    now = database_now()
    with transaction.atomic(durable=True):
        warned = Escalation.objects.filter(
            pk=escalation.pk, warned_at__isnull=True, status__in=["open", "claimed"]
        ).update(warned_at=now)
        if warned:
            record(
                organization_id=escalation.organization_id,
                type="escalation.breaching",
                actor=SYSTEM,
                subject=f"decision:{escalation.decision_id}",
                payload={
                    "escalation": str(escalation.pk),
                    "queue": escalation.queue.slug,
                    "due_at": escalation.due_at.isoformat(),
                    "holder": str(escalation.holder_id) if escalation.holder_id else None,
                },
                occurred_at=now,
            )
    return bool(warned)


def notify_from_log(*, limit: int = 500) -> int:
    """Read on from the cursor; returns how many entries were read. Two readers at once do no harm: a notification is
    unique per entry and person, and the cursor only moves forward."""
    cursor, _ = ReaderCursor.objects.get_or_create(reader=READER)
    entries = list(
        AuditEntry.objects.filter(leaf_index__gte=cursor.next_index)
        .select_related("payload")
        .order_by("leaf_index")[:limit]
    )
    if not entries:
        return 0
    told = [entry for entry in entries if entry.type in TOLD]
    with transaction.atomic(durable=True):
        Notification.objects.bulk_create(
            [notification for entry in told for notification in _notifications(entry)],
            ignore_conflicts=True,
        )
        next_index = (entries[-1].leaf_index or 0) + 1
        ReaderCursor.objects.filter(reader=READER, next_index__lt=next_index).update(next_index=next_index)
    return len(entries)


def _notifications(entry: AuditEntry) -> Iterable[Notification]:
    if entry.organization_id is None or not hasattr(entry, "payload"):
        return
    payload = json.loads(entry.payload.payload)
    recipients, title, path = TOLD[entry.type](entry, payload)
    now = timezone.now()
    told = list(recipients)
    # A claim, a question or a system may outlast the person's place here; what it is about is not theirs any more.
    standing = Membership.objects.filter(organization_id=entry.organization_id, user__in=told, user__is_active=True)
    still_here = set(standing.values_list("user_id", flat=True))
    for user in told:
        if str(user.pk) != entry.actor_id and user.pk in still_here:
            yield Notification(
                organization_id=entry.organization_id,
                user=user,
                entry_id=entry.pk,
                type=entry.type,
                title=title[:300],
                path=path,
                created_at=now,
                mail_due_at=now if user.is_mail_on else None,
            )


def mail_notifications(*, limit: int = 50) -> int:
    """Send what is due by mail, claiming each row first; a mail that could not be sent is tried again a minute later."""
    now = timezone.now()
    standing = Membership.objects.filter(organization_id=OuterRef("organization_id"), user_id=OuterRef("user_id"))
    due = Notification.objects.filter(
        Exists(standing), mailed_at__isnull=True, mail_due_at__lte=now, user__is_active=True
    ).select_related("user")
    sent = 0
    for notification in due.order_by("mail_due_at")[:limit]:
        if not Notification.objects.filter(pk=notification.pk, mailed_at__isnull=True).update(mailed_at=now):
            continue
        try:
            _compose(notification).send()
            sent += 1
        except OSError as error:
            logger.warning("A notification could not be mailed: %s", error)
            Notification.objects.filter(pk=notification.pk).update(
                mailed_at=None, mail_due_at=now + timedelta(minutes=1)
            )
    return sent


def _compose(notification: Notification) -> EmailMessage:
    # Titles carry what an AI wrote: one line, plain text, and only our own link.
    title = " ".join(notification.title.split())
    body = f"{title}\n\n{settings.BASE_URL}{notification.path}\n\nYou can switch these mails off in your preferences.\n"
    return EmailMessage(subject=f"Countersign: {title[:120]}", body=body, to=[notification.user.email])


def _people(organization_id: uuid.UUID | None, *roles: str) -> list[User]:
    if organization_id is None:
        return []
    return list(
        User.objects.filter(
            memberships__organization_id=organization_id,
            memberships__role__in=roles,
            is_active=True,
        ).distinct()
    )


def _escalation_of(payload: dict[str, Any]) -> Escalation | None:
    return (
        Escalation.objects.filter(pk=payload["escalation"])
        .select_related("holder", "group", "queue", "system__owner")
        .first()
    )


def _tell_assignee(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    escalation = _escalation_of(payload)
    title = escalation.title if escalation else ""
    return (
        User.objects.filter(pk=payload["to"]),
        f"Assigned to you: {title}",
        f"/review/{payload['escalation']}/",
    )


def _tell_group(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    escalation = _escalation_of(payload)
    if escalation is None or escalation.group is None:
        return [], "", ""
    members = escalation.group.members.filter(is_active=True)
    return (
        members,
        f"Handed to {escalation.group}: {escalation.title}",
        f"/review/{escalation.pk}/",
    )


def _tell_of_breach(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    escalation = _escalation_of(payload)
    if escalation is None:
        return [], "", ""
    people = _people(entry.organization_id, Membership.Role.LEAD)
    if escalation.holder is not None and escalation.holder not in people:
        people.append(escalation.holder)
    return (
        people,
        f"About to breach its deadline: {escalation.title}",
        f"/review/{escalation.pk}/",
    )


def _tell_of_expiry(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    escalation = _escalation_of(payload)
    if escalation is None:
        return [], "", ""
    people = {user.pk: user for user in _people(entry.organization_id, Membership.Role.LEAD)}
    people[escalation.system.owner_id] = escalation.system.owner
    ending = "Nobody answered in time" if payload["status"] == "expired" else "Allowed by timeout"
    return (
        people.values(),
        f"{ending}: {escalation.title}",
        f"/decisions/{escalation.decision_id}/",
    )


def _tell_who_asked(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    escalation = _escalation_of(payload)
    if escalation is None:
        return [], "", ""
    asked = (
        AuditEntry.objects.filter(
            type="decision.information_requested",
            payload__subject=entry.payload.subject,
            pk__lt=entry.pk,
        )
        .order_by("-pk")
        .first()
    )
    people = User.objects.filter(pk=asked.actor_id) if asked and asked.actor_kind == "person" else []
    return (
        people,
        f"The application has answered: {escalation.title}",
        f"/review/{escalation.pk}/",
    )


def _tell_approvers(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    approvers = _people(entry.organization_id, Membership.Role.POLICY_APPROVER)
    return (
        approvers,
        f"A policy change awaits approval: {payload.get('policy', '')}",
        "/policies/",
    )


def _tell_named(entry: AuditEntry, payload: dict[str, Any]) -> Told:
    """Entries of the floors above name whom they are told to, in which words, and where it leads."""
    named = [person for person in payload.get("to", []) if isinstance(person, str)]
    return User.objects.filter(pk__in=named), str(payload.get("title", "")), str(payload.get("path", ""))


Told = tuple[Iterable[User], str, str]
NAMED = (
    "incident.opened",
    "incident.joined",
    "incident.assigned",
    "incident.acknowledged",
    "incident.commented",
    "incident.mitigated",
    "incident.resolved",
    "incident.reviewed",
    "breaker.opened",
    "breaker.half_opened",
    "breaker.closed",
    "report.frozen",
    "report.attested",
    "improvement.decided",
    "improvement.closed",
    "budget.warned",
)
TOLD: dict[str, Callable[[AuditEntry, dict[str, Any]], Told]] = {
    "escalation.reassigned": _tell_assignee,
    "escalation.handed_over": _tell_group,
    "escalation.breaching": _tell_of_breach,
    "decision.expired": _tell_of_expiry,
    "decision.allowed_by_timeout": _tell_of_expiry,
    "decision.information_given": _tell_who_asked,
    "policy.submitted": _tell_approvers,
    **dict.fromkeys(NAMED, _tell_named),
}
