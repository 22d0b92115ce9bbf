"""Emptying the database after a test that committed. The product's triggers refuse that for the audit log, rightly; so
they are set aside while Django flushes the test database, and only then. Django would go on as after a migrate, which looks at
every model and guard again; that is left to the first time and to a test that changed a trigger."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, transaction
from django.db.backends.base.operations import BaseDatabaseOperations

_flush = BaseDatabaseOperations.execute_sql_flush
_TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal",
}
# What stood after the last migrate, and what the last flush found.
_as_migrated: set[Any] = set()
_found: set[Any] = set()


def install() -> None:
    BaseDatabaseOperations.execute_sql_flush = flush_without_triggers
    flush.emit_post_migrate_signal = set_guards_again


def flush_without_triggers(operations: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
    connection: Any = operations.connection
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        triggers = list_triggers(connection, cursor)
        _found.clear()
        _found.update(triggers)
        set_aside = _without_sqlite_triggers if connection.vendor == "sqlite" else _without_postgres_triggers
        with set_aside(cursor, triggers):
            _flush(operations, sql_list)


def set_guards_again(verbosity: int, interactive: bool, db: str) -> None:
    if _found and _found == _as_migrated:
        return
    emit_post_migrate_signal(verbosity, interactive, db)
    with connections[db].cursor() as cursor:
        _as_migrated.clear()
        _as_migrated.update(list_triggers(connections[db], cursor))


def list_triggers(connection: Any, cursor: Any) -> list[Any]:
    cursor.execute(_TRIGGERS[connection.vendor])
    return cursor.fetchall()


@contextmanager
def _without_sqlite_triggers(cursor: Any, triggers: list[Any]) -> Iterator[None]:
    for name, _ in triggers:
        cursor.execute(f'DROP TRIGGER "{name}"')
    yield
    for _, sql in triggers:
        cursor.execute(sql)


@contextmanager
def _without_postgres_triggers(cursor: Any, triggers: list[Any]) -> Iterator[None]:
    for table, name, _ in triggers:
        cursor.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{name}"')
    yield
    for table, name, state in triggers:
        always = "ALWAYS" if state == "A" else ""
        cursor.execute(f'ALTER TABLE {table} ENABLE {always} TRIGGER "{name}"')
