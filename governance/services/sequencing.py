"""Giving every entry its place in the tree: contiguous indexes for whatever was committed, and a root for each batch.

A reader of "id greater than the last one seen" loses entries whose transactions commit late; this one looks for rows
without an index. Indexes and the batch stand in one transaction, so that a killed sequencer leaves nothing half done. On
PostgreSQL an advisory lock lets one sequencer work at a time; on SQLite the write lock that the transaction takes at
its beginning (`transaction_mode` IMMEDIATE) does. Should both fail, unique constraints still refuse the second.
"""

import time
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils import timezone

from governance.models import AuditBatch, AuditEntry
from governance.transparency.merkle import MerkleTree

# At most so many rows a transaction: other writers of SQLite wait for about this many times 10 µs.
BATCH_SIZE = 5_000
# The key of the advisory lock: "CSEQ" in ASCII, for whoever reads pg_locks.
LOCK_KEY = 0x43534551


def sequence_entries(*, batch_size: int = BATCH_SIZE, budget_s: float = 20.0) -> int:
    """Sequence what waits, in batches, until nothing does or `budget_s` seconds have passed; how many entries it was.

    Safe to run twice at once and at any time; 0 where another sequencer is at work.
    """
    give_up = time.monotonic() + budget_s
    count = 0
    # Looked at before the transaction: on SQLite that one takes the write lock, and mostly there is nothing to do.
    while AuditEntry.objects.unsequenced().exists():
        batch = seal_batch(batch_size=batch_size)
        if batch is None:
            break
        count += batch.tree_size - batch.first_index
        if time.monotonic() > give_up:
            break
    return count


def seal_batch(*, batch_size: int = BATCH_SIZE) -> AuditBatch | None:
    """Append one batch of waiting entries to the tree; None where nothing waits or another sequencer holds the lock."""
    with transaction.atomic(durable=True):
        if not _take_lock():
            return None
        waiting = list(AuditEntry.objects.unsequenced().order_by("id").values_list("id", "leaf_hash")[:batch_size])
        if not waiting:
            return None
        tree = _current_tree()
        first_index = tree.size
        tree.extend(bytes.fromhex(leaf_hash) for _, leaf_hash in waiting)
        _assign_indexes([entry_id for entry_id, _ in waiting], first_index)
        return AuditBatch.objects.create(
            first_index=first_index,
            tree_size=tree.size,
            root_hash=tree.root().hex(),
            peaks=[peak.hex() for peak in tree.peaks],
            sealed_at=timezone.now(),
        )


def _take_lock() -> bool:
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY])
        return bool(cursor.fetchone()[0])


def _current_tree() -> MerkleTree:
    last = AuditBatch.objects.order_by("-tree_size").first()
    return MerkleTree(last.tree_size, [bytes.fromhex(peak) for peak in last.peaks]) if last else MerkleTree()


def _assign_indexes(entry_ids: Sequence[int], first_index: int) -> None:
    """Refuses (RuntimeError, and the transaction with it) where a row is not there any more to take its index."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "UPDATE governance_auditentry AS entry SET leaf_index = %s + place.ordinality - 1"
                " FROM unnest(%s::bigint[]) WITH ORDINALITY AS place(id)"
                " WHERE entry.id = place.id AND entry.leaf_index IS NULL",
                [first_index, list(entry_ids)],
            )
        else:
            cursor.executemany(
                "UPDATE governance_auditentry SET leaf_index = %s WHERE id = %s AND leaf_index IS NULL",
                list(enumerate(entry_ids, start=first_index)),
            )
        if cursor.rowcount != len(entry_ids):
            raise RuntimeError(f"{len(entry_ids)} entries waited, {cursor.rowcount} took an index")
