"""How each monitor of a system stood over time, as the audit log tells it.

A monitor's row says how it stands today. A report says how it stood in a month, and that must stay true when the monitor learns
anew, is set otherwise or is switched off afterwards. So status, settings and promise are read from the entries; the row serves
where the log has none, as for what was made before there were such entries or whose payload was erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any, Final

from django.db.models import Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from governance.models import AISystem, AuditPayload
from operations.models import Alarm, Monitor
from operations.monitor_kinds import KINDS
from operations.monitor_kinds.standing import StandingKind
from operations.report_parts.events import Told
from operations.report_parts.plain import Json

Status = Monitor.Status
LEARNING, WATCHING, ALARMED, OFF = (str(one) for one in (Status.LEARNING, Status.WATCHING, Status.ALARMED, Status.OFF))
# Watching again after an alarm, and told to raise none for a while (`cooldown_s`).
QUIET: Final = "quiet"

RAISED: Final = "alarm.raised"
ENDED: Final = "alarm.ended"
JUDGED: Final = "alarm.judged"
SEALED: Final = "monitor.baseline_sealed"
REARMED: Final = "monitor.rearmed"
CHANGED: Final = "monitor.changed"


def _named(name: str) -> Q:
    """Payloads in which a name leads to a list. Canonical JSON has no spaces, and inside of a text each quote has a backslash
    before it, so no title and no reason is taken for a name."""
    return Q(payload__contains=f'"{name}":[')


# From such an entry on, those that follow it say how a monitor stands, whatever was before.
_SETS_STATUS: Final = Q(entry__type__in=(RAISED, REARMED)) | Q(_named("status"), entry__type=CHANGED)
# What makes another detector of a monitor, or another promise; a silence that was meant is a gap of the baseline.
_SETS_DESIGN: Final = (
    Q(entry__type=SEALED)
    | Q(entry__type=REARMED, payload__contains='"does_relearn":true')
    | Q(_named("settings"), entry__type=CHANGED)
    | Q(Q(payload__contains='"kind":"silence"'), entry__type=JUDGED, payload__contains='"is_false":true')
)
# Settings of which a detector that has learned knows nothing.
UNDESIGNED: Final = frozenset({"baseline", "cooldown_s"})
_HEARD: Final = (RAISED, JUDGED, SEALED, REARMED, CHANGED)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `since` up to, not including, `until` a monitor had this status."""

    since: datetime
    until: datetime
    status: str

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


@dataclass(frozen=True, slots=True)
class History:
    """A monitor with what the log tells of it, oldest first: from the last entry before the instant that was asked for that
    says how it stood, up to the instant asked for; and what has changed its design or its settings since."""

    monitor: Monitor
    told: Sequence[Told]

    def stretches(self, since: datetime, until: datetime) -> list[Stretch]:
        """How it stood from one instant to another, without gaps from when it was made; neighbours differ."""
        found: list[Stretch] = []
        turns = [*self._turns(), (until, "")]
        for (begun, status), (ended, _) in pairwise(turns):
            begun, ended = max(begun, since), min(ended, until)
            if begun >= ended:
                continue
            if status == ALARMED and KINDS[self.monitor.kind].tells_each:
                # An alarm about one release, or one month, keeps nobody from hearing of the next.
                status = WATCHING
            if found and found[-1].status == status:
                begun = found.pop().since
            found.append(Stretch(begun, ended, status))
        return found

    def status_before(self, instant: datetime) -> str | None:
        """The one that ends at an instant; None where it was not made yet."""
        stretches = self.stretches(self.monitor.created_at, instant)
        return stretches[-1].status if stretches else None

    def settings_at(self, instant: datetime) -> dict[str, float]:
        chosen = self._before_change("settings", instant, self.monitor.settings)
        return {**KINDS[self.monitor.kind].defaults(), **chosen}

    def trips_breaker_at(self, instant: datetime) -> bool:
        return bool(self._before_change("trips_breaker", instant, self.monitor.trips_breaker))

    def _before_change(self, name: str, instant: datetime, today: Any) -> Any:
        changes = (_change(one, name) for one in self.told if one.at >= instant)
        return next((change[0] for change in changes if change), today)

    def stated_at(self, instant: datetime) -> Mapping[str, Any]:
        """What it promised at an instant; {} where that can't be told any more."""
        if self.redesigned_since(instant) is None:
            stated: Json = self.monitor.stated
            return stated
        designs = [one for one in self.told if one.at < instant and _sets_design(one)]
        return designs[-1].payload.get("stated", {}) if designs else {}

    def redesigned_since(self, instant: datetime) -> str | None:
        """Why its detector is not the one any more that it had until an instant: learned_anew, learned_more (from a false
        alarm) or set_anew; None where it still is."""
        first = next((one.type for one in self.told if one.at >= instant and _sets_design(one)), None)
        return {None: None, REARMED: "learned_anew", CHANGED: "set_anew"}.get(first, "learned_more")

    def _turns(self) -> list[tuple[datetime, str]]:
        """Each status with the instant at which it began."""
        turns = self._first_turns()
        quiet_until: datetime | None = None
        for one in self.told:
            if quiet_until is not None and quiet_until <= one.at:
                turns.append((quiet_until, WATCHING))
                quiet_until = None
            status = _status_after(one, turns[-1][1])
            if status is None:
                continue
            quiet_until = one.at + self._cooldown(one.at) if status == QUIET else None
            turns.append((one.at, status))
        return turns if quiet_until is None else [*turns, (quiet_until, WATCHING)]

    def _cooldown(self, at: datetime) -> timedelta:
        return timedelta(seconds=self.settings_at(at).get("cooldown_s", 0))

    def _first_turns(self) -> list[tuple[datetime, str]]:
        """Before the first entry that says how it stood: what this one ended, or how it stands today."""
        monitor = self.monitor
        made, sealed = monitor.created_at, monitor.baseline_sealed_at
        firsts = ((one, status) for one in self.told if (status := _status_before(one)) is not None)
        first, status = next(firsts, (None, OFF if monitor.status == OFF else WATCHING))
        if isinstance(KINDS[monitor.kind], StandingKind) or status in (LEARNING, OFF):
            return [(made, status)]
        if first is None and sealed is None:
            return [(made, LEARNING)]
        if sealed is None or (first is not None and sealed >= first.at):
            return [(made, status)]
        return [(made, LEARNING), (max(made, sealed), status)]


