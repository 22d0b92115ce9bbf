"""`kill -9` of web, worker, scheduler or broker at random moments under load: nothing that was answered is lost,
nothing that was learned is lost or doubled, and the audit log verifies.

COUNTERSIGN_KILLS sets how many in all (default 200); half of them hit the embedded default, half PostgreSQL and Redis.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.aiops_site.running import RunningService
from tests.faults.traffic import POLICY, TERMINAL, Ledger, Traffic
from tests.support.servers import RedisServer, ServerMissing, is_required

KILLS = int(os.environ.get("COUNTERSIGN_KILLS", "200"))
SETTLES_WITHIN_S = 120.0
# Read by `manage.py shell`: what the database says in the end.
INVENTORY = """
import json
from evaluations.models import ExampleSource
from reviews.models import Correction, Decision, Escalation, Review
print("inventory", json.dumps({
    "statuses": {str(pk): status for pk, status in Decision.objects.values_list("pk", "status")},
    "keys": Decision.objects.values("idempotency_key").distinct().count(),
    "held": Escalation.objects.filter(status="ruled").count(),
    "unharvested": Correction.objects.filter(harvested_at__isnull=True).count(),
    "released": [str(pk) for pk in Review.objects.filter(
        escalation__status="closed", escalation__closure="ruled", escalation__ruling__pk=models.F("pk")
    ).values_list("pk", flat=True)],
    "taken_back": [str(pk) for pk in Review.objects.filter(verdict="undo").values_list("supersedes", flat=True)],
    "sources": [str(pk) for pk in ExampleSource.objects.values_list("review_id", flat=True)],
}))
"""


@pytest.mark.slow
def test_nothing_answered_or_learned_is_lost_on_the_embedded_default(tmp_path: Path) -> None:
    with RunningService(tmp_path) as service:
        kill_and_check(service, kills=KILLS // 2, seed=1)


@pytest.mark.slow
def test_nothing_answered_or_learned_is_lost_on_postgresql_and_redis(tmp_path: Path, postgres_url: str) -> None:
    try:
        broker = RedisServer().__enter__()
    except ServerMissing as reason:
        if is_required():
            raise
        pytest.skip(str(reason))

    def restart_broker() -> None:
        assert broker.server is not None
        broker.server.kill()
        broker.server.wait()
        time.sleep(0.3)
        broker.__enter__()

    environment = {"DATABASE_URL": postgres_url, "REDIS_URL": broker.url}
    try:
        with RunningService(tmp_path, "--workers", "2", "--migrate", environment=environment) as service:
            kill_and_check(service, kills=KILLS - KILLS // 2, seed=2, restart_broker=restart_broker)
    finally:
        broker.stop()


def kill_and_check(
    service: RunningService, *, kills: int, seed: int, restart_broker: Callable[[], None] | None = None
) -> None:
    service.wait_until_ready()
    traffic = Traffic(url=service.url, seed=seed, **set_up(service))
    traffic.start()
    chance = random.Random(seed)
    victims = ["web", "web", "worker", "scheduler", *(["broker"] if restart_broker else [])]
    done = 0
    while done < kills:
        time.sleep(chance.uniform(0.1, 2.5))
        victim = chance.choice(victims)
        if victim == "web" and chance.random() < 0.9:
            # Most of the time in the middle of work, now and then while it starts.
            await_answer(service)
            time.sleep(chance.uniform(0.2, 2.0))
        if victim == "broker":
            assert restart_broker is not None
            restart_broker()
            done += 1
        elif pids := service.pids(victim):
            os.kill(chance.choice(pids), signal.SIGKILL)
            done += 1
    time.sleep(5)
    traffic.stop()
    check(service, traffic.ledger)


def await_answer(service: RunningService) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            httpx.get(f"{service.url}/healthz", timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the web server did not come back")


def set_up(service: RunningService, *, reviewers: int = 2) -> dict[str, Any]:
    """An organization with a system, its rules, a key and its reviewers."""
    policy = service.folder / "policy.yaml"
    policy.write_text(POLICY)
    add = ["create_user", "--organization", "kills", "--role"]
    service.manage(*add, "owner", "--email", "owner@example.org")
    people = [f"reviewer-{number}@example.org" for number in range(reviewers)]
    for reviewer in people:
        service.manage(*add, "reviewer", "--email", reviewer)
    facts = ["--owner", "owner@example.org", "--backup", people[0], "--purpose", "to be killed"]
    # Every approval teaches, too: nothing is left to a draw.
    facts += ["--fallback-message", "A colleague looks after you.", "--approvals-taught", "100"]
    service.manage("create_system", "--organization", "kills", "--slug", "pay", *facts)
    service.manage("load_policy", "--system", "kills/pay", "--file", str(policy), "--activate")
    key = service.manage("create_api_key", "--system", "kills/pay", "--name", "kills")["key"]
    make_token = ["create_token", "--organization", "kills", "--name", "kills", "--user"]
    return {"key": key, "tokens": [service.manage(*make_token, reviewer)["token"] for reviewer in people]}


def check(service: RunningService, ledger: Ledger) -> None:
    service.wait_until_ready()
    found = settle(service)
    assert not ledger.faults, ledger.faults[:20]
    assert len(ledger.decisions) > 20, "there was no load"
    assert len(ledger.rulings) > 5, "nobody ruled"

    lost = [decision_id for decision_id in ledger.decisions if decision_id not in found["statuses"]]
    assert not lost, f"{len(lost)} answered decisions are gone: {lost[:5]}"
    moved = {
        decision_id: (answered, found["statuses"][decision_id])
        for decision_id, answered in ledger.decisions.items()
        if answered in TERMINAL and found["statuses"][decision_id] != answered
    }
    assert not moved, f"answers that are no longer true: {moved}"
    assert found["keys"] == len(found["statuses"]), "one question became two decisions"

    sources = found["sources"]
    assert len(sources) == len(set(sources)), "a correction was doubled"
    assert set(sources) == set(found["released"]), "a correction was lost, or learned without a ruling"
    cancelled = {decision_id for decision_id, status in found["statuses"].items() if status == "cancelled"}
    answered = {
        review_id
        for review_id, (decision_id, verdict) in ledger.rulings.items()
        if verdict in {"correct", "reject", "answer"}
        and decision_id not in cancelled
        and review_id not in found["taken_back"]
    }
    assert answered <= set(sources), "a ruling that was answered taught nothing"

    verified = service.run("audit_verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert httpx.get(f"{service.url}/readyz").status_code == 200


def settle(service: RunningService) -> dict[str, Any]:
    """The inventory, once every held ruling is released and every correction harvested."""
    give_up = time.monotonic() + SETTLES_WITHIN_S
    while True:
        shell = service.run("shell", "-c", f"from django.db import models{INVENTORY}")
        assert shell.returncode == 0, shell.stderr
        line = next(line for line in shell.stdout.splitlines() if line.startswith("inventory "))
        found: dict[str, Any] = json.loads(line.removeprefix("inventory "))
        if not found["held"] and not found["unharvested"]:
            return found
        assert time.monotonic() < give_up, f"{found['held']} held rulings, {found['unharvested']} unharvested"
        time.sleep(2)
