"""Doing several things at once, for real: threads that start together, each with its own database connection."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections


def race(*contenders: Callable[[], Any]) -> Sequence[Any]:
    """Calls all of them at the same moment and returns, in their order, what each returned or the exception it raised.

    The test needs `django_db(transaction=True)`: the threads see only what is committed.
    """
    results: list[Any] = [None] * len(contenders)
    start = threading.Barrier(len(contenders))

    def run(place: int, contender: Callable[[], Any]) -> None:
        try:
            start.wait(timeout=30)
            results[place] = contender()
        except BaseException as error:  # noqa: BLE001 (handed to the test as a result)
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(contenders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        if thread.is_alive():
            raise TimeoutError("a contender did not end within 120 s")
    return results
