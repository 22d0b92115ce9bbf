"""One page on every AI system, what needs somebody first: who answers for it, how it is, how much it does, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.models import AISystem
from governance.permissions import may
from governance.web.paging import take_page
from governance.web.session import page
from operations.charts import Spark, draw_spark
from operations.figure_selectors import Figures, Period, figures_by_system
from operations.health_selectors import Condition, Health, conditions_of, daily_volumes

# More are never looked at on one page; the list of AI systems pages through any number.
SYSTEMS_AT_MOST = 1000
DAYS = 7
ORDERS = {
    "attention": "what needs somebody first",
    "name": "name",
    "volume": "volume",
    "cost": "cost",
    "waiting": "longest waiting",
}


@dataclass(frozen=True, slots=True)
class SystemRow:
    system: AISystem
    condition: Condition
    health: Health
    figures: Figures


@page("overview.read")
@require_GET
def overview(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?order=` is one of ORDERS; anything else is the first."""
    now = timezone.now()
    systems = AISystem.objects.visible_to(actor).select_related("owner", "backup").order_by("name", "id")
    order = request.GET.get("order", "")
    order = order if order in ORDERS else "attention"
    rows = sort_rows(measure_systems(list(systems[:SYSTEMS_AT_MOST]), now=now), order)
    listed = take_page(request, rows)
    sparks = draw_volumes([row.system for row in listed.rows], now=now)
    context = {
        "page": listed,
        "listed": [(row, sparks[row.system.pk]) for row in listed.rows],
        "may_manage": may(actor, "systems.manage"),
        "orders": ORDERS,
        "order": order,
        "days": DAYS,
    }
    return render(request, "operations/overview.html", context)


def last_days(now: datetime) -> Period:
    """The last seven UTC days, today included: of these, roll-ups by day hold seven rows a system."""
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Period(tomorrow - timedelta(days=DAYS), tomorrow, "day")


def measure_systems(systems: Sequence[AISystem], *, now: datetime) -> list[SystemRow]:
    """Four questions whatever the number of systems; they come with their owner."""
    conditions, figures = conditions_of(systems), figures_by_system(systems, last_days(now))
    return [
        SystemRow(
            system=system,
            condition=conditions[system.pk],
            health=conditions[system.pk].health(decisions=figures[system.pk].decisions),
            figures=figures[system.pk],
        )
        for system in systems
    ]


def draw_volumes(systems: Sequence[AISystem], *, now: datetime) -> dict[UUID, Spark | None]:
    """A line of each system's seven days, by its id; None where nothing was decided."""
    period = last_days(now)
    volumes = daily_volumes(systems, since=period.since, until=period.until)
    return {
        system.pk: draw_spark([volumes.get(system.pk, {}).get(day, 0) for day in period.starts()]) for system in systems
    }


def sort_rows(rows: Sequence[SystemRow], order: str) -> list[SystemRow]:
    """Rows that come by name, in another order; equals stay by name."""
    now = timezone.now()
    match order:
        case "name":
            return list(rows)
        case "volume":
            return sorted(rows, key=lambda row: -row.figures.decisions)
        case "cost":
            return sorted(rows, key=lambda row: -row.figures.cost_micros)
        case "waiting":
            return sorted(rows, key=lambda row: row.condition.oldest_at or now)
    return sorted(rows, key=lambda row: (-row.health.rank, row.condition.oldest_at or now))
