"""How AI systems are: one word for each, from its breaker, its incidents, its monitors and its traffic.

Every question is asked once for all systems of a page. What it reads was written elsewhere (breaker, incidents, monitors);
here nothing is judged anew, only put into one order: what needs somebody first.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Subquery, Value, When

from evaluations.models import Release
from governance.actors import Actor
from governance.models import Activation, AISystem, Membership
from operations.models import Alarm, Incident, Monitor, RollUp
from operations.monitor_kinds import KINDS
from operations.monitor_kinds.standing import StandingKind
from reviews.models import Escalation
from reviews.queue_selectors import COUNT_CAP, CappedCount, cap_words

# Of each kind; a chart with more marks than these says nothing any more.
MOMENTS_AT_MOST = 40
# What has no baseline watches from the beginning: that says nothing of whether anything else is known yet.
STANDING = [name for name, kind in KINDS.items() if isinstance(kind, StandingKind)]
SEVERITIES = (Incident.Severity.NOTICE, Incident.Severity.WARNING, Incident.Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Health:
    """One word for how a system is. The greater its rank, the sooner somebody should look. `detail` stands below the word."""

    code: str
    rank: int
    label: str
    tone: str
    text: str
    detail: str = ""


BREAKER_OPEN = Health("breaker_open", 90, "Breaker open", "block", "Nothing acts alone: the breaker is open.")
CRITICAL = Health("critical", 80, "Critical incident", "block", "A critical incident is open.")
RECOVERING = Health("recovering", 70, "Recovering", "review", "The breaker is half open: a share acts again.")
OWNERLESS = Health("ownerless", 65, "No active owner", "block", "Its owner has left: nobody answers for it.")
WARNING = Health("warning", 60, "Incident", "review", "An incident is open.")
ALARMED = Health("alarmed", 50, "Alarmed", "review", "A monitor says that something changed.")
NOTICE = Health("notice", 40, "Notice", "escalate", "A notice is open.")
SILENT = Health("silent", 30, "No traffic", "outline", "It has decided nothing in these days.")
UNWATCHED = Health("unwatched", 25, "Not watched", "outline", "No monitor of what it does is on.")
LEARNING = Health("learning", 20, "Learning", "outline", "More than half of its monitors still learn what is usual.")
FINE = Health("fine", 10, "Fine", "allow", "Its monitors watch, and none of them is alarmed.")
OF_SEVERITY = {"critical": CRITICAL, "warning": WARNING, "notice": NOTICE}


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known of a system besides its figures."""

    breaker: str
    has_owner: bool
    incidents: int = 0
    severity: str = ""
    alarmed: int = 0
    learning: int = 0
    watching: int = 0
    # Of those that watch, the ones that have nothing to learn.
    standing: int = 0
    # Counted up to one more than COUNT_CAP: no page grows slower with what waits.
    waiting: int = 0
    oldest_at: datetime | None = None

    @property
    def waiting_words(self) -> str:
        return cap_words(self.waiting)

    @property
    def knowing(self) -> int:
        """Monitors that have learned what is usual."""
        return self.watching - self.standing + self.alarmed

    @property
    def is_unwatched(self) -> bool:
        return not self.knowing and not self.learning

    @property
    def is_learning(self) -> bool:
        """More than half of what learns from the traffic still does: what most would notice goes unnoticed."""
        return self.learning > self.knowing

    def health(self, *, decisions: int) -> Health:
        """The word that stands first in the order above; `decisions`: how many it made in the days of the page."""
        if self.breaker == AISystem.Breaker.OPEN:
            return BREAKER_OPEN
        applies = [OF_SEVERITY[self.severity]] if self.severity else []
        applies += [RECOVERING] if self.breaker == AISystem.Breaker.HALF_OPEN else []
        applies += [] if self.has_owner else [OWNERLESS]
        applies += [ALARMED] if self.alarmed else []
        applies += [SILENT] if not decisions else []
        applies += [UNWATCHED] if self.is_unwatched else [LEARNING] if self.is_learning else []
        first = max([*applies, FINE], key=lambda health: health.rank)
        if first not in (LEARNING, FINE) or not self.learning:
            return first
        return replace(first, detail=f"{self.learning} of {self.learning + self.knowing} still learn")


