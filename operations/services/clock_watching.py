"""What no entry of the log can show, because nothing happened: the clock asks for silence, hours, waiting queues and owners.

A condition that lasts is one episode and raises one alarm. When it ends by itself the monitor watches again and its incident is
told; a person may have re-armed it before, and then the same episode raises no second one. What comes back within the hour is no
second alarm either while that incident is unresolved. Of releases without a gate and of unsigned months each is an episode of its
own, which begins and ends beside the others.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Max, Min
from django.db.models.functions import TruncHour

from governance.models import AuditEntry
from governance.selectors import people_standing
from governance.services.sweeping import sweep
from operations.detectors import InsufficientData
from operations.models import Incident, Monitor
from operations.monitor_kinds import KINDS, Finding
from operations.monitor_kinds.arrivals import Volume, describe_silence, hour_of, start_of
from operations.monitor_kinds.base import EVIDENCE
from operations.monitor_kinds.standing import (
    Ownership,
    QueueAge,
    ReportOverdue,
    UngatedRelease,
    Waiting,
)
from operations.observations import Inputs
from operations.release_selectors import find_ungated
from operations.report_selectors import unattested_months
from operations.services.alarming import end_alarm_step, raise_alarm_step
from operations.services.baselines import record_sealed_step, settings_of
from operations.services.monitoring import Overtaken, prepared_of
from reviews.models import Decision, Escalation
from reviews.services.clock import database_now

# An hour is over when the last decision that was made in it has been committed.
LATE_COMMITS = timedelta(minutes=1)
MOST_HOURS = 24 * 14
# What ended by itself and comes back so soon, while its incident is unresolved, is no news.
COMES_BACK = timedelta(hours=1)
# An application that names another release with every request must not ring all day.
MOST_AT_ONCE = 20
ENDED = "What raised it does not hold any more."
Status = Monitor.Status
Find = Callable[[Monitor], Finding | None]
FindEach = Callable[[Monitor], Sequence[Finding]]


def watch_clock(now: datetime | None = None) -> int:
    """Ask every monitor of the clock once; how many alarms were raised. Safe to run twice at once. A monitor that fails does
    not keep the others waiting."""
    instant = now or database_now()
    monitors = list(
        Monitor.objects.filter(
            kind__in=[kind.kind for kind in KINDS.values() if kind.is_of_clock],
            status__in=[Status.LEARNING, Status.WATCHING, Status.ALARMED],
        )
        .select_related("system__owner", "system__backup")
        .defer("baseline")
        .order_by("system", "kind")
    )
    finds: dict[str, Find] = {
        Monitor.Kind.SILENCE: lambda monitor: _find_silence(monitor, instant),
        Monitor.Kind.QUEUE_AGE: _queue_finder(monitors, instant),
        Monitor.Kind.OWNER: _owner_finder(monitors, instant),
    }
    finds_each: dict[str, FindEach] = {
        Monitor.Kind.UNGATED_RELEASE: _gate_finder(monitors, instant),
        Monitor.Kind.REPORT_OVERDUE: _report_finder(monitors, instant),
    }

    def look(monitor: Monitor) -> bool:
        if monitor.kind == Monitor.Kind.VOLUME:
            return _watch_volume(monitor, instant)
        if monitor.status == Status.LEARNING:
            return False
        if monitor.kind in finds_each:
            return _follow_each(monitor, finds_each[monitor.kind](monitor), instant)
        return _follow_episode(monitor, finds[monitor.kind], instant)

    return sweep(monitors, look)


def _follow_episode(monitor: Monitor, find: Find, now: datetime) -> bool:
    try:
        finding = find(monitor)
    except Overtaken:
        return False
    if finding is None:
        _end_episode(monitor, now)
        return False
    if monitor.status == Status.ALARMED or monitor.state.get("episode") == _episode(finding):
        return False
    if now.isoformat() < monitor.state.get("quiet_until", "") or _comes_back(monitor, finding, now):
        return False
    return _raise(monitor, finding, {"episode": _episode(finding)}, now)


def _episode(finding: Finding) -> str:
    return finding.segment or finding.since.isoformat()


def _comes_back(monitor: Monitor, finding: Finding, now: datetime) -> bool:
    """Whether it is about the same thing as the newest alarm, which ended by itself a short while ago and is still looked into:
    a stream that trickles is silent again and again, and an approval with a minute's time is late every minute."""
    ended = monitor.state.get("ended_at")
    if not ended or now - datetime.fromisoformat(ended) >= COMES_BACK:
        return False
    newest = monitor.alarms.order_by("-detected_at", "-id").values_list("segment", "incident__status").first()
    return newest is not None and newest[0] == finding.segment[:300] and newest[1] in Incident.UNRESOLVED


