"""A month of one system, written as rows: figures day by day, changes, alarms, incidents, costs, lessons, items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction

from evaluations.models import DatasetVersion, EvaluationRun, Release
from governance.actors import SYSTEM
from governance.canonical import canonicalize, sha256_hex
from governance.models import AISystem
from governance.services.recording import record
from operations.models import ImprovementItem, Incident, Monitor, RollUp
from operations.services.baselines import ensure_monitors
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_system
from tests.operations.watch_scenes import make_alarm, make_incident

MONTH = date(2026, 9, 1)
BEFORE = date(2026, 8, 1)
HOSTILE = "<script>alert(1)</script> \u202eevil\u202c \U0001f9e8 {{ 7*7 }}"


@dataclass(frozen=True)
class Scene:
    system: AISystem
    incident: Incident
    item: ImprovementItem
    release: Release


def make_day(
    system: AISystem, day: datetime, *, n: int = 100, dimension: str = "", value: str = "", **fields: Any
) -> None:
    """A day of roll-ups: of `n` decisions a fifth are asked about, and a quarter of those ruled otherwise."""
    asked, sampled = n // 5, n // 10
    RollUp.objects.create(
        **{
            "organization_id": system.organization_id,
            "system": system,
            "grain": "day",
            "starts_at": day,
            "dimension": dimension,
            "value": value,
            "decisions": n,
            "allowed": n - asked,
            "asked": asked,
            "ruled": asked,
            "overridden": asked // 4,
            "judged": sampled,
            "judged_wrong": sampled // 5,
            "review_seconds": asked * 31.7 + 0.1,
            "certain_selected": asked,
            "certain_ruled": asked,
            "certain_errors": asked // 4,
            "sampled_population": n - asked,
            "sampled_selected": sampled,
            "sampled_ruled": sampled,
            "sampled_weight": sampled / 0.3,
            "sampled_weight_errors": (sampled // 5) / 0.3,
            "sampled_spread": sampled * 0.7 / 0.09,
            "sampled_spread_errors": (sampled // 5) * 0.7 / 0.09,
            "outcomes": n // 2,
            "failed": n // 25,
            "resolution_known": n // 2,
            "resolved": n // 3,
            "priced": n,
            "cost_micros": n * 4_217,
            "latency_known": n,
            "latency_buckets": {"60": n // 2, "67": n // 3, "75": n - n // 2 - n // 3},
            "counted_at": day + timedelta(days=1),
            **fields,
        }
    )


def make_month(system: AISystem, month: date, *, n: int = 100, days: int = 28, **fields: Any) -> None:
    for number in range(days):
        day = datetime(month.year, month.month, 1, tzinfo=UTC) + timedelta(days=number)
        make_day(system, day, n=n, **fields)
        make_day(system, day, n=n - 10, dimension="action", value="refund")
        make_day(system, day, n=10, dimension="action", value=HOSTILE)
        make_day(system, day, n=n, dimension="model", value="acme/small")
        make_day(system, day, n=n, dimension="release", value="2026.9")
        for wrong, label in ((6, "tone"), (3, "wrong amount"), (1, HOSTILE)):
            make_day(system, day, n=wrong + 2, dimension="label", value=label, overridden=wrong, judged_wrong=0)
        make_day(system, day, n=50, dimension="label", value="seen by legal", overridden=0, judged_wrong=0)


def set_scene(system: AISystem | None = None) -> Scene:
    """Two months with everything in the second that a report speaks of."""
    system = system or make_system()
    AISystem.objects.filter(pk=system.pk).update(
        created_at=datetime(2026, 7, 1, tzinfo=UTC), purpose="Answers customers' mails."
    )
    system.refresh_from_db()
    make_month(system, BEFORE, n=100)
    make_month(system, MONTH, n=140, failed=3)
    ensure_monitors(system)
    Monitor.objects.filter(system=system).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    release = make_judged_release(system)
    incident = make_incident(
        system,
        title=f"Overrides doubled {HOSTILE}",
        opened_at=datetime(2026, 9, 10, 8, tzinfo=UTC),
        acknowledged_at=datetime(2026, 9, 10, 8, 12, tzinfo=UTC),
        mitigated_at=datetime(2026, 9, 10, 9, tzinfo=UTC),
        resolved_at=datetime(2026, 9, 11, 9, tzinfo=UTC),
        next_step_at=None,
        status="resolved",
        cause=f"The new prompt {HOSTILE}",
    )
    monitor = Monitor.objects.get(system=system, kind="override_rate")
    for number, judgement in enumerate((False, True, None)):
        make_alarm(
            incident,
            monitor,
            title=f"Overrides doubled {number}",
            detected_at=datetime(2026, 9, 10 + number, 7, tzinfo=UTC),
            since_at=datetime(2026, 9, 10 + number, 5, tzinfo=UTC),
            detected_index=number,
            is_false=judgement,
        )
    with transaction.atomic():
        for type, hour in (("breaker.opened", 9), ("breaker.half_opened", 20), ("breaker.closed", 22)):
            record(
                organization_id=system.organization_id,
                type=type,
                actor=SYSTEM,
                subject=f"system:{system.pk}",
                payload={"reason": f"because {HOSTILE}", "state": type},
                occurred_at=datetime(2026, 9, 10, hour, tzinfo=UTC),
            )
    item = make_item(system)
    return Scene(system, incident, item, release)


def make_item(system: AISystem, **fields: Any) -> ImprovementItem:
    return ImprovementItem.objects.create(
        **{
            "organization_id": system.organization_id,
            "system": system,
            "month": BEFORE,
            "title": f"Fewer failed refunds {HOSTILE}",
            "metric": "failure_rate",
            "expected_value": 0.06,
            "owner": system.owner,
            "due_on": date(2026, 9, 20),
            "created_by_label": "Ann",
            "created_at": datetime(2026, 9, 2, tzinfo=UTC),
            **fields,
        }
    )


def make_judged_release(system: AISystem, name: str = "2026.9", verdict: str = "pass") -> Release:
    """A release that was stated, judged and seen in September, on a version that was sealed then."""
    release = Release.objects.create(
        organization_id=system.organization_id,
        system=system,
        name=name,
        reason=f"Answers faster {HOSTILE}",
        stated_by_label="Ann",
        stated_at=datetime(2026, 9, 2, 9, tzinfo=UTC),
        first_seen_at=datetime(2026, 9, 3, tzinfo=UTC),
        created_at=datetime(2026, 9, 2, 9, tzinfo=UTC),
    )
    dataset = make_dataset(system)
    type(dataset).objects.filter(pk=dataset.pk).update(created_at=datetime(2026, 8, 1, tzinfo=UTC))
    for number in range(3):
        make_example(dataset, created_at=datetime(2026, 9, 1 + number, tzinfo=UTC))
    version = DatasetVersion.objects.create(
        organization_id=system.organization_id,
        dataset=dataset,
        number=1,
        root_sha256="ab" * 32,
        examples=3,
        added=3,
        removed=0,
        reason="For the gate",
        sealed_by_label="Ann",
        sealed_at=datetime(2026, 9, 2, 9, 30, tzinfo=UTC),
    )
    evidence = canonicalize(
        {
            "examples": 300,
            "right": 290,
            "baseline_right": 280,
            "difference": 10 / 300,
            "interval": [0.001, 0.066],
            "p_value": 0.0213,
        }
    )
    EvaluationRun.objects.create(
        organization_id=system.organization_id,
        system=system,
        version=version,
        candidate=release,
        status="closed",
        verdict=verdict,
        evidence=evidence,
        evidence_sha256=sha256_hex(evidence),
        created_by_label="Ann",
        created_at=datetime(2026, 9, 2, 10, tzinfo=UTC),
        closed_at=datetime(2026, 9, 2, 11, tzinfo=UTC),
    )
    return release
