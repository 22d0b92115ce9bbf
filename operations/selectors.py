"""What the overview says of each AI system, read from the decisions themselves.

Two grouped reads whatever the number of systems: the decisions of seven days along `decision_newest_of_system`, and the
escalations that wait or were opened in those days. Decisions of test keys count nowhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q

from governance.models import AISystem
from operations.figure_selectors import Share
from reviews.models import Decision, Escalation, Review

DAY, WEEK = timedelta(days=1), timedelta(days=7)
ASKING = (Decision.Verdict.REVIEW, Decision.Verdict.ESCALATE)
NOTHING = Share()
OVERRIDING = (Review.Verdict.CORRECT, Review.Verdict.REJECT)


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """One system's week. `escalation`: decisions that policy sent to people, of all. `override`: rulings that corrected
    or rejected, of all that ended an escalation opened in these seven days. `waiting`: not closed and not ruled on."""

    system: AISystem
    day: int = 0
    week: int = 0
    escalation: Share = NOTHING
    override: Share = NOTHING
    waiting: int = 0
    oldest_at: datetime | None = None


def measure_systems(systems: Sequence[AISystem], *, now: datetime) -> list[SystemFigures]:
    """The figures of each system, in the order given."""
    if not systems:
        return []
    volumes = _by_system(_count_decisions(systems, now))
    rulings = _by_system(_count_rulings(systems, now))
    waiting = _by_system(_count_waiting(systems))
    figures = []
    for system in systems:
        volume, ruling, wait = (rows.get(system.pk, {}) for rows in (volumes, rulings, waiting))
        figures.append(
            SystemFigures(
                system=system,
                day=volume.get("day", 0),
                week=volume.get("week", 0),
                escalation=Share(volume.get("asked", 0), volume.get("week", 0)),
                override=Share(ruling.get("overridden", 0), ruling.get("ruled", 0)),
                waiting=wait.get("waiting", 0),
                oldest_at=wait.get("oldest_at"),
            )
        )
    return figures


def _count_decisions(systems: Sequence[AISystem], now: datetime) -> Iterable[Mapping[str, Any]]:
    return (
        Decision.objects.real()
        .filter(system__in=systems, created_at__gte=now - WEEK)
        .order_by()
        .values("system_id")
        .annotate(
            week=Count("id"),
            day=Count("id", filter=Q(created_at__gte=now - DAY)),
            asked=Count("id", filter=Q(verdict__in=ASKING)),
        )
    )


def _count_rulings(systems: Sequence[AISystem], now: datetime) -> Iterable[Mapping[str, Any]]:
    final = Q(ruling__verdict__in=Review.FINAL)
    return (
        Escalation.objects.filter(final, system__in=systems, opened_at__gte=now - WEEK, decision__is_test=False)
        .order_by()
        .values("system_id")
        .annotate(ruled=Count("id"), overridden=Count("id", filter=Q(ruling__verdict__in=OVERRIDING)))
    )


def _count_waiting(systems: Sequence[AISystem]) -> Iterable[Mapping[str, Any]]:
    return (
        Escalation.objects.unresolved()
        .filter(organization__in={system.organization_id for system in systems})
        .filter(system__in=systems, decision__is_test=False)
        .exclude(status=Escalation.Status.RULED)
        .order_by()
        .values("system_id")
        .annotate(waiting=Count("id"), oldest_at=Min("opened_at"))
    )


def _by_system(rows: Iterable[Mapping[str, Any]]) -> dict[Any, Mapping[str, Any]]:
    return {row["system_id"]: row for row in rows}
