"""What people and sweeps do to monitors: make them, set them, let them learn anew, judge their alarms and re-arm them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F

from governance.actors import SYSTEM, Actor
from governance.errors import Invalid, NotFound
from governance.models import AISystem, ReaderCursor
from governance.permissions import require
from governance.services.fields import read_text
from governance.services.recording import record
from operations.detectors import InsufficientData
from operations.errors import AlarmJudged, MonitorChanged, MonitorIsOff, MonitorNotAlarmed, NothingToLearn
from operations.models import Alarm, Monitor
from operations.monitor_kinds import ALL, KINDS, MonitorKind
from operations.monitor_kinds.standing import StandingKind
from operations.observations import Inputs
from reviews.services.clock import database_now

READER = "monitors"
LONGEST_REASON = 2_000
# What a state says of what people were told.
TOLD = ("episode", "quiet_until")
Status = Monitor.Status


def settings_of(monitor: Monitor) -> dict[str, float]:
    """All settings of a monitor: the defaults of its kind, and what somebody set instead."""
    return {**KINDS[monitor.kind].defaults(), **monitor.settings}


def ensure_monitors(system: AISystem) -> int:
    """A monitor of each kind for the system, where one lacks; how many there are new. May be repeated and raced."""
    having = set(Monitor.objects.filter(system=system).values_list("kind", flat=True))
    lacking = [kind for kind in ALL if kind.kind not in having]
    if not lacking:
        return 0
    now, since = database_now(), _next_index()
    monitors = [_draft(system, kind, since=since, now=now) for kind in lacking]
    Monitor.objects.bulk_create(monitors, ignore_conflicts=True)
    return len(monitors)


def ensure_all_monitors(*, limit: int = 100) -> int:
    """The sweep: monitors for systems that lack some; how many systems it was."""
    counted = AISystem.objects.annotate(monitor_count=Count("monitors"))
    systems = list(counted.filter(monitor_count__lt=len(ALL)).order_by("pk")[:limit])
    for system in systems:
        ensure_monitors(system)
    return len(systems)


def _draft(system: AISystem, kind: MonitorKind, *, since: int, now: datetime) -> Monitor:
    monitor = Monitor(
        organization_id=system.organization_id,
        system=system,
        kind=kind.kind,
        status=Status.LEARNING,
        since_index=since,
        created_at=now,
        changed_at=now,
    )
    if isinstance(kind, StandingKind):
        monitor.status, monitor.baseline, monitor.baseline_sealed_at = Status.WATCHING, {"learned": {}}, now
        monitor.stated = kind.state_promise({}, kind.defaults())
    return monitor


def _next_index() -> int:
    return ReaderCursor.objects.filter(reader=READER).values_list("next_index", flat=True).first() or 0


def change_monitor(
    *,
    actor: Actor,
    monitor_id: uuid.UUID,
    settings: Mapping[str, Any] | None = None,
    is_on: bool | None = None,
    trips_breaker: bool | None = None,
    if_version: int | None = None,
) -> Monitor:
    """Set a monitor; what is None stays. A sealed baseline stays too: its detector is designed anew and begins again.

    Refuses (Invalid, a pointer for each) settings that are unknown, no numbers or out of bounds, and those for which the
    baseline is too small; (MonitorChanged) another version than `if_version`. Needs `monitors.manage`.
    """
    require(actor, "monitors.manage")
    monitor = find_managed(actor, monitor_id)
    if if_version is not None and monitor.version != if_version:
        raise MonitorChanged(state=describe_monitor(monitor))
    changes: dict[str, Any] = {}
    if settings is not None:
        changes["settings"] = read_settings(KINDS[monitor.kind], settings)
        changes |= _redesign(monitor, changes["settings"])
    if trips_breaker is not None:
        changes["trips_breaker"] = trips_breaker
    if is_on is not None and is_on is (monitor.status == Status.OFF):
        changes |= _switch(monitor, is_on=is_on)
    told = {
        name: [getattr(monitor, name), value]
        for name, value in changes.items()
        if name in {"settings", "trips_breaker", "status"} and getattr(monitor, name) != value
    }
    if not told:
        return monitor
    with transaction.atomic(durable=True):
        now = database_now()
        _set(monitor, changes, now)
        _record(monitor, "monitor.changed", actor, {"changes": told}, now)
    return find_managed(actor, monitor_id)


def read_settings(kind: MonitorKind, settings: Mapping[str, Any]) -> dict[str, float]:
    """The settings that differ from the kind's defaults. Refuses (Invalid) with a pointer for each fault."""
    known = {setting.name: setting for setting in kind.settings}
    chosen, faults = {}, []
    for name, value in settings.items():
        setting = known.get(name)
        if setting is None:
            detail = f"This monitor has no such setting; it has: {', '.join(known)}."
            faults.append({"pointer": f"/settings/{name}", "detail": detail})
            continue
        try:
            read = setting.read(value)
        except ValueError as fault:
            faults.append({"pointer": f"/settings/{name}", "detail": str(fault)})
        else:
            if read != setting.default:
                chosen[name] = read
    if faults:
        raise Invalid("The settings of this monitor do not fit.", errors=faults)
    return chosen


