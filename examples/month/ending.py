"""The month's end: its report, frozen and signed, and what the whole of it came to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from examples.installation import ROOT, environment
from examples.mail_triage.stage import ORGANIZATION, OWNER, SYSTEM
from examples.month import telling
from examples.month.governor import Governor
from examples.month.inbox import Case
from examples.month.models import SMALL
from examples.month.playing import Playground
from examples.month.plot import Told
from examples.month.watchfulness import when_noticed
from examples.telling import instant, say, title

READ = "I have read this report. From the middle of the month on wanted mails were taken for spam, and people decided everything"
RECOVERED = f"{READ} until a release had passed the gate and the recovery. What is to become better stands among the improvements."
UNRECOVERED = f"{READ} until its end: no release has passed the gate. That comes first next month."


async def sign_month(playground: Playground, governor: Governor, month: date, *, is_recovered: bool) -> dict[str, Any]:
    """On the first day after it, the owner decides what is to become better, has the report frozen, and signs it."""
    title("The first day after the month: the report")
    after = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    morning = datetime(after.year, after.month, after.day, 9, tzinfo=playground.at.tzinfo)
    playground.travel(morning)
    playground.sweep()
    name = f"{month:%Y-%m}"
    await governor.intend(
        month=name,
        title="Ask people about fewer mails that the triage has right",
        metric="escalation_rate",
        expected_value=0.2,
        owner=OWNER.email,
        due_on=(after + timedelta(days=28)).isoformat(),
    )
    playground.pass_time(timedelta(minutes=5))
    playground.sweep()
    frozen = await governor.freeze(name)
    playground.pass_time(timedelta(minutes=20))
    signed = await governor.attest(frozen["id"], RECOVERED if is_recovered else UNRECOVERED)
    playground.sweep()
    say(f"  {telling.moment(instant(signed['attested_at']))}  {OWNER.name} signs the report of {name}.")
    say(f"  Its hash, which stands in the audit log too: {signed['sha256']}")
    return signed


def verify(directory: Path, month: date) -> tuple[bool, str]:
    """Whether the data still give the frozen report byte for byte, as `manage.py report --verify` says it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "report", f"{ORGANIZATION}/{SYSTEM}", f"{month:%Y-%m}", "--verify"],
        cwd=ROOT,
        env=environment(directory),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, (done.stdout or done.stderr).strip()


async def sum_up(told: Told, governor: Governor, cases: Sequence[Case], month: date) -> None:
    """What changed, since when, who was told how soon, and what it cost by model."""
    title("What the month came to")
    costs = await governor.costs(f"{month:%Y-%m}")
    if told.incident is not None and told.hard_from is not None:
        noticed = when_noticed(told.incident)
        say(f"  What changed: {told.incident['title'].rstrip('.')}.")
        say(f"  The first hard mail came {telling.moment(told.hard_from)}; the owner was told")
        say(
            f"    {telling.duration(noticed - told.hard_from)} later, and had taken it {_taken(told.incident, noticed)}."
        )
    if told.closed_at is not None and told.opened_at is not None:
        since, until = telling.moment(told.opened_at), telling.moment(told.closed_at)
        say(f"  The breaker was not closed from {since} until the recovery had passed, {until}.")
    say(
        f"  Cost: models {telling.dollars(costs['models_micros'])}, review {telling.dollars(costs['review_micros'])} "
        f"({costs['review_seconds'] / 3600:.1f} h)."
    )
    say(f"  {costs['resolved']} cases resolved: {telling.dollars(costs['per_resolved_micros'])} each.")
    warned = ", ".join(
        f"{one['threshold']} % on {telling.moment(instant(one['warned_at']))}" for one in costs["warnings"]
    )
    share = costs["share_of_budget"]
    say(
        f"  Of the budget: {share:.0%}. Warned of: {warned or 'nothing'}."
        if share is not None
        else "  No budget was stated."
    )
    tell_models(costs, cases)


def _taken(incident: dict[str, Any], noticed: datetime) -> str:
    taken_at = instant(incident["acknowledged_at"])
    return "already" if taken_at <= noticed else f"{telling.duration(taken_at - noticed)} after that"


def tell_models(costs: dict[str, Any], cases: Sequence[Case]) -> None:
    """Cost per resolved case of each model, and the choice by evidence for each kind of task."""
    for model in sorted({case.model for case in cases}, reverse=True):
        spent = cost_of(costs, model)
        resolved = sum(case.model == model and case.destination is not None for case in cases)
        say(
            f"  The {'small' if model == SMALL else 'large'} model: {telling.dollars(spent / resolved if resolved else None)} "
            f"for each of {resolved} resolved cases, review included."
        )
    for task in costs["tasks"]:
        say(f"  Which model for “{task['action']}”? {task['reason']}")


def cost_of(costs: dict[str, Any], model: str) -> float:
    """All that a model cost in the month, with the review of its decisions, in millionths of a dollar."""
    found = [one for task in costs["tasks"] for one in task["models"] if one["model"] == model]
    return float(sum((one["cost_per_decision_micros"] or 0.0) * one["decisions"] for one in found))
