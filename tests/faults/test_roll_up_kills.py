"""`kill -9` of workers, schedulers and web servers while decisions, rulings and outcomes flow: in the end the roll-ups are
what a recount gives, and every decision stands in the ledger of costs once.

COUNTERSIGN_ROLL_UP_KILLS sets how many kills in all (default 50); half of them hit the embedded default, half PostgreSQL and
Redis. Beside the service's own worker another process rolls up all the time.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.aiops_site.running import ROOT, RunningService
from tests.faults.test_kills import await_answer, set_up
from tests.faults.traffic import Traffic
from tests.support.servers import RedisServer, ServerMissing, is_required

KILLS = int(os.environ.get("COUNTERSIGN_ROLL_UP_KILLS", "50"))
SETTLES_WITHIN_S = 180.0
# Read by `manage.py shell`: what is still under way, and what the ledger and the decisions hold.
INVENTORY = """
import json
from django.db.models import Count
from governance.models import AuditEntry, ReaderCursor
from operations.models import CostEntry, RollUp, RollUpDue
from reviews.models import Decision, Escalation
cursor = ReaderCursor.objects.filter(reader="roll-ups").first()
print("inventory", json.dumps({
    "held": Escalation.objects.filter(status="ruled").count(),
    "unsequenced": AuditEntry.objects.filter(leaf_index__isnull=True).count(),
    "unread": AuditEntry.objects.count() - (cursor.next_index if cursor else 0),
    "due": RollUpDue.objects.count(),
    "decisions": Decision.objects.count(),
    "outcomes": Decision.objects.filter(outcomes__isnull=False).distinct().count(),
    "priced": Decision.objects.filter(cost_usd_micros__isnull=False).count(),
    "entries": CostEntry.objects.count(),
    "doubled": CostEntry.objects.values("decision").annotate(n=Count("id")).filter(n__gt=1).count(),
    "counted": sum(RollUp.objects.filter(grain="day", dimension="").values_list("decisions", flat=True)),
    "ruled": sum(RollUp.objects.filter(grain="day", dimension="").values_list("ruled", flat=True)),
}))
"""


class Reporter(Traffic):
    """The kill test's traffic, with costs, tokens, latencies and releases, and outcomes of what was answered."""

    def _ask(self, client: httpx.Client, chance: random.Random) -> None:
        body: dict[str, Any] = {
            "action": {"name": chance.choice(["pay", "refund"]), "arguments": {"amount": chance.randrange(100)}},
            "input": {"case": str(uuid.uuid4())},
            "model": chance.choice(["openai/gpt-4o", "acme/small"]),
            "release": f"r{chance.randrange(3)}",
            "latency_ms": chance.lognormvariate(5, 1),
            "usage": {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 10},
        }
        if chance.random() < 0.5:
            body["cost_usd"] = 0.001
        answer = self._send(
            client, "POST", "/api/v1/decisions", json=body, headers={"Idempotency-Key": str(uuid.uuid4())}
        )
        if answer is None:
            return
        assert answer.status_code in {201, 202}, answer.text
        self.ledger.note_decision(answer.json())
        if answer.json()["status"] == "allowed":
            outcome = {"status": chance.choice(["executed", "failed"]), "resolved": chance.random() < 0.5}
            self._send(client, "POST", f"/api/v1/decisions/{answer.json()['id']}/outcome", json=outcome)
        time.sleep(0.1)


@pytest.mark.slow
def test_roll_ups_are_what_a_recount_gives_on_the_embedded_default(tmp_path: Path) -> None:
    kill_and_compare(RunningService(tmp_path), kills=KILLS // 2, seed=11)


@pytest.mark.slow
def test_roll_ups_are_what_a_recount_gives_on_postgresql_and_redis(tmp_path: Path, postgres_url: str) -> None:
    try:
        broker = RedisServer().__enter__()
    except ServerMissing as reason:
        if is_required():
            raise
        pytest.skip(str(reason))
    environment = {"DATABASE_URL": postgres_url, "REDIS_URL": broker.url}
    try:
        service = RunningService(tmp_path, environment=environment)
        kill_and_compare(service, kills=KILLS - KILLS // 2, seed=12)
    finally:
        broker.stop()


def kill_and_compare(service: RunningService, *, kills: int, seed: int) -> None:
    # Before it starts, so that getting ready does not take the time of a migration too.
    assert service.run("migrate").returncode == 0
    with service:
        kill_under_load(service, kills=kills, seed=seed)
        compare(service)


def kill_under_load(service: RunningService, *, kills: int, seed: int) -> None:
    service.wait_until_ready()
    traffic = Reporter(url=service.url, seed=seed, **set_up(service))
    traffic.start()
    chance = random.Random(seed)
    with second_roller(service) as rollers:
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, 2.0))
            victim = chance.choice(["worker", "worker", "roller", "roller", "scheduler", "web"])
            if victim == "roller":
                rollers.kill()
            elif pids := service.pids(victim):
                os.kill(chance.choice(pids), signal.SIGKILL)
                if victim == "web":
                    await_answer(service)
        traffic.stop()
    assert not traffic.ledger.faults, traffic.ledger.faults[:20]


def compare(service: RunningService) -> None:
    service.wait_until_ready()
    found = settle(service)
    assert found["decisions"] > 20 and found["ruled"] > 3 and found["outcomes"] > 3, f"there was no load: {found}"
    assert found["counted"] == found["decisions"]
    assert found["doubled"] == 0
    # Half of them report a cost; of the others those of gpt-4o have a price that comes with the package.
    assert found["priced"] <= found["entries"] <= found["decisions"]
    checked = service.run("rebuild_roll_ups", "--check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    before = checked.stdout
    rebuilt = service.manage("rebuild_roll_ups")
    assert rebuilt["hours"] >= 1
    assert service.run("rebuild_roll_ups", "--check", "--json").stdout == before


class Roller:
    """A process that rolls up without a pause, beside the service's own worker; killed, it begins anew."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        # Every hour is due at once here, so that a recount is nearly always under way when the kill comes.
        code = (
            "import time, datetime\n"
            "from operations.services.rollups import read_log, recount_due\n"
            "while True:\n"
            "    read_log(limit=7)\n"
            "    recount_due(now=datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC))\n"
            "    time.sleep(0.02)\n"
        )
        with (self.service.folder / "roller.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "shell", "-c", code],
                cwd=ROOT,
                env=self.service.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        self.stop()
        self.process = self._start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def second_roller(service: RunningService) -> Iterator[Roller]:
    roller = Roller(service)
    try:
        yield roller
    finally:
        roller.stop()


def settle(service: RunningService) -> dict[str, Any]:
    """The inventory, once everything is sequenced, read and recounted."""
    give_up = time.monotonic() + SETTLES_WITHIN_S
    while True:
        shell = service.run("shell", "-c", INVENTORY)
        assert shell.returncode == 0, shell.stderr
        line = next(line for line in shell.stdout.splitlines() if line.startswith("inventory "))
        found: dict[str, Any] = json.loads(line.removeprefix("inventory "))
        if not (found["held"] or found["unsequenced"] or found["unread"] or found["due"]):
            return found
        assert time.monotonic() < give_up, f"not settled: {found}"
        time.sleep(2)