def _redesign(monitor: Monitor, chosen: Mapping[str, float]) -> dict[str, Any]:
    """What follows from other settings for a monitor that has a baseline."""
    if chosen == monitor.settings or monitor.baseline is None:
        return {}
    kind = KINDS[monitor.kind]
    settings = {**kind.defaults(), **chosen}
    baseline = monitor.baseline
    if kind.is_designed_by_settings:
        designed = kind.design(baseline["learned"], settings, Inputs())
        if isinstance(designed, InsufficientData):
            detail = f"The baseline does not carry these settings: {designed.reason}"
            raise Invalid(detail, errors=[{"pointer": "/settings", "detail": detail}])
        baseline = designed
    prepared = kind.prepare(baseline, settings)
    # What was told of and lasts is no news under other settings.
    state = {name: monitor.state[name] for name in TOLD if kind.tells_each and name in monitor.state}
    return {"baseline": baseline, "stated": kind.state_promise(prepared, settings), "state": state}


def _switch(monitor: Monitor, *, is_on: bool) -> dict[str, Any]:
    if not is_on:
        return {"status": Status.OFF}
    status = Status.LEARNING if monitor.baseline is None else Status.WATCHING
    return {"status": status, "state": {}, "since_index": _next_index()}


def seal_baseline(*, actor: Actor, monitor_id: uuid.UUID, reason: str) -> Monitor:
    """Let the monitor learn anew from what follows: what it now sees is how it shall be. Refuses (NothingToLearn) kinds
    without a baseline, (MonitorIsOff) one that is off. Needs `monitors.manage`."""
    require(actor, "monitors.manage")
    chosen = read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)
    monitor = find_managed(actor, monitor_id)
    if isinstance(KINDS[monitor.kind], StandingKind):
        raise NothingToLearn()
    if monitor.status == Status.OFF:
        raise MonitorIsOff(state=describe_monitor(monitor))
    with transaction.atomic(durable=True):
        relearn_step(monitor, actor=actor, reason=chosen, now=database_now())
    return find_managed(actor, monitor_id)


def relearn_step(monitor: Monitor, *, actor: Actor, reason: str, now: datetime) -> None:
    """Within an open transaction: forget baseline and state, and learn from what follows."""
    _set(
        monitor,
        {
            "status": Status.LEARNING,
            "baseline": None,
            "baseline_sealed_at": None,
            "stated": {},
            "state": {},
            "observations": 0,
            "since_index": _next_index(),
        },
        now,
    )
    _record(monitor, "monitor.rearmed", actor, {"does_relearn": True, "reason": reason}, now)


def rearm_step(
    monitors: Iterable[Monitor], *, actor: Actor = SYSTEM, now: datetime | None = None, reason: str = ""
) -> int:
    """Within an open transaction: let monitors that are alarmed watch again, with the baseline they have and a fresh
    detector, quiet for their cooldown; how many it were. Others are left alone."""
    instant = now or database_now()
    since, count = _next_index(), 0
    for monitor in monitors:
        cooldown = settings_of(monitor).get("cooldown_s", 0)
        # An episode that lasts was told of; re-arming the monitor does not make it a new one. What it saw until the alarm, the
        # reader adds to the baseline if the alarm was false.
        alarmed = Monitor.objects.filter(pk=monitor.pk, status=Status.ALARMED)
        while (standing := alarmed.values_list("state", "version").first()) is not None:
            kept, version = standing
            state = {name: kept[name] for name in ("episode", "lesson") if name in kept}
            if cooldown:
                state["quiet_until"] = (instant + timedelta(seconds=cooldown)).isoformat()
            # The clock may have told of another episode meanwhile, which would be forgotten.
            changed = alarmed.filter(version=version).update(
                status=Status.WATCHING,
                state=state,
                since_index=since,
                changed_at=instant,
                version=F("version") + 1,
            )
            if changed:
                count += 1
                _record(monitor, "monitor.rearmed", actor, {"does_relearn": False, "reason": reason}, instant)
                break
    return count


def rearm_monitor(*, actor: Actor, monitor_id: uuid.UUID, reason: str = "") -> Monitor:
    """Let an alarmed monitor watch again with its baseline. Refuses (MonitorNotAlarmed) any other. Needs `monitors.manage`."""
    require(actor, "monitors.manage")
    chosen = read_text(reason, field="reason", limit=LONGEST_REASON, is_required=False, is_multiline=True)
    monitor = find_managed(actor, monitor_id)
    with transaction.atomic(durable=True):
        if not rearm_step([monitor], actor=actor, reason=chosen):
            raise MonitorNotAlarmed(state=describe_monitor(find_managed(actor, monitor_id)))
    return find_managed(actor, monitor_id)


