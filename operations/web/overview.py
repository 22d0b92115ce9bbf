"""One page on every AI system, what needs somebody first: who answers for it, how it is, how much it does, what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
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
from operations.lag_selectors import read_lags
from reviews.queue_selectors import COUNT_CAP

# So many are asked about at once; databases limit how many values a question may name.
AT_ONCE = 500
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


@dataclass(frozen=True, slots=True)
class Totals:
    """What stands below the last page: everything that the pages show, taken together. What waits is counted up to COUNT_CAP a
    system."""

    systems: int
    figures: Figures
    waiting: int
    is_waiting_capped: bool
    oldest_at: datetime | None
    incidents: int

    @property
    def waiting_words(self) -> str:
        return f"{self.waiting:,}{'+' if self.is_waiting_capped else ''}"


@page("overview.read")
@require_GET
def overview(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?order=` is one of ORDERS; anything else is the first."""
    now = timezone.now()
    systems = AISystem.objects.visible_to(actor).select_related("owner", "backup").order_by("name", "id")
    rows = measure_systems(systems, now=now)
    order = request.GET.get("order", "")
    order = order if order in ORDERS else "attention"
    listed = take_page(request, sort_rows(rows, order))
    sparks = draw_volumes([row.system for row in listed.rows], now=now)
    context = {
        "page": listed,
        "totals": sum_rows(rows),
        "lags": read_lags(now=now),
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


def measure_systems(systems: Iterable[AISystem], *, now: datetime) -> list[SystemRow]:
    """Two questions for each 500 systems, however many there are. In what order they come, whoever needs somebody first is known
    only when all have been looked at."""
    rows = []
    for some in _take(systems, AT_ONCE):
        conditions, figures = conditions_of(some), figures_by_system(some, last_days(now))
        rows += [
            SystemRow(
                system=system,
                condition=conditions[system.pk],
                health=conditions[system.pk].health(decisions=figures[system.pk].decisions),
                figures=figures[system.pk],
            )
            for system in some
        ]
    return rows


def _take(systems: Iterable[AISystem], at_once: int) -> Iterator[list[AISystem]]:
    iterator = iter(systems)
    while some := list(islice(iterator, at_once)):
        yield some


def sum_rows(rows: Sequence[SystemRow]) -> Totals:
    waiting = [row.condition for row in rows if row.condition.oldest_at]
    return Totals(
        systems=len(rows),
        figures=sum((row.figures for row in rows), Figures()),
        waiting=sum(min(condition.waiting, COUNT_CAP) for condition in waiting),
        is_waiting_capped=any(condition.waiting > COUNT_CAP for condition in waiting),
        oldest_at=min((condition.oldest_at for condition in waiting if condition.oldest_at), default=None),
        incidents=sum(row.condition.incidents for row in rows),
    )


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
