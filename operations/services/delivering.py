"""Telling channels: a reader of the audit log that writes a delivery for each, and the sweep that sends them.

A delivery is claimed by compare-and-set before it is sent, and its next attempt is put off as far as a lease: two workers
do not send it twice, and one that dies in between leaves it to the next sweep, which may then send it once more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance.models import AuditEntry, ReaderCursor
from governance.services.sweeping import sweep
from operations.models import Channel, Delivery
from operations.sealing import SealBroken, unseal
from operations.services.sending import NotSent, send_message, write_plainly

logger = logging.getLogger(__name__)

READER: Final = "channels"
TOLD: Final = (
    "incident.opened",
    "incident.joined",
    "incident.assigned",
    "incident.resolved",
    "breaker.opened",
    "breaker.half_opened",
    "breaker.closed",
    "report.frozen",
    "report.attested",
    "budget.warned",
)
LEASE: Final = timedelta(minutes=2)
# After which attempt how long is waited; the eighth, about six hours after the first, is the last.
PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 900, 1800, 3600, 4 * 3600))
MOST_ATTEMPTS: Final = len(PAUSES) + 1


def write_deliveries(*, limit: int = 500) -> int:
    """Read on from the cursor and write what channels are to be told; returns how many deliveries it were. The cursor moves
    with them by compare-and-set: of two readers one writes."""
    cursor, _ = ReaderCursor.objects.get_or_create(reader=READER)
    newest = (
        AuditEntry.objects.filter(leaf_index__isnull=False).order_by("-leaf_index").values_list("leaf_index", flat=True)
    ).first()
    if newest is None or newest < cursor.next_index:
        return 0
    entries = list(
        AuditEntry.objects.filter(leaf_index__gte=cursor.next_index, leaf_index__lte=newest, type__in=TOLD)
        .select_related("payload")
        .order_by("leaf_index")[:limit]
    )
    read_to = newest if len(entries) < limit else entries[-1].leaf_index or newest
    deliveries = _draft(entries)
    with transaction.atomic(durable=True):
        moved = ReaderCursor.objects.filter(reader=READER, next_index=cursor.next_index).update(next_index=read_to + 1)
        if not moved:
            return 0
        Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(deliveries)


def deliver_due(*, now: datetime | None = None, limit: int = 20, budget_s: float = 10.0) -> int:
    """Send what is due, oldest first; how many were taken. What is not taken is tried again with growing pauses, eight
    times in all. Begins nothing after `budget_s` seconds: the next sweep goes on."""
    instant, started = now or timezone.now(), monotonic()
    due = Delivery.objects.filter(due_at__lte=instant).select_related("channel").order_by("due_at")
    return sweep(due[:limit], lambda delivery: monotonic() - started < budget_s and _deliver(delivery, instant))


def _draft(entries: Sequence[AuditEntry]) -> list[Delivery]:
    organizations = {entry.organization_id for entry in entries if entry.organization_id is not None}
    channels = list(Channel.objects.filter(organization_id__in=organizations, is_on=True)) if entries else []
    now = timezone.now()
    drafted = []
    for entry in entries:
        payload = json.loads(entry.payload.payload) if hasattr(entry, "payload") else None
        if payload is None or not _is_told(entry, payload):
            continue
        title, body = _write(payload)
        drafted += [
            Delivery(
                organization_id=channel.organization_id,
                channel=channel,
                entry_id=entry.pk,
                title=title,
                body=body,
                due_at=now,
                created_at=now,
            )
            for channel in channels
            # A channel is told of what happened since it is there.
            if channel.organization_id == entry.organization_id and channel.created_at <= entry.occurred_at
        ]
    return drafted


def _is_told(entry: AuditEntry, payload: dict[str, Any]) -> bool:
    """The breaker's entries stand in the incident's timeline too; they are told once. Of what joins an incident only what
    makes it graver is told."""
    if entry.type == "incident.joined":
        return payload.get("is_graver") is True
    return not entry.type.startswith("breaker.") or entry.payload.subject.startswith("system:")


def _write(payload: dict[str, Any]) -> tuple[str, str]:
    """Title and text. Both hold what an AI or its user wrote: plain words, and no link but our own."""
    title = write_plainly(str(payload.get("title", "")), limit=250)
    lines = [
        f"{label}: {write_plainly(str(payload[name]), limit=600)}"
        for name, label in (("severity", "Severity"), ("since", "Since"), ("reason", "Reason"), ("note", "Note"))
        if payload.get(name)
    ]
    path = str(payload.get("path", ""))
    return title, "\n".join([title, *lines, "", f"{settings.BASE_URL}{path if path.startswith('/') else '/'}"])


def _deliver(delivery: Delivery, now: datetime) -> bool:
    claimed = Delivery.objects.filter(
        pk=delivery.pk, due_at=delivery.due_at, attempts=delivery.attempts, delivered_at__isnull=True
    ).update(attempts=delivery.attempts + 1, due_at=now + LEASE)
    if not claimed:
        return False
    attempts, error = delivery.attempts + 1, ""
    channel = delivery.channel
    if not channel.is_on:
        error = "The channel is off."
        attempts = MOST_ATTEMPTS
    else:
        try:
            send_message(url=unseal(channel.sealed_url), title=f"Countersign: {delivery.title}", body=delivery.body)
        except (NotSent, SealBroken) as failure:
            error = str(failure)
    held = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts + 1, delivered_at__isnull=True)
    if error:
        pause = PAUSES[attempts - 1] if attempts < MOST_ATTEMPTS else None
        held.update(error=error[:300], due_at=now + pause if pause else None)
        Channel.objects.filter(pk=channel.pk).update(last_error=error[:300])
        logger.warning("Channel %s was not reached (attempt %d): %s", channel.pk, attempts, error)
        return False
    done = timezone.now()
    held.update(error="", due_at=None, delivered_at=done)
    Channel.objects.filter(pk=channel.pk).update(last_error="", last_delivered_at=done)
    return True
