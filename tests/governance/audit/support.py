"""What the tests of the log share: entries to work on, and a hand that goes past the triggers."""

import uuid
from typing import Any

from django.db import connection, transaction

from governance import triggers
from governance.actors import Actor
from governance.models import AuditEntry
from governance.services.recording import record
from governance.services.sequencing import sequence_entries

ORGANIZATION = uuid.UUID("0199c1f0-0000-7000-8000-000000000001")
CLERK = Actor(kind="person", id="0199c1f0-0000-7000-8000-0000000000aa", label="Ann Clerk")


def write_entries(count: int, **fields: Any) -> list[AuditEntry]:
    """Entries in the caller's transaction; `fields` replace the arguments of `record`."""
    defaults: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "type": "decision.created",
        "actor": CLERK,
        "payload": {"verdict": "review", "amount": 900.5, "note": 'a "quoted" word, a \\ and 😀'},
    }
    return [
        record(**{**defaults, "subject": f"decision:{uuid.uuid4()}", **fields})  # type: ignore[arg-type]
        for _ in range(count)
    ]


def seal(count: int = 5, batches: int = 3, *, is_committed: bool = False, **fields: Any) -> list[AuditEntry]:
    """`batches` sealed batches of `count` entries each; `is_committed` where the test has no transaction of its own."""
    entries = []
    for _ in range(batches):
        with transaction.atomic(durable=is_committed):
            entries += write_entries(count, **fields)
        sequence_entries()
    return list(AuditEntry.objects.filter(pk__in=[entry.pk for entry in entries]).order_by("leaf_index"))


def tamper(sql: str, *parameters: Any) -> None:
    """What somebody with the database in their hands can do: the triggers first, then whatever they like."""
    triggers.remove()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        assert cursor.rowcount, "the tampering touched nothing"
