"""Which months of which systems have a report, are signed, or should be; and the items that are to make them better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.db.models.functions import TruncMonth

from governance.models import AISystem
from operations.models import OwnershipReport, RollUp
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
