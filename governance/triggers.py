"""Append-only by the database's own word: triggers that refuse to change or delete rows, on SQLite and PostgreSQL.

They stop mistakes and casual edits, whoever makes them; whoever owns the database can drop them, and is found out by
the tree of hashes (governance/services/verifying.py). Django drops a table's triggers when it rebuilds the table on
SQLite, so they are installed after every migrate; a trigger bears the hash of its own text in its name, so that
installing what stands already takes no lock.

Conditions may name OLD and NEW and the guarded table itself, never another table: SQLite refuses to rename a table
while some trigger names one that is missing, and that is what a rebuild does.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from governance.audit_types import ERASURE_SUBJECT

PREFIX = "guard_"
REFUSE = "countersign_refuse_change"


@dataclass(frozen=True, slots=True)
class Guard:
    """What the rows of one table may still go through once they stand; by default nothing.

    `free_while`: a row for which this holds (over OLD) is not guarded yet. `changeable`: the only columns that an
    UPDATE may touch, and only where `change_when` holds (over OLD and NEW; None means always). `delete_when`: where a
    DELETE is let through (over OLD).
    """

    table: str
    free_while: str | None = None
    changeable: frozenset[str] = frozenset()
    change_when: str | None = None
    delete_when: str | None = None
    # Columns whose values are taken for good: SQLite's INSERT OR REPLACE would delete the older row past the triggers.
    unique: tuple[str, ...] = ("id",)


GUARDS = (
    Guard(
        "governance_auditentry",
        changeable=frozenset({"leaf_index"}),
        change_when="OLD.leaf_index IS NULL AND NEW.leaf_index IS NOT NULL",
        unique=("id", "leaf_index"),
    ),
    Guard(
        "governance_auditpayload",
        # The erasure's own entry, later and of the same organization, stands first.
        delete_when=(
            "EXISTS (SELECT 1 FROM governance_auditpayload AS erasure"
            f" WHERE erasure.subject = '{ERASURE_SUBJECT}' || OLD.entry_id AND erasure.entry_id > OLD.entry_id"
            " AND (erasure.organization_id = OLD.organization_id"
            " OR (erasure.organization_id IS NULL AND OLD.organization_id IS NULL)))"
            f" AND OLD.subject NOT LIKE '{ERASURE_SUBJECT}%'"
        ),
        unique=("entry_id",),
    ),
    Guard("governance_auditbatch"),
    Guard(
        "governance_policyversion",
        free_while="OLD.status = 'draft'",
        changeable=frozenset({"status", "revision", "closed_at"}),
        change_when="NEW.status <> 'draft'",
    ),
    Guard("governance_policyapproval"),
    Guard("governance_activation"),
)


@dataclass(frozen=True, slots=True)
class Trigger:
    name: str
    table: str
    statement: str


def install(guards: Iterable[Guard], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Make the guards' triggers stand and nothing older; a table that does not exist (yet, or any more) is passed over.

    Safe to repeat; what stands already is left alone.
    """
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        guards = [guard for guard in guards if guard.table in tables]
        wanted = {trigger.name: trigger for guard in guards for trigger in _triggers(connection, guard)}
        standing = _standing(connection)
        guarded = {guard.table for guard in guards}
        for name, table in standing.items():
            if table in guarded and name not in wanted:
                cursor.execute(_drop(connection, name, table))
        missing = [trigger for name, trigger in wanted.items() if name not in standing]
        if missing and connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_REFUSAL)
        for trigger in missing:
            if connection.vendor == "postgresql":
                # One that was disabled stands in the catalogue, but not on guard.
                cursor.execute(_drop(connection, trigger.name, trigger.table))
            cursor.execute(trigger.statement)
            if connection.vendor == "postgresql":
                cursor.execute(f'ALTER TABLE "{trigger.table}" ENABLE ALWAYS TRIGGER "{trigger.name}"')


