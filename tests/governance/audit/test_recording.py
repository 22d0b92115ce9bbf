"""An entry is a part of its change, and says exactly what it was given."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from governance.canonical import canonicalize
from governance.models import AuditEntry, AuditPayload
from governance.services.recording import record
from governance.transparency.checking import Findings, check_rows, read_instant
from governance.transparency.leaves import commit, format_instant, hash_leaf
from tests.governance.audit.support import CLERK, ORGANIZATION, write_entries


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="in the transaction of its change"):
        write_entries(1)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_goes_with_the_change_that_failed() -> None:
    def change_and_fail() -> None:
        with transaction.atomic():
            write_entries(1)
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()
    assert not AuditEntry.objects.exists()
    assert not AuditPayload.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("microsecond", [0, 1, 120_000, 999_999])
def test_an_entry_reads_back_as_it_was_written(microsecond: int) -> None:
    instant = datetime(2026, 3, 1, 9, 0, 0, microsecond, tzinfo=UTC)
    payload = {"b": [1.0, "é", None], "a": {"x": 1e300}}
    written = record(
        organization_id=ORGANIZATION,
        type="decision.created",
        actor=CLERK,
        subject="decision:1",
        payload=payload,
        occurred_at=instant,
    )
    entry = AuditEntry.objects.select_related("payload").get(pk=written.pk)
    assert (entry.organization_id, entry.actor_label, entry.occurred_at) == (ORGANIZATION, "Ann Clerk", instant)
    assert (entry.leaf_index, entry.leaf_hash) == (None, written.leaf_hash)
    kept = entry.payload
    assert (kept.subject, kept.organization_id, kept.payload) == ("decision:1", ORGANIZATION, canonicalize(payload))
    key = bytes.fromhex(kept.key)
    assert len(key) == 32
    assert entry.commitment == commit(key=key, subject="decision:1", actor_label="Ann Clerk", payload=kept.payload)


@pytest.mark.django_db
def test_two_equal_facts_have_different_commitments() -> None:
    first, second = write_entries(2, subject="decision:1")
    assert first.commitment != second.commitment


@pytest.mark.django_db
def test_recording_takes_one_round_trip_where_it_can(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
        write_entries(1)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.none() | st.uuids(), texts, texts, texts, texts, st.datetimes(timezones=st.just(UTC)))
def test_verification_recomputes_what_recording_computes(
    organization: uuid.UUID | None, type: str, actor_id: str, label: str, subject: str, instant: datetime
) -> None:
    payload = canonicalize({"note": subject})
    commitment = commit(key=bytes(32), subject=subject, actor_label=label, payload=payload)
    leaf_hash = hash_leaf(
        organization=str(organization) if organization else None,
        type=type,
        actor_kind="person",
        actor_id=actor_id,
        occurred_at=format_instant(instant),
        commitment=commitment,
    )
    # As SQLite tells it: hex UUIDs, instants without a zone.
    told = str(instant.replace(tzinfo=None))
    row = (1, 0, organization.hex if organization else None, type, "person", actor_id, label, told)
    row += (commitment, leaf_hash, 1, bytes(32).hex(), subject, payload)
    findings = Findings()
    check_rows([row], findings)
    assert findings == Findings()


def test_instants_read_alike_whichever_database_tells_them() -> None:
    assert read_instant("2026-03-01 09:00:00") == "2026-03-01T09:00:00.000000Z"
    assert read_instant("2026-03-01 09:00:00.000001") == "2026-03-01T09:00:00.000001Z"
    assert format_instant(datetime(2026, 3, 1, 9, tzinfo=UTC)) == "2026-03-01T09:00:00.000000Z"


def test_a_commitment_does_not_confuse_its_parts() -> None:
    one = commit(key=bytes(32), subject='a","b', actor_label="c", payload="{}")
    other = commit(key=bytes(32), subject="a", actor_label='b","c', payload="{}")
    assert one != other
