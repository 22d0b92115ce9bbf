"""Monitors across restarts: whoever kills, repeats or doubles their reader, the same log makes the same alarms, once each."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction

from governance.models import AuditEntry, ReaderCursor
from operations.models import Alarm, Incident, Monitor
from operations.services.baselines import READER
from operations.services.monitoring import watch
from tests.operations.streams import Character, Stream
from tests.support.races import race

KILLS = int(os.environ.get("COUNTERSIGN_KILLS", "200")) // 8


def write_log() -> list[Stream]:
    """Two systems whose entries alternate; one changes in many ways, the other in one."""
    streams = [Stream(seed=1), Stream(seed=2, character=Character(asks=0.3, overrides=0.2))]
    for _ in range(8):
        for stream in streams:
            stream.run(100)
    first, second = streams
    first.run(700, fails=0.3, latency_ms=2_500.0, words=("rechnung", "bitte", "danke", "paket", "verloren"))
    second.run(500, asks=0.75)
    first.run(700, asks=0.5, model="acme/two", cost_micros=4_000.0, overrides=0.7, reports=0.0)
    return streams


def read_all(step: Callable[[], Any] = watch) -> None:
    """Until nothing is left in the log."""
    newest = (
        AuditEntry.objects.filter(leaf_index__isnull=False).order_by("-leaf_index").values_list("leaf_index", flat=True)
    )
    last = newest[0] or 0
    give_up = time.monotonic() + 300
    while (ReaderCursor.objects.filter(reader=READER).values_list("next_index", flat=True).first() or 0) <= last:
        step()
        assert time.monotonic() < give_up, "the reader does not get on"


def told() -> dict[str, Any]:
    """All that the monitors have said, and the state in which they are."""
    alarms = [
        (
            alarm.system_id,
            alarm.monitor.kind,
            alarm.segment,
            alarm.direction,
            alarm.title,
            alarm.summary,
            alarm.since_at,
            alarm.detected_at,
            alarm.detected_index,
            alarm.delay_observations,
            tuple(alarm.evidence),
        )
        for alarm in Alarm.objects.select_related("monitor").order_by("detected_index", "monitor__kind")
    ]
    monitors = {
        (monitor.system_id, monitor.kind): (
            monitor.status,
            monitor.state,
            monitor.baseline,
            monitor.observations,
            monitor.stated,
        )
        for monitor in Monitor.objects.all()
    }
    return {"alarms": alarms, "monitors": monitors}


def forget() -> None:
    with transaction.atomic():
        Alarm.objects.all().delete()
        Incident.objects.all().delete()
        Monitor.objects.all().delete()
        ReaderCursor.objects.filter(reader=READER).delete()


def entries_about_alarms(since: int) -> int:
    return AuditEntry.objects.filter(type="alarm.raised", id__gt=since).count()


def newest_entry() -> int:
    return AuditEntry.objects.order_by("-id").values_list("id", flat=True)[0]


@pytest.mark.django_db(transaction=True)
def test_however_the_log_is_cut_and_whoever_races_the_alarms_are_the_same() -> None:
    write_log()
    read_all()
    undisturbed = told()
    kinds = {kind for _, kind, *_ in undisturbed["alarms"]}
    assert {
        "escalation_rate",
        "failed_outcomes",
        "latency",
        "model",
        "cost",
        "missing_outcomes",
        "input_shift",
    } <= kinds
    chance = random.Random(3)
    for _ in range(2):
        forget()
        before = newest_entry()
        read_all(lambda: _read_somehow(chance))
        assert told() == undisturbed
        assert entries_about_alarms(before) == len(undisturbed["alarms"])


def _read_somehow(chance: random.Random) -> None:
    sizes = [chance.randint(1, 400) for _ in range(2)]
    match chance.randrange(3):
        case 0:
            watch(limit=sizes[0])
        case 1:
            results = race(*[lambda size=size: watch(limit=size) for size in sizes])  # type: ignore[misc]
            assert all(isinstance(result, int) for result in results), results
        case 2:
            _read_and_lose(sizes[0], chance)


class _Lost(Exception):
    """What a crash between the last write and the commit comes to."""


def _read_and_lose(size: int, chance: random.Random) -> None:
    """A reading whose transaction is lost after one of its writes, as a broken connection loses it."""
    left = chance.randint(1, 12)

    def crash(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        result = execute(sql, params, many, context)
        if context["connection"].in_atomic_block and sql.startswith(("UPDATE", "INSERT")):
            left -= 1
            if left == 0:
                raise _Lost
        return result

    with connections["default"].execute_wrapper(crash), contextlib.suppress(_Lost):
        watch(limit=size)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_reader_that_is_killed_again_and_again_neither_misses_nor_repeats_an_alarm() -> None:
    write_log()
    read_all()
    undisturbed = told()
    forget()
    before = newest_entry()
    chance = random.Random(4)
    kills = 0
    while kills < KILLS:
        connections.close_all()
        child = os.fork()
        if child == 0:
            _read_until_killed(chance.randint(1, 60))
        time.sleep(chance.uniform(0.02, 0.8))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
    read_all()
    assert told() == undisturbed
    assert entries_about_alarms(before) == len(undisturbed["alarms"])


def _read_until_killed(size: int) -> None:
    """In the child: read on and on; it never comes back to the tests' code."""
    try:
        while True:
            watch(limit=size)
    finally:
        os._exit(1)
