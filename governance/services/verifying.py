"""Holding the whole audit log against what it proves: every entry, every payload, every root, and the policies' rows.

What a batch has sealed never changes, so the log is read in windows while others go on writing: no transaction is held,
and memory does not grow with the log.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from governance.audit_reading import check_windows, fetch_rows
from governance.audit_types import ERASURE_SUBJECT, ERASURE_TYPE
from governance.models import AuditBatch, AuditEntry, AuditPayload
from governance.services.verifying_policies import check_policies
from governance.transparency.checking import Fault, Findings, check_rows
from governance.transparency.leaves import commit, format_instant, hash_leaf
from governance.transparency.merkle import MerkleTree
from governance.triggers import GUARDS, find_unguarded

WINDOW = 10_000
# How long an entry may wait for the sequencer before the log counts as incomplete.
PATIENCE = timedelta(seconds=10)
SOUND, TAMPERED, INCOMPLETE = 0, 1, 2


@dataclass(slots=True)
class Verification:
    """What was found. `faults` say that something was changed, `gaps` that something is not there yet (or any more);
    `unguarded` names tables without their triggers, which is no proof of anything."""

    entries: int = 0
    batches: int = 0
    tree_size: int = 0
    root_hash: str = ""
    awaiting: int = 0
    erased: int = 0
    faults: list[Fault] = field(default_factory=list)
    gaps: list[Fault] = field(default_factory=list)
    unguarded: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return TAMPERED if self.faults else INCOMPLETE if self.gaps else SOUND


def verify_log(*, window: int = WINDOW) -> Verification:
    """Check everything and say what is wrong; changes nothing."""
    begun = time.monotonic()
    found = Verification()
    batches = list(AuditBatch.objects.order_by("first_index", "tree_size"))
    findings = Findings()
    pending = _check_unsealed(found, findings, batches[-1].tree_size if batches else 0)
    _check_sealed(found, findings, batches, pending, window)
    _check_payloads(found, findings)
    found.faults = sorted(findings.faults, key=_by_place) + check_policies()
    found.unguarded = find_unguarded(GUARDS)
    found.seconds = time.monotonic() - begun
    return found


def verify_entry(entry: AuditEntry) -> bool:
    """Whether an entry's own fields, and its payload unless that was erased, give its commitment and leaf hash."""
    kept: AuditPayload | None = getattr(entry, "payload", None)
    if kept is not None:
        try:
            key = bytes.fromhex(kept.key)
        except ValueError:
            return False
        given = commit(key=key, subject=kept.subject, actor_label=entry.actor_label, payload=kept.payload)
        if given != entry.commitment:
            return False
    leaf_hash = hash_leaf(
        organization=str(entry.organization_id) if entry.organization_id else None,
        type=entry.type,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        occurred_at=format_instant(entry.occurred_at),
        commitment=entry.commitment,
    )
    return leaf_hash == entry.leaf_hash


def _by_place(fault: Fault) -> tuple[float, float]:
    return (
        float("inf") if fault.leaf_index is None else fault.leaf_index,
        float("inf") if fault.entry_id is None else fault.entry_id,
    )


# Checking ----------------------------------------------------------------------------------------------------------


def _check_unsealed(found: Verification, findings: Findings, sealed_size: int) -> dict[str, int]:
    """Entries beyond the batches known here: their own hashes, and how long they wait. Their commitments, by entry.

    Those without an index are read first: one that gets its index in between turns up twice, never not at all.
    """
    known: dict[str, int] = {}
    overdue_before = timezone.now() - PATIENCE
    for condition in ("e.leaf_index IS NULL", f"e.leaf_index >= {int(sealed_size)}"):
        last_id = 0
        while rows := fetch_rows(f"{condition} AND e.id > %s ORDER BY e.id LIMIT %s", last_id, WINDOW):
            last_id = rows[-1][0]
            fresh = [row for row in rows if known.get(row[8]) != row[0]]
            check_rows(fresh, findings, claimed=known)
            known.update((row[8], row[0]) for row in fresh)
            found.entries += len(fresh)
            found.awaiting += sum(row[1] is None for row in fresh)
    overdue = AuditEntry.objects.unsequenced().filter(occurred_at__lt=overdue_before)
    oldest = overdue.order_by("id").values_list("id", flat=True).first()
    if oldest is not None:
        detail = f"{overdue.count()} entries wait for the sequencer for more than {PATIENCE.seconds} s"
        found.gaps.append(Fault("entries_unsequenced", detail, entry_id=oldest))
    stray = (
        AuditEntry.objects.filter(leaf_index__gte=sealed_size).order_by("leaf_index").values_list("id", "leaf_index")
    )
    beyond = list(stray[:20])
    # Looked up again, after the entries: a sequencer may be at work.
    end = AuditBatch.objects.order_by("-tree_size").values_list("tree_size", flat=True).first() or 0
    findings.faults.extend(
        Fault("entry_inserted", "no batch has sealed its leaf index", entry_id, index)
        for entry_id, index in beyond
        if index is not None and index >= end
    )
    return known


