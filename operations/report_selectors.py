"""Which months of which systems have a report, are signed, or should be; and the items that are to make them better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.db.models.functions import TruncMonth

from governance.actors import Actor
from governance.errors import NotFound
from governance.models import AISystem
from operations.models import ImprovementItem, Monitor, OwnershipReport, RollUp
from operations.months import end_of_month, month_after, month_of, start_of_month

# Months further back than this are history: nobody is asked to sign them any more.
MONTHS_ASKED = 12


def months_with_traffic(systems: Iterable[AISystem], since: date, until: date) -> dict[UUID, set[date]]:
    """The months from `since` up to, not including, `until` in which each system made real decisions: one query."""
    days = RollUp.objects.filter(
        system__in=[system.pk for system in systems],
        grain=RollUp.Grain.DAY,
        dimension=RollUp.Dimension.ALL,
        starts_at__gte=start_of_month(since),
        starts_at__lt=start_of_month(until),
        decisions__gt=0,
    )
    found: dict[UUID, set[date]] = defaultdict(set)
    months = days.annotate(month=TruncMonth("starts_at")).order_by().values_list("system", "month").distinct()
    for system_id, month in months:
        found[system_id].add(month.date())
    return found


def unattested_months(systems: Iterable[AISystem], *, now: datetime) -> dict[UUID, dict[date, bool]]:
    """By system, the months that are over, in which it was there and answered, and that nobody has attested; and whether
    their report is frozen. Two queries, the second only about months that could be among them."""
    asked = list(systems)
    running = month_of(now)
    months = [month_after(running, -count) for count in range(1, MONTHS_ASKED + 1)]
    reports = OwnershipReport.objects.filter(system__in=asked, month__gte=months[-1]).order_by()
    attested = {
        (system_id, month): attested_at is not None
        for system_id, month, attested_at in reports.values_list("system", "month", "attested_at")
    }
    open_months = {
        system.pk: [
            month
            for month in months
            if system.created_at < end_of_month(month) and not attested.get((system.pk, month))
        ]
        for system in asked
    }
    wanting = [system for system in asked if open_months[system.pk]]
    if not wanting:
        return {system.pk: {} for system in asked}
    oldest = min(month for found in open_months.values() for month in found)
    traffic = months_with_traffic(wanting, oldest, running)
    return {
        key: {month: (key, month) in attested for month in found if month in traffic.get(key, ())}
        for key, found in open_months.items()
    }


# How many days after a month's end its report is due, where the monitor says nothing else.
DAYS_TO_ATTEST = 10


@dataclass(frozen=True, slots=True)
class MonthState:
    """How one month of one system stands. `code`: running, attested, overdue, frozen (waits for its owner), open (over, not
    frozen yet), none (no decision, or before the system's time). `due_at`: until when the owner has to sign."""

    month: date
    code: str
    due_at: datetime
    report: OwnershipReport | None = None
    has_traffic: bool = False


def month_states(systems: Iterable[AISystem], months: Iterable[date], *, now: datetime) -> dict[UUID, list[MonthState]]:
    """Each of these months of each of these systems, in the order of the months: three queries, however many they are."""
    asked, wanted = list(systems), list(months)
    first, last = min(wanted), max(wanted)
    found = OwnershipReport.objects.filter(system__in=asked, month__gte=first, month__lte=last).defer("document")
    reports = {(report.system_id, report.month): report for report in found.order_by()}
    traffic = months_with_traffic(asked, first, month_after(last))
    monitors = Monitor.objects.filter(system__in=asked, kind=Monitor.Kind.REPORT_OVERDUE).order_by()
    days = {key: settings.get("days", DAYS_TO_ATTEST) for key, settings in monitors.values_list("system", "settings")}
    return {
        system.pk: [
            _state_of(
                system,
                month,
                reports.get((system.pk, month)),
                has_traffic=month in traffic.get(system.pk, ()),
                days=days.get(system.pk, DAYS_TO_ATTEST),
                now=now,
            )
            for month in wanted
        ]
        for system in asked
    }


def _state_of(
    system: AISystem, month: date, report: OwnershipReport | None, *, has_traffic: bool, days: float, now: datetime
) -> MonthState:
    ends_at = end_of_month(month)
    due_at = ends_at + timedelta(days=days)
    is_asked_for = has_traffic and system.created_at < ends_at
    if report is not None and report.attested_at is not None:
        code = "attested"
    elif now < ends_at:
        code = "running" if start_of_month(month) <= now and (has_traffic or system.created_at < ends_at) else "none"
    elif is_asked_for and due_at <= now:
        code = "overdue"
    elif report is not None:
        code = "frozen"
    else:
        code = "open" if has_traffic else "none"
    return MonthState(month, code, due_at, report, has_traffic)


@dataclass(frozen=True, slots=True)
class ReportTally:
    """How the reports of some systems stand: of the last month that is over, and how many of any month are overdue."""

    month: date
    asked: int = 0
    attested: int = 0
    overdue: int = 0


def tally_reports(systems: Iterable[AISystem], *, now: datetime) -> dict[UUID, ReportTally]:
    """The tally of each organization's systems, by organization: three queries."""
    asked = list(systems)
    months = [month_after(month_of(now), -count) for count in range(MONTHS_ASKED, 0, -1)]
    states = month_states(asked, months, now=now) if asked else {}
    by_organization: dict[UUID, list[list[MonthState]]] = defaultdict(list)
    for system in asked:
        by_organization[system.organization_id].append(states[system.pk])
    return {
        key: ReportTally(
            month=months[-1],
            asked=sum(found[-1].code in {"attested", "overdue", "frozen", "open"} for found in rows),
            attested=sum(found[-1].code == "attested" for found in rows),
            overdue=sum(state.code == "overdue" for found in rows for state in found),
        )
        for key, rows in by_organization.items()
    }


def reports_of(actor: Actor) -> QuerySet[OwnershipReport]:
    """Frozen reports of the organization with their systems, newest month first; without their documents."""
    reports = OwnershipReport.objects.visible_to(actor).select_related("system", "organization", "attested_by")
    return reports.defer("document").order_by("-month", "-id")


def find_report(*, actor: Actor, report_id: UUID) -> OwnershipReport:
    """Refuses (NotFound) another organization's."""
    report: OwnershipReport | None = reports_of(actor).filter(pk=report_id).first()
    if report is None:
        raise NotFound()
    return report


def find_report_of(system: AISystem, month: date) -> OwnershipReport | None:
    reports = OwnershipReport.objects.filter(system=system, month=month)
    return reports.select_related("system", "attested_by").first()


def improvements_of(actor: Actor) -> QuerySet[ImprovementItem]:
    """Improvement items of the organization with their systems and owners, what is open first, then by day."""
    items = ImprovementItem.objects.visible_to(actor).select_related("system", "owner")
    order = Case(When(status=ImprovementItem.Status.OPEN, then=Value(0)), default=Value(1), output_field=IntegerField())
    ordered: QuerySet[ImprovementItem] = items.annotate(place=order).order_by("place", "due_on", "id")
    return ordered


def find_improvement(*, actor: Actor, item_id: UUID) -> ImprovementItem:
    """Refuses (NotFound) another organization's."""
    item: ImprovementItem | None = improvements_of(actor).filter(pk=item_id).first()
    if item is None:
        raise NotFound()
    return item