def find_unguarded(guards: Iterable[Guard], *, using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """The tables, by name, that lack a trigger that they should have."""
    connection = connections[using]
    standing = _standing(connection)
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
    return sorted(
        guard.table
        for guard in guards
        if guard.table not in tables or any(one.name not in standing for one in _triggers(connection, guard))
    )


def remove(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Take every guard away: before the tables themselves go, or where a test empties them."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for name, table in _standing(connection, is_disabled_too=True).items():
            cursor.execute(_drop(connection, name, table))


def _triggers(connection: BaseDatabaseWrapper, guard: Guard) -> Iterator[Trigger]:
    make = _postgresql_trigger if connection.vendor == "postgresql" else _sqlite_trigger
    guarded = f"NOT ({guard.free_while})" if guard.free_while else "1 = 1"
    yield make(guard.table, "UPDATE", f"{guarded} AND NOT ({_permitted_update(connection, guard)})")
    deletable = f" AND NOT ({guard.delete_when})" if guard.delete_when else ""
    yield make(guard.table, "DELETE", guarded + deletable)
    if connection.vendor == "postgresql":
        yield make(guard.table, "TRUNCATE", "")
    else:
        taken = " OR ".join(f"{column} = NEW.{column}" for column in guard.unique)
        yield make(guard.table, "INSERT", f"EXISTS (SELECT 1 FROM {guard.table} WHERE {taken})")


def _permitted_update(connection: BaseDatabaseWrapper, guard: Guard) -> str:
    if not guard.changeable:
        return "1 = 0"
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, guard.table)]
    same = "IS NOT DISTINCT FROM" if connection.vendor == "postgresql" else "IS"
    terms = [f'NEW."{name}" {same} OLD."{name}"' for name in sorted(columns) if name not in guard.changeable]
    if guard.change_when:
        terms.append(f"({guard.change_when})")
    return " AND ".join(terms)


def _name(table: str, operation: str, body: str) -> str:
    """Short enough for PostgreSQL (63), and another one when the text changes."""
    return f"{PREFIX}{table}_{operation.lower()}_{hashlib.sha256(body.encode()).hexdigest()[:8]}"


def _sqlite_trigger(table: str, operation: str, condition: str) -> Trigger:
    body = f"WHEN {condition} BEGIN SELECT RAISE(ABORT, '{table} is append-only: {operation} is refused'); END"
    name = _name(table, operation, body)
    return Trigger(name, table, f'CREATE TRIGGER "{name}" BEFORE {operation} ON "{table}" FOR EACH ROW {body}')


def _postgresql_trigger(table: str, operation: str, condition: str) -> Trigger:
    refusal, function = "", REFUSE
    scope = f"FOR EACH ROW WHEN ({condition})" if condition else "FOR EACH STATEMENT"
    if "SELECT" in condition:
        # PostgreSQL allows no subquery in WHEN: the condition becomes a function of its own.
        function = _name(table, operation, condition)
        refusal = (
            f'CREATE OR REPLACE FUNCTION "{function}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN'
            f" IF {condition} THEN {_RAISE} END IF; RETURN OLD; END $$;"
        )
        scope = "FOR EACH ROW"
    body = f'{scope} EXECUTE FUNCTION "{function}"()'
    name = _name(table, operation, body)
    return Trigger(name, table, f'{refusal} CREATE TRIGGER "{name}" BEFORE {operation} ON "{table}" {body}')


_RAISE = "RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';"
_POSTGRESQL_REFUSAL = (
    f'CREATE OR REPLACE FUNCTION "{REFUSE}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_RAISE} END $$'
)


def _standing(connection: BaseDatabaseWrapper, *, is_disabled_too: bool = False) -> dict[str, str]:
    """The guards that are on duty: name → table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # On duty in every replication role: 'A' (always), not merely 'O' (origin).
            cursor.execute(
                "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE starts_with(t.tgname, %s) AND pg_table_is_visible(c.oid) AND (t.tgenabled = 'A' OR %s)",
                [PREFIX, is_disabled_too],
            )
        else:
            cursor.execute(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s",
                [len(PREFIX), PREFIX],
            )
        return dict(cursor.fetchall())


def _drop(connection: BaseDatabaseWrapper, name: str, table: str) -> str:
    place = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    return f'DROP TRIGGER IF EXISTS "{name}"{place}'
