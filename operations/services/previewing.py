"""What a monitor would have done: the past, replayed through the code that watches, with other settings. Nothing is written."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from governance.actors import Actor
from governance.permissions import require
from operations.detectors import InsufficientData
from operations.errors import NothingToLearn
from operations.models import Monitor
from operations.monitor_kinds import KINDS, Finding, Json, MonitorKind, Run
from operations.monitor_kinds.arrivals import Volume, hour_of, start_of
from operations.monitor_kinds.standing import Ownership, QueueAge, ReportOverdue, UngatedRelease, Waiting
from operations.observations import (
    DECISION_FIELDS,
    AllowedByTimeout,
    Event,
    Inputs,
    OutcomeReported,
    RulingReleased,
    describe_decision,
    read_dependency,
    set_costs,
)
from operations.services.baselines import find_managed, read_settings
from operations.services.monitoring import price_decisions
from reviews.models import Decision, Escalation, Outcome
from reviews.services.clock import database_now

MOST_DECISIONS: Final = 5_000
LONGEST: Final = timedelta(days=30)
MOST_POINTS: Final = 200
ASKED = frozenset({Decision.Verdict.REVIEW, Decision.Verdict.ESCALATE})


@dataclass(frozen=True, slots=True)
class PreviewAlarm:
    """An alarm that there would have been, at which moment."""

    at: datetime
    finding: Finding


@dataclass(frozen=True, slots=True)
class Preview:
    """What the monitor would have done between `since` and `until`.

    `sealed_at`: when the baseline would have been complete; None where there is too little, and `shortfall` says what lacks.
    `points`: what was observed, averaged to at most 200, in the unit of the alarms' values or of the detector's distance.
    """

    since: datetime
    until: datetime
    decisions: int
    observations: int
    sealed_at: datetime | None
    shortfall: str
    stated: Json
    alarms: tuple[PreviewAlarm, ...]
    points: tuple[tuple[datetime, float], ...]


def preview_monitor(
    *,
    actor: Actor,
    monitor_id: uuid.UUID,
    settings: Mapping[str, Any] | None = None,
    since: datetime | None = None,
) -> Preview:
    """Replay the system's decisions from `since` on, of 30 days and 5,000 decisions at the most, as if the monitor had been made
    then with these settings, and re-armed at once after each alarm.

    Refuses (Invalid) settings as changing them does, (NothingToLearn) the monitor of owners, whose past is not kept. Needs
    `monitors.read`.
    """
    require(actor, "monitors.read")
    monitor = find_managed(actor, monitor_id)
    kind = KINDS[monitor.kind]
    chosen = {**kind.defaults(), **(monitor.settings if settings is None else read_settings(kind, settings))}
    if isinstance(kind, Ownership):
        raise NothingToLearn("Who had a place here is not kept, so there is nothing to replay.")
    if isinstance(kind, UngatedRelease):
        raise NothingToLearn("It has no settings to try: a release has passed a gate or it has not.")
    if isinstance(kind, ReportOverdue):
        raise NothingToLearn("There is nothing to replay: a month is signed by its day or it is not.")
    now = database_now()
    rows = _read_decisions(monitor.system_id, since=max(since or now - LONGEST, now - LONGEST))
    begin = rows[0]["created_at"] if rows else now
    if isinstance(kind, QueueAge):
        return _replay_queues(kind, monitor, chosen, rows, begin=begin, until=now)
    if isinstance(kind, Volume):
        return _replay_hours(kind, chosen, rows, begin=begin, until=now)
    return _replay_events(kind, chosen, rows, monitor.system_id, begin=begin, until=now)


def _read_decisions(system_id: uuid.UUID, *, since: datetime) -> list[dict[str, Any]]:
    """The newest decisions, oldest first."""
    made = Decision.objects.real().filter(system=system_id, created_at__gte=since).order_by("-created_at", "-id")
    rows = made.values(*DECISION_FIELDS, "created_at")[:MOST_DECISIONS]
    facts = [dict(row) for row in rows][::-1]
    set_costs(facts, price_decisions)
    return facts


def _replay_events(
    kind: MonitorKind,
    settings: Mapping[str, float],
    rows: Sequence[Mapping[str, Any]],
    system_id: uuid.UUID,
    *,
    begin: datetime,
    until: datetime,
) -> Preview:
    inputs = Inputs()
    if kind.needs_inputs:
        inputs.fetch([str(row["id"]) for row in rows])
    run = Run(kind, settings=settings, state={}, prepared=None, inputs=inputs, goes_on=True)
    for event in _tell(rows, system_id, begin):
        if isinstance(event, kind.listens):
            run.take(event)
    shortfall = ""
    if run.sealed is None:
        shortfall = (
            run.shortfall
            or f"{run.learned_count:,} of {settings['baseline']:,.0f} {kind.unit_learned or kind.unit} so far."
        )
    return Preview(
        since=begin,
        until=until,
        decisions=len(rows),
        observations=run.observations,
        sealed_at=run.sealed.event.at if run.sealed else None,
        shortfall=shortfall,
        stated=kind.state_promise(run.prepared, settings) if run.sealed else {},
        alarms=tuple(PreviewAlarm(event.at, finding) for finding, event in run.findings),
        points=tuple(average_points(run.points or [])),
    )


def _tell(rows: Sequence[Mapping[str, Any]], system_id: uuid.UUID, begin: datetime) -> Iterator[Event]:
    """The events of these decisions, in the order in which they happened."""
    ids = {row["id"]: row["is_diverted"] for row in rows}
    told: list[tuple[datetime, int, Event]] = [
        (row["created_at"], 0, describe_decision(row, index=0, at=row["created_at"], status=_first_status(row)))
        for row in rows
    ]
    endings = Escalation.objects.filter(
        system=system_id,
        opened_at__gte=begin,
        closed_at__isnull=False,
        closure__in=[Escalation.Closure.RULED, Escalation.Closure.TIMEOUT],
    )
    fields = ("decision_id", "closed_at", "decision__action_name", "kind", "closure", "ruling__verdict")
    for key, at, action, sort, closure, verdict in endings.order_by().values_list(*fields):
        if key not in ids or at is None:
            continue
        ending: Event = AllowedByTimeout(0, at, str(key), action)
        if closure == Escalation.Closure.RULED:
            ending = RulingReleased(0, at, str(key), action, verdict or "", sort == Escalation.Kind.QUALITY, ids[key])
        told.append((at, 1, ending))
    reports = Outcome.objects.filter(decision__system=system_id, decision__created_at__gte=begin).order_by()
    told_of = ("decision_id", "reported_at", "decision__action_name", "status", "detail")
    for key, at, action, status, detail in reports.values_list(*told_of):
        if key in ids and at is not None:
            is_failed = status == Outcome.Status.FAILED
            told.append((at, 2, OutcomeReported(0, at, str(key), action, is_failed, read_dependency(detail or ""))))
    return (event for _, _, event in sorted(told, key=lambda one: one[:2]))


def _first_status(row: Mapping[str, Any]) -> str:
    """The status with which the decision was made; its row has the present one."""
    if row["mode"] == Decision.Mode.OBSERVE:
        return Decision.Status.OBSERVED
    if row["verdict"] in ASKED:
        return Decision.Status.PENDING
    return Decision.Status.ALLOWED if row["verdict"] == Decision.Verdict.ALLOW else Decision.Status.BLOCKED


def _replay_hours(
    kind: Volume,
    settings: Mapping[str, float],
    rows: Sequence[Mapping[str, Any]],
    *,
    begin: datetime,
    until: datetime,
) -> Preview:
    counts = Counter(hour_of(row["created_at"]) for row in rows)
    learned: Json = {}
    prepared, watch, sealed_at, shortfall = None, None, None, ""
    alarms: list[PreviewAlarm] = []
    hours = range(hour_of(begin) + 1, hour_of(until))
    for hour in hours:
        if watch is not None:
            if finding := watch.look(hour, counts[hour]):
                alarms.append(PreviewAlarm(start_of(hour + 1), finding))
                watch = kind.watch(prepared, settings, {}, Inputs())
            continue
        kind.learn_hour(learned, hour, counts[hour])
        shortfall = f"{kind.count(learned)} of {settings['baseline']:,.0f} hours so far."
        if kind.is_ready(learned, settings):
            baseline = kind.design(learned, settings, Inputs())
            if isinstance(baseline, InsufficientData):
                shortfall = baseline.reason
            else:
                prepared, sealed_at, shortfall = kind.prepare(baseline, settings), start_of(hour + 1), ""
                watch = kind.watch(prepared, settings, {}, Inputs())
    return Preview(
        since=begin,
        until=until,
        decisions=len(rows),
        observations=len(hours),
        sealed_at=sealed_at,
        shortfall=shortfall,
        stated=kind.state_promise(prepared, settings) if prepared else {},
        alarms=tuple(alarms),
        points=tuple(average_points([(start_of(hour), float(counts[hour])) for hour in hours])),
    )


def _replay_queues(
    kind: QueueAge,
    monitor: Monitor,
    settings: Mapping[str, float],
    rows: Sequence[Mapping[str, Any]],
    *,
    begin: datetime,
    until: datetime,
) -> Preview:
    """An alarm at each moment at which an approval had waited too long and none before it still did."""
    approvals = Escalation.objects.filter(
        system=monitor.system_id,
        kind=Escalation.Kind.APPROVAL,
        opened_at__gte=begin,
        decision__is_test=False,
    )
    fields = ("queue__slug", "respond_s", "opened_at", "closed_at", "decision_id")
    alarms: list[PreviewAlarm] = []
    points: list[tuple[datetime, float]] = []
    late_until = begin
    waits = []
    for queue, respond_s, opened_at, closed_at, key in approvals.order_by("opened_at").values_list(*fields):
        ended = closed_at or until
        points.append((ended, (ended - opened_at).total_seconds()))
        late_at = opened_at + timedelta(seconds=max(respond_s, 1) * settings["share"])
        if late_at < ended:
            waits.append((late_at, ended, Waiting(queue, max(respond_s, 1), opened_at, 1, (str(key),))))
    for late_at, ended, waiting in sorted(waits, key=lambda one: one[:2]):
        finding = kind.find([waiting], settings, late_at + timedelta(seconds=1))
        if late_at >= late_until and finding is not None:
            alarms.append(PreviewAlarm(late_at, finding))
        late_until = max(late_until, ended)
    return Preview(
        since=begin,
        until=until,
        decisions=len(rows),
        observations=len(points),
        sealed_at=begin,
        shortfall="",
        stated=kind.state_promise({}, settings),
        alarms=tuple(alarms),
        points=tuple(average_points(sorted(points))),
    )


def average_points(points: Sequence[tuple[datetime, float]]) -> Iterable[tuple[datetime, float]]:
    """Neighbours averaged so that at most 200 remain, each at the moment of its last one."""
    if not points:
        return
    size = -(-len(points) // MOST_POINTS)
    for start in range(0, len(points), size):
        part = points[start : start + size]
        yield part[-1][0], sum(value for _, value in part) / len(part)
