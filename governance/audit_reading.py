"""Reading the audit log as fast as its database gives it, and checking stretches of it side by side.

Processes that help import this module before Django has loaded its models; so it names none.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from typing import Any

from django.db import connection, connections

from governance.transparency.checking import Findings, Row, check_rows

# From here on several processes are faster than one: they take a moment to begin.
WORTH_WORKERS = 100_000
MOST_WORKERS = 8


def _select(condition: str) -> str:
    # The expression has no declared type, so that sqlite3 leaves the text as it is.
    instant, organization, same = "e.occurred_at || ''", "e.organization_id", "IS"
    if connection.vendor == "postgresql":
        instant = "to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        organization, same = "e.organization_id::text", "IS NOT DISTINCT FROM"
    # Put together from names that stand in the code; values go as parameters.
    return (
        f"SELECT e.id, e.leaf_index, {organization}, e.type, e.actor_kind, e.actor_id,"  # noqa: S608
        f" e.actor_label, {instant},"
        f" e.commitment, e.leaf_hash, e.organization_id {same} p.organization_id, p.key, p.subject, p.payload"
        " FROM governance_auditentry e LEFT JOIN governance_auditpayload p ON p.entry_id = e.id"
        f" WHERE {condition}"
    )


def fetch_rows(condition: str, *parameters: object) -> list[Row]:
    """Rows as the database's own driver returns them: Django's conversions would cost more than the hashes."""
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    try:
        mark = "%s" if connection.vendor == "postgresql" else "?"
        cursor.execute(_select(condition.replace("%s", mark)), parameters)
        rows: list[Row] = cursor.fetchall()
        return rows
    finally:
        cursor.close()


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of the log, checked by itself: (entry, leaf index, leaf hash) of each row, and what was found."""

    places: list[tuple[int, int, str]]
    findings: Findings


def _check_window(first: int, end: int, pending: dict[str, int]) -> Window:
    rows = fetch_rows("e.leaf_index >= %s AND e.leaf_index < %s ORDER BY e.leaf_index, e.id", first, end)
    findings = Findings()
    check_rows(rows, findings, claimed=pending)
    return Window([(row[0], row[1], row[9]) for row in rows], findings)


def check_windows(size: int, window: int, pending: dict[str, int]) -> Iterator[Window]:
    """The sealed entries, in order; a long log by as many processes as there are processors."""
    firsts = range(0, size, window)
    ends = [min(first + window, size) for first in firsts]
    workers = min(_processors(), MOST_WORKERS, len(firsts))
    if size < WORTH_WORKERS or workers < 2:
        yield from map(_check_window, firsts, ends, repeat(pending))
        return
    # Spawned, not forked: a child must not share the parent's connection.
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin_worker, initargs=(dict(connection.settings_dict),)
    ) as pool:
        yield from pool.map(_check_window, firsts, ends, repeat(pending))


def _begin_worker(settings: dict[str, Any]) -> None:
    connections.databases["default"] = settings


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
