"""The audit log as a file: JSON Lines with all it takes to verify each entry elsewhere, or CSV for a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from governance.models import AuditEntry, AuditPayload
from governance.transparency.leaves import format_instant

CHUNK = 1_000
COLUMNS = (
    "id",
    "occurred_at",
    "type",
    "actor_kind",
    "actor_id",
    "actor_label",
    "subject",
    "payload",
    "leaf_index",
    "commitment",
    "leaf_hash",
)
# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection").
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def stream_json_lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """One JSON object a line, oldest first; `payload` is text, exactly as it was committed to."""
    for entry in _in_chunks(entries):
        yield json.dumps(describe_entry(entry), ensure_ascii=False) + "\n"


def stream_csv(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """A heading and a row each, oldest first. A cell that a spreadsheet would take for a formula begins with an
    apostrophe."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for entry in _in_chunks(entries):
        fields = describe_entry(entry)
        writer.writerow(_inert_cell(fields[column]) for column in COLUMNS)
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def describe_entry(entry: AuditEntry) -> dict[str, Any]:
    kept: AuditPayload | None = getattr(entry, "payload", None)
    return {
        "id": entry.pk,
        "occurred_at": format_instant(entry.occurred_at),
        "organization": str(entry.organization_id),
        "type": entry.type,
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "actor_label": entry.actor_label,
        "subject": kept.subject if kept else None,
        "payload": kept.payload if kept else None,
        "key": kept.key if kept else None,
        "leaf_index": entry.leaf_index,
        "commitment": entry.commitment,
        "leaf_hash": entry.leaf_hash,
    }


def _inert_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value


def _in_chunks(entries: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    """By key, not by cursor: an export of any length holds no transaction and little memory."""
    last_id = 0
    while chunk := list(entries.filter(pk__gt=last_id).order_by("pk")[:CHUNK]):
        yield from chunk
        last_id = chunk[-1].pk
