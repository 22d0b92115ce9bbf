"""`manage.py audit_verify`, whose exit code others rely on."""

import json
import sqlite3
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from governance import triggers
from tests.governance.audit.support import seal, tamper, write_entries


def verify(*arguments: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("audit_verify", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, out.getvalue()


@pytest.mark.django_db
def test_a_sound_log_ends_with_0_and_says_how_many_wait() -> None:
    seal(count=3, batches=1)
    write_entries(2)
    code, text = verify()
    assert code == 0
    assert "The audit log is sound: 5 entries" in text
    assert "2 entries await sequencing" in text


@pytest.mark.django_db
def test_a_tampered_log_ends_with_1_and_names_the_entry() -> None:
    entry = seal(count=3, batches=2)[4]
    tamper("UPDATE governance_auditentry SET type = 'decision.cancelled' WHERE id = %s", entry.pk)
    code, text = verify()
    assert code == 1
    assert f"entry altered (entry {entry.pk}, leaf 4)" in text
    assert "Without their triggers: governance_activation" in text


@pytest.mark.django_db
def test_an_incomplete_log_ends_with_2() -> None:
    write_entries(1, occurred_at=timezone.now() - timedelta(minutes=1))
    code, text = verify()
    assert code == 2
    assert "The audit log is incomplete" in text


@pytest.mark.django_db
def test_json_is_one_object_whatever_is_found() -> None:
    entries = seal(count=3, batches=1)
    found = json.loads(verify("--json")[1])
    assert (found["status"], found["entries"], found["tree_size"], found["faults"]) == ("sound", 3, 3, [])
    tamper("DELETE FROM governance_auditentry WHERE id = %s", entries[2].pk)
    code, text = verify("--json")
    found = json.loads(text)
    assert (code, found["status"], found["fault_count"]) == (1, "tampered", 2)
    assert found["faults"][0] == {
        "kind": "entry_deleted",
        "detail": "no entry has leaf index 2",
        "entry_id": None,
        "leaf_index": 2,
    }


@pytest.mark.django_db
def test_a_flood_of_faults_is_cut_and_counted() -> None:
    seal(count=30, batches=1)
    tamper("UPDATE governance_auditentry SET actor_id = 'x'")
    assert "and 10 more" in verify()[1]


def edit_from_outside(*statements: str) -> None:
    """As somebody with the database's file, or a login of its owner, would: by another program."""
    if connection.vendor == "sqlite":
        file = sqlite3.connect(str(connection.settings_dict["NAME"]))
        dropped = file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in dropped:
            file.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            file.execute(statement)
        file.commit()
        file.close()
        return
    import psycopg

    place: dict[str, Any] = connection.get_connection_params()
    with psycopg.connect(
        **{name: place[name] for name in ("dbname", "user", "host", "port") if name in place}
    ) as other:
        other.execute("SET session_replication_role = replica")
        other.execute("ALTER TABLE governance_auditentry DISABLE TRIGGER ALL")
        other.execute("ALTER TABLE governance_auditpayload DISABLE TRIGGER ALL")
        for statement in statements:
            other.execute(statement)  # type: ignore[call-overload]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE governance_auditentry SET actor_id = 'x' WHERE leaf_index = 3", "entry_altered"),
        ("DELETE FROM governance_auditentry WHERE leaf_index = 3", "entry_deleted"),
        ("UPDATE governance_auditpayload SET payload = '{}' WHERE entry_id = {id}", "payload_altered"),
        ("DELETE FROM governance_auditpayload WHERE entry_id = {id}", "payload_deleted"),
        (
            "INSERT INTO governance_auditentry (organization_id, type, actor_kind, actor_id, actor_label, occurred_at,"
            " commitment, leaf_hash, leaf_index) SELECT organization_id, type, actor_kind, actor_id, actor_label,"
            " occurred_at, commitment, leaf_hash, 6 FROM governance_auditentry WHERE leaf_index = 3",
            "entry_inserted",
        ),
    ],
)
def test_a_database_edited_from_outside_is_found_out(statement: str, kind: str) -> None:
    entry = seal(count=3, batches=2, is_committed=True)[3]
    edit_from_outside(statement.replace("{id}", str(entry.pk)))
    code, text = verify("--json")
    assert code == 1
    assert kind in [fault["kind"] for fault in json.loads(text)["faults"]]
    triggers.install(triggers.GUARDS)
