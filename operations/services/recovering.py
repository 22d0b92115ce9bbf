"""The way back from an open breaker: what happened to decisions since it was half-opened decides whether it closes.

Counted are real decisions that were made since, and of these what policy would let act: people's rulings on those that the
breaker diverted (or that were sampled), and the newest outcome of whatever went ahead. What policy itself sends to people
is not counted among the rulings: it is the hard part of the traffic, and says nothing about what would act again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, OuterRef, Q, Subquery

from governance.actors import Actor
from governance.models import AISystem
from governance.services.recording import record
from operations.models import Alarm, Monitor, Recovery
from reviews.models import Decision, Escalation, Outcome, Review

# Follows from the breaker itself: decisions that wait make queues old. And who answers for a system is another matter.
NO_SETBACK: Final = (
    Monitor.Kind.QUEUE_AGE,
    Monitor.Kind.OWNER,
    Monitor.Kind.UNGATED_RELEASE,
    Monitor.Kind.REPORT_OVERDUE,
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What was counted since a recovery started. `alarm` is the title of one that was raised meanwhile."""

    rulings: int
    overridden: int
    outcomes: int
    failed: int
    alarm: str = ""

    def describe(self) -> str:
        counted = (
            f"{self.overridden} of {self.rulings} rulings overrode the system, "
            f"{self.failed} of {self.outcomes} outcomes failed"
        )
        return f"{counted}; alarm: {self.alarm}" if self.alarm else counted


def measure_recovery(recovery: Recovery) -> Progress:
    """What happened since the recovery started."""
    since = Decision.objects.filter(
        system_id=recovery.system_id, created_at__gte=recovery.started_at, is_test=False
    ).order_by()
    acting = since.filter(Q(is_diverted=True) | Q(verdict=Decision.Verdict.ALLOW))
    rulings = Escalation.objects.filter(
        decision__in=acting, status=Escalation.Status.CLOSED, ruling__verdict__in=Review.FINAL
    ).aggregate(
        count=Count("pk"),
        overridden=Count("pk", filter=Q(ruling__verdict__in=[Review.Verdict.CORRECT, Review.Verdict.REJECT])),
    )
    newest = Outcome.objects.filter(decision_id=OuterRef("pk")).order_by("-id").values("status")[:1]
    outcomes = (
        since.filter(outcomes__isnull=False)
        .annotate(newest=Subquery(newest))
        .aggregate(
            count=Count("pk", distinct=True, filter=~Q(newest=Outcome.Status.UNKNOWN)),
            failed=Count("pk", distinct=True, filter=Q(newest=Outcome.Status.FAILED)),
        )
    )
    # One that only now notices what was so before is no news of the way back.
    alarm = (
        Alarm.objects.filter(system_id=recovery.system_id, since_at__gte=recovery.started_at)
        .exclude(monitor__kind__in=NO_SETBACK)
        .order_by("detected_at", "id")
        .first()
    )
    return Progress(
        rulings=rulings["count"],
        overridden=rulings["overridden"],
        outcomes=outcomes["count"],
        failed=outcomes["failed"],
        alarm=alarm.title if alarm else "",
    )


def has_failed(recovery: Recovery, progress: Progress) -> bool:
    """As soon as it is certain: an alarm, or more overrides or failures than the wanted number may hold."""
    return (
        bool(progress.alarm)
        or _exceeds(progress.overridden, recovery.most_overridden, progress.rulings, recovery.wanted_rulings)
        or _exceeds(progress.failed, recovery.most_failed, progress.outcomes, recovery.wanted_outcomes)
    )


def has_passed(recovery: Recovery, progress: Progress) -> bool:
    """So many as wanted were counted, and it has not failed."""
    is_enough = progress.rulings >= recovery.wanted_rulings and progress.outcomes >= recovery.wanted_outcomes
    return is_enough and not has_failed(recovery, progress)


def _exceeds(count: int, most: float, seen: int, wanted: int) -> bool:
    return wanted > 0 and count > most * max(seen, wanted)


def end_recovery_step(*, actor: Actor, system: AISystem, status: str, finding: str, now: datetime) -> bool:
    """Within an open transaction that has set the system's breaker: end the recovery that runs; False where none does."""
    running = Recovery.objects.filter(system=system, status=Recovery.Status.RUNNING).first()
    ended = running is not None and Recovery.objects.filter(pk=running.pk, status=Recovery.Status.RUNNING).update(
        status=status, ended_at=now, finding=finding
    )
    if running is None or not ended:
        return False
    running.status, running.ended_at, running.finding = status, now, finding
    record_recovery(actor=actor, recovery=running, type=f"recovery.{status}", now=now)
    return True


def record_recovery(*, actor: Actor, recovery: Recovery, type: str, now: datetime) -> None:
    """An entry in the incident's timeline, or the system's where there is no unresolved incident."""
    about = f"incident:{recovery.incident_id}" if recovery.incident_id else f"system:{recovery.system_id}"
    record(
        organization_id=recovery.organization_id,
        type=type,
        actor=actor,
        subject=about,
        payload={
            "recovery": str(recovery.pk),
            "incident": str(recovery.incident_id) if recovery.incident_id else None,
            "system": str(recovery.system_id),
            "share": recovery.share,
            "wanted_rulings": recovery.wanted_rulings,
            "most_overridden": recovery.most_overridden,
            "wanted_outcomes": recovery.wanted_outcomes,
            "most_failed": recovery.most_failed,
            "finding": recovery.finding,
        },
        occurred_at=now,
    )
