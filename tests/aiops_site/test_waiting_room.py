"""The waiting room's question, and what it does when the database does not answer it."""

import asyncio
import threading
import time
import uuid
from collections.abc import Collection

import pytest
from django.utils import timezone

from reviews.models import Decision
from reviews.waiting import WaitingRoom, find_ended
from tests.factories import make_decision, make_system


@pytest.mark.django_db
def test_of_many_ids_those_of_ended_decisions_are_found() -> None:
    system = make_system()
    action = {"name": "pay", "arguments": {}}
    waiting = [make_decision(system, action=action).pk for _ in range(3)]
    ended = make_decision(system, action=action).pk
    Decision.objects.filter(pk=ended).update(status="expired", decided_at=timezone.now(), decided_by_kind="timeout")
    strangers = [uuid.uuid4() for _ in range(2000)]
    assert find_ended([*waiting, ended, *strangers]) == {ended}


def test_nothing_is_asked_while_nobody_waits() -> None:
    asked: list[int] = []

    def ask(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        asked.append(len(ids))
        return set(ids)

    room = WaitingRoom(poll_s=0.01, ask=ask)
    time.sleep(0.1)
    assert asked == []
    assert asyncio.run(room.wait(uuid.uuid4(), 5)) is True
    count = len(asked)
    time.sleep(0.1)
    assert len(asked) <= count + 1
    room.close()


def test_a_wait_survives_a_database_that_is_away_for_a_moment() -> None:
    failures = iter([OSError("away"), OSError("still away")])

    def ask(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return set(ids)

    room = WaitingRoom(poll_s=0.01, ask=ask)
    assert asyncio.run(room.wait(uuid.uuid4(), 5)) is True
    room.close()


def test_a_closed_room_sends_everybody_away_and_admits_nobody() -> None:
    room = WaitingRoom(poll_s=0.01, ask=lambda ids: set())

    async def wait_and_close() -> tuple[bool, float]:
        waiting = asyncio.create_task(room.wait(uuid.uuid4(), 30))
        await asyncio.sleep(0.05)
        started_at = time.monotonic()
        threading.Thread(target=room.close).start()
        return await waiting, time.monotonic() - started_at

    has_ended, took = asyncio.run(wait_and_close())
    assert has_ended is False
    assert took < 1
    assert asyncio.run(room.wait(uuid.uuid4(), 30)) is False
    assert room.occupancy == 0
