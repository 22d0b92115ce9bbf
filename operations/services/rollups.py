"""Rolling up: a reader of the audit log that notes which hours have changed, and a recount of those from the decisions.

Nothing is ever added to a roll-up; an hour is counted anew and replaced, its day is the sum of its hours. So whoever is
killed at any moment, or runs twice, leaves at worst an hour that is still due. The reader also writes the first entry of
the ledger of costs for each new decision.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

from governance.models import AISystem, AuditEntry, ReaderCursor
from governance.services.sweeping import sweep
from operations.counting_selectors import FLOATS, Cell, Cells, Stretch, count_hours
from operations.figure_selectors import COLUMNS, floor_to
from operations.models import CostEntry, RollUp, RollUpDue
from operations.services.costs import PRICED_BY, draft_first_entries
from reviews.models import Decision
from reviews.services.clock import database_now

READER = "roll-ups"
MADE = frozenset({"decision.created", "decision.escalated"})
CHANGED = frozenset(
    {
        "decision.resolved",
        "quality.judged",
        "decision.expired",
        "decision.allowed_by_timeout",
        "decision.cancelled",
        "decision.outcome_reported",
    }
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# How long an hour that was just counted is left alone, by the number of its decisions: what is cheap is done soon.
BUSY = 1_000
PAUSE, BUSY_PAUSE = timedelta(seconds=5), timedelta(seconds=60)
# With the system's key: the advisory lock of whoever replaces rows of that system. "CSRU" in ASCII.
LOCK_KEY = 0x43535255

Hour = tuple[uuid.UUID, datetime]


def roll_up(*, budget_s: float = 2.0) -> None:
    """Read what is in the log and recount what is due, until there is nothing or the budget is spent: other sweeps share
    the worker."""
    give_up = time.monotonic() + budget_s
    while read_log() and time.monotonic() < give_up:
        pass
    while recount_due(limit=24) and time.monotonic() < give_up:
        pass


def read_log(*, limit: int = 500) -> int:
    """Read on from the cursor: note the hours of what happened as due, price what is new; returns how many entries were
    read. Of two readers at once one moves the cursor and has its effects, the other has none (0)."""
    cursor, _ = ReaderCursor.objects.get_or_create(reader=READER)
    entries = list(
        AuditEntry.objects.filter(leaf_index__gte=cursor.next_index)
        .order_by("leaf_index")
        .values_list("leaf_index", "type", "payload__subject")[:limit]
    )
    if not entries:
        return 0
    now = database_now()
    touched = {key for _, type, subject in entries if type in MADE | CHANGED and (key := _decision_in(subject))}
    made = {key for _, type, subject in entries if type in MADE and (key := _decision_in(subject))}
    decisions = list(Decision.objects.real().filter(pk__in=touched).order_by("created_at").only(*PRICED_BY))
    costs = draft_first_entries(decisions=[decision for decision in decisions if decision.pk in made], now=now)
    with transaction.atomic(durable=True):
        moved = ReaderCursor.objects.filter(reader=READER, next_index=cursor.next_index).update(
            next_index=(entries[-1][0] or 0) + 1
        )
        if not moved:
            return 0
        CostEntry.objects.bulk_create(costs, ignore_conflicts=True)
        note_due_step(hours={(one.system_id, floor_to(one.created_at, "hour")) for one in decisions}, now=now)
    return len(entries)


def _decision_in(subject: str | None) -> uuid.UUID | None:
    """The decision that an entry is about; None where it is about something else or its payload was erased."""
    kind, _, key = (subject or "").partition(":")
    return uuid.UUID(key) if kind == "decision" else None


def note_due_step(*, hours: Collection[Hour], now: datetime) -> None:
    """Within an open transaction: these hours have to be recounted; at once, or when their pause is over."""
    if not hours:
        return
    counted = RollUp.objects.filter(
        system__in={system_id for system_id, _ in hours},
        starts_at__in={starts_at for _, starts_at in hours},
        grain=RollUp.Grain.HOUR,
        dimension=RollUp.Dimension.ALL,
    ).values_list("system_id", "starts_at", "counted_at", "decisions")
    due_at = {
        (system_id, starts_at): counted_at + (BUSY_PAUSE if decisions >= BUSY else PAUSE)
        for system_id, starts_at, counted_at, decisions in counted
    }
    # In one order, so that two writers do not wait for each other.
    ordered = sorted(hours, key=lambda hour: (hour[0].hex, hour[1]))
    _upsert_due([(system, starts, max(now, due_at.get((system, starts), now))) for system, starts in ordered])


def _upsert_due(rows: Sequence[tuple[uuid.UUID, datetime, datetime]]) -> None:
    """Written as SQL because a row that a recount is just taking back must be waited for, and then made anew: create and
    update in two statements would lose the note."""
    system_field = RollUpDue._meta.get_field("system")
    adapt = connection.ops.adapt_datetimefield_value
    values = ", ".join(["(%s, %s, 1, %s)"] * len(rows))
    parameters: list[Any] = []
    for system_id, starts_at, due_at in rows:
        parameters += [system_field.get_db_prep_value(system_id, connection), adapt(starts_at), adapt(due_at)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO operations_rollupdue (system_id, starts_at, stamp, due_at) VALUES {values}"  # noqa: S608
            " ON CONFLICT (system_id, starts_at) DO UPDATE SET stamp = operations_rollupdue.stamp + 1",
            parameters,
        )


def recount_due(*, limit: int = 200, now: datetime | None = None) -> int:
    """Recount the hours that are due, longest due first; returns how many were replaced. May run twice, late or never. What
    can't be counted is put off, so that it goes behind whatever else is due."""
    instant = now or database_now()
    due = RollUpDue.objects.filter(due_at__lte=instant).order_by("due_at", "id")[:limit]
    days = groupby(sorted(due, key=_day_of), key=_day_of)
    groups = [list(hours) for _, hours in days]
    done = 0

    def work(hours: list[RollUpDue]) -> bool:
        nonlocal done
        try:
            replaced = recount_day(due=hours)
        except Exception:
            keys = [one.pk for one in hours]
            RollUpDue.objects.filter(pk__in=keys, due_at__lte=instant).update(due_at=instant + BUSY_PAUSE)
            raise
        done += replaced
        return bool(replaced)

    sweep(groups, work)
    return done


