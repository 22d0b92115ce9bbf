"""What needs no statistics: people who don't get round to what waits, and a system that nobody answers for any more.

All are looked at by the clock and are exact: an alarm says what is so. The same condition is one episode and one alarm; each
release without a gate and each unsigned month is a condition of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from operations.detectors import InsufficientData
from operations.monitor_kinds import words
from operations.monitor_kinds.base import COOLDOWN, Finding, Json, MonitorKind, Setting, Watch
from operations.months import end_of_month, name_month
from operations.observations import Event, Inputs


class StandingKind(MonitorKind):
    """Has no baseline: it watches from the beginning."""

    is_designed_by_settings = False
    is_of_clock = True
    promise: str

    def sample(self, event: Event) -> None:
        return

    def design(self, learned: Json, settings: Mapping[str, float], inputs: Inputs) -> Json | InsufficientData:
        return {"learned": {}}

    def prepare(self, baseline: Json, settings: Mapping[str, float]) -> Json:
        return {}

    def watch(self, prepared: Any, settings: Mapping[str, float], state: Json, inputs: Inputs) -> Watch:
        raise LookupError(f"{self.kind} is no matter of the log")

    def state_promise(self, prepared: Any, settings: Mapping[str, float]) -> Json:
        return {
            "false_alarm_interval": None,
            "unit": self.unit,
            "effect": "",
            "expected_delay": 0,
            "delay_within": None,
            "sentence": self.promise,
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest approval of a queue that has waited for people, and what it was promised."""

    queue: str
    respond_s: int
    since: datetime
    count: int
    decision_ids: tuple[str, ...] = ()


class QueueAge(StandingKind):
    """The oldest approval that waits in each queue of the system's, against the time within which somebody was to answer."""

    kind = "queue_age"
    unit = "seconds"
    settings = (
        Setting("share", 0.8, 0.05, 20, "An alarm when the oldest has waited so many times what it was promised"),
        COOLDOWN,
    )
    promise = "Exact: an alarm comes within seconds after an approval has waited for its share of the promised time."

    def find(self, waiting: Sequence[Waiting], settings: Mapping[str, float], now: datetime) -> Finding | None:
        """The one that is furthest beyond its share; None where all are within."""
        late = [one for one in waiting if _share(one, now) > settings["share"]]
        if not late:
            return None
        worst = max(late, key=lambda one: (_share(one, now), one.queue))
        waited = (now - worst.since).total_seconds()
        promised = words.duration(worst.respond_s)
        others = "" if worst.count == 1 else f" ({words.count(worst.count)} wait there with this promise)"
        return Finding(
            title=f"People don't get round to {words.name(worst.queue)}: the oldest waits {words.duration(waited)}",
            summary=(
                f"In the queue {words.name(worst.queue)} the oldest approval waits since {words.moment(worst.since)}{others}; an "
                f"answer was promised within {promised}. This is counted, not estimated: it is never false."
            ),
            since=worst.since,
            delay=0,
            segment=f"queue={worst.queue}",
            direction="up",
            baseline_value=float(worst.respond_s),
            observed_value=waited,
            unit="seconds",
            evidence=worst.decision_ids,
        )


def _share(one: Waiting, now: datetime) -> float:
    return (now - one.since).total_seconds() / one.respond_s


class Ownership(StandingKind):
    """Whether owner and backup still have their place in the organization."""

    kind = "owner"
    settings = (COOLDOWN,)
    promise = "Exact: an alarm comes within seconds after owner or backup has lost their account or their last role."

    def find(self, lost: Mapping[str, str], now: datetime) -> Finding | None:
        """`lost`: the names of those who lost their place, by "owner" and "backup"."""
        if not lost:
            return None
        who = " and ".join(f"the {part} {words.name(name)}" for part, name in sorted(lost.items(), reverse=True))
        is_plural = len(lost) > 1
        return Finding(
            title=f"Nobody answers any more: {who} {'have' if is_plural else 'has'} left"
            if "owner" in lost
            else f"The backup is gone: {words.name(lost['backup'])} has left",
            summary=(
                f"{who[:1].upper()}{who[1:]} of this system {'have' if is_plural else 'has'} no active account or no role in the "
                f"organization any more. Name somebody who answers for the system. This is counted, not estimated: it is "
                f"never false."
            ),
            since=now,
            delay=0,
            segment="&".join(f"{part}={name}" for part, name in sorted(lost.items(), reverse=True))[:300],
            direction="missing",
        )


@dataclass(frozen=True, slots=True)
class UngatedTraffic:
    """A release in traffic that no gate has passed, since when, and whether anybody had stated it. `is_back`: it was there before
    the system's first gate, and away since."""

    release: str
    since: datetime
    is_stated: bool
    is_back: bool = False


class UngatedRelease(StandingKind):
    """Whether what answers users has passed a gate. Before a system's first gate there is nothing to hold a release against: what
    answered then may go on. What came after it counts, and what comes back."""

    kind = "ungated_release"
    tells_each = True
    settings = (COOLDOWN,)
    promise = "Exact: an alarm comes within seconds after a release that no gate has passed answers for the first time."

    def find_each(self, ungated: Sequence[UngatedTraffic]) -> list[Finding]:
        """A finding of each of them, so that the newest release is told of last."""
        return [_describe_ungated(one) for one in sorted(ungated, key=lambda one: (one.since, one.release))]


def _describe_ungated(one: UngatedTraffic) -> Finding:
    name = words.name(one.release)
    stated = "It was stated beforehand." if one.is_stated else "Nobody stated it beforehand."
    again = " again" if one.is_back else ""
    history = (
        " It answered before this system's first gate, and had been away while others answered." if one.is_back else ""
    )
    return Finding(
        title=f"Release {name} is in use{again}, and no gate has passed it",
        summary=(
            f"Decisions of release {name} come in{again} since {words.moment(one.since)}, and no evaluation run of it has "
            f"passed.{history} {stated} This is counted, not estimated: it is never false."
        ),
        since=one.since,
        delay=0,
        segment=f"release={one.release}"[:300],
        direction="new",
    )


class ReportOverdue(StandingKind):
    """Whether the owner has signed each month that is over: a month in which the system answered, and which it was there
    for, has an attested report some days after its end."""

    kind = "report_overdue"
    tells_each = True
    settings = (
        Setting("days", 10, 1, 60, "An alarm when a month is not attested so many days after its end", is_whole=True),
        COOLDOWN,
    )
    promise = "Exact: an alarm comes within seconds after the day by which the owner had to attest the month's report."

    def find_each(self, unattested: Mapping[date, bool], settings: Mapping[str, float], now: datetime) -> list[Finding]:
        """`unattested`: the months that are over and have no attested report, and whether it is frozen. A finding of each that
        is late, the oldest first."""
        days = timedelta(days=settings["days"])
        late = sorted(month for month in unattested if end_of_month(month) + days <= now)
        return [
            _describe_overdue(month, since=end_of_month(month) + days, is_frozen=unattested[month]) for month in late
        ]


def _describe_overdue(month: date, *, since: datetime, is_frozen: bool) -> Finding:
    name = name_month(month)
    state = "It is frozen, and nobody has attested it." if is_frozen else "It is not frozen yet."
    return Finding(
        title=f"The report of {name} is not signed",
        summary=(
            f"The owner was to attest the report of {name} by {words.moment(since)}. {state} This is counted, not estimated: it "
            f"is never false."
        ),
        since=since,
        delay=0,
        segment=f"month={name}",
        direction="missing",
    )
