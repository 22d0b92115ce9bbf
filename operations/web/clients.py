"""All clients of an agency on one page: each organization that the person belongs to, and how its AI systems are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.models import AISystem, Organization
from governance.web.paging import take_page
from governance.web.session import own_organizations, page
from operations.health_selectors import Health
from operations.lag_selectors import read_lags
from operations.report_selectors import ReportTally, tally_reports
from operations.web.overview import DAYS, SystemRow, Totals, measure_systems, sum_rows


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One organization: `worst` is the system that needs somebody most, `totals` the sums of all of them,
    `reports` how the reports of the last month stand."""

    organization: Organization
    worst: SystemRow | None
    totals: Totals
    reports: ReportTally | None = None

    @property
    def health(self) -> Health | None:
        return self.worst.health if self.worst else None


@page("overview.read")
@require_GET
def client_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Nothing here depends on the organization that was chosen: a role in an organization is what shows it."""
    organizations = own_organizations(request)
    now = timezone.now()
    systems = AISystem.objects.filter(organization__in=organizations).select_related("owner").order_by("name", "id")
    measured = measure_systems(systems, now=now)
    reports = tally_reports([row.system for row in measured], now=now)
    owned: dict[UUID, list[SystemRow]] = defaultdict(list)
    for row in measured:
        owned[row.system.organization_id].append(row)
    rows = [sum_up(one, owned[one.pk], reports.get(one.pk)) for one in organizations]
    rows.sort(key=lambda row: -(row.health.rank if row.health else 0))
    context = {
        "page": take_page(request, rows),
        "count": len(rows),
        "totals": sum_rows(measured),
        "lags": read_lags(now=now),
        "days": DAYS,
        "actor": actor,
    }
    return render(request, "operations/clients.html", context)


def sum_up(organization: Organization, rows: list[SystemRow], reports: ReportTally | None) -> ClientRow:
    return ClientRow(organization, max(rows, key=lambda row: row.health.rank, default=None), sum_rows(rows), reports)
