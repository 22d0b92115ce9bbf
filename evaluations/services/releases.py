"""Releases: stated by whoever ships them, and noticed by a reader of the audit log where traffic names one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from evaluations.errors import ReleaseAlreadyStated
from evaluations.models import Release
from governance.actors import SYSTEM, Actor
from governance.errors import FieldError, Invalid
from governance.models import AISystem, AuditEntry, ReaderCursor
from governance.permissions import require_within
from governance.services.recording import record
from reviews.models import Decision

READER = "releases"
MADE = frozenset({"decision.created", "decision.escalated"})
LONGEST_NAME = 255
LONGEST_REASON = 2_000


def state_release(*, actor: Actor, system: AISystem, name: str, reason: str) -> Release:
    """Say which release of an application comes, and why it differs from the one before; it may be in traffic already.

    `name` is what decisions will bear as `release`. Refuses (403, 404) as the table of capabilities says, (422) an
    empty or too long name or reason, (ReleaseAlreadyStated, 409) one that somebody has stated.
    """
    require_within(actor, "releases.state", system.organization_id)
    name, reason = name.strip(), reason.strip()
    _refuse_unfit(name, reason)
    now = timezone.now()
    stated = {"reason": reason, "stated_by_label": actor.label, "stated_at": now}
    with transaction.atomic(durable=True):
        release, is_new = Release.objects.get_or_create(
            system=system,
            name=name,
            defaults={"organization_id": system.organization_id, "created_at": now, **stated},
        )
        if not is_new and not Release.objects.filter(pk=release.pk, stated_at__isnull=True).update(**stated):
            raise ReleaseAlreadyStated(state={"id": str(release.pk), "stated_by": release.stated_by_label})
        record(
            organization_id=system.organization_id,
            type="release.stated",
            actor=actor,
            subject=f"release:{release.pk}",
            payload={"system": system.slug, "release": name, "reason": reason},
            occurred_at=now,
        )
    release.refresh_from_db()
    return release


def _refuse_unfit(name: str, reason: str) -> None:
    errors: list[FieldError] = []
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        errors.append({"pointer": "/name", "detail": f"Name it, in at most {LONGEST_NAME} characters."})
    if not reason or len(reason) > LONGEST_REASON or "\x00" in reason:
        errors.append({"pointer": "/reason", "detail": f"Say why, in at most {LONGEST_REASON:,} characters."})
    if errors:
        raise Invalid(errors=errors)


def watch_releases(*, budget_s: float = 2.0) -> None:
    """Read what is in the log, until there is nothing or the budget is spent."""
    give_up = time.monotonic() + budget_s
    while read_releases() and time.monotonic() < give_up:
        pass


def read_releases(*, limit: int = 500) -> int:
    """Read on from the cursor: a release that traffic names for the first time is noted; returns how many entries were
    read. Of two readers at once one moves the cursor and has its effects, the other has none (0). Test keys' decisions
    are no traffic."""
    cursor, _ = ReaderCursor.objects.get_or_create(reader=READER)
    entries = list(
        AuditEntry.objects.filter(leaf_index__gte=cursor.next_index)
        .order_by("leaf_index")
        .values_list("leaf_index", "type", "payload__subject")[:limit]
    )
    if not entries:
        return 0
    made = {uuid.UUID(subject.partition(":")[2]) for _, type, subject in entries if type in MADE and subject}
    seen = _first_uses(made)
    with transaction.atomic(durable=True):
        moved = ReaderCursor.objects.filter(reader=READER, next_index=cursor.next_index).update(
            next_index=(entries[-1][0] or 0) + 1
        )
        if not moved:
            return 0
        for decision in seen:
            _note_first_use(decision)
    return len(entries)


def _first_uses(decision_ids: Iterable[uuid.UUID]) -> list[Decision]:
    """The earliest decision of each release among these that has not been seen in traffic before."""
    named = Decision.objects.real().filter(pk__in=decision_ids).exclude(release="").select_related("system")
    first: dict[tuple[uuid.UUID, str], Decision] = {}
    for decision in named.only("organization_id", "system__slug", "release", "created_at").order_by("created_at", "id"):
        first.setdefault((decision.system_id, decision.release), decision)
    known = Release.objects.filter(
        system__in={system_id for system_id, _ in first}, name__in={name for _, name in first}
    ).exclude(first_seen_at=None)
    for pair in known.values_list("system_id", "name"):
        first.pop(pair, None)
    return list(first.values())


def _note_first_use(decision: Decision) -> None:
    seen_at: datetime = decision.created_at
    release, is_new = Release.objects.get_or_create(
        system_id=decision.system_id,
        name=decision.release,
        defaults={
            "organization_id": decision.organization_id,
            "first_seen_at": seen_at,
            "created_at": timezone.now(),
        },
    )
    if not is_new and not Release.objects.filter(pk=release.pk, first_seen_at=None).update(first_seen_at=seen_at):
        return
    record(
        organization_id=decision.organization_id,
        type="release.first_seen",
        actor=SYSTEM,
        subject=f"release:{release.pk}",
        payload={
            "system": decision.system.slug,
            "release": decision.release,
            "decision": str(decision.pk),
            "is_stated": not is_new and release.stated_at is not None,
        },
    )
