"""A part that hears nothing any more ends; one that waits for its broker, or for its work, does not."""

import subprocess
import sys
from pathlib import Path

import pytest
from kombu import Connection
from redis.exceptions import ResponseError

from aiops_site import parts
from aiops_site.watchdog import GAVE_UP, Watchdog
from tests.aiops_site.running import ROOT, RunningService
from tests.aiops_site.test_mailbox import connect
from tests.support.servers import free_port

# What celery/celery#8030 describes: connected, ready, and subscribed to nothing.
DEAF = """
from celery import bootsteps
from aiops_site import parts
from aiops_site.celery import app

class Deaf(bootsteps.StartStopStep):
    requires = {"celery.worker.consumer.tasks:Tasks"}

    def start(self, consumer):
        consumer.task_consumer.cancel()

app.steps["consumer"].add(Deaf)
parts.run_worker(1, patience_s=1)
"""
MUTE = """
from celery import beat
from aiops_site import parts

beat.Scheduler.is_due = lambda *_: (False, 60.0)
parts.run_scheduler(patience_s=1)
"""


class Watched:
    """A watchdog whose time and broker are the test's."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_broker_there = True
        self.gave_up: list[int] = []
        self.watchdog = Watchdog(
            part="worker",
            is_broker_there=lambda: self.is_broker_there,
            patience_s=60,
            patience_at_work_s=900,
            give_up=self.gave_up.append,
            clock=lambda: self.now,
        )

    def look_at(self, now: float) -> list[int]:
        self.now = now
        self.watchdog.look()
        return self.gave_up


def test_a_part_in_which_nothing_moves_ends_with_a_code_that_says_try_again() -> None:
    watched = Watched()
    assert watched.look_at(59.9) == []
    assert watched.look_at(60) == [75]


def test_what_moves_stays() -> None:
    watched = Watched()
    for now in range(0, 600, 50):
        watched.now = now
        watched.watchdog.moved(sender="a signal")
        assert watched.look_at(now + 49) == []


def test_a_task_may_take_its_time_but_not_for_ever() -> None:
    watched = Watched()
    watched.watchdog.began()
    watched.watchdog.began()
    watched.watchdog.ended()
    assert watched.look_at(899) == []
    assert watched.look_at(900) == [GAVE_UP]


def test_after_its_work_a_part_is_idle_again() -> None:
    watched = Watched()
    watched.watchdog.began()
    watched.now = 500
    watched.watchdog.ended()
    assert watched.look_at(559) == []
    assert watched.look_at(560) == [GAVE_UP]


def test_an_absent_broker_is_waited_for_and_the_time_counts_from_its_return() -> None:
    watched = Watched()
    watched.is_broker_there = False
    for now in range(0, 176, 5):
        assert watched.look_at(now) == []
    watched.is_broker_there = True
    for now in range(180, 240, 5):
        assert watched.look_at(now) == []
    assert watched.look_at(240) == [GAVE_UP]


def test_a_look_that_fails_is_not_the_last() -> None:
    watched = Watched()

    def fail() -> bool:
        raise ValueError("no such broker")

    watched.watchdog._is_broker_there = fail
    assert watched.look_at(60) == []
    watched.watchdog._is_broker_there = lambda: True
    assert watched.look_at(65) == [GAVE_UP]


def test_what_moved_while_the_broker_was_asked_stays() -> None:
    watched = Watched()

    def answer() -> bool:
        watched.watchdog.moved()
        return True

    watched.watchdog._is_broker_there = answer
    assert watched.look_at(60) == []


def test_a_broker_is_there_where_a_connection_opens(tmp_path: Path) -> None:
    assert parts.does_open(connect(tmp_path))
    assert not parts.does_open(Connection(f"redis://127.0.0.1:{free_port()}/0"))


def test_a_redis_that_refuses_a_sign_of_life_is_not_there(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResponseError(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."
        )

    monkeypatch.setattr("redis.client.Redis.ping", refuse)
    assert not parts.does_open(Connection(redis_url))


def test_redis_is_there_while_it_answers(redis_url: str) -> None:
    assert parts.does_open(Connection(redis_url))


def end_of(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    service = RunningService(folder, environment=environment)
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=service.environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(("script", "part"), [(DEAF, "worker"), (MUTE, "scheduler")])
def test_a_deaf_worker_and_a_mute_scheduler_end(script: str, part: str, tmp_path: Path) -> None:
    ended = end_of(script, tmp_path)
    assert ended.returncode == GAVE_UP, ended.stderr
    assert f"Nothing has moved in the {part}" in ended.stderr


def test_a_worker_that_is_deaf_to_redis_ends(redis_url: str, tmp_path: Path) -> None:
    assert end_of(DEAF, tmp_path, REDIS_URL=redis_url).returncode == GAVE_UP
