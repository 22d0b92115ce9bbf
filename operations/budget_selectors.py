"""What an hour of review costs, which budget holds, and what was warned of: the rows that costs are held against."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, QuerySet

from governance.actors import Actor
from governance.models import AISystem
from operations.models import Budget, BudgetWarning, Repricing, ReviewRate
from operations.months import end_of_month

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class ReviewRates:
    """An organization's rates that are not withdrawn, (day, micros an hour), the newest first."""

    rates: tuple[tuple[date, int], ...] = ()

    def on(self, day: date) -> int | None:
        """Millionths of a dollar an hour on that day; None where no rate has begun."""
        return next((hour_micros for begins, hour_micros in self.rates if begins <= day), None)


def price_review(seconds: float, hour_micros: int) -> int:
    """Millionths of a dollar for so many seconds of review."""
    return round(seconds * hour_micros / SECONDS_AN_HOUR)


def rates_of(organization_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, ReviewRates]:
    """One query. A rate that was withdrawn holds for no day any more, past ones included: it was wrong."""
    found: dict[uuid.UUID, list[tuple[date, int]]] = {one: [] for one in organization_ids}
    rows = ReviewRate.objects.filter(organization_id__in=organization_ids, withdrawn_at__isnull=True)
    for organization_id, begins, hour_micros in rows.order_by("-effective_from", "-id").values_list(
        "organization_id", "effective_from", "hour_micros"
    ):
        found[organization_id].append((begins, hour_micros))
    return {organization_id: ReviewRates(tuple(rates)) for organization_id, rates in found.items()}


def listed_rates(actor: Actor) -> QuerySet[ReviewRate]:
    """The organization's rates, those that hold first."""
    return ReviewRate.objects.visible_to(actor).order_by("withdrawn_at", "-effective_from", "-id")


def budgets_of(month: date, *, now: datetime) -> QuerySet[Budget]:
    """The budgets that a month is held against: those that stood at its end, or stand now. One a system at the most."""
    ends = end_of_month(month)
    if now < ends:
        return Budget.objects.filter(withdrawn_at__isnull=True)
    standing = Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=ends)
    return Budget.objects.filter(standing, created_at__lt=ends)


def budgets_by_system(systems: Iterable[AISystem], month: date, *, now: datetime) -> dict[uuid.UUID, Budget]:
    """One query."""
    rows = budgets_of(month, now=now).filter(system__in=systems).order_by("created_at", "id")
    return {budget.system_id: budget for budget in rows}


def warnings_of(
    budgets: Iterable[Budget], months: Collection[date]
) -> Mapping[tuple[uuid.UUID, date], Sequence[BudgetWarning]]:
    """What was warned of, by budget and month, the lowest threshold first: one query."""
    found: dict[tuple[uuid.UUID, date], list[BudgetWarning]] = defaultdict(list)
    rows = BudgetWarning.objects.filter(budget__in=[one.pk for one in budgets], month__in=months)
    for warning in rows.order_by("threshold"):
        found[warning.budget_id, warning.month].append(warning)
    return found


def standing_budget(system: AISystem) -> Budget | None:
    budget: Budget | None = Budget.objects.filter(system=system, withdrawn_at__isnull=True).first()
    return budget


def repricings_of(system: AISystem, limit: int = 10) -> list[Repricing]:
    """The newest first."""
    return list(Repricing.objects.filter(system=system).order_by("-created_at", "-id")[:limit])