def _follow_each(monitor: Monitor, findings: Sequence[Finding], now: datetime) -> bool:
    """Tell of what does not hold any more, and raise the first finding that nobody was told of; the next look raises the next. Of
    what holds at the same time no more than `MOST_AT_ONCE` are told."""
    told, holding = _read_told(monitor, now), {finding.segment for finding in findings}
    ended = [segment for segment, ended_at in told.items() if not ended_at and segment not in holding]
    if ended:
        told |= dict.fromkeys(ended, now.isoformat())
        if not _end_some(monitor, told, ended, now):
            return False
    lasting = sum(not ended_at for ended_at in told.values())
    if lasting >= MOST_AT_ONCE or now.isoformat() < monitor.state.get("quiet_until", ""):
        return False
    for finding in findings:
        if not _is_told(monitor, finding.segment, told):
            return _raise(monitor, finding, {"episode": {**told, finding.segment: ""}}, now)
    return False


def _read_told(monitor: Monitor, now: datetime) -> dict[str, str]:
    """The segments that were told of, each with the instant at which it ended by itself, empty while it holds. Those that ended
    too long ago to come back are left out."""
    kept = monitor.state.get("episode")
    # A segment by itself is how a single episode is kept.
    told = {kept: ""} if isinstance(kept, str) else kept or {}
    since = (now - COMES_BACK).isoformat()
    return {segment: ended_at for segment, ended_at in told.items() if not ended_at or ended_at > since}


def _is_told(monitor: Monitor, segment: str, told: Mapping[str, str]) -> bool:
    if segment not in told:
        return False
    return not told[segment] or _is_looked_into(monitor, segment)


def _is_looked_into(monitor: Monitor, segment: str) -> bool:
    """Whether the incident of the newest alarm about a segment is not resolved yet."""
    alarms = monitor.alarms.filter(segment=segment[:300]).order_by("-detected_at", "-id")
    return alarms.values_list("incident__status", flat=True).first() in Incident.UNRESOLVED


def _end_some(monitor: Monitor, told: Mapping[str, str], ended: Sequence[str], now: datetime) -> bool:
    """Keep which segments have ended, and tell their incidents; the monitor stays alarmed while another one holds that somebody
    looks into. False where somebody was faster."""
    lasting = [segment for segment, ended_at in told.items() if not ended_at]
    goes_on = monitor.status == Status.ALARMED and any(_is_looked_into(monitor, segment) for segment in lasting)
    status = Status.ALARMED if goes_on else Status.WATCHING
    state = {**monitor.state, "episode": dict(told)}
    with transaction.atomic(durable=True):
        changed = Monitor.objects.filter(pk=monitor.pk, version=monitor.version).update(
            status=status, state=state, changed_at=now, version=F("version") + 1
        )
        if not changed:
            return False
        for segment in ended:
            if _is_looked_into(monitor, segment):
                end_alarm_step(monitor=monitor, reason=ENDED, now=now, segment=segment)
    monitor.status, monitor.state, monitor.version = status, state, monitor.version + 1
    return True


def _raise(monitor: Monitor, finding: Finding, state: Mapping[str, Any], now: datetime, **changes: Any) -> bool:
    newest = AuditEntry.objects.aggregate(newest=Max("leaf_index"))["newest"] or 0
    try:
        with transaction.atomic(durable=True):
            changed = Monitor.objects.filter(pk=monitor.pk, version=monitor.version, status=monitor.status).update(
                status=Status.ALARMED, state=dict(state), changed_at=now, version=F("version") + 1, **changes
            )
            if not changed:
                return False
            monitor.status = Status.ALARMED
            raise_alarm_step(monitor=monitor, finding=finding, detected_at=now, detected_index=newest, now=now)
    except IntegrityError as error:
        # The episode before was raised at the same newest entry: the sequencer is behind, and the next look is soon.
        if "alarm" not in str(error):
            raise
        return False
    return True


