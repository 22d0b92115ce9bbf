"""Questions that are asked for every request: the ORM writes their SQL once a thread, PostgreSQL plans it once a connection.

For a question of one row over three tables the ORM takes five times as long to write the SQL as the database takes to
answer, and of the database's time most is parsing and planning. What is kept is the question, never an answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import DateTimeField, Expression, Field, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A parameter that is known when the question is asked."""

    name: str
    field: Field[Any, Any]


class Bound(Expression):
    """Stands in a prepared question for the value of that name, which is adapted to the database as `field` would."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[_Slot]]:  # type: ignore[override]
        return "%s", [_Slot(self.name, self.output_field)]


class DatabaseClock(Bound):
    """The instant at which the statement reached the database; elsewhere than on PostgreSQL, whose processes share the
    machine's clock with it anyway, the value of that name."""

    def __init__(self, name: str = "now") -> None:
        super().__init__(name, DateTimeField())

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[_Slot]]:
        return "statement_timestamp()", []


class PreparedQuery(Generic[Row]):
    """The first row of a queryset, with whatever it selects along, whose filters name their values by `Bound`.

    `write` makes the queryset; it is called once for every thread, since a compiled query belongs to a connection.
    """

    def __init__(self, write: Callable[[], QuerySet[Row]]) -> None:
        self._write = write
        self._kept = threading.local()

    def first(self, **values: Any) -> Row | None:
        """The first row as the ORM would give it, or None. Refuses (KeyError) to run without a value."""
        compiled = self._compile()
        with open_cursor() as cursor:
            cursor.execute(compiled.sql, [_bind(slot, values) for slot in compiled.slots])
            row = cursor.fetchone()
        return None if row is None else compiled.read(row)

    def _compile(self) -> _Compiled[Row]:
        compiled: _Compiled[Row] | None = getattr(self._kept, "compiled", None)
        if compiled is None or compiled.compiler.connection is not connections[DEFAULT_DB_ALIAS]:
            compiled = self._kept.compiled = _Compiled(self._write()[:1])
        return compiled


class PreparedUpdate:
    """An UPDATE whose filters and new values name what they depend on by `Bound`.

    `write` gives the queryset and the new values by field, as `QuerySet.update` takes them.
    """

    def __init__(self, write: Callable[[], tuple[QuerySet[Any], dict[str, Any]]]) -> None:
        self._write = write
        self._kept = threading.local()

    def run(self, **values: Any) -> int:
        """How many rows were changed. Refuses (KeyError) to run without a value."""
        sql, slots = self._compile()
        with open_cursor() as cursor:
            cursor.execute(sql, [_bind(slot, values) for slot in slots])
            return int(cursor.rowcount)

    def _compile(self) -> tuple[str, list[Any]]:
        kept = getattr(self._kept, "compiled", None)
        if kept is None or kept[0] is not connections[DEFAULT_DB_ALIAS]:
            queryset, changes = self._write()
            update: Any = queryset.query.chain(UpdateQuery)
            update.add_update_values(changes)
            statement = _name_constants(*update.get_compiler(DEFAULT_DB_ALIAS).as_sql())
            kept = self._kept.compiled = (connections[DEFAULT_DB_ALIAS], *statement)
        return kept[1], kept[2]


class _Compiled(Generic[Row]):
    """What the ORM made of a question: its text, its parameters, and how a row of the database becomes one of ours."""

    def __init__(self, queryset: QuerySet[Row]) -> None:
        self.compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.slots = _name_constants(*self.compiler.as_sql())
        select, klass = self.compiler.select, self.compiler.klass_info
        self._converters = self.compiler.get_converters([column for column, _, _ in select])
        self._model: type[Row] = klass["model"]
        self._columns = slice(klass["select_fields"][0], klass["select_fields"][-1] + 1)
        self._names = [column.target.attname for column, _, _ in select[self._columns]]
        # The stubs know a fourth argument, of a later Django.
        self._populators = get_related_populators(klass, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
        self._annotations = self.compiler.annotation_col_map or {}

    def read(self, row: tuple[Any, ...]) -> Row:
        values = next(iter(self.compiler.apply_converters([row], self._converters)))
        found: Row = self._model.from_db(DEFAULT_DB_ALIAS, self._names, values[self._columns])
        for populator in self._populators:
            populator.populate(values, found)
        for name, position in self._annotations.items():
            setattr(found, name, values[position])
        return found


def open_cursor() -> CursorWrapper:
    """A cursor for a statement that is run again and again. On PostgreSQL its values travel beside the text, so that the
    server keeps the plan (the settings' `prepare_threshold` says from which run on); the ORM's cursors write
    them into it. SQLite's driver keeps its statements anyway."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    cursor: CursorWrapper = connection._prepare_cursor(psycopg.Cursor(connection.connection))  # type: ignore[attr-defined]
    return cursor


def _name_constants(sql: str, parameters: tuple[Any, ...]) -> tuple[str, list[_Slot | Any]]:
    """Write what never changes into the text: a plan for any value of `status` could not use the index of one."""
    if connection.vendor != "postgresql":
        return sql, list(parameters)
    texts = ["%s" if isinstance(one, _Slot) else _quote(one).replace("%", "%%") for one in parameters]
    return sql.replace("%%", "%%%%") % tuple(texts), [one for one in parameters if isinstance(one, _Slot)]


def _quote(constant: Any) -> str:
    return psycopg.sql.Literal(constant).as_string(connection.connection)


def _bind(slot: Any, values: dict[str, Any]) -> Any:
    if not isinstance(slot, _Slot):
        return slot
    return slot.field.get_db_prep_value(values[slot.name], connection)
