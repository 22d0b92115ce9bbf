"""One stream, with or without a fault, and what was noticed of it."""

from __future__ import annotations

import html
import random
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import time_machine

from tests.drill.streams import FAULTS, USUAL, Fault, draw
from tests.drill.world import START, World, fresh_site

# A fault comes after so many decisions, and is given up on after so many more.
BEFORE = 3_000
AFTER = 4_000
UNCHANGED = 20_000


@dataclass(frozen=True, slots=True)
class Raised:
    """One alarm: by which monitor, in its own observations, and what the monitor had stated."""

    monitor: str
    segment: str
    title: str
    after_decisions: int
    after_minutes: float
    delay_observations: int
    stated: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one stream brought to light. Delays count from the fault; in an unchanged stream from its beginning."""

    name: str
    words: str
    expected: tuple[str, ...]
    decisions: int
    alarms: list[Raised] = field(default_factory=list)
    false_before: list[Raised] = field(default_factory=list)
    is_owner_told: bool = False
    does_page_say_what: bool = False
    does_page_say_since: bool = False
    promised_false_alarms: float = 0.0

    @property
    def first(self) -> Raised | None:
        """The first alarm of a monitor that is there for such a fault."""
        return next((alarm for alarm in self.alarms if alarm.monitor in self.expected), None)

    @property
    def is_in_time(self) -> bool:
        """Whether the first one came within what its monitor had stated."""
        alarm = self.first
        if alarm is None:
            return False
        within = alarm.stated.get("delay_within")
        return within is None or alarm.delay_observations <= within

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "first": asdict(self.first) if self.first else None,
            "is_detected": self.first is not None,
            "is_in_time": self.is_in_time,
        }


def drill_fault(name: str, *, seed: int = 1, before: int = BEFORE, after: int = AFTER) -> Finding:
    """Let a stream run, change it silently, and see who notices. Needs a process of its own."""
    fault = next(one for one in FAULTS if one.name == name)
    with fresh_site(), time_machine.travel(START, tick=False) as clock:
        world = World(clock, "drill")
        usual = draw(USUAL, seed)
        for _ in range(before):
            world.ask(next(usual))
        world.tick()
        started_at, started_after = _now(), world.seen
        early = _alarms(world, since=START, after=0)
        _close_all(world)
        _break(world, fault, seed, after)
        alarms = [one for one in _alarms(world, since=started_at, after=started_after) if one.after_minutes >= 0]
        told = _told(world, [one for one in alarms if one.monitor in fault.expected])
        return Finding(
            name=fault.name,
            words=fault.words,
            expected=fault.expected,
            decisions=world.seen,
            alarms=alarms,
            false_before=early,
            **told,
        )


def drill_unchanged(seed: int, *, decisions: int = UNCHANGED) -> Finding:
    """A stream in which nothing changes: every alarm is a false one. Needs a process of its own."""
    with fresh_site(), time_machine.travel(START, tick=False) as clock:
        world = World(clock, "drill")
        usual = draw(USUAL, 1_000 + seed)
        for _ in range(decisions):
            world.ask(next(usual))
            # A false alarm is judged and the monitor goes on, else it could raise only one.
            if world.seen % 500 == 0:
                _close_all(world)
        world.tick()
        return Finding(
            name=f"unchanged-{seed}",
            words="Nothing changes",
            expected=(),
            decisions=world.seen,
            alarms=_alarms(world, since=START, after=0),
            promised_false_alarms=_promise(world),
        )


def _break(world: World, fault: Fault, seed: int, after: int) -> None:
    if fault.name == "traffic-stops":
        world.let_pass(timedelta(hours=24), step=timedelta(minutes=1))
        return
    changed = draw(fault.changed, random.Random(seed).randrange(10**6))
    for number in range(after):
        world.ask(next(changed))
        if number % 20 == 0 and _has_raised(world, fault.expected):
            break
    world.tick()


def _now() -> datetime:
    from django.utils import timezone

    return timezone.now()


def _has_raised(world: World, kinds: tuple[str, ...]) -> bool:
    from operations.models import Alarm

    return Alarm.objects.filter(system=world.system, monitor__kind__in=kinds, incident__status="open").exists()


def _alarms(world: World, *, since: datetime, after: int) -> list[Raised]:
    from operations.models import Alarm
    from reviews.models import Decision

    alarms = Alarm.objects.filter(system=world.system, detected_at__gt=since).select_related("monitor")
    raised = []
    for alarm in alarms.order_by("detected_at"):
        made = Decision.objects.filter(system=world.system, created_at__lte=alarm.detected_at).count()
        raised.append(
            Raised(
                monitor=alarm.monitor.kind,
                segment=alarm.segment,
                title=alarm.title,
                after_decisions=made - after,
                after_minutes=round((alarm.detected_at - since).total_seconds() / 60, 1),
                delay_observations=alarm.delay_observations,
                stated=alarm.stated,
            )
        )
    return raised


def _close_all(world: World) -> None:
    """The owner judges what is open a false alarm, so that the monitors watch again."""
    from governance.selectors import actor_for_person
    from operations.models import Incident
    from operations.services.incidents import resolve_incident

    actor = actor_for_person(world.owner, world.organization.pk)
    assert actor is not None
    for incident in Incident.objects.filter(system=world.system, status__in=Incident.UNRESOLVED):
        resolve_incident(
            actor=actor, incident_id=incident.pk, note="The drill knows that nothing changed.", is_false_alarm=True
        )


def _told(world: World, alarms: list[Raised]) -> dict[str, bool]:
    """Whether the owner was told in the console and by mail, and what the page behind the notification says."""
    from django.core import mail

    from reviews.models import Notification

    note = Notification.objects.filter(user=world.owner, path__startswith="/incidents/").order_by("-pk").first()
    if note is None or not alarms:
        return {}
    mailed = any(world.owner.email in message.to and note.path in str(message.body) for message in mail.outbox)
    page = html.unescape(world.pages.get(note.path).content.decode())
    since = _alarm_since(world, alarms[0])
    return {
        "is_owner_told": mailed,
        "does_page_say_what": alarms[0].title in page,
        "does_page_say_since": since in page,
    }


def _alarm_since(world: World, raised: Raised) -> str:
    from operations.models import Alarm

    alarm = Alarm.objects.filter(system=world.system, monitor__kind=raised.monitor, title=raised.title).latest(
        "detected_at"
    )
    return alarm.since_at.strftime("%Y-%m-%dT%H:%M")


def _promise(world: World) -> float:
    """How many false alarms all monitors together had announced for what they have seen."""
    from operations.models import Monitor

    promised = 0.0
    for monitor in Monitor.objects.filter(system=world.system).exclude(status="off"):
        interval = monitor.stated.get("false_alarm_interval")
        if interval:
            promised += monitor.observations / interval
    return promised
