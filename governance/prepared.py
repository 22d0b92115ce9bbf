"""Questions that are asked for every request: the ORM writes their SQL once a thread, later runs only bind values.

For a question of one row over three tables the ORM takes five times as long to write the SQL as the database takes to
answer. What is kept is the compiled query, never an answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.query import get_related_populators
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
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, [_bind(parameter, values) for parameter in compiled.parameters])
            row = cursor.fetchone()
        return None if row is None else compiled.read(row)

    def _compile(self) -> _Compiled[Row]:
        compiled: _Compiled[Row] | None = getattr(self._kept, "compiled", None)
        if compiled is None or compiled.compiler.connection is not connections[DEFAULT_DB_ALIAS]:
            compiled = self._kept.compiled = _Compiled(self._write()[:1])
        return compiled


class _Compiled(Generic[Row]):
    """What the ORM made of a question: its text, its parameters, and how a row of the database becomes one of ours."""

    def __init__(self, queryset: QuerySet[Row]) -> None:
        self.compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.parameters = self.compiler.as_sql()
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


def _bind(parameter: Any, values: dict[str, Any]) -> Any:
    if not isinstance(parameter, _Slot):
        return parameter
    return parameter.field.get_db_prep_value(values[parameter.name], connection)