def conditions_of(systems: Sequence[AISystem]) -> dict[uuid.UUID, Condition]:
    """One question, whatever the number of systems, answered from indexes: their incidents, their monitors, what waits in their
    queues, and whether their owners are still here (as `people_standing` says)."""
    # A decision of a test key gets no escalation, so none of these has to be looked up.
    waiting = Escalation.objects.filter(system=OuterRef("pk"), status__in=Escalation.WAITING).order_by("opened_at")
    weight = Case(*(When(severity=severity, then=Value(number)) for number, severity in enumerate(SEVERITIES)))
    incidents = Incident.objects.filter(system=OuterRef("pk"), status__in=Incident.UNRESOLVED).order_by()
    monitors = Monitor.objects.filter(system=OuterRef("pk")).order_by().values("pk")
    role = Membership.objects.filter(
        user=OuterRef("owner"), user__is_active=True, organization=OuterRef("organization")
    ).order_by()
    rows = (
        AISystem.objects.filter(pk__in=[system.pk for system in systems])
        .order_by()
        .values_list("pk")
        .annotate(
            has_owner=Exists(role),
            unresolved=CappedCount(incidents.values("pk")),
            worst=Subquery(incidents.annotate(weight=weight).order_by("-weight").values("weight")[:1]),
            **{name: CappedCount(monitors.filter(status=name)) for name in ("alarmed", "learning", "watching")},
            standing=CappedCount(monitors.filter(status=Monitor.Status.WATCHING, kind__in=STANDING)),
            waiting=CappedCount(waiting.values("opened_at")[: COUNT_CAP + 1]),
            oldest_at=Subquery(waiting.values("opened_at")[:1]),
        )
    )
    known = {row[0]: row[1:] for row in rows}
    return {system.pk: _condition(system, *known[system.pk]) for system in systems}


def _condition(system: AISystem, has_owner: bool, incidents: int, worst: int | None, *counts: Any) -> Condition:
    severity = "" if worst is None else str(SEVERITIES[worst])
    return Condition(system.breaker, has_owner, incidents, severity, *counts)


