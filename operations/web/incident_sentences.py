"""The audit log of one incident in plain words: one sentence a type of entry. Unknown types are shown by their name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from governance.audit_types import describe_type
from governance.models import AuditEntry
from governance.templatetags.hostile import inert
from reviews.web.sentences import LONGEST_DETAIL, Moment, Said


def tell_incident(entries: Iterable[AuditEntry]) -> list[Moment]:
    """A timeline of entries with their payloads, in the order given."""
    return [_tell_one(entry) for entry in entries]


def _tell_one(entry: AuditEntry) -> Moment:
    # An entry whose payload was erased still says that something happened.
    kept = getattr(entry, "payload", None)
    payload = json.loads(kept.payload) if kept is not None else {}
    sentence = SENTENCES.get(entry.type)
    said = sentence(payload) if sentence else Said(describe_type(entry.type))
    detail = said.detail if len(said.detail) <= LONGEST_DETAIL else f"{said.detail[:LONGEST_DETAIL]}…"
    return Moment(
        at=entry.occurred_at,
        what=inert(said.what),
        who=inert(entry.actor_label),
        detail=inert(detail) if detail else "",
        tone=said.tone,
    )


SENTENCES: dict[str, Callable[[dict[str, Any]], Said]] = {}
