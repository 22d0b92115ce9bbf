"""Whoever edits the database behind the product's back is found out, and what they touched is named."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance import audit_reading
from governance.models import AuditBatch, AuditEntry, PolicyVersion
from governance.services.recording import record
from governance.services.sequencing import sequence_entries
from governance.services.verifying import INCOMPLETE, SOUND, TAMPERED, Verification, verify_log
from governance.transparency.leaves import commit, format_instant, hash_leaf
from tests.factories import make_system, put_in_force
from tests.governance.audit.support import CLERK, ORGANIZATION, seal, tamper, write_entries

pytestmark = pytest.mark.django_db


def first_fault(found: Verification) -> tuple[str, int | None, int | None]:
    assert found.exit_code == TAMPERED
    fault = found.faults[0]
    return fault.kind, fault.entry_id, fault.leaf_index


def test_an_empty_log_is_sound() -> None:
    found = verify_log()
    assert (found.exit_code, found.entries, found.tree_size) == (SOUND, 0, 0)


def test_a_log_that_nobody_touched_is_sound() -> None:
    seal(count=7, batches=3)
    seal(count=2, batches=1, organization_id=None)
    write_entries(2)
    found = verify_log()
    assert found.faults == found.gaps == []
    assert (found.exit_code, found.entries, found.batches, found.tree_size, found.awaiting) == (SOUND, 25, 4, 23, 2)
    assert found.root_hash == AuditBatch.objects.get(tree_size=23).root_hash


@pytest.mark.parametrize("window", [1, 2, 3, 1000])
def test_the_size_of_the_windows_does_not_matter(window: int) -> None:
    entries = seal(count=3, batches=2)
    assert verify_log(window=window).exit_code == SOUND
    tamper("UPDATE governance_auditentry SET type = 'x' WHERE id = %s", entries[4].pk)
    assert first_fault(verify_log(window=window)) == ("entry_altered", entries[4].pk, 4)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("organization_id", "0199c1f0000070008000000000000002"),
        ("organization_id", None),
        ("type", "decision.cancelled"),
        ("actor_kind", "system"),
        ("actor_id", "0199c1f0-0000-7000-8000-0000000000bb"),
        ("occurred_at", "2020-01-01 00:00:00"),
        ("commitment", "00" * 32),
        ("leaf_hash", "00" * 32),
        ("leaf_hash", "not even hex"),
    ],
)
@pytest.mark.parametrize("is_sealed", [True, False])
def test_an_altered_entry_is_named(column: str, value: Any, is_sealed: bool) -> None:
    entries = seal(count=3, batches=3) if is_sealed else write_entries(3)
    entry = entries[1]
    tamper(f"UPDATE governance_auditentry SET {column} = %s WHERE id = %s", value, entry.pk)
    assert first_fault(verify_log()) == ("entry_altered", entry.pk, entry.leaf_index)


def test_an_altered_microsecond_is_named() -> None:
    entry = seal(count=3, batches=1)[1]
    later = entry.occurred_at + timedelta(microseconds=1)
    tamper(
        "UPDATE governance_auditentry SET occurred_at = %s WHERE id = %s",
        connection.ops.adapt_datetimefield_value(later),
        entry.pk,
    )
    assert first_fault(verify_log()) == ("entry_altered", entry.pk, 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("payload", '{"verdict":"allow"}'),
        ("payload", ""),
        ("subject", "decision:another"),
        ("key", "00" * 32),
        ("key", "junk"),
        ("organization_id", "0199c1f0000070008000000000000002"),
    ],
)
def test_an_altered_payload_is_named(column: str, value: str) -> None:
    entry = seal(count=3, batches=2)[4]
    tamper(f"UPDATE governance_auditpayload SET {column} = %s WHERE entry_id = %s", value, entry.pk)
    assert first_fault(verify_log()) == ("payload_altered", entry.pk, 4)


def test_an_altered_label_of_the_actor_is_named() -> None:
    entry = seal(count=3, batches=1)[2]
    tamper("UPDATE governance_auditentry SET actor_label = 'Somebody else' WHERE id = %s", entry.pk)
    assert first_fault(verify_log()) == ("payload_altered", entry.pk, 2)


def test_a_payload_that_is_gone_without_an_erasure_is_named() -> None:
    entry = seal(count=3, batches=1)[1]
    tamper("DELETE FROM governance_auditpayload WHERE entry_id = %s", entry.pk)
    assert first_fault(verify_log()) == ("payload_deleted", entry.pk, 1)


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_deleted_entry_is_named(place: int) -> None:
    entry = seal(count=3, batches=3)[place]
    tamper("DELETE FROM governance_auditentry WHERE id = %s", entry.pk)
    found = verify_log()
    assert first_fault(found) == ("entry_deleted", None, place)
    # Its payload, which was forgotten, tells the id.
    assert ("entry_deleted", entry.pk) in [(fault.kind, fault.entry_id) for fault in found.faults]
    tamper("DELETE FROM governance_auditpayload WHERE entry_id = %s", entry.pk)
    assert first_fault(verify_log()) == ("entry_deleted", None, place)


def test_several_deleted_entries_in_a_row_are_one_fault() -> None:
    entries = seal(count=4, batches=3)
    ids = [entry.pk for entry in entries[2:9]]
    marks = ", ".join(["%s"] * len(ids))
    tamper(f"DELETE FROM governance_auditentry WHERE id IN ({marks})", *ids)
    tamper(f"DELETE FROM governance_auditpayload WHERE entry_id IN ({marks})", *ids)
    found = verify_log()
    [fault] = found.faults
    assert fault.detail == "no entry has leaf index 2 to 8"


def test_a_deleted_entry_that_was_not_sequenced_yet_is_named_by_its_payload() -> None:
    [entry] = write_entries(1)
    tamper("DELETE FROM governance_auditentry WHERE id = %s", entry.pk)
    assert first_fault(verify_log()) == ("entry_deleted", entry.pk, None)


def copy_entry(of: AuditEntry, *, leaf_index: int | None) -> int:
    """What an attacker inserts: another entry's row under a new id, with a payload of its own."""
    columns = "organization_id, type, actor_kind, actor_id, actor_label, occurred_at, commitment, leaf_hash"
    new = AuditEntry.objects.order_by("-id").values_list("id", flat=True)[0] + 1
    tamper(
        f"INSERT INTO governance_auditentry (id, leaf_index, {columns})"
        f" SELECT %s, %s, {columns} FROM governance_auditentry WHERE id = %s",
        new,
        leaf_index,
        of.pk,
    )
    tamper(
        "INSERT INTO governance_auditpayload (entry_id, organization_id, key, subject, payload)"
        " SELECT %s, organization_id, key, subject, payload FROM governance_auditpayload WHERE entry_id = %s",
        new,
        of.pk,
    )
    return new


