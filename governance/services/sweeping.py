"""Sweeps over rows: one row that can't be worked on must not keep the others waiting for ever."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

logger = logging.getLogger(__name__)

Row = TypeVar("Row")


class SweepIncomplete(Exception):
    """Some rows failed; all others were worked on. The first failure is the cause."""


def sweep(rows: Iterable[Row], work: Callable[[Row], bool]) -> int:
    """Work on each row and count those on which there was something to do. A row that fails is logged and passed over;
    raises SweepIncomplete at the end, so that whoever watches the worker sees it."""
    done = 0
    failures: list[tuple[Row, Exception]] = []
    for row in rows:
        try:
            done += bool(work(row))
        except Exception as failure:
            logger.exception("A sweep could not work on %r", row)
            failures.append((row, failure))
    if failures:
        raise SweepIncomplete(f"{len(failures)} rows failed; the first: {failures[0][0]!r}") from failures[0][1]
    return done