def _end_episode(monitor: Monitor, now: datetime) -> None:
    if monitor.status != Status.ALARMED and "episode" not in monitor.state:
        return
    with transaction.atomic(durable=True):
        changed = Monitor.objects.filter(pk=monitor.pk, version=monitor.version).update(
            status=Status.WATCHING, state={"ended_at": now.isoformat()}, changed_at=now, version=F("version") + 1
        )
        if changed and monitor.status == Status.ALARMED:
            end_alarm_step(monitor=monitor, reason=ENDED, now=now)


def _find_silence(monitor: Monitor, now: datetime) -> Finding | None:
    newest = Decision.objects.real().filter(system=monitor.system_id).order_by("-created_at", "-id")
    last = newest.values_list("created_at", "id").first()
    design = prepared_of(monitor.pk, monitor.version)
    if last is None or (now - last[0]).total_seconds() <= design.threshold:
        return None
    return describe_silence(design, last_at=last[0], now=now, newest=str(last[1]))


def _queue_finder(monitors: Iterable[Monitor], now: datetime) -> Find:
    """Reads what waits of all systems at once: approvals that people have not got to; who waits for the application's answer
    is not their delay. A decision of a test key gets no escalation, so none has to be looked up."""
    systems = [monitor.system_id for monitor in monitors if monitor.kind == Monitor.Kind.QUEUE_AGE]
    approvals = Escalation.objects.filter(
        system__in=systems,
        kind=Escalation.Kind.APPROVAL,
        status__in=[Escalation.Status.OPEN, Escalation.Status.CLAIMED],
    )
    waiting: dict[uuid.UUID, list[Waiting]] = {}
    grouped = approvals.order_by().values_list("system", "queue__slug", "respond_s")
    for system, queue, respond_s, since, count in grouped.annotate(since=Min("opened_at"), count=Count("id")):
        waiting.setdefault(system, []).append(Waiting(queue, max(respond_s, 1), since, count))
    kind = KINDS[Monitor.Kind.QUEUE_AGE]
    assert isinstance(kind, QueueAge)

    def find(monitor: Monitor) -> Finding | None:
        finding = kind.find(waiting.get(monitor.system_id, []), settings_of(monitor), now)
        if finding is None:
            return None
        queue = finding.segment.partition("=")[2]
        oldest = approvals.filter(system=monitor.system_id, queue__slug=queue).order_by("opened_at", "id")
        ids = oldest.values_list("decision_id", flat=True)[:EVIDENCE]
        return replace(finding, evidence=tuple(str(key) for key in ids))

    return find


def _owner_finder(monitors: Iterable[Monitor], now: datetime) -> Find:
    """Reads the standing of all owners and backups at once."""
    members = people_standing(monitor.system for monitor in monitors if monitor.kind == Monitor.Kind.OWNER)
    kind = KINDS[Monitor.Kind.OWNER]
    assert isinstance(kind, Ownership)

    def find(monitor: Monitor) -> Finding | None:
        system = monitor.system
        holders = {"owner": system.owner, "backup": system.backup}
        return kind.find(
            {
                part: str(person)
                for part, person in holders.items()
                if person is not None and (system.organization_id, person.pk) not in members
            },
            now,
        )

    return find


def _gate_finder(monitors: Iterable[Monitor], now: datetime) -> FindEach:
    """Reads of all systems at once which releases answer though no gate has passed them."""
    kind = KINDS[Monitor.Kind.UNGATED_RELEASE]
    assert isinstance(kind, UngatedRelease)
    ungated = find_ungated([monitor.system_id for monitor in monitors if monitor.kind == kind.kind], now=now)
    return lambda monitor: kind.find_each(ungated.get(monitor.system_id, []))


def _report_finder(monitors: Iterable[Monitor], now: datetime) -> FindEach:
    """Reads of all systems at once which months they should have signed."""
    kind = KINDS[Monitor.Kind.REPORT_OVERDUE]
    assert isinstance(kind, ReportOverdue)
    asked = [monitor for monitor in monitors if monitor.kind == kind.kind]
    unattested = unattested_months([monitor.system for monitor in asked], now=now)
    return lambda monitor: kind.find_each(unattested[monitor.system_id], settings_of(monitor), now)


