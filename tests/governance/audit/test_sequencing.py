"""Every committed entry gets exactly one place, whoever writes and however many sequence."""

import threading

import pytest
from django.db import connections, transaction

from governance.models import AuditBatch, AuditEntry
from governance.services import sequencing
from governance.services.sequencing import seal_batch, sequence_entries
from governance.services.verifying import verify_log
from governance.tasks import sequence_audit_log
from governance.transparency.merkle import MerkleTree
from tests.governance.audit.support import seal, write_entries
from tests.support.races import race

WRITERS, EACH = 8, 25


def indexes() -> list[int | None]:
    return list(AuditEntry.objects.order_by("leaf_index").values_list("leaf_index", flat=True))


@pytest.mark.django_db
def test_entries_get_contiguous_indexes_in_the_order_of_their_ids() -> None:
    entries = seal(count=4, batches=2)
    assert [entry.leaf_index for entry in entries] == list(range(8))
    assert [entry.pk for entry in entries] == sorted(entry.pk for entry in entries)
    first, second = AuditBatch.objects.order_by("first_index")
    assert (first.first_index, first.tree_size, second.first_index, second.tree_size) == (0, 4, 4, 8)


@pytest.mark.django_db
def test_the_root_of_a_batch_is_that_of_all_leaves_so_far() -> None:
    entries = seal(count=3, batches=3)
    tree = MerkleTree().extend(bytes.fromhex(entry.leaf_hash) for entry in entries)
    batch = AuditBatch.objects.get(tree_size=9)
    assert batch.root_hash == tree.root().hex()
    assert batch.peaks == [peak.hex() for peak in tree.peaks]


@pytest.mark.django_db
def test_batches_are_bounded() -> None:
    write_entries(7)
    assert sequence_entries(batch_size=3) == 7
    assert list(AuditBatch.objects.order_by("tree_size").values_list("tree_size", flat=True)) == [3, 6, 7]


@pytest.mark.django_db
def test_with_nothing_to_do_nothing_is_written() -> None:
    assert seal_batch() is None
    assert sequence_audit_log() == 0
    assert not AuditBatch.objects.exists()


@pytest.mark.django_db
def test_a_late_commit_with_a_smaller_id_still_gets_its_place() -> None:
    late, early = write_entries(2)
    AuditEntry.objects.filter(pk=early.pk).update(leaf_index=0)
    tree = MerkleTree().extend([bytes.fromhex(early.leaf_hash)])
    AuditBatch.objects.create(
        first_index=0,
        tree_size=1,
        root_hash=tree.root().hex(),
        peaks=[tree.peaks[0].hex()],
        sealed_at=early.occurred_at,
    )
    assert sequence_entries() == 1
    assert AuditEntry.objects.get(pk=late.pk).leaf_index == 1
    assert verify_log().exit_code == 0


@pytest.mark.django_db(transaction=True)
def test_a_sequencer_that_dies_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        write_entries(5)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(AuditBatch.objects, "create", die)
        with pytest.raises(KeyboardInterrupt):
            seal_batch()
    assert indexes() == [None] * 5
    assert sequence_entries() == 5
    assert verify_log().exit_code == 0


@pytest.mark.django_db(transaction=True)
def test_eight_writers_and_two_sequencers_leave_no_gap_and_no_double() -> None:
    writing = threading.Event()
    finished = threading.Barrier(WRITERS, action=writing.set)

    def write() -> None:
        for _ in range(EACH):
            with transaction.atomic(durable=True):
                write_entries(1)
        finished.wait(timeout=60)

    def sequence() -> int:
        count = 0
        while not writing.is_set():
            count += sequence_entries(batch_size=7)
        return count + sequence_entries(batch_size=7)

    results = race(*[write] * WRITERS, sequence, sequence)
    assert [result for result in results if isinstance(result, BaseException)] == []
    # One of the two may have ended while the other held the lock.
    sequence_entries()
    assert indexes() == list(range(WRITERS * EACH))
    assert verify_log().exit_code == 0


@pytest.mark.django_db(transaction=True)
def test_a_second_sequencer_waits_for_nobody_on_postgresql() -> None:
    if connections["default"].vendor != "postgresql":
        pytest.skip("on SQLite the write lock does it")
    with transaction.atomic():
        write_entries(1)
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sequencing.LOCK_KEY])
            taken.set()
            done.wait(timeout=30)

    def try_it() -> object:
        taken.wait(timeout=30)
        try:
            return sequence_entries()
        finally:
            done.set()

    assert race(hold, try_it)[1] == 0
    assert sequence_entries() == 1
