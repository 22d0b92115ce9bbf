"""Writing the audit log: an entry is part of its change, so it stands in the change's own transaction or not at all."""

import os
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from governance.actors import Actor
from governance.canonical import canonicalize
from governance.models import AuditEntry, AuditPayload
from governance.prepared import open_cursor
from governance.transparency.leaves import commit, format_instant, hash_leaf


def record(
    *,
    organization_id: uuid.UUID | None,
    type: str,
    actor: Actor,
    subject: str,
    payload: Mapping[str, Any],
    occurred_at: datetime | None = None,
) -> AuditEntry:
    """Append one entry about `subject` (`kind:id`) within the caller's transaction.

    Refuses (RuntimeError) to write outside a transaction: an entry that could stand without its change is a lie.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an audit entry must be written in the transaction of its change")
    key = os.urandom(32)
    text = canonicalize(payload)
    commitment = commit(key=key, subject=subject, actor_label=actor.label, payload=text)
    instant = occurred_at or timezone.now()
    entry = AuditEntry(
        organization_id=organization_id,
        type=type,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        occurred_at=instant,
        commitment=commitment,
        leaf_hash=hash_leaf(
            organization=str(organization_id) if organization_id else None,
            type=type,
            actor_kind=actor.kind,
            actor_id=actor.id,
            occurred_at=format_instant(instant),
            commitment=commitment,
        ),
    )
    kept = AuditPayload(organization_id=organization_id, key=key.hex(), subject=subject, payload=text)
    _insert(entry, kept)
    return entry


# Written as SQL because it is on the way of every decision: two `save()` cost three times as much, and PostgreSQL takes
# both rows in one round trip.
_ENTRY_COLUMNS = "organization_id, type, actor_kind, actor_id, actor_label, occurred_at, commitment, leaf_hash"
_INSERT_ENTRY = (
    f"INSERT INTO governance_auditentry ({_ENTRY_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"
)
_PAYLOAD_COLUMNS = "entry_id, organization_id, key, subject, payload"
_INSERT_PAYLOAD = f"INSERT INTO governance_auditpayload ({_PAYLOAD_COLUMNS}) VALUES (%s, %s, %s, %s, %s)"
_INSERT_BOTH = (
    f"WITH entry AS ({_INSERT_ENTRY}) INSERT INTO governance_auditpayload ({_PAYLOAD_COLUMNS})"
    " SELECT id, %s::uuid, %s, %s, %s FROM entry RETURNING entry_id"
)


def _insert(entry: AuditEntry, kept: AuditPayload) -> None:
    """Both rows; the entry has its id afterwards."""
    organization: uuid.UUID | str | None = entry.organization_id
    if not connection.features.has_native_uuid_field and entry.organization_id is not None:
        organization = entry.organization_id.hex
    fields: list[Any] = [
        organization,
        entry.type,
        entry.actor_kind,
        entry.actor_id,
        entry.actor_label,
        connection.ops.adapt_datetimefield_value(entry.occurred_at),
        entry.commitment,
        entry.leaf_hash,
    ]
    payload_fields: list[Any] = [organization, kept.key, kept.subject, kept.payload]
    with open_cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_INSERT_BOTH, fields + payload_fields)
            (entry.pk,) = cursor.fetchone()
        else:
            cursor.execute(_INSERT_ENTRY, fields)
            (entry.pk,) = cursor.fetchone()
            cursor.execute(_INSERT_PAYLOAD, [entry.pk, *payload_fields])
    entry._state.adding = False
    entry._state.db = connection.alias
