"""What a month of a system costs: its models, its reviewers' time, each case that was resolved, and what it will come to.

All of it is read from roll-ups by UTC day, so it is exact at a month's edges and costs the same however many decisions are
behind it. As everywhere, things count for the day on which the decision was made, whenever it was ruled on.
"""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from governance.models import AISystem
from operations.budget_selectors import ReviewRates, budgets_by_system, price_review, rates_of, warnings_of
from operations.figure_selectors import Share, floor_to
from operations.forecasting import DAYS_BEHIND, METHOD, METHOD_AHEAD, NotEnoughDays, Projection, project
from operations.models import Budget, RollUp
from operations.months import end_of_month, month_after, month_of, start_of_month

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayCosts:
    """One UTC day. `review_micros`: None where no rate holds on that day."""

    day: date
    decisions: int = 0
    priced: int = 0
    models_micros: int = 0
    review_seconds: float = 0.0
    review_micros: int | None = None
    resolved: int = 0

    @property
    def total_micros(self) -> int:
        return self.models_micros + (self.review_micros or 0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month will come to: its models (`models`) and models with review time at today's rate (`cost`), in
    millionths of a dollar, and the reviewers' load in seconds. `cost` is `models` where no rate is stated."""

    models: Projection | NotEnoughDays
    cost: Projection | NotEnoughDays
    review_seconds: Projection | NotEnoughDays
    method: str = METHOD


@dataclass(frozen=True, slots=True)
class MonthCosts:
    """One system's month. Amounts are millionths of a dollar.

    `spent_micros` is what the models cost, over the `priced` part of the decisions. `review_micros` is the time of the
    rulings that hold at the organization's rate, None where no rate holds on any of its days; `unrated_seconds` of it lie
    on days without a rate. `per_resolved_micros`: both, over the cases that are reported as resolved.
    The budget is the one that stood at the month's end, or stands now; `counted_micros` is what counts against it.
    """

    system: AISystem
    month: date
    is_running: bool
    days: Sequence[DayCosts]
    decisions: int
    priced: Share
    spent_micros: int
    review_seconds: float
    review_micros: int | None
    unrated_seconds: float
    resolved: int
    budget: Budget | None = None
    warnings: Sequence[tuple[int, datetime]] = field(default_factory=tuple)
    forecast: Forecast | None = None

    @property
    def total_micros(self) -> int:
        """Models and, where a rate is stated, reviewers' time."""
        return self.spent_micros + (self.review_micros or 0)

    @property
    def is_known(self) -> bool:
        """Whether the models' cost is known of any decision; otherwise no sum is what the month cost."""
        return bool(self.priced.part)

    @property
    def per_decision_micros(self) -> int | None:
        """What the models cost a decision, over those whose cost is known."""
        return round(self.spent_micros / self.priced.part) if self.is_known else None

    @property
    def per_resolved_micros(self) -> int | None:
        """Models and review time, whatever it was spent on, over the cases resolved; None where the models' cost is known of no
        decision."""
        return round(self.total_micros / self.resolved) if self.resolved and self.is_known else None

    @property
    def review_seconds_per_resolved(self) -> float | None:
        return self.review_seconds / self.resolved if self.resolved else None

    @property
    def budget_micros(self) -> int | None:
        return self.budget.monthly_micros if self.budget else None

    @property
    def counted_micros(self) -> int:
        """What counts against the budget; without one, all of it."""
        return self.total_micros if self.budget is None or self.budget.includes_review else self.spent_micros

    @property
    def share_of_budget(self) -> float | None:
        return self.counted_micros / self.budget.monthly_micros if self.budget else None

    @property
    def counted_forecast(self) -> Projection | NotEnoughDays | None:
        """The forecast of what counts against the budget; without one, of all of it."""
        if self.forecast is None:
            return None
        is_all = self.budget is None or self.budget.includes_review
        return self.forecast.cost if is_all else self.forecast.models


def month_costs(system: AISystem, month: date, *, now: datetime) -> MonthCosts:
    """One system's month (the first day of it): five queries, four for a month that is over."""
    return month_costs_of([system], month, now=now)[system.pk]


def month_costs_of(systems: Sequence[AISystem], month: date, *, now: datetime) -> dict[uuid.UUID, MonthCosts]:
    """The same for several systems, by their ids: as many queries."""
    begins, ends = start_of_month(month), end_of_month(month)
    is_running = begins <= now < ends
    today = floor_to(now, "day")
    window = today - DAYS_BEHIND * DAY
    rows = _read_days(systems, min(begins, window) if is_running else begins, ends)
    rates = rates_of({system.organization_id for system in systems})
    budgets = budgets_by_system(systems, month, now=now)
    warnings = warnings_of(budgets.values(), [month])
    known_before = _decided_before(systems, window) if is_running else set()
    costs = {}
    for system in systems:
        own, budget = rows.get(system.pk, {}), budgets.get(system.pk)
        days = _price_days(own, rates[system.organization_id], begins, ends)
        told = warnings.get((budget.pk, month), ()) if budget else ()
        costs[system.pk] = MonthCosts(
            system=system,
            month=month,
            is_running=is_running,
            days=days,
            decisions=sum(day.decisions for day in days),
            priced=Share(sum(day.priced for day in days), sum(day.decisions for day in days)),
            spent_micros=sum(day.models_micros for day in days),
            review_seconds=math.fsum(day.review_seconds for day in days),
            review_micros=_sum_known(days),
            unrated_seconds=math.fsum(day.review_seconds for day in days if day.review_micros is None),
            resolved=sum(day.resolved for day in days),
            budget=budget,
            warnings=[(one.threshold, one.warned_at) for one in told],
            forecast=_forecast(
                own,
                days,
                hour_micros=rates[system.organization_id].on(today.date()),
                today=today.date(),
                since=_first_complete_day(own, window, is_old=system.pk in known_before),
            )
            if is_running
            else None,
        )
    return costs


def forecast_month_after(system: AISystem, month: date) -> Forecast:
    """What the month after this one will come to, as it could be told in its first instant: three queries, of days that are over
    alone, so that it reads the same whenever it is asked."""
    ends = end_of_month(month)
    window = ends - DAYS_BEHIND * DAY
    rows = _read_days([system], window, ends).get(system.pk, {})
    rates = rates_of({system.organization_id})[system.organization_id]
    found = _forecast(
        rows,
        _price_days({}, rates, ends, end_of_month(month_after(month, 1))),
        # That of its last day: what is stated from the next month on changes no report of this one.
        hour_micros=rates.on(ends.date() - DAY),
        today=ends.date(),
        since=_first_complete_day(rows, window, is_old=bool(_decided_before([system], window))),
    )
    return replace(found, method=METHOD_AHEAD)


def counted_by_budget(budgets: Sequence[Budget], month: date) -> dict[uuid.UUID, int]:
    """What counts against each budget in a month, by budget: two queries."""
    rates = rates_of({budget.organization_id for budget in budgets})
    begins, ends = start_of_month(month), end_of_month(month)
    rows = _read_days([budget.system_id for budget in budgets], begins, ends)
    counted = {}
    for budget in budgets:
        days = _price_days(rows.get(budget.system_id, {}), rates[budget.organization_id], begins, ends)
        counted[budget.pk] = sum(day.total_micros if budget.includes_review else day.models_micros for day in days)
    return counted


def months_to_show(system: AISystem, *, now: datetime, at_most: int = 24) -> list[date]:
    """The running month and those before it down to the system's first decision, the newest first: one query."""
    days = RollUp.objects.filter(system=system, grain=RollUp.Grain.DAY, dimension=RollUp.Dimension.ALL)
    first = days.order_by("starts_at").values_list("starts_at", flat=True).first()
    running = month_of(now)
    oldest = min(month_of(first), running) if first else running
    months = [running]
    while months[-1] > oldest and len(months) < at_most:
        months.append(month_after(months[-1], -1))
    return months


_Days = Mapping[date, DayCosts]


def _read_days(systems: Sequence[Any], since: datetime, until: datetime) -> dict[uuid.UUID, dict[date, DayCosts]]:
    rows = RollUp.objects.filter(
        system__in=systems,
        grain=RollUp.Grain.DAY,
        dimension=RollUp.Dimension.ALL,
        starts_at__gte=since,
        starts_at__lt=until,
    ).order_by("starts_at")
    found: dict[uuid.UUID, dict[date, DayCosts]] = defaultdict(dict)
    for system_id, starts_at, decisions, priced, models, seconds, resolved in rows.values_list(
        "system_id", "starts_at", "decisions", "priced", "cost_micros", "review_seconds", "resolved"
    ):
        day = starts_at.astimezone(UTC).date()
        found[system_id][day] = DayCosts(day, decisions, priced, models, seconds, None, resolved)
    return found


def _price_days(rows: _Days, rates: ReviewRates, since: datetime, until: datetime) -> list[DayCosts]:
    """Every day of a stretch, those without a decision too, with its review time priced by the day's rate."""
    priced = []
    for number in range((until - since).days):
        day = since.date() + number * DAY
        row, hour_micros = rows.get(day, DayCosts(day)), rates.on(day)
        review = None if hour_micros is None else price_review(row.review_seconds, hour_micros)
        priced.append(
            DayCosts(day, row.decisions, row.priced, row.models_micros, row.review_seconds, review, row.resolved)
        )
    return priced


def _sum_known(days: Sequence[DayCosts]) -> int | None:
    known = [day.review_micros for day in days if day.review_micros is not None]
    return sum(known) if known else None


def _decided_before(systems: Sequence[AISystem], instant: datetime) -> set[uuid.UUID]:
    rows = RollUp.objects.filter(
        system__in=systems, grain=RollUp.Grain.DAY, dimension=RollUp.Dimension.ALL, starts_at__lt=instant
    )
    return set(rows.order_by().values_list("system_id", flat=True).distinct())


def _first_complete_day(rows: _Days, window: datetime, *, is_old: bool) -> date | None:
    """Where the history of a forecast begins: the window's first day; for a system that began within it the day after its
    first, which was cut. None where it has none."""
    if is_old:
        return window.date()
    first = min(rows, default=None)
    return None if first is None else max(window.date(), first + DAY)


def _forecast(
    rows: _Days, days: Sequence[DayCosts], *, hour_micros: int | None, today: date, since: date | None
) -> Forecast:
    """Review time is projected at today's rate; what is over has been priced by its own day's."""
    behind = [] if since is None else [since + number * DAY for number in range(max(0, (today - since).days))]
    history = [rows.get(day, DayCosts(day)) for day in behind]
    over = [day for day in days if day.day < today]
    of_today = next(day for day in days if day.day == today)
    ahead = [day.day for day in days if day.day >= today]

    def review(day: DayCosts) -> int:
        return price_review(day.review_seconds, hour_micros or 0)

    return Forecast(
        models=project(
            {day.day: day.models_micros for day in history},
            before_today=sum(day.models_micros for day in over),
            today=of_today.models_micros,
            ahead=ahead,
        ),
        cost=project(
            {day.day: day.models_micros + review(day) for day in history},
            before_today=sum(day.total_micros for day in over),
            today=of_today.total_micros,
            ahead=ahead,
        ),
        review_seconds=project(
            {day.day: day.review_seconds for day in history},
            before_today=math.fsum(day.review_seconds for day in over),
            today=of_today.review_seconds,
            ahead=ahead,
        ),
    )