def daily_volumes(
    systems: Sequence[AISystem], *, since: datetime, until: datetime
) -> dict[uuid.UUID, dict[datetime, int]]:
    """Decisions of each UTC day, by system, in one question; a day without any is not there."""
    rows = RollUp.objects.filter(
        system__in=systems, grain=RollUp.Grain.DAY, dimension="", starts_at__gte=since, starts_at__lt=until
    )
    found: dict[uuid.UUID, dict[datetime, int]] = defaultdict(dict)
    for system_id, starts_at, decisions in rows.order_by().values_list("system_id", "starts_at", "decisions"):
        found[system_id][starts_at] = decisions
    return found


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An unresolved incident with its alarms, newest first."""

    incident: Incident
    alarms: list[Alarm]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one system now: its unresolved incidents, worst first; alarms of monitors that are still alarmed and
    belong to no unresolved incident; how many monitors watch (of these `standing` without a baseline), learn, are alarmed or
    off; whether its owner is still here."""

    incidents: list[OpenIncident] = field(default_factory=list)
    loose_alarms: list[Alarm] = field(default_factory=list)
    monitors: dict[str, int] = field(default_factory=dict)
    has_owner: bool = True


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a system and may explain its figures. `kind`: alarm, incident, policy or release."""

    at: datetime
    kind: str
    title: str
    thing: Any = None


def find_watched(*, actor: Actor, slug: str) -> AISystem | None:
    """A system of the actor's organization with its people, with the number of its monitors in each status as
    `monitors_<status>`, of those that watch and have nothing to learn as `monitors_standing`, and with `owner_stands`: one
    question."""
    counts = {
        f"monitors_{status}": Count("monitors", filter=Q(monitors__status=status)) for status in Monitor.Status.values
    }
    is_standing = Q(monitors__status=Monitor.Status.WATCHING, monitors__kind__in=STANDING)
    role = Membership.objects.filter(
        organization_id=OuterRef("organization_id"), user_id=OuterRef("owner_id"), user__is_active=True
    )
    systems = AISystem.objects.visible_to(actor).select_related("owner", "backup").filter(slug=slug)
    return systems.annotate(
        **counts, monitors_standing=Count("monitors", filter=is_standing), owner_stands=Exists(role)
    ).first()


def read_record(system: AISystem, *, since: datetime, until: datetime) -> tuple[Trouble, list[Happening]]:
    """What is wrong with a watched system (`find_watched`) now, and what happened to it from `since` to `until`, oldest
    first: alarms, incidents, policy activations, new releases. Three questions; of each kind the newest, but nothing that
    is wrong now gives way to what is over."""
    is_unresolved = Q(status__in=Incident.UNRESOLVED)
    incidents = list(
        Incident.objects.filter(is_unresolved | Q(opened_at__gte=since, opened_at__lt=until), system=system)
        .select_related("assignee")
        .annotate(is_over=Case(When(is_unresolved, then=Value(0)), default=Value(1), output_field=IntegerField()))
        .order_by("is_over", "-opened_at", "-id")[:MOMENTS_AT_MOST]
    )
    unresolved = {incident.pk: incident for incident in incidents if incident.status in Incident.UNRESOLVED}
    is_of_now = Q(incident__in=unresolved) | Q(monitor__status=Monitor.Status.ALARMED)
    alarms = list(
        Alarm.objects.filter(is_of_now | Q(detected_at__gte=since, detected_at__lt=until), system=system)
        .select_related("monitor")
        .defer("evidence", "stated", "monitor__state", "monitor__baseline")
        .annotate(is_over=Case(When(is_of_now, then=Value(0)), default=Value(1), output_field=IntegerField()))
        .order_by("is_over", "-detected_at", "-id")[:MOMENTS_AT_MOST]
    )
    opened = [
        OpenIncident(incident, [alarm for alarm in alarms if alarm.incident_id == incident.pk])
        for incident in unresolved.values()
    ]
    trouble = Trouble(
        incidents=sorted(opened, key=lambda one: -SEVERITIES.index(Incident.Severity(one.incident.severity))),
        loose_alarms=_loose(alarms, unresolved),
        monitors={status: getattr(system, f"monitors_{status}") for status in (*Monitor.Status.values, "standing")},
        has_owner=vars(system)["owner_stands"],
    )
    happened = [Happening(alarm.detected_at, "alarm", alarm.title, alarm) for alarm in alarms]
    happened += [Happening(incident.opened_at, "incident", incident.title, incident) for incident in incidents]
    happened = [one for one in happened if since <= one.at < until]
    happened += _changes(system, since, until)
    return trouble, sorted(happened, key=lambda one: one.at)


def _loose(alarms: Sequence[Alarm], unresolved: Container[uuid.UUID | None]) -> list[Alarm]:
    """Of each monitor that is still alarmed, the newest alarm, unless an unresolved incident shows it."""
    newest: dict[uuid.UUID, Alarm] = {}
    for alarm in alarms:
        newest.setdefault(alarm.monitor_id, alarm)
    return [
        alarm
        for alarm in newest.values()
        if alarm.monitor.status == Monitor.Status.ALARMED and alarm.incident_id not in unresolved
    ]


def condition_of(system: AISystem, trouble: Trouble) -> Condition:
    """The condition of one watched system, without a further question; what waits for it is not read."""
    return Condition(
        breaker=system.breaker,
        has_owner=trouble.has_owner,
        incidents=len(trouble.incidents),
        severity=trouble.incidents[0].incident.severity if trouble.incidents else "",
        alarmed=trouble.monitors["alarmed"],
        learning=trouble.monitors["learning"],
        watching=trouble.monitors["watching"],
        standing=trouble.monitors["standing"],
    )


def _changes(system: AISystem, since: datetime, until: datetime) -> list[Happening]:
    """What people changed: policies that came into force (`thing`: the policy's id and the version's number), and releases when
    they were first seen in traffic."""
    activated = Activation.objects.filter(
        policy__system=system, effective_from__gte=since, effective_from__lt=until
    ).values_list("effective_from", Value("policy"), "policy__key", "policy_id", "version__number")
    seen = Release.objects.filter(system=system, first_seen_at__gte=since, first_seen_at__lt=until).values_list(
        "first_seen_at", Value("release"), "name", "id", Value(0)
    )
    rows = activated.order_by().union(seen.order_by(), all=True).order_by("-effective_from")
    return [
        Happening(at, kind, f"{name}, version {number}", (policy_id, number))
        if kind == "policy"
        else Happening(at, kind, name)
        for at, kind, name, policy_id, number in rows[: 2 * MOMENTS_AT_MOST]
    ]