def _day_of(due: RollUpDue) -> tuple[str, datetime]:
    return due.system_id.hex, due.starts_at.astimezone(UTC).replace(hour=0)


def recount_day(*, due: Sequence[RollUpDue]) -> int:
    """Count some hours of one system and UTC day anew and replace them and their day; returns how many were replaced.

    The counting is done before the transaction, which on SQLite keeps every writer waiting. An hour whose row is gone was
    counted by somebody who began later; one whose stamp has grown is replaced and stays due.
    """
    starts = [one.starts_at for one in due]
    system_id = due[0].system_id
    counted = count_hours(Stretch(system_id, min(starts), max(starts) + HOUR))
    with transaction.atomic(durable=True):
        _lock(system_id)
        organization_id = AISystem.objects.values_list("organization_id", flat=True).filter(pk=system_id).first()
        standing = set(RollUpDue.objects.filter(pk__in=[one.pk for one in due]).values_list("pk", flat=True))
        current = [one for one in due if one.pk in standing]
        if organization_id is None or not current:
            return 0
        now = database_now()
        replacing = _Replacing(organization_id, system_id, now)
        replacing.replace(RollUp.Grain.HOUR, {one.starts_at: counted.get(one.starts_at, {}) for one in current})
        day = _day_of(due[0])[1]
        replacing.replace(RollUp.Grain.DAY, {day: _sum_of_hours(system_id, day)})
        for one in current:
            if not RollUpDue.objects.filter(pk=one.pk, stamp=one.stamp).delete()[0]:
                busy = sum(
                    cell.counts["decisions"] for place, cell in counted.get(one.starts_at, {}).items() if place[0] == ""
                )
                RollUpDue.objects.filter(pk=one.pk).update(due_at=now + (BUSY_PAUSE if busy >= BUSY else PAUSE))
    return len(current)


