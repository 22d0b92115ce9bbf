"""The reader behind the monitors: it goes through the audit log in its order and steps what watches each system.

States, alarms and the reader's cursor are written in one transaction, the cursor by compare-and-set: killed, started again or
run twice at once, each entry has its effect once. All reading and computing comes before that transaction, so it is short.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import F

from governance.models import AISystem, ReaderCursor
from operations.detectors import InsufficientData
from operations.models import Monitor
from operations.monitor_kinds import KINDS, Json, Run
from operations.observations import DecisionMade, Event, Inputs, Reading, read_log
from operations.services.alarming import raise_alarm_step
from operations.services.baselines import READER, ensure_monitors, record_failed_step, record_sealed_step, settings_of
from operations.services.costs import draft_first_entries
from reviews.models import Decision
from reviews.services.clock import database_now

logger = logging.getLogger(__name__)

BATCH = 500
LOOKING = (Monitor.Status.LEARNING, Monitor.Status.WATCHING)


class Overtaken(Exception):
    """Another reader was faster, or somebody changed a monitor meanwhile: nothing of this reading is kept."""


@dataclass(slots=True)
class _Course:
    """A monitor and its run through one reading."""

    monitor: Monitor
    run: Run
    # The baseline with what was seen until a false alarm, and how many observations that makes.
    taught: Json | None = None
    # What is written, computed before the transaction that writes it.
    changes: dict[str, Any] = field(default_factory=dict)
    # What went wrong in this reading; the monitor stays as it was before it.
    failure: Exception | None = None


def watch(*, limit: int = BATCH, budget_s: float = 0.0) -> int:
    """Read on from the cursor, `limit` entries at a time, until there are no more or `budget_s` seconds have passed, and step
    every monitor; how many entries were read. Safe to run twice at once, to kill and to repeat."""
    give_up = time.monotonic() + budget_s
    count = 0
    while True:
        read = _watch_once(limit)
        count += read
        if read < limit or time.monotonic() >= give_up:
            return count


def _watch_once(limit: int) -> int:
    cursor, _ = ReaderCursor.objects.get_or_create(reader=READER)
    reading = read_log(next_index=cursor.next_index, limit=limit, price=price_decisions)
    if reading is None:
        return 0
    try:
        courses = _take_courses(reading)
        now = database_now()
        with transaction.atomic(durable=True):
            moved = ReaderCursor.objects.filter(reader=READER, next_index=cursor.next_index).update(
                next_index=reading.next_index
            )
            if not moved:
                raise Overtaken
            for course in courses:
                _keep(course, now)
            _raise_alarms(courses, now)
    except Overtaken:
        return 0
    return reading.next_index - reading.first_index


def price_decisions(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What these decisions cost by the prices that held when they were made, in millionths of a dollar; the ledger's own reader
    may not have come to them yet."""
    decisions = list(Decision.objects.filter(pk__in=list(ids)).order_by())
    drafts = draft_first_entries(decisions=decisions, now=database_now())
    return {draft.decision_id: draft.amount_micros for draft in drafts}


def _take_courses(reading: Reading) -> list[_Course]:
    """Every monitor of the systems that the reading is about, after its events; those that nothing happened to are left out."""
    monitors = _load_monitors(reading.events)
    inputs = Inputs()
    _fetch_inputs(reading, monitors, inputs)
    courses = []
    for system_id, events in reading.events.items():
        own = [_start_course(monitor, inputs) for monitor in monitors.get(system_id, ())]
        _step(own, events)
        for course in own:
            _conclude(course)
        courses += [course for course in own if course.run.is_touched or course.failure]
    return courses


def _load_monitors(systems: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[Monitor]]:
    """What looks, by system; a system that is met for the first time gets its monitors."""
    wanted = list(systems)
    having = set(Monitor.objects.filter(system__in=wanted).order_by().values_list("system_id", flat=True).distinct())
    for system in AISystem.objects.filter(pk__in=[key for key in wanted if key not in having]):
        ensure_monitors(system)
    monitors: dict[uuid.UUID, list[Monitor]] = {}
    looking = Monitor.objects.filter(system__in=wanted, status__in=LOOKING).select_related("system")
    for monitor in looking.defer("baseline").order_by("kind"):
        monitors.setdefault(monitor.system_id, []).append(monitor)
    return monitors


def _fetch_inputs(reading: Reading, monitors: Mapping[uuid.UUID, list[Monitor]], inputs: Inputs) -> None:
    wanted: list[str] = []
    for system_id, events in reading.events.items():
        if any(_wants_inputs(monitor) for monitor in monitors.get(system_id, ())):
            wanted += [event.decision_id for event in events if isinstance(event, DecisionMade)]
    inputs.fetch(wanted)


def _wants_inputs(monitor: Monitor) -> bool:
    return KINDS[monitor.kind].needs_inputs and monitor.status == Monitor.Status.WATCHING


def _start_course(monitor: Monitor, inputs: Inputs) -> _Course:
    try:
        return _begin_course(monitor, inputs)
    except Overtaken:
        raise
    except Exception as failure:
        logger.exception("The monitor %s of %s could not begin", monitor.kind, monitor.system)
        # An empty run of its kind: nothing is stepped, and nothing of it is kept.
        run = Run(KINDS[monitor.kind], settings=settings_of(monitor), state={}, prepared=None, inputs=inputs)
        return _Course(monitor, run, failure=failure)


