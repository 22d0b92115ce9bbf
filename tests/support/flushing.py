"""Emptying the database after a test that committed. The product's triggers refuse that for the audit log, rightly; so
they are set aside while Django flushes the test database, and only then."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.backends.base.operations import BaseDatabaseOperations

_flush = BaseDatabaseOperations.execute_sql_flush


def install() -> None:
    BaseDatabaseOperations.execute_sql_flush = flush_without_triggers


def flush_without_triggers(operations: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
    connection: Any = operations.connection
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        set_aside = _sqlite_triggers if connection.vendor == "sqlite" else _postgres_triggers
        with set_aside(cursor):
            _flush(operations, sql_list)


@contextmanager
def _sqlite_triggers(cursor: Any) -> Iterator[None]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = cursor.fetchall()
    for name, _ in triggers:
        cursor.execute(f'DROP TRIGGER "{name}"')
    yield
    for _, sql in triggers:
        cursor.execute(sql)


@contextmanager
def _postgres_triggers(cursor: Any) -> Iterator[None]:
    cursor.execute("SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal")
    triggers = cursor.fetchall()
    for table, name, _ in triggers:
        cursor.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{name}"')
    yield
    for table, name, state in triggers:
        always = "ALWAYS" if state in {"A", b"A"} else ""
        cursor.execute(f'ALTER TABLE {table} ENABLE {always} TRIGGER "{name}"')