def _change(one: Told, name: str) -> list[Any] | None:
    """What a setting of it was and became, where this entry says that."""
    found: list[Any] | None = one.payload.get("changes", {}).get(name) if one.type == CHANGED else None
    return found


def _sets_design(one: Told) -> bool:
    if one.type == JUDGED:
        return bool(one.payload.get("is_false")) and one.payload.get("kind") == Monitor.Kind.SILENCE
    if one.type == REARMED:
        return bool(one.payload.get("does_relearn"))
    before, after = _change(one, "settings") or ({}, {})
    return one.type == SEALED or _designing(before) != _designing(after)


def _designing(settings: Mapping[str, float]) -> Json:
    return {name: value for name, value in settings.items() if name not in UNDESIGNED}


def _status_after(one: Told, status: str) -> str | None:
    """The status that an entry tells of; None where it leaves it as it was."""
    match one.type:
        case "alarm.raised":
            return ALARMED
        case "alarm.ended":
            # It may have been re-armed while others looked into its alarm.
            return WATCHING if status == ALARMED else None
        case "monitor.baseline_sealed":
            # One that watches already has been taught by a false alarm.
            return WATCHING if status == LEARNING else None
        case "monitor.rearmed":
            return LEARNING if one.payload.get("does_relearn") else QUIET
    change = _change(one, "status")
    return str(change[1]) if change else None


def _status_before(one: Told) -> str | None:
    """The status in which such a thing happens; None where that may be any."""
    match one.type:
        case "alarm.raised":
            return WATCHING
        case "alarm.ended":
            return ALARMED
        case "monitor.baseline_sealed":
            return LEARNING
        case "monitor.rearmed":
            # Had it ever sealed a baseline before, that entry would be there.
            return LEARNING if one.payload.get("does_relearn") else ALARMED
    change = _change(one, "status")
    return str(change[0]) if change else None


def read_histories(system: AISystem, since: datetime, until: datetime) -> list[History]:
    """Of every monitor of the system, in the order of the kinds: at most four queries, which read what the log says of these
    monitors in that time, of what was before only the last word, and of what came after only what changed their design."""
    order = list(KINDS)
    rows = Monitor.objects.filter(system=system, kind__in=order).order_by().defer("state")
    monitors = sorted(rows, key=lambda one: order.index(one.kind))
    told: dict[str, list[AuditPayload]] = {str(monitor.pk): [] for monitor in monitors}
    payloads = _read(system, monitors, since, until)
    for payload in [*payloads, *_read_ends(system, payloads, until)]:
        if (key := json.loads(payload.payload)["monitor"]) in told:
            told[key].append(payload)
    return [History(monitor, _in_order(told[str(monitor.pk)])) for monitor in monitors]


def _in_order(payloads: Iterable[AuditPayload]) -> list[Told]:
    ordered = sorted(payloads, key=lambda one: (one.entry.occurred_at, one.pk))
    return [Told.of(one) for one in ordered]


def _read(system: AISystem, monitors: Iterable[Monitor], since: datetime, until: datetime) -> list[AuditPayload]:
    said = reduce(or_, (_said_since(system, f"monitor:{monitor.pk}", since) for monitor in monitors), Q(pk__in=[]))
    wanted = Q(entry__occurred_at__lt=until) | Q(entry__type=CHANGED) | _SETS_DESIGN
    return list(AuditPayload.objects.filter(said, wanted, entry__type__in=_HEARD).select_related("entry"))


def _said_since(system: AISystem, subject: str, since: datetime) -> Q:
    """What is said of one thing since an instant, and before it the last word on its status and on its design. Each part finds
    its place in the index by subject: how long the log is does not matter."""
    of_it = AuditPayload.objects.filter(organization_id=system.organization_id, subject=subject)
    before = of_it.filter(entry__occurred_at__lt=since).order_by("-entry_id")

    def last(words: Q) -> Subquery:
        found: QuerySet[AuditPayload, Any] = before.filter(words).values("entry_id")[:1]
        return Subquery(found)

    begun = Coalesce(last(_SETS_STATUS), Value(0))
    return Q(organization_id=system.organization_id, subject=subject, entry_id__gte=begun) | Q(
        entry_id=last(_SETS_DESIGN)
    )


def _read_ends(system: AISystem, payloads: Iterable[AuditPayload], until: datetime) -> list[AuditPayload]:
    """That alarms have ended by themselves. This is said of their incidents, or of the monitor where they have none."""
    raised = [one for one in payloads if one.entry.type == RAISED]
    if not raised:
        return []
    alarms = Alarm.objects.filter(system=system, pk__in={json.loads(one.payload)["alarm"] for one in raised})
    incidents = alarms.order_by().values_list("incident", flat=True).distinct()
    subjects = {one.subject for one in raised} | {f"incident:{key}" for key in incidents if key}
    ends = AuditPayload.objects.filter(
        organization_id=system.organization_id,
        subject__in=sorted(subjects),
        entry_id__gte=min(one.pk for one in raised),
        entry__type=ENDED,
        entry__occurred_at__lt=until,
    )
    return list(ends.select_related("entry"))
