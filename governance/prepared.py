"""Questions that are asked for every request: the ORM writes their SQL once a thread, later runs only bind values.

For a question of one row over three tables the ORM takes five times as long to write the SQL as the database takes to
answer. What is kept is the compiled query, never an answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, QuerySet
from django.db.models.sql.compiler import SQLCompiler


@dataclass(frozen=True, slots=True)
class _Slot:
    """A parameter that is known when the question is asked."""

    name: str
    field: Field[Any, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the ORM made of a question: text, parameters, and how its columns become values."""

    compiler: SQLCompiler
    sql: str
    parameters: tuple[Any, ...]
    converters: dict[int, Any]


class Bound(Expression):
    """Stands in a prepared question for the value of that name, which is adapted to the database as `field` would."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[_Slot]]:  # type: ignore[override]
        return "%s", [_Slot(self.name, self.output_field)]


class PreparedQuery:
    """The first row of a `values_list` queryset, whose filters name their values by `Bound`.

    `write` makes the queryset; it is called once for every thread, since a compiled query belongs to a connection.
    """

    def __init__(self, write: Callable[[], QuerySet[Any, tuple[Any, ...]]]) -> None:
        self._write = write
        self._kept = threading.local()

    def first(self, **values: Any) -> tuple[Any, ...] | None:
        """The first row, converted as the ORM converts it, or None. Refuses (KeyError) to run without a value."""
        kept = self._compile()
        with connection.cursor() as cursor:
            cursor.execute(kept.sql, [_bind(parameter, values) for parameter in kept.parameters])
            row = cursor.fetchone()
        return None if row is None else tuple(next(kept.compiler.apply_converters([row], kept.converters)))

    def _compile(self) -> _Compiled:
        kept: _Compiled | None = getattr(self._kept, "compiled", None)
        if kept is None or kept.compiler.connection is not connections[DEFAULT_DB_ALIAS]:
            compiler = self._write()[:1].query.get_compiler(DEFAULT_DB_ALIAS)
            sql, parameters = compiler.as_sql()
            converters = compiler.get_converters([column for column, _, _ in compiler.select])
            kept = self._kept.compiled = _Compiled(compiler, sql, parameters, converters)
        return kept


def _bind(parameter: Any, values: dict[str, Any]) -> Any:
    if not isinstance(parameter, _Slot):
        return parameter
    return parameter.field.get_db_prep_value(values[parameter.name], connection)