def _check_sealed(
    found: Verification, findings: Findings, batches: Sequence[AuditBatch], pending: dict[str, int], window: int
) -> None:
    """Every leaf against its fields, every batch's root against the leaves."""
    found.batches = len(batches)
    if not batches:
        return
    found.tree_size, found.root_hash = batches[-1].tree_size, batches[-1].root_hash
    fold = RootFold(findings, found.gaps, batches)
    for checked in check_windows(max(batch.tree_size for batch in batches), window, pending):
        found.entries += len(checked.places)
        findings.faults += checked.findings.faults
        findings.without_payload += checked.findings.without_payload
        fold.take(checked.places)
    fold.finish()


class RootFold:
    """Folds leaf hashes, as they stream by, into the root of every batch."""

    def __init__(self, findings: Findings, gaps: list[Fault], batches: Sequence[AuditBatch]) -> None:
        self.faults, self.gaps = findings.faults, gaps
        self.tree = MerkleTree()
        self.expected = 0
        self.leaves: list[bytes] = []
        self.is_broken = False
        self.batches = iter(batches)
        self.batch = next(self.batches, None)
        self.covered = 0

    def take(self, places: Sequence[tuple[int, int, str]]) -> None:
        """Leaves in order of their indexes, as (entry, leaf index, leaf hash)."""
        for entry_id, index, leaf_hash in places:
            if index != self.expected:
                self._note_disorder(entry_id, index)
                if index < self.expected:
                    continue
            try:
                leaf = bytes.fromhex(leaf_hash)
            except (TypeError, ValueError):
                leaf, self.is_broken = bytes(32), True
            self.leaves.append(leaf)
            self.expected += 1
            if self.batch is not None and self.expected == self.batch.tree_size:
                self._close_batch(self.batch)

    def finish(self) -> None:
        """What should have come and did not."""
        while self.batch is not None:
            self._skip_to(self.batch.tree_size)

    def _note_disorder(self, entry_id: int, index: int) -> None:
        if index < self.expected:
            self.is_broken = True
            self.faults.append(Fault("entry_inserted", "another entry has this leaf index too", entry_id, index))
        else:
            self._skip_to(index)

    def _skip_to(self, index: int) -> None:
        missing = index - self.expected
        last = f" to {index - 1}" if missing > 1 else ""
        if missing:
            detail = f"no entry has leaf index {self.expected}{last}"
            self.faults.append(Fault("entry_deleted", detail, leaf_index=self.expected))
        while self.expected < index:
            self.is_broken = True
            end = min(index, self.batch.tree_size) if self.batch is not None else index
            self.leaves.extend([bytes(32)] * (end - self.expected))
            self.expected = end
            if self.batch is not None and self.expected == self.batch.tree_size:
                self._close_batch(self.batch)

    def _close_batch(self, batch: AuditBatch) -> None:
        before = self.covered
        if batch.first_index > before:
            detail = f"no batch covers the leaf indexes {before} to {batch.first_index - 1}"
            self.gaps.append(Fault("batch_missing", detail, leaf_index=before))
        elif batch.first_index < before:
            detail = f"batch {batch.pk} begins at {batch.first_index}, where another one has sealed up to {before}"
            self.faults.append(Fault("batch_altered", detail, leaf_index=batch.first_index))
        self.tree.extend(self.leaves)
        self.leaves.clear()
        stored = _read_peaks(batch)
        is_whole = stored is not None and stored.root().hex() == batch.root_hash
        if not is_whole:
            detail = f"batch {batch.pk}: its root and its peaks do not belong together"
            self.faults.append(Fault("batch_altered", detail, leaf_index=batch.first_index))
        elif stored is not None and stored.peaks != self.tree.peaks and not self.is_broken:
            self._note_root(batch, stored.peaks, before)
        if is_whole and stored is not None:
            # One broken batch must not hide what the later ones say.
            self.tree = stored
        self.covered, self.is_broken = batch.tree_size, False
        self.batch = next(self.batches, None)
        while self.batch is not None and self.batch.tree_size <= self.covered:
            detail = f"batch {self.batch.pk} seals a tree of {self.batch.tree_size} once more"
            self.faults.append(Fault("batch_altered", detail, leaf_index=self.batch.first_index))
            self.batch = next(self.batches, None)

    def _note_root(self, batch: AuditBatch, peaks: Sequence[bytes], before: int) -> None:
        first, last = _locate(self.tree.peaks, peaks, batch.tree_size)
        first = max(first, before)
        if any(fault.leaf_index is not None and first <= fault.leaf_index <= last for fault in self.faults):
            # The entry that makes the root differ is named already.
            return
        where = f"leaf index {first}" if first == last else f"the leaf indexes {first} to {last}"
        detail = f"batch {batch.pk} has another root than its entries give: {where} changed or changed places"
        self.faults.append(Fault("root_differs", detail, self._entry_at(first, last), first))

    def _entry_at(self, first: int, last: int) -> int | None:
        """The entry's id, where one leaf alone is in question."""
        if first != last:
            return None
        return AuditEntry.objects.filter(leaf_index=first).values_list("id", flat=True).first()