def _watch_volume(monitor: Monitor, now: datetime) -> bool:
    """Step through the hours that are over since the last look."""
    if monitor.status == Status.ALARMED:
        return False
    current = hour_of(now - LATE_COMMITS)
    first: int = monitor.state.get("next_hour", hour_of(monitor.changed_at) + 1)
    last = min(current, first + MOST_HOURS)
    if last <= first:
        return False
    counts = _count_hours(monitor.system_id, first, last)
    hours = [(hour, counts.get(hour, 0)) for hour in range(first, last)]
    try:
        return _learn_hours(monitor, hours, now) if monitor.status == Status.LEARNING else _look_at(monitor, hours, now)
    except Overtaken:
        return False


def _count_hours(system_id: uuid.UUID, first: int, last: int) -> dict[int, int]:
    made = Decision.objects.real().filter(
        system=system_id, created_at__gte=start_of(first), created_at__lt=start_of(last)
    )
    by_hour = made.order_by().annotate(hour=TruncHour("created_at")).values_list("hour").annotate(count=Count("id"))
    return {hour_of(hour): count for hour, count in by_hour}


def _learn_hours(monitor: Monitor, hours: list[tuple[int, int]], now: datetime) -> bool:
    kind, settings = KINDS[monitor.kind], settings_of(monitor)
    assert isinstance(kind, Volume)
    learned = dict(monitor.state.get("learned", {}))
    for position, (hour, count) in enumerate(hours, start=1):
        kind.learn_hour(learned, hour, count)
        if not kind.is_ready(learned, settings):
            continue
        baseline = kind.design(learned, settings, Inputs())
        if isinstance(baseline, InsufficientData):
            learned["wanted"] = kind.count(learned) + 24
            learned["wanting"] = baseline.reason
            continue
        prepared = kind.prepare(baseline, settings)
        monitor.stated = kind.state_promise(prepared, settings)
        changes = {
            "status": Status.WATCHING,
            "baseline": baseline,
            "baseline_sealed_at": start_of(hour + 1),
            "stated": monitor.stated,
            "changed_at": now,
            "version": F("version") + 1,
        }
        return _keep_hours(monitor, {}, hours[:position], now, sealed_after=kind.count(learned), **changes)
    return _keep_hours(monitor, {"learned": learned}, hours, now)


def _keep_hours(
    monitor: Monitor,
    state: Mapping[str, Any],
    hours: list[tuple[int, int]],
    now: datetime,
    *,
    sealed_after: int = 0,
    **changes: Any,
) -> bool:
    """False: no alarm was raised."""
    with transaction.atomic(durable=True):
        kept = Monitor.objects.filter(pk=monitor.pk, version=monitor.version).update(
            state={**state, "next_hour": hours[-1][0] + 1},
            observations=monitor.observations + len(hours),
            **changes,
        )
        if kept and sealed_after:
            record_sealed_step(monitor, count=sealed_after, now=now)
    return False


def _look_at(monitor: Monitor, hours: list[tuple[int, int]], now: datetime) -> bool:
    kind = KINDS[monitor.kind]
    assert isinstance(kind, Volume)
    watch = kind.watch(prepared_of(monitor.pk, monitor.version), settings_of(monitor), monitor.state, Inputs())
    for position, (hour, count) in enumerate(hours, start=1):
        finding = watch.look(hour, count)
        if finding is None or now.isoformat() < monitor.state.get("quiet_until", ""):
            continue
        newest = Decision.objects.real().filter(system=monitor.system_id, created_at__lt=start_of(hour + 1))
        ids = newest.order_by("-created_at", "-id").values_list("id", flat=True)[:EVIDENCE]
        evidence = tuple(str(key) for key in ids)
        observations = monitor.observations + position
        return _raise(monitor, replace(finding, evidence=evidence), {}, now, observations=observations)
    kept = {name: monitor.state[name] for name in ("quiet_until",) if name in monitor.state}
    return _keep_hours(monitor, {**kept, **watch.document()}, hours, now)