def _lock(system_id: uuid.UUID) -> None:
    """One at a time replaces rows of a system, or the sum of a day would miss what another has not committed yet."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_KEY, str(system_id)])


@dataclass(frozen=True, slots=True)
class _Replacing:
    organization_id: uuid.UUID
    system_id: uuid.UUID
    now: datetime

    def replace(self, grain: str, stretches: dict[datetime, Cells]) -> None:
        RollUp.objects.filter(system_id=self.system_id, grain=grain, starts_at__in=list(stretches)).delete()
        RollUp.objects.bulk_create(
            [
                RollUp(
                    organization_id=self.organization_id,
                    system_id=self.system_id,
                    grain=grain,
                    starts_at=starts_at,
                    dimension=dimension,
                    value=value,
                    counted_at=self.now,
                    **cell.columns(),
                )
                for starts_at, cells in stretches.items()
                for (dimension, value), cell in cells.items()
            ],
            batch_size=500,
        )


def _sum_of_hours(system_id: uuid.UUID, day: datetime) -> Cells:
    rows = RollUp.objects.filter(
        system_id=system_id, grain=RollUp.Grain.HOUR, starts_at__gte=day, starts_at__lt=day + DAY
    ).order_by()
    counts = [name for name in COLUMNS if name not in FLOATS]
    cells: Cells = defaultdict(Cell)
    for dimension, value, buckets, *numbers in rows.values_list(
        "dimension", "value", "latency_buckets", *counts, *FLOATS
    ):
        cell = cells[dimension, value]
        for name, count in zip(counts, numbers, strict=False):
            cell.counts[name] += count
        for name, part in zip(FLOATS, numbers[len(counts) :], strict=True):
            cell.parts[name].append(part)
        for bucket, count in buckets.items():
            cell.buckets[int(bucket)] += count
    return cells


def rebuild(*, system: AISystem, since: datetime | None = None, until: datetime | None = None) -> int:
    """Recount every hour of the system between two instants (by default all that it has); returns how many hours. The
    hours are noted as due first, so that a recount that runs at the same time does no harm."""
    return sum(_rebuild_day(system, hours) for hours in _days(system, since, until))


def _rebuild_day(system: AISystem, hours: list[datetime]) -> int:
    now = database_now()
    with transaction.atomic(durable=True):
        _upsert_due([(system.pk, hour, now) for hour in hours])
    due = list(RollUpDue.objects.filter(system=system, starts_at__in=hours).order_by("starts_at"))
    return recount_day(due=due) if due else 0


def _days(system: AISystem, since: datetime | None, until: datetime | None) -> Iterator[list[datetime]]:
    """The hours between two instants, day by day; without them, from the first decision or roll-up to the last."""
    first, last = find_extent(system)
    begin, end = since or first, until or (last + HOUR if last else None)
    if begin is None or end is None:
        return
    hour = floor_to(begin, "hour")
    hours = []
    while hour < end:
        hours.append(hour)
        hour += HOUR
        if hour.hour == 0:
            yield hours
            hours = []
    if hours:
        yield hours


def find_extent(system: AISystem) -> tuple[datetime | None, datetime | None]:
    """When the system's first and last decision or roll-up is from; None where it has neither."""
    decided = Decision.objects.real().filter(system=system).aggregate(first=Min("created_at"), last=Max("created_at"))
    counted = RollUp.objects.filter(system=system, grain="hour").aggregate(
        first=Min("starts_at"), last=Max("starts_at")
    )
    firsts = [one["first"] for one in (decided, counted) if one["first"]]
    lasts = [one["last"] for one in (decided, counted) if one["last"]]
    return min(firsts, default=None), max(lasts, default=None)


@dataclass(frozen=True, slots=True)
class Difference:
    """A column of a roll-up that is not what a recount says; a row that is missing on a side has 0 there."""

    grain: str
    starts_at: datetime
    dimension: str
    value: str
    column: str
    stored: Any
    counted: Any


def find_differences(*, system: AISystem) -> list[Difference]:
    """Compare all roll-ups of the system with a recount of its decisions; changes nothing. What is due to be recounted
    anyway may differ."""
    found: list[Difference] = []
    for hours in _days(system, None, None):
        day = hours[0].replace(hour=0)
        counted = count_hours(Stretch(system.pk, hours[0], hours[-1] + HOUR))
        whole: Cells = defaultdict(Cell)
        for cells in counted.values():
            for place, cell in cells.items():
                rounded = Cell(
                    cell.counts, {name: [math.fsum(parts)] for name, parts in cell.parts.items()}, cell.buckets
                )
                whole[place].merge(rounded)
        found += _compare(system, RollUp.Grain.HOUR, hours, counted)
        found += _compare(system, RollUp.Grain.DAY, [day], {day: whole} if whole else {})
    return found


def _compare(
    system: AISystem, grain: str, starts: Iterable[datetime], counted: dict[datetime, Cells]
) -> Iterator[Difference]:
    names = [*COLUMNS, "latency_buckets"]
    rows = RollUp.objects.filter(system=system, grain=grain, starts_at__in=starts).values(
        "starts_at", "dimension", "value", *names
    )
    stored = {(row["starts_at"], row["dimension"], row["value"]): row for row in rows}
    fresh = {
        (starts_at, *place): cell.columns() for starts_at, cells in counted.items() for place, cell in cells.items()
    }
    for key in sorted(stored.keys() | fresh.keys()):
        for name in names:
            empty: Any = {} if name == "latency_buckets" else 0
            was = stored.get(key, {}).get(name, empty)
            now = fresh.get(key, {}).get(name, empty)
            if was != now:
                starts_at, dimension, value = key
                yield Difference(grain, starts_at, dimension, value, name, was, now)
