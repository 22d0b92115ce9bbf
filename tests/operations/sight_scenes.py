"""Monitors with a past: sealed, alarmed, re-armed, set and switched at stated instants, each with its entry in the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from governance.actors import SYSTEM
from governance.models import AISystem
from governance.services.recording import record
from operations.models import Alarm, Incident, Monitor, RollUp
from operations.monitor_kinds import KINDS, Finding
from operations.observations import Inputs
from operations.report_document import build_report_document
from operations.services.alarming import end_alarm_step, raise_alarm_step
from operations.services.baselines import rearm_step, record_sealed_step, relearn_step
from tests.operations.figure_scenes import make_roll_up
from tests.operations.report_scenes import MONTH

DAY_S = 86_400
MADE = datetime(2026, 7, 1, tzinfo=UTC)
AUGUST = datetime(2026, 8, 5, tzinfo=UTC)
LEARNED: dict[str, dict[str, Any]] = {
    "silence": {"values": [60.0 + number % 90 for number in range(300)], "longest": 7_200.0},
    "volume": {"hours": list(range(48)), "values": [10 + number % 3 for number in range(48)]},
    "escalation_rate": {"n": 300, "events": 42},
    "override_rate": {"n": 400, "events": 100},
    "corrections": {"n": 400, "events": 20},
    "sampled_errors": {"n": 200, "events": 20},
    "action_mix": {"counts": {"refund": 200, "reply": 100}},
    "confidence": {"values": [0.5 + (number % 40) / 100 for number in range(300)]},
    "model": {"counts": {"acme/small": 300}},
    "release": {"counts": {"2026.9": 300}},
    "latency": {"values": [5.0 + (number % 17) / 10 for number in range(300)]},
    "cost": {"values": [8.0 + (number % 13) / 10 for number in range(300)]},
    "failed_outcomes": {"n": 200, "events": 10, "segments": {}},
    "missing_outcomes": {"runs": {"": [0, 200, 150, 4]}},
}


def september(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 9, day, hour, minute, tzinfo=UTC)


def october(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


def make_hour(system: AISystem, at: datetime, **fields: int) -> None:
    """An hour's roll-up; nothing but what is stated happened in it."""
    RollUp.objects.create(
        organization_id=system.organization_id, system=system, grain="hour", starts_at=at, counted_at=at, **fields
    )


def make_hours(system: AISystem) -> None:
    """To each day without hours all that it counts, at noon."""
    for day in RollUp.objects.filter(system=system, grain="day", dimension=""):
        day.pk, day.grain, day.starts_at = None, "hour", day.starts_at.replace(hour=12)
        day.save(force_insert=True)


def make_learning(system: AISystem, kind: str, **fields: Any) -> Monitor:
    made: Monitor = Monitor.objects.create(
        organization_id=system.organization_id,
        system=system,
        kind=kind,
        **{"created_at": MADE, "changed_at": MADE, **fields},
    )
    return made


def make_sealed(system: AISystem, kind: str, at: datetime = AUGUST, **fields: Any) -> Monitor:
    monitor = make_learning(system, kind, **fields)
    seal(monitor, at)
    return monitor


def seal(monitor: Monitor, at: datetime, **learned: Any) -> None:
    """As the reader does when a monitor has learned enough, or was taught by a false alarm."""
    kind = KINDS[monitor.kind]
    settings = {**kind.defaults(), **monitor.settings}
    baseline = kind.design({**LEARNED[monitor.kind], **learned}, settings, Inputs())
    assert isinstance(baseline, dict)
    monitor.baseline, monitor.stated = baseline, kind.state_promise(kind.prepare(baseline, settings), settings)
    monitor.status, monitor.baseline_sealed_at = Monitor.Status.WATCHING, monitor.baseline_sealed_at or at
    monitor.save()
    with transaction.atomic():
        record_sealed_step(monitor, count=300, now=at)


def raise_alarm(monitor: Monitor, at: datetime) -> Alarm:
    Monitor.objects.filter(pk=monitor.pk).update(status=Monitor.Status.ALARMED)
    finding = Finding(title="It doubled", summary="It doubled.", since=at, delay=1)
    index = Alarm.objects.filter(monitor=monitor).count()
    with transaction.atomic():
        return raise_alarm_step(monitor=monitor, finding=finding, detected_at=at, detected_index=index, now=at)


def end_alarm(monitor: Monitor, at: datetime) -> None:
    Monitor.objects.filter(pk=monitor.pk).update(status=Monitor.Status.WATCHING)
    with transaction.atomic():
        end_alarm_step(monitor=monitor, reason="It does not hold any more.", now=at)


def rearm(monitor: Monitor, at: datetime) -> None:
    with transaction.atomic():
        assert rearm_step([monitor], now=at) == 1


def relearn(monitor: Monitor, at: datetime) -> None:
    monitor.refresh_from_db()
    with transaction.atomic():
        relearn_step(monitor, actor=SYSTEM, reason="It shall stay so.", now=at)
    monitor.refresh_from_db()


def change(monitor: Monitor, at: datetime, **to: Any) -> None:
    """As `change_monitor` does, at an instant of one's own."""
    monitor.refresh_from_db()
    changes = {name: [getattr(monitor, name), value] for name, value in to.items()}
    Monitor.objects.filter(pk=monitor.pk).update(**to)
    with transaction.atomic():
        record(
            organization_id=monitor.organization_id,
            type="monitor.changed",
            actor=SYSTEM,
            subject=f"monitor:{monitor.pk}",
            payload={
                "monitor": str(monitor.pk),
                "kind": monitor.kind,
                "system": str(monitor.system_id),
                "changes": changes,
            },
            occurred_at=at,
        )


def close_incidents(system: AISystem) -> None:
    """So that the next alarm opens one of its own."""
    now = september(30)
    Incident.objects.filter(system=system).update(status="resolved", resolved_at=now, next_step_at=None)


def sight_of(monitor: Monitor) -> dict[str, Any]:
    """What the September report says of a monitor."""
    sight = build_report_document(AISystem.objects.get(pk=monitor.system_id), MONTH)["sight"]
    return next(one for one in sight["monitors"] if one["kind"] == monitor.kind)


def make_rulings(system: AISystem, *, a_day: int = 100) -> None:
    """So many rulings on each day of September, all of them in the hour from ten to eleven."""
    for day in range(1, 31):
        make_roll_up(
            system,
            starts_at=september(day, 10),
            decisions=a_day,
            allowed=0,
            asked=a_day,
            ruled=a_day,
            overridden=a_day // 4,
        )