@pytest.mark.parametrize("leaf_index", [6, 7, 1000])
def test_an_entry_inserted_past_the_last_batch_is_named(leaf_index: int) -> None:
    entries = seal(count=3, batches=2)
    new = copy_entry(entries[0], leaf_index=leaf_index)
    assert ("entry_inserted", new, leaf_index) in [
        (fault.kind, fault.entry_id, fault.leaf_index) for fault in verify_log().faults
    ]


def test_an_entry_repeated_for_the_sequencer_to_take_up_is_named() -> None:
    entries = seal(count=3, batches=2)
    new = copy_entry(entries[0], leaf_index=None)
    assert ("entry_inserted", new) in [(fault.kind, fault.entry_id) for fault in verify_log().faults]


def test_an_entry_inserted_between_others_is_found() -> None:
    entries = seal(count=3, batches=2)
    tamper("UPDATE governance_auditentry SET leaf_index = leaf_index + 1000 WHERE leaf_index >= 2")
    tamper("UPDATE governance_auditentry SET leaf_index = leaf_index - 999 WHERE leaf_index >= 1000")
    copy_entry(entries[0], leaf_index=2)
    kind, _, place = first_fault(verify_log())
    assert (kind, place) == ("root_differs", 2)


def test_entries_that_changed_places_are_found() -> None:
    first, second = seal(count=4, batches=2)[5:7]
    tamper("UPDATE governance_auditentry SET leaf_index = 1000 WHERE id = %s", first.pk)
    tamper("UPDATE governance_auditentry SET leaf_index = 5 WHERE id = %s", second.pk)
    tamper("UPDATE governance_auditentry SET leaf_index = 6 WHERE id = %s", first.pk)
    found = verify_log()
    kind, _, place = first_fault(found)
    assert (kind, place) == ("root_differs", 4)
    assert "the leaf indexes 4 to 7" in found.faults[0].detail


def forge(entry: AuditEntry) -> None:
    """An attacker who knows the format: another payload, with key, commitment and leaf hash made to fit."""
    payload, key = '{"verdict":"allow"}', bytes(range(32))
    commitment = commit(key=key, subject="decision:1", actor_label=entry.actor_label, payload=payload)
    leaf_hash = hash_leaf(
        organization=str(entry.organization_id),
        type=entry.type,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        occurred_at=format_instant(entry.occurred_at),
        commitment=commitment,
    )
    tamper(
        "UPDATE governance_auditentry SET commitment = %s, leaf_hash = %s WHERE id = %s",
        commitment,
        leaf_hash,
        entry.pk,
    )
    tamper(
        "UPDATE governance_auditpayload SET key = %s, subject = 'decision:1', payload = %s WHERE entry_id = %s",
        key.hex(),
        payload,
        entry.pk,
    )


def test_a_forged_entry_is_found_by_the_root_of_its_batch() -> None:
    entries = seal(count=5, batches=3)
    forge(entries[7])
    found = verify_log()
    kind, _, place = first_fault(found)
    assert kind == "root_differs"
    assert place is not None
    assert 5 <= place <= 7
    assert len(found.faults) == 1, "the batches before and after are sound"


