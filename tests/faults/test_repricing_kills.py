"""`kill -9` of those who price past decisions anew: in the end each decision has one new entry, the repricing's figures are the
ledger's, and the roll-ups are what a recount gives.

Two processes work at the same repricing, a few decisions a step, and each is killed again and again in the middle.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.aiops_site.running import ROOT, RunningService

DECISIONS, KILLS = 1500, 16
# Read by `manage.py shell`, as what follows.
SEED = f"""
from datetime import timedelta
from decimal import Decimal
from django.utils import timezone
from operations.models import CostEntry
from operations.services.costs import Rates, state_price
from operations.services.repricing import request_repricing
from operations.services.rollups import rebuild
from reviews.models import Decision
from tests.factories import make_actor, make_decision, make_system
system = make_system()
owner = make_actor(system.organization, "owner")
now = timezone.now()
made = [make_decision(system, status="allowed", verdict="allow", model="acme/one", input_tokens=1_000_000, output_tokens=0)
        for _ in range({DECISIONS})]
for number, decision in enumerate(made):
    Decision.objects.filter(pk=decision.pk).update(created_at=now - timedelta(minutes=number % 400))
CostEntry.objects.bulk_create(
    CostEntry(organization_id=system.organization_id, system=system, decision=decision, amount_micros=2_000_000,
              source="stated", created_at=now)
    for decision in made)
rebuild(system=system)
state_price(actor=owner, pattern="acme/*", effective_from=(now - timedelta(days=30)).date(),
            rates=Rates(input=Decimal(3), output=Decimal(0)))
request_repricing(actor=owner, system=system, since=now - timedelta(days=1), until=timezone.now(), reason="The contract.")
"""
WORK = """
import time
from operations.models import Repricing
from operations.services.repricing import reprice_step
running = Repricing.objects.get()
print("at work", flush=True)
while Repricing.objects.filter(finished_at__isnull=True).exists():
    reprice_step(repricing_id=running.pk, limit=4)
    time.sleep(0.005)
"""
INVENTORY = """
import json
from django.db.models import Count, Max, Sum
from operations.models import CostEntry, Repricing, RollUp, RollUpDue
from operations.services.rollups import recount_due
from django.utils import timezone
from datetime import timedelta
while RollUpDue.objects.exists():
    recount_due(now=timezone.now() + timedelta(days=1))
repricing = Repricing.objects.get()
per_decision = CostEntry.objects.values("decision").annotate(n=Count("id"), last=Max("sequence"))
print("inventory", json.dumps({
    "ledger": sorted(set(per_decision.values_list("n", "last"))),
    "decisions": per_decision.count(),
    "new": CostEntry.objects.filter(sequence=2).aggregate(sum=Sum("amount_micros"))["sum"],
    "said": [repricing.looked_at, repricing.changed, repricing.difference_micros, repricing.finished_at is not None],
    "rolled_up": RollUp.objects.filter(grain="day", dimension="").aggregate(sum=Sum("cost_micros"))["sum"],
}))
"""


@pytest.mark.slow
def test_repricing_survives_its_kills_on_the_embedded_default(tmp_path: Path) -> None:
    kill_and_compare(RunningService(tmp_path), seed=21)


@pytest.mark.slow
def test_repricing_survives_its_kills_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    kill_and_compare(RunningService(tmp_path, environment={"DATABASE_URL": postgres_url}), seed=22)


def kill_and_compare(installation: RunningService, *, seed: int) -> None:
    assert installation.run("migrate").returncode == 0
    seeded = installation.run("shell", "-c", SEED)
    assert seeded.returncode == 0, seeded.stderr
    chance = random.Random(seed)
    workers = [start(installation), start(installation)]
    killed = 0
    try:
        for _ in range(KILLS):
            number = chance.randrange(2)
            await_work(workers[number])
            time.sleep(chance.uniform(0.0, 0.15))
            killed += workers[number].poll() is None
            end(workers[number])
            workers[number] = start(installation)
        assert killed > KILLS // 2, "there was nothing left to kill: let there be more decisions"
        for worker in workers:
            assert worker.wait(120) == 0
    finally:
        for worker in workers:
            end(worker)
    shell = installation.run("shell", "-c", INVENTORY)
    assert shell.returncode == 0, shell.stderr
    line = next(line for line in shell.stdout.splitlines() if line.startswith("inventory "))
    found: dict[str, Any] = json.loads(line.removeprefix("inventory "))
    dollar = 1_000_000
    assert found == {
        "ledger": [[2, 2]],
        "decisions": DECISIONS,
        "new": DECISIONS * 3 * dollar,
        "said": [DECISIONS, DECISIONS, DECISIONS * dollar, True],
        "rolled_up": DECISIONS * 3 * dollar,
    }
    assert installation.run("rebuild_roll_ups", "--check").returncode == 0


def start(installation: RunningService) -> "subprocess.Popen[str]":
    with (installation.folder / "repricing.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-c", WORK],
            cwd=ROOT,
            env=installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def await_work(worker: "subprocess.Popen[str]") -> None:
    """Until it says that it has begun, or ends."""
    assert worker.stdout is not None
    while (line := worker.stdout.readline()) and line != "at work\n":
        pass


def end(worker: "subprocess.Popen[str]") -> None:
    worker.kill()
    worker.wait()
    if worker.stdout is not None:
        worker.stdout.close()
