"""Waking a task after a commit, by name. The row is the truth and the sweep finds it; a nudge only makes it prompt.

So a nudge may get lost, and must never fail or delay what it follows: it is handed to a thread of its own, which sends it
while the caller goes on, and gives up with one line in the log where the broker is away.
"""

import logging
import threading

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
# A nudge that nobody fetched by then is worthless: the sweep has been there.
EXPIRES_S = 30
IMPATIENT = {"max_retries": 1, "interval_start": 0, "socket_connect_timeout": 2, "socket_timeout": 5}


def nudge(task_name: str) -> None:
    """Wake a task by its name once the open transaction is committed; at once where none is open."""
    transaction.on_commit(lambda: _messenger.ask(task_name))


class _Messenger:
    """One thread a process, started by the first nudge. Nudges that meet before they are sent are one."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def ask(self, task_name: str) -> None:
        with self._change:
            self._wanted.add(task_name)
            # Not alive in the child of a fork either, which takes the names along but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
                self._thread.start()
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._wanted:
                    self._change.wait()
                task_name = self._wanted.pop()
            send(task_name)


def send(task_name: str) -> bool:
    """Send one nudge now; False, with a line in the log, where the broker does not take it at once."""
    try:
        with current_app.connection_for_write() as connection:
            # Celery's own connections wait for a broker without end, even where a task is published without retry.
            connection.transport_options = {**(connection.transport_options or {}), **IMPATIENT}
            current_app.send_task(task_name, connection=connection, expires=EXPIRES_S, retry=False, ignore_result=True)
    except (OperationalError, OSError) as failure:
        log.warning("%s was not nudged; its sweep will find the work: %s", task_name, failure)
        return False
    return True


_messenger = _Messenger()