def test_a_forged_entry_alone_in_its_batch_is_named() -> None:
    entries = seal(count=1, batches=3)
    forge(entries[2])
    assert first_fault(verify_log()) == ("root_differs", entries[2].pk, 2)


@pytest.mark.parametrize("change", ["root_hash = 'ff'", "peaks = '[]'", "tree_size = 5, first_index = 4"])
def test_an_altered_batch_is_named(change: str) -> None:
    seal(count=3, batches=2)
    tamper(f"UPDATE governance_auditbatch SET {change} WHERE tree_size = 6")
    found = verify_log()
    assert found.exit_code == TAMPERED


def test_a_root_rewritten_with_its_peaks_does_not_fit_the_entries() -> None:
    seal(count=1, batches=2)
    tamper(
        "UPDATE governance_auditbatch SET root_hash = %s, peaks = %s WHERE tree_size = 1", "ab" * 32, f'["{"ab" * 32}"]'
    )
    kind, _, place = first_fault(verify_log())
    assert (kind, place) == ("root_differs", 0)


def test_a_missing_batch_between_others_leaves_the_log_incomplete() -> None:
    seal(count=3, batches=3)
    tamper("DELETE FROM governance_auditbatch WHERE tree_size = 6")
    found = verify_log()
    assert found.exit_code == INCOMPLETE
    [gap] = found.gaps
    assert (gap.kind, gap.leaf_index) == ("batch_missing", 3)


def test_a_missing_last_batch_leaves_entries_that_nothing_seals() -> None:
    entries = seal(count=3, batches=3)
    tamper("DELETE FROM governance_auditbatch WHERE tree_size = 9")
    assert first_fault(verify_log()) == ("entry_inserted", entries[6].pk, 6)


def test_entries_that_wait_too_long_leave_the_log_incomplete() -> None:
    long_ago = timezone.now() - timedelta(seconds=11)
    seal(count=1, batches=1)
    [entry] = write_entries(1, occurred_at=long_ago)
    found = verify_log()
    assert found.exit_code == INCOMPLETE
    assert (found.gaps[0].kind, found.gaps[0].entry_id, found.awaiting) == ("entries_unsequenced", entry.pk, 1)
    sequence_entries()
    assert verify_log().exit_code == SOUND


def test_dropped_triggers_are_mentioned_and_prove_nothing() -> None:
    entries = seal(count=1, batches=1)
    tamper("UPDATE governance_auditentry SET type = type WHERE id = %s", entries[0].pk)
    found = verify_log()
    assert found.exit_code == SOUND
    assert "governance_auditentry" in found.unguarded


@pytest.mark.django_db(transaction=True)
def test_several_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = seal(count=50, batches=4, is_committed=True)
    forge(entries[120])
    tamper("UPDATE governance_auditentry SET type = 'x' WHERE id = %s", entries[33].pk)
    alone = verify_log(window=13).faults
    assert alone[0].leaf_index == 33
    monkeypatch.setattr(audit_reading, "WORTH_WORKERS", 1)
    monkeypatch.setattr(audit_reading, "_processors", lambda: 2)
    together = verify_log(window=13)
    assert together.faults == alone
    assert together.entries == 200


# The policies' rows ------------------------------------------------------------------------------------------------


def put_in_force_and_record() -> PolicyVersion:
    version = put_in_force(make_system())
    common = {"version_id": str(version.pk), "sha256": f"sha256:{version.sha256}"}
    for type, more in (("policy.submitted", {}), ("policy.activated", {"activation": 1})):
        record(
            organization_id=version.organization_id,
            type=type,
            actor=CLERK,
            subject=f"policy:{version.policy_id}",
            payload=common | more,
        )
    return version


def test_policies_that_were_recorded_are_sound() -> None:
    put_in_force_and_record()
    assert verify_log().faults == []


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE governance_policyversion SET canonical = '{}'", "policy_altered"),
        (f"UPDATE governance_policyversion SET sha256 = '{'0' * 64}'", "policy_altered"),
        ("UPDATE governance_activation SET number = 2", "activation_inserted"),
        ("DELETE FROM governance_activation", "activation_deleted"),
    ],
)
def test_policies_that_differ_from_the_log_are_named(sql: str, kind: str) -> None:
    put_in_force_and_record()
    tamper(sql)
    found = verify_log()
    assert found.exit_code == TAMPERED
    assert kind in [fault.kind for fault in found.faults]


def test_an_activation_that_nobody_recorded_is_named() -> None:
    put_in_force(make_system())
    assert {fault.kind for fault in verify_log().faults} == {"policy_altered", "activation_inserted"}


def test_an_organization_is_part_of_the_leaf() -> None:
    [entry] = seal(count=1, batches=1)
    assert entry.organization_id == ORGANIZATION
    tamper("UPDATE governance_auditentry SET organization_id = NULL WHERE id = %s", entry.pk)
    assert first_fault(verify_log()) == ("entry_altered", entry.pk, 0)
