"""Corrections flow exactly once while worker, broker and database are killed at random among them: in the end the dataset
is the set of final corrections, each ruling the source of just one example.

COUNTERSIGN_CORRECTIONS (default 10,000) of them pass; COUNTERSIGN_KILLS (default 200) kills are spread over them at random.
The seconds, kills and counts of a run are written to standard output (`-s`).
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.aiops_site.running import RunningService
from tests.faults.teaching import Teaching, hash_content
from tests.faults.test_kills import set_up
from tests.support.servers import PostgresCluster, RedisServer, ServerMissing, is_required

KILLS = int(os.environ.get("COUNTERSIGN_KILLS", "200"))
CORRECTIONS = int(os.environ.get("COUNTERSIGN_CORRECTIONS", "10000"))
SETTLES_WITHIN_S = 600.0
STALLED_AFTER_S = 300.0
SHORT_LEASE = "from reviews.models import Queue; assert Queue.objects.update(lease_s=30)"
INVENTORY = """
import json
from evaluations.models import Example, ExampleSource
from reviews.models import Correction, Escalation, Review
print("inventory", json.dumps({
    "held": Escalation.objects.filter(status="ruled").count(),
    "waiting": Escalation.objects.exclude(status__in=["ruled", "closed"]).count(),
    "unharvested": Correction.objects.filter(harvested_at__isnull=True).count(),
    "taken_back": [str(pk) for pk in Review.objects.filter(verdict="undo").values_list("supersedes", flat=True)],
    "examples": list(Example.objects.values_list("content_sha256", "status")),
    "sources": [[str(review), content] for review, content in
        ExampleSource.objects.values_list("review_id", "example__content_sha256")],
}))
"""


@pytest.mark.slow
def test_the_dataset_is_the_set_of_final_corrections_whatever_was_killed(tmp_path: Path) -> None:
    try:
        # What it has answered it has to keep when its processes are killed; the machine's cache is not.
        database = PostgresCluster(options={"synchronous_commit": "on"}).__enter__()
        broker = RedisServer().__enter__()
    except ServerMissing as reason:
        if is_required():
            raise
        pytest.skip(str(reason))
    environment = {"DATABASE_URL": database.url, "REDIS_URL": broker.url}
    try:
        with RunningService(tmp_path, "--migrate", environment=environment) as service:
            service.wait_until_ready()
            traffic = Teaching(url=service.url, seed=3, **set_up(service, reviewers=4))
            started = time.monotonic()
            traffic.start()
            await_progress(traffic, lambda: traffic.final > 0)
            # A claim whose answer was lost is free again after half a minute.
            assert service.run("shell", "-c", SHORT_LEASE).returncode == 0
            kills = kill_among(traffic, service, database, broker)
            found = settle(service, traffic)
            took = time.monotonic() - started
            traffic.stop()
            counts = {"lost_answers": traffic.ledger.lost_answers, "outages": traffic.ledger.outages}
            counts |= check(traffic, found)
            sys.stdout.write(f"{json.dumps({'seconds': round(took), 'kills': kills, **counts})}\n")
            verified = service.run("audit_verify", "--json", timeout_s=SETTLES_WITHIN_S)
            assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        broker.stop()
        database.stop()


def kill_among(
    traffic: Teaching, service: RunningService, database: PostgresCluster, broker: RedisServer
) -> dict[str, int]:
    """Kill at moments drawn from all corrections that are to become examples; returns how often what was killed."""
    chance = random.Random(3)
    done: Counter[str] = Counter()
    for moment in sorted(chance.uniform(0, CORRECTIONS) for _ in range(KILLS)):
        await_progress(traffic, lambda moment=moment: count_harvested(traffic, database) >= moment)
        time.sleep(chance.uniform(0, 0.5))
        victim = chance.choice(["worker", "broker", "database"])
        if victim == "worker":
            await_progress(traffic, lambda: bool(service.pids("worker")))
            os.kill(chance.choice(service.pids("worker")), signal.SIGKILL)
        elif victim == "broker":
            restart_broker(broker)
        else:
            database.crash()
        done[victim] += 1
    await_progress(traffic, lambda: count_harvested(traffic, database) >= CORRECTIONS)
    traffic.is_enough = True
    return dict(done)


def count_harvested(traffic: Teaching, database: PostgresCluster) -> int:
    import psycopg

    time.sleep(0.2)
    with psycopg.connect(database.url) as connection:
        counted = connection.execute(
            "SELECT count(*) FROM reviews_correction WHERE harvested_at IS NOT NULL"
        ).fetchone()
    traffic.harvested = counted[0] if counted else 0
    return traffic.harvested


def restart_broker(broker: RedisServer) -> None:
    assert broker.server is not None
    broker.server.kill()
    broker.server.wait()
    time.sleep(0.3)
    broker.__enter__()


def await_progress(traffic: Teaching, is_reached: Callable[[], bool]) -> None:
    seen, give_up = (-1, -1), time.monotonic() + STALLED_AFTER_S
    while not is_reached():
        assert not traffic.ledger.faults, traffic.ledger.faults[:20]
        if seen != (now := (traffic.final, traffic.harvested)):
            seen, give_up = now, time.monotonic() + STALLED_AFTER_S
        assert time.monotonic() < give_up, (
            f"nothing moved for {STALLED_AFTER_S} s: {seen[0]} ruled, {seen[1]} harvested"
        )
        time.sleep(0.02)


def settle(service: RunningService, traffic: Teaching) -> dict[str, Any]:
    """The inventory, once every question is ruled on, every ruling released and every correction harvested."""
    give_up = time.monotonic() + SETTLES_WITHIN_S
    while True:
        shell = service.run("shell", "-c", INVENTORY)
        assert shell.returncode == 0, shell.stderr
        line = next(line for line in shell.stdout.splitlines() if line.startswith("inventory "))
        found: dict[str, Any] = json.loads(line.removeprefix("inventory "))
        left = {name: found[name] for name in ("held", "waiting", "unharvested")}
        if not any(left.values()):
            return found
        assert time.monotonic() < give_up, f"still there: {left}"
        time.sleep(1)


def check(traffic: Teaching, found: dict[str, Any]) -> dict[str, int]:
    assert not traffic.ledger.faults, traffic.ledger.faults[:20]
    taken_back = set(found["taken_back"])
    assert traffic.taken_back <= taken_back, "a ruling that was taken back stands"
    assert taken_back <= traffic.taken_back | traffic.unsure, "a ruling was taken back that nobody asked for"
    lessons = {
        review_id: (traffic.inputs[one.decision_id], one.expected)
        for review_id, one in traffic.taught.items()
        if review_id not in taken_back
    }
    answers: dict[str, set[str]] = defaultdict(set)
    for given, expected in lessons.values():
        answers[given].add(expected)
    wanted = {
        hash_content(given, expected): "active" if len(answers[given]) == 1 else "disputed"
        for given, expected in lessons.values()
    }
    assert len(found["sources"]) == len(lessons), "a correction was lost or doubled"
    assert dict(found["sources"]) == {key: hash_content(*lesson) for key, lesson in lessons.items()}
    assert len(found["examples"]) == len(wanted)
    assert dict(found["examples"]) == wanted
    statuses = Counter(wanted.values())
    return {
        "rulings": len(traffic.taught),
        "corrections": len(lessons),
        "taken_back": len(taken_back),
        "examples": len(wanted),
        "disputed": statuses["disputed"],
    }