def judge_alarm(*, actor: Actor, alarm_id: uuid.UUID, is_false: bool, does_relearn: bool = False) -> Alarm:
    """Say whether an alarm was false. A false one lets its monitor watch again with its baseline; with `does_relearn` what
    changed shall stay, and it learns anew. A real one otherwise leaves it alarmed until its incident is resolved.

    Refuses (AlarmJudged) a second judgement, (NothingToLearn) to relearn without a baseline. Needs `monitors.manage`.
    """
    require(actor, "monitors.manage")
    alarms = Alarm.objects.visible_to(actor) if actor.kind != "system" else Alarm.objects.all()
    alarm: Alarm | None = alarms.select_related("monitor").filter(pk=alarm_id).first()
    if alarm is None:
        raise NotFound()
    monitor = alarm.monitor
    if does_relearn and isinstance(KINDS[monitor.kind], StandingKind):
        raise NothingToLearn()
    with transaction.atomic(durable=True):
        now = database_now()
        if not Alarm.objects.filter(pk=alarm.pk, is_false__isnull=True).update(is_false=is_false):
            raise AlarmJudged()
        facts = {"alarm": str(alarm.pk), "is_false": is_false, "does_relearn": does_relearn, "title": alarm.title}
        _record(monitor, "alarm.judged", actor, facts, now)
        if is_false and not does_relearn:
            _teach(monitor, alarm, now)
        is_newest = not monitor.alarms.filter(detected_index__gt=alarm.detected_index).exists()
        if does_relearn and monitor.status != Status.OFF:
            relearn_step(monitor, actor=actor, reason=f"Accepted: {alarm.title}", now=now)
        elif is_false and is_newest:
            rearm_step([monitor], actor=actor, now=now, reason=f"False alarm: {alarm.title}")
    alarm.refresh_from_db()
    return alarm


def _teach(monitor: Monitor, alarm: Alarm, now: datetime) -> None:
    """A silence that was meant is a gap of the baseline like the others: a night or a weekend is told of once."""
    if monitor.kind != Monitor.Kind.SILENCE or monitor.baseline is None or alarm.observed_value is None:
        return
    kind, settings, learned = KINDS[monitor.kind], settings_of(monitor), monitor.baseline["learned"]
    longest = max(learned["longest"], alarm.observed_value)
    baseline = kind.design({**learned, "longest": longest}, settings, Inputs())
    if isinstance(baseline, InsufficientData):
        return
    stated = kind.state_promise(kind.prepare(baseline, settings), settings)
    _set(monitor, {"baseline": baseline, "stated": stated}, now)


def record_sealed_step(monitor: Monitor, *, count: int, now: datetime) -> None:
    """Within an open transaction: say in the log that the baseline is sealed, and what the monitor promises from now on."""
    _record(monitor, "monitor.baseline_sealed", SYSTEM, {"observations": count, "stated": monitor.stated}, now)


def record_failed_step(monitor: Monitor, *, now: datetime) -> None:
    """Within an open transaction: say in the log that a monitor could not read an entry. The worker's own log says why."""
    _record(monitor, "monitor.failed", SYSTEM, {}, now)


def find_managed(actor: Actor, monitor_id: uuid.UUID) -> Monitor:
    """Refuses (NotFound) a monitor of another organization."""
    monitors = Monitor.objects.all() if actor.kind == "system" else Monitor.objects.visible_to(actor)
    monitor: Monitor | None = monitors.select_related("system").filter(pk=monitor_id).first()
    if monitor is None:
        raise NotFound()
    return monitor


def describe_monitor(monitor: Monitor) -> dict[str, Any]:
    return {"id": str(monitor.pk), "status": monitor.status, "version": monitor.version}


def _set(monitor: Monitor, changes: Mapping[str, Any], now: datetime) -> None:
    """Refuses (MonitorChanged) where somebody changed it since it was read."""
    changed = Monitor.objects.filter(pk=monitor.pk, version=monitor.version).update(
        **changes, changed_at=now, version=F("version") + 1
    )
    if not changed:
        raise MonitorChanged(state=describe_monitor(Monitor.objects.get(pk=monitor.pk)))


def _record(monitor: Monitor, type: str, actor: Actor, facts: Mapping[str, Any], now: datetime) -> None:
    record(
        organization_id=monitor.organization_id,
        type=type,
        actor=actor,
        subject=f"monitor:{monitor.pk}",
        payload={"monitor": str(monitor.pk), "kind": monitor.kind, "system": str(monitor.system_id), **facts},
        occurred_at=now,
    )