def _read_peaks(batch: AuditBatch) -> MerkleTree | None:
    try:
        return MerkleTree(batch.tree_size, [bytes.fromhex(peak) for peak in batch.peaks])
    except (TypeError, ValueError):
        return None


def _locate(computed: Sequence[bytes], stored: Sequence[bytes], size: int) -> tuple[int, int]:
    """The leaf indexes, first and last, under the first peak that differs; peaks follow the bits of the size."""
    first = 0
    for place, bit in enumerate(bit for bit in reversed(range(size.bit_length())) if size >> bit & 1):
        if computed[place] != stored[place]:
            return first, first + (1 << bit) - 1
        first += 1 << bit
    return 0, size - 1


def _check_payloads(found: Verification, findings: Findings) -> None:
    """A payload may be missing only where an erasure was recorded, and none may stand without its entry."""
    missing = findings.without_payload
    for start in range(0, len(missing), 500):
        some = missing[start : start + 500]
        subjects = [f"{ERASURE_SUBJECT}{entry_id}" for entry_id, _ in some]
        erasures = AuditPayload.objects.filter(subject__in=subjects, entry__type=ERASURE_TYPE)
        erased = {
            (int(subject.removeprefix(ERASURE_SUBJECT)), organization_id)
            for subject, organization_id in erasures.values_list("subject", "organization_id")
        }
        entries = AuditEntry.objects.in_bulk([entry_id for entry_id, _ in some])
        for entry_id, index in some:
            entry = entries.get(entry_id)
            if entry is not None and (entry_id, entry.organization_id) in erased:
                found.erased += 1
            else:
                detail = "its payload is missing, and no entry records an erasure"
                findings.faults.append(Fault("payload_deleted", detail, entry_id, index))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM governance_auditentry) - (SELECT count(*) FROM governance_auditpayload)"
        )
        if cursor.fetchone()[0] == len(missing):
            return
        cursor.execute(
            "SELECT p.entry_id FROM governance_auditpayload p LEFT JOIN governance_auditentry e ON e.id = p.entry_id"
            " WHERE e.id IS NULL ORDER BY p.entry_id LIMIT 20"
        )
        for (entry_id,) in cursor.fetchall():
            findings.faults.append(Fault("entry_deleted", "its payload stands, the entry is gone", entry_id))
