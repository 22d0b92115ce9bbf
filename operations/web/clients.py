"""All clients of an agency on one page: each organization that the person belongs to, and how its AI systems are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.models import AISystem, Organization, User
from governance.selectors import organizations_of
from governance.web.paging import take_page
from governance.web.session import page
from operations.figure_selectors import Figures
from operations.health_selectors import Health
from operations.web.overview import DAYS, SYSTEMS_AT_MOST, SystemRow, measure_systems
from reviews.queue_selectors import COUNT_CAP


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One organization: `worst` is the system that needs somebody most, `figures` the sums of all."""

    organization: Organization
    systems: int
    worst: SystemRow | None
    figures: Figures
    # Each system's is counted up to COUNT_CAP.
    waiting: int
    is_waiting_capped: bool
    oldest_at: datetime | None
    incidents: int

    @property
    def health(self) -> Health | None:
        return self.worst.health if self.worst else None

    @property
    def waiting_words(self) -> str:
        return f"{self.waiting:,}{'+' if self.is_waiting_capped else ''}"


@page("overview.read")
@require_GET
def client_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Nothing here depends on the organization that was chosen: a role in an organization is what shows it."""
    assert isinstance(request.user, User), "@page lets nobody else in"
    organizations = list(organizations_of(request.user))
    systems = AISystem.objects.filter(organization__in=organizations).select_related("owner").order_by("name", "id")
    measured = measure_systems(list(systems[:SYSTEMS_AT_MOST]), now=timezone.now())
    rows = [sum_up(one, [row for row in measured if row.system.organization_id == one.pk]) for one in organizations]
    rows.sort(key=lambda row: -(row.health.rank if row.health else 0))
    context = {"page": take_page(request, rows), "days": DAYS, "actor": actor}
    return render(request, "operations/clients.html", context)


def sum_up(organization: Organization, rows: list[SystemRow]) -> ClientRow:
    waiting = [row.condition for row in rows if row.condition.oldest_at]
    return ClientRow(
        organization=organization,
        systems=len(rows),
        worst=max(rows, key=lambda row: row.health.rank, default=None),
        figures=sum((row.figures for row in rows), Figures()),
        waiting=sum(min(condition.waiting, COUNT_CAP) for condition in waiting),
        is_waiting_capped=any(condition.waiting > COUNT_CAP for condition in waiting),
        oldest_at=min((condition.oldest_at for condition in waiting if condition.oldest_at), default=None),
        incidents=sum(row.condition.incidents for row in rows),
    )
