"""Writing the audit log: the entry is part of the change, so it stands in the change's own transaction or not at all."""

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
from governance.transparency.leaves import commit, hash_leaf


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
    commitment = commit(key=key, subject=subject, payload=text)
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
            occurred_at=instant,
            commitment=commitment,
        ),
    )
    entry.save(force_insert=True)
    AuditPayload(
        entry_id=entry.pk, organization_id=organization_id, key=key.hex(), subject=subject, payload=text
    ).save(force_insert=True)
    return entry
