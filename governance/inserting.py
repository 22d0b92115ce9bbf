"""Rows that are born together travel together: one statement for several tables where the database has such a thing.

On the way of every decision the ORM writes the same statements anew and sends each of them alone. Here PostgreSQL gets one
statement (data-modifying CTEs), whose text is written once for each model; other databases get the rows one by one.
"""

from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

from governance.prepared import open_cursor


def insert_together(*rows: Model) -> None:
    """Insert rows whose primary keys are known, in the caller's transaction. Rows may refer to each other: foreign keys
    are looked at when it commits. Raises what the ORM would (IntegrityError)."""
    if connection.vendor != "postgresql":
        for row in rows:
            row.save(force_insert=True)
        return
    statements = [write_insert(type(row)) for row in rows]
    parts = [f"row_{number} AS ({statement})" for number, statement in enumerate(statements[:-1])]
    sql = (f"WITH {', '.join(parts)} " if parts else "") + statements[-1]
    with open_cursor() as cursor:
        cursor.execute(sql, [value for row in rows for value in read_values(row)])
    for row in rows:
        row._state.adding = False
        row._state.db = connection.alias


@cache
def write_insert(model: type[Model]) -> str:
    """The INSERT of one row with all columns of a table."""
    fields = model._meta.local_concrete_fields
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608 (names of ours)


def read_values(row: Model) -> list[Any]:
    """The row's values in the order of its columns, as the database wants them."""
    return [
        field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in row._meta.local_concrete_fields
    ]
