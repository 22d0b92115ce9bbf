"""The database itself refuses what the log's rows must never go through."""

import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from governance import triggers
from governance.models import Activation, AuditBatch, AuditEntry, AuditPayload, PolicyVersion
from reviews.guards import GUARDS as REVIEWS_GUARDS
from reviews.models import Review
from tests.factories import make_decision, make_escalation, make_person, make_system, put_in_force
from tests.governance.audit.support import seal, write_entries

pytestmark = pytest.mark.django_db
ALL_GUARDS = (*triggers.GUARDS, *REVIEWS_GUARDS)


def run(sql: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)


def refuse(sql: str, *parameters: Any) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        run(sql, *parameters)


def test_every_guard_stands_after_migrate() -> None:
    assert triggers.find_unguarded(ALL_GUARDS) == []


def test_a_trigger_that_was_dropped_is_missed_and_migrate_brings_it_back() -> None:
    triggers.remove()
    assert triggers.find_unguarded(ALL_GUARDS) == sorted(guard.table for guard in ALL_GUARDS)
    call_command("migrate", verbosity=0)
    assert triggers.find_unguarded(ALL_GUARDS) == []


def test_installing_twice_changes_nothing() -> None:
    before = standing()
    triggers.install(ALL_GUARDS)
    assert standing() == before


def standing() -> list[Any]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY oid")
        else:
            cursor.execute("SELECT rootpage, rowid, name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        return list(cursor.fetchall())


def test_a_disabled_trigger_is_missed_on_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite can't disable a trigger")
    run("ALTER TABLE governance_auditbatch DISABLE TRIGGER USER")
    assert triggers.find_unguarded(ALL_GUARDS) == ["governance_auditbatch"]
    triggers.install(ALL_GUARDS)
    assert triggers.find_unguarded(ALL_GUARDS) == []


@pytest.mark.parametrize(
    "change",
    [
        "type = 'decision.cancelled'",
        "actor_id = 'somebody else'",
        "actor_label = 'Somebody else'",
        "occurred_at = '2020-01-01 00:00:00'",
        "organization_id = NULL",
        "leaf_hash = 'ff'",
        "commitment = 'ff'",
        "id = id + 1000",
        "leaf_index = leaf_index + 1000",
        "leaf_index = NULL",
        "leaf_index = 1000, type = 'decision.cancelled'",
    ],
)
def test_an_entry_is_not_changed(change: str) -> None:
    [entry] = seal(count=1, batches=1)
    refuse(f"UPDATE governance_auditentry SET {change} WHERE id = %s", entry.pk)


def test_an_unsequenced_entry_takes_its_index_and_nothing_else() -> None:
    [entry] = write_entries(1)
    refuse("UPDATE governance_auditentry SET leaf_index = 7, actor_label = 'x' WHERE id = %s", entry.pk)
    refuse("UPDATE governance_auditentry SET leaf_index = NULL WHERE id = %s", entry.pk)
    run("UPDATE governance_auditentry SET leaf_index = 7 WHERE id = %s", entry.pk)
    refuse("UPDATE governance_auditentry SET leaf_index = 8 WHERE id = %s", entry.pk)


@pytest.mark.parametrize("table", ["governance_auditentry", "governance_auditpayload", "governance_auditbatch"])
def test_nothing_is_deleted_from_the_log(table: str) -> None:
    seal(count=2, batches=1)
    refuse(f"DELETE FROM {table}")
    if connection.vendor == "postgresql":
        refuse(f"TRUNCATE {table} CASCADE")


def test_a_payload_and_a_batch_are_not_changed() -> None:
    seal(count=2, batches=1)
    refuse("UPDATE governance_auditpayload SET payload = '{}'")
    refuse("UPDATE governance_auditpayload SET payload = payload")
    refuse("UPDATE governance_auditbatch SET root_hash = 'ff'")


def test_the_orm_is_refused_too() -> None:
    [entry] = seal(count=1, batches=1)
    for change in (
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(type="other"),
        lambda: AuditEntry.objects.filter(pk=entry.pk).delete(),
        lambda: AuditPayload.objects.filter(pk=entry.pk).delete(),
        lambda: AuditBatch.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


def test_replacing_an_entry_by_inserting_it_again_is_refused() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    first, second = seal(count=2, batches=1)
    columns = "organization_id, type, actor_kind, actor_id, actor_label, occurred_at, commitment, leaf_hash"
    copy = f"SELECT %s, %s, {columns} FROM governance_auditentry WHERE id = %s"
    insert = f"INSERT OR REPLACE INTO governance_auditentry (id, leaf_index, {columns})"
    refuse(f"{insert} {copy}", first.pk, None, second.pk)
    refuse(f"{insert} {copy}", second.pk + 100, first.leaf_index, second.pk)


def test_a_submitted_text_stands_still() -> None:
    version = put_in_force(make_system())
    for change in (
        "source = 'other'",
        "canonical = '{}'",
        "sha256 = 'ff'",
        "number = 99",
        "status = 'draft'",
        "reason = 'other'",
        "submitted_at = NULL",
    ):
        refuse(f"UPDATE governance_policyversion SET {change}")
    refuse("DELETE FROM governance_policyversion")
    PolicyVersion.objects.filter(pk=version.pk).update(status="withdrawn", closed_at=timezone.now())


def test_a_draft_is_free() -> None:
    policy = put_in_force(make_system()).policy
    draft = PolicyVersion.objects.create(organization_id=policy.organization_id, policy=policy, number=2, source="a")
    PolicyVersion.objects.filter(pk=draft.pk).update(source="b", revision=2)
    draft.delete()


def test_the_ledger_of_activations_only_grows() -> None:
    put_in_force(make_system())
    refuse("UPDATE governance_activation SET effective_to = '2030-01-01 00:00:00'")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Activation.objects.all().delete()


def test_a_ruling_is_never_changed() -> None:
    escalation = make_escalation(make_decision())
    review = Review.objects.create(
        organization_id=escalation.organization_id,
        escalation=escalation,
        decision=escalation.decision,
        reviewer=make_person(),
        reviewer_label="Somebody",
        verdict="approve",
        created_at=timezone.now(),
    )
    refuse("UPDATE reviews_review SET verdict = 'reject'")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Review.objects.filter(pk=review.pk).delete()


def test_a_guard_of_a_table_that_is_not_there_is_passed_over() -> None:
    triggers.install([triggers.Guard(f"never_{uuid.uuid4().hex[:6]}")])
