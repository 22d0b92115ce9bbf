"""The waiting room: whoever waits for a decision costs a future, not a thread and not a database connection.

One thread with one connection asks, for everybody who waits in this process, which of their decisions have ended.
Nothing is asked while nobody waits; while the database is away, it is asked less often.
"""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.utils import timezone

from reviews.models import Decision, Escalation

logger = logging.getLogger("countersign.waiting")

# The room spends at most this share of its time asking, however many wait and however slow the database is.
BUSY_SHARE = 0.25
LONGEST_PAUSE_S = 5.0
# How long the connection is kept after the last one left.
IDLE_S = 30.0

Ask = Callable[[Collection[uuid.UUID]], set[uuid.UUID]]


def find_ended(decision_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these decisions are terminal. A held ruling whose undo window is over is released first: whoever waits
    does not wait for the sweep."""
    from reviews.services.resolution import release_due_rulings

    due = Escalation.objects.filter(
        _is_among("decision_id", decision_ids), status=Escalation.Status.RULED, release_at__lte=timezone.now()
    )
    if due_ids := list(due.order_by().values_list("decision_id", flat=True)):
        release_due_rulings(decision_ids=due_ids)
    over = Decision.objects.filter(_is_among("id", decision_ids)).exclude(status=Decision.Status.PENDING)
    return set(over.order_by().values_list("id", flat=True))


def _is_among(column: str, ids: Collection[uuid.UUID]) -> RawSQL:
    """All ids as one parameter: thousands of placeholders take longer to write and parse than to answer, and SQLite
    has a bound on them. SQLite keeps a UUID as its 32 hexadecimal digits."""
    digits = ",".join(f'"{decision_id.hex}"' for decision_id in ids)
    if connection.vendor == "postgresql":
        return RawSQL(f"{column} = ANY(%s::uuid[])", (f"{{{digits}}}",), output_field=BooleanField())
    listed = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608 (the column's name is ours)
    return RawSQL(listed, (f"[{digits}]",), output_field=BooleanField())


class WaitingRoom:
    """Where the waiting requests of one process sit. `wait` belongs to the event loop, everything else to the room's
    own thread, which starts with the first who waits."""

    def __init__(self, *, poll_s: float, ask: Ask = find_ended) -> None:
        self._poll_s = poll_s
        self._ask = ask
        self._lock = threading.Condition()
        self._waiters: dict[uuid.UUID, set[asyncio.Future[bool]]] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False

    async def wait(self, decision_id: uuid.UUID, seconds: float) -> bool:
        """True as soon as the decision has ended; False after `seconds`, or when the server stops."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        if not self._admit(decision_id, turn):
            return False
        alarm = loop.call_later(seconds, settle, turn, False)
        try:
            return await turn
        finally:
            alarm.cancel()
            self._dismiss(decision_id, turn)

    def close(self) -> None:
        """Everybody is sent away with False, and the thread ends."""
        with self._lock:
            self._is_closed = True
            turns = [turn for turns in self._waiters.values() for turn in turns]
            self._lock.notify_all()
        announce(turns, False)

    @property
    def occupancy(self) -> int:
        """How many wait now."""
        with self._lock:
            return sum(map(len, self._waiters.values()))

    def _admit(self, decision_id: uuid.UUID, turn: "asyncio.Future[bool]") -> bool:
        with self._lock:
            if self._is_closed:
                return False
            self._waiters.setdefault(decision_id, set()).add(turn)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="waiting-room", daemon=True)
                self._thread.start()
            self._lock.notify_all()
            return True

    def _dismiss(self, decision_id: uuid.UUID, turn: "asyncio.Future[bool]") -> None:
        with self._lock:
            turns = self._waiters.get(decision_id)
            if turns is not None:
                turns.discard(turn)
                if not turns:
                    del self._waiters[decision_id]

    def _watch(self) -> None:
        pause = self._poll_s
        while (asked := self._next_question()) is not None:
            started_at = time.monotonic()
            try:
                ended = self._ask(asked)
            except Exception as failure:  # noqa: BLE001 (whoever waits is answered in the end, whatever it was)
                pause = min(max(pause, self._poll_s) * 2, LONGEST_PAUSE_S)
                logger.warning(
                    "the waiting room could not ask, next try in %.1f s: %s",
                    pause,
                    failure,
                )
                drop_connection()
            else:
                took = time.monotonic() - started_at
                pause = min(max(self._poll_s, took / BUSY_SHARE - took), LONGEST_PAUSE_S)
                with self._lock:
                    turns = [turn for decision_id in ended for turn in self._waiters.get(decision_id, ())]
                announce(turns, True)
            self._pause(pause)
        drop_connection()

    def _next_question(self) -> list[uuid.UUID] | None:
        """The ids that somebody waits for, as soon as there are any; None when the room closes."""
        with self._lock:
            while not self._waiters and not self._is_closed:
                if not self._lock.wait(IDLE_S):
                    self._lock.release()
                    try:
                        drop_connection()
                    finally:
                        self._lock.acquire()
                    if not self._waiters and not self._is_closed:
                        self._lock.wait()
            return None if self._is_closed else list(self._waiters)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._lock:
            while not self._is_closed and (left := until - time.monotonic()) > 0:
                self._lock.wait(left)


def announce(turns: list["asyncio.Future[bool]"], has_ended: bool) -> None:
    """Tell futures of (usually one) event loop, from another thread, with one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}
    for turn in turns:
        by_loop.setdefault(turn.get_loop(), []).append(turn)
    for loop, its_turns in by_loop.items():
        try:
            loop.call_soon_threadsafe(settle_all, its_turns, has_ended)
        except RuntimeError:
            continue  # that loop has ended, and with it whoever waited in it


def settle_all(turns: list["asyncio.Future[bool]"], has_ended: bool) -> None:
    for turn in turns:
        settle(turn, has_ended)


def settle(turn: "asyncio.Future[bool]", has_ended: bool) -> None:
    if not turn.done():
        turn.set_result(has_ended)


def drop_connection() -> None:
    """Give the thread's connection back; a broken one may refuse even that."""
    try:
        connection.close()
    except (DatabaseError, InterfaceError):
        connection.connection = None
