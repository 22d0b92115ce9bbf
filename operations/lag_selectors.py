"""How far what is shown and watched is behind the log: a reader that is stuck looks like a system that does nothing.

Figures and monitors come from readers of the audit log (docs/adr/0013). What they have not read yet is nowhere on a page,
so the page says how much that is, and so does /readyz.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import OuterRef, Subquery

from governance.models import AuditEntry, ReaderCursor
from operations.models import RollUpDue
from operations.monitor_kinds import words
from reviews.queue_selectors import CappedCount

# Readers look every other second, and a long reading takes some; beyond a minute something is wrong.
LATE_S: Final = 60.0
# Entries that the sequencer has not placed yet are counted so far.
COUNTED_AT_MOST: Final = 10_000
READERS: Final = {"figures": "roll-ups", "monitors": "monitors"}


@dataclass(frozen=True, slots=True)
class Lag:
    """What a reader has not read: how many entries of the log, and for how many seconds the oldest has been waiting."""

    entries: int = 0
    seconds: float = 0.0

    @property
    def is_late(self) -> bool:
        return self.seconds > LATE_S

    @property
    def words(self) -> str:
        """ "up to date", or "1,204 entries (5 min) behind the log"."""
        if not self.entries and not self.is_late:
            return "up to date"
        return f"{self.entries:,} entr{'y' if self.entries == 1 else 'ies'} ({words.duration(self.seconds)}) behind the log"


@dataclass(frozen=True, slots=True)
class Lags:
    """Of the figures (roll-ups), whose hours have to be counted too after they were read, and of the monitors."""

    figures: Lag
    monitors: Lag

    @property
    def is_late(self) -> bool:
        return self.figures.is_late or self.monitors.is_late


def read_lags(*, now: datetime) -> Lags:
    """One question; a second one where a reader has never run."""
    entries = AuditEntry.objects.order_by()
    placed = entries.filter(leaf_index__isnull=False).order_by("-leaf_index")
    unplaced = entries.filter(leaf_index__isnull=True).order_by("id")
    cursors = ReaderCursor.objects.filter(reader__in=READERS.values()).annotate(
        newest=Subquery(placed.values("leaf_index")[:1]),
        unread_since=Subquery(entries.filter(leaf_index=OuterRef("next_index")).values("occurred_at")[:1]),
        unplaced=CappedCount(unplaced.order_by().values("pk")[:COUNTED_AT_MOST]),
        unplaced_since=Subquery(unplaced.values("occurred_at")[:1]),
        due_at=Subquery(RollUpDue.objects.order_by("due_at").values("due_at")[:1]),
    )
    known = {cursor.reader: _measure(cursor, now) for cursor in cursors}
    unread = Lag() if len(known) == len(READERS) else _measure_unread(now)
    return Lags(**{name: known.get(reader, unread) for name, reader in READERS.items()})


def _measure(cursor: Any, now: datetime) -> Lag:
    entries = max(0, (cursor.newest if cursor.newest is not None else -1) + 1 - cursor.next_index) + cursor.unplaced
    waiting = [at for at in (cursor.unread_since, cursor.unplaced_since) if at is not None]
    if cursor.reader == READERS["figures"] and cursor.due_at is not None:
        waiting.append(cursor.due_at)
    return Lag(entries, max([0.0, *((now - at).total_seconds() for at in waiting)]))


def _measure_unread(now: datetime) -> Lag:
    """Of a reader that has never run: the whole log, counted as far as it is counted."""
    counted = CappedCount(AuditEntry.objects.order_by().values("pk")[:COUNTED_AT_MOST])
    first = AuditEntry.objects.order_by("id").annotate(counted=counted).values_list("occurred_at", "counted").first()
    if first is None:
        return Lag()
    at, entries = first
    return Lag(entries, max(0.0, (now - at).total_seconds()))
