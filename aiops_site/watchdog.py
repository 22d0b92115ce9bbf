"""Ends a part of the service in which nothing moves any more, so that its supervisor starts it anew.

A Celery worker can lose its broker, find it again and never take another message, alive and silent (celery/celery#8030);
a task can wait for an answer that never comes. Follow-up work is rows, so a part that ends loses nothing; one that hangs
would keep everybody waiting for as long as nobody looks.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("countersign.watchdog")

# Sweeps are due every second. As long as this nothing comes only where something is broken, or the scheduler is gone, and
# then a worker that starts anew costs nothing.
PATIENCE_S = 60.0
# A task may take its time: the first roll-up of a long history does. None is meant to take as long as this.
PATIENCE_AT_WORK_S = 900.0
# The exit code of who gives up (sysexits.h, EX_TEMPFAIL: try again).
GAVE_UP = 75
LOOKS_EVERY_S = 5.0


class Watchdog:
    """Calls `give_up` once nothing at all has moved for `patience_s`, or where something is being worked on for
    `patience_at_work_s`, while the broker answers. An absent broker is an outage that a new start would not end: then the
    time counts from its return. One task of several that hangs is not noticed as long as others come."""

    def __init__(
        self,
        *,
        part: str,
        is_broker_there: Callable[[], bool],
        patience_s: float = PATIENCE_S,
        patience_at_work_s: float = PATIENCE_AT_WORK_S,
        give_up: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._part = part
        self._is_broker_there = is_broker_there
        self._patience_s = patience_s
        self._patience_at_work_s = patience_at_work_s
        self._give_up = give_up
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = 0
        self._was_broker_away = False
        self._moved_at = clock()

    # Receivers of Celery's signals: what those bring along does not matter here.
    def moved(self, *_: object, **__: object) -> None:
        """Something came or was sent."""
        self._moved_at = self._clock()

    def began(self, *_: object, **__: object) -> None:
        with self._lock:
            self._at_work += 1
        self.moved()

    def ended(self, *_: object, **__: object) -> None:
        with self._lock:
            self._at_work -= 1
        self.moved()

    def look(self) -> None:
        """Give up where it is time to. A look that fails is logged: a part that nobody watches any more would be worse."""
        try:
            self._look()
        except Exception:
            logger.exception("The watchdog of the %s could not look.", self._part)

    def _look(self) -> None:
        if self._was_broker_away:
            self._await_broker()
            return
        seen = self._moved_at
        patience_s = self._patience_at_work_s if self._at_work else self._patience_s
        if self._clock() - seen < patience_s:
            return
        if not self._is_broker_there():
            self._was_broker_away = True
        # It may have moved while the broker was asked.
        elif self._moved_at == seen:
            logger.error(
                "Nothing has moved in the %s for %.0f s, though the broker answers. It ends, to be started anew.",
                self._part,
                self._clock() - seen,
            )
            self._give_up(GAVE_UP)

    def _await_broker(self) -> None:
        """Asked at every look, so that the return is known within seconds."""
        if self._is_broker_there():
            self._was_broker_away = False
            self.moved()

    def start(self) -> None:
        """Look again and again, in a thread that ends with the process."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(min(self._patience_s / 4, LOOKS_EVERY_S))
            self.look()