def _begin_course(monitor: Monitor, inputs: Inputs) -> _Course:
    kind, settings = KINDS[monitor.kind], settings_of(monitor)
    taught, prepared, state = None, None, monitor.state
    if monitor.status == Monitor.Status.WATCHING:
        if "lesson" in state:
            taught, state = _learn_lesson(monitor, inputs)
        prepared = kind.prepare(taught, settings) if taught else prepared_of(monitor.pk, monitor.version)
    run = Run(
        kind,
        settings=settings,
        state=state,
        prepared=prepared,
        inputs=inputs,
        observations=monitor.observations,
    )
    # What was taught is kept whether or not anything happens to the monitor.
    run.is_touched = taught is not None
    return _Course(monitor, run, taught)


def _learn_lesson(monitor: Monitor, inputs: Inputs) -> tuple[Json | None, Json]:
    """The baseline with what the monitor saw until its last alarm, if that was judged false, None else; and the state to go on
    with. The lesson waits in it for as long as nobody has judged the alarm."""
    judged = monitor.alarms.order_by("-detected_at", "-id").values_list("is_false", flat=True).first()
    if judged is None:
        return None, monitor.state
    kind, state = KINDS[monitor.kind], {name: kept for name, kept in monitor.state.items() if name != "lesson"}
    if judged is False or monitor.baseline is None:
        return None, state
    learned = kind.teach(monitor.baseline["learned"], monitor.state["lesson"])
    designed = None if learned is None else kind.design(learned, settings_of(monitor), inputs)
    if designed is None or isinstance(designed, InsufficientData):
        return None, state
    # What the detector has summed up since was measured against the old baseline.
    return designed, {name: kept for name, kept in state.items() if name != "watch"}


@lru_cache(maxsize=512)
def prepared_of(monitor_id: uuid.UUID, version: int) -> Any:
    """The sealed baseline of a monitor as objects. A version has one baseline, so it is read once a process."""
    monitor = Monitor.objects.get(pk=monitor_id)
    if monitor.version != version:
        raise Overtaken
    return KINDS[monitor.kind].prepare(monitor.baseline or {}, settings_of(monitor))


def _step(courses: list[_Course], events: list[Event]) -> None:
    by_type: dict[type[Event], list[_Course]] = {}
    for course in courses:
        for heard in course.run.kind.listens:
            by_type.setdefault(heard, []).append(course)
    for event in events:
        for course in by_type.get(type(event), ()):
            if event.index < course.monitor.since_index or course.failure is not None:
                continue
            try:
                course.run.take(event)
            except Exception as failure:
                logger.exception("The monitor %s of %s failed", course.monitor.kind, course.monitor.system)
                course.failure = failure


def _conclude(course: _Course) -> None:
    """What of the run has to be written, and what the monitor promises from now on."""
    if course.failure is not None or not course.run.is_touched:
        return
    try:
        course.changes = _describe_changes(course)
    except Exception as failure:
        logger.exception("The monitor %s of %s could not be concluded", course.monitor.kind, course.monitor.system)
        course.failure = failure


def _describe_changes(course: _Course) -> dict[str, Any]:
    run, changes = course.run, {"state": course.run.state(), "observations": course.run.observations}
    if run.sealed is not None:
        changes |= {"status": Monitor.Status.WATCHING, "baseline": run.sealed.baseline}
        changes |= {"baseline_sealed_at": run.sealed.event.at}
    elif course.taught is not None:
        changes |= {"baseline": course.taught}
    if "baseline" in changes:
        changes |= {"stated": run.kind.state_promise(run.prepared, run.settings)}
    if run.findings:
        changes |= {"status": Monitor.Status.ALARMED}
    return changes


def _keep_failure(monitor: Monitor, now: datetime) -> None:
    """One monitor that can't read an entry must not stop all others for ever: it passes the reading over, and says so once."""
    if "failed_at" in monitor.state:
        return
    state = {**monitor.state, "failed_at": now.isoformat()}
    if not Monitor.objects.filter(pk=monitor.pk, version=monitor.version).update(state=state):
        raise Overtaken
    record_failed_step(monitor, now=now)


def _keep(course: _Course, now: datetime) -> None:
    """Write what a run came to, unless somebody has changed the monitor since it was loaded."""
    monitor, run, changes = course.monitor, course.run, course.changes
    if course.failure is not None:
        _keep_failure(monitor, now)
        return
    is_told = "baseline" in changes or "status" in changes
    extra = {"changed_at": now, "version": F("version") + 1} if is_told else {}
    if not Monitor.objects.filter(pk=monitor.pk, version=monitor.version).update(**changes, **extra):
        raise Overtaken
    for name in ("status", "baseline_sealed_at", "stated"):
        setattr(monitor, name, changes.get(name, getattr(monitor, name)))
    if run.sealed is not None:
        record_sealed_step(monitor, count=run.sealed.count, now=now)
    elif course.taught is not None:
        record_sealed_step(monitor, count=run.kind.count(course.taught["learned"]), now=now)


def _raise_alarms(courses: Sequence[_Course], now: datetime) -> None:
    """In the order of the log, however it was cut into readings: the first one opens the incident."""
    found = [
        (event, course.monitor, finding)
        for course in courses
        if course.failure is None
        for finding, event in course.run.findings
    ]
    for event, monitor, finding in sorted(found, key=lambda one: (one[0].index, one[1].kind)):
        raise_alarm_step(monitor=monitor, finding=finding, detected_at=event.at, detected_index=event.index, now=now)
