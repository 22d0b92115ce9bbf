"""The months of the organization's systems, and the report of one: previewed, frozen, signed, handed on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.errors import Conflict, Invalid, InvalidParameter, NotFound
from governance.models import AISystem, User
from governance.permissions import may_about
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.session import page
from operations.models import OwnershipReport
from operations.months import end_of_month, month_after, month_of, name_month, read_month
from operations.report_document import build_report, build_report_document
from operations.report_files import answer_document
from operations.report_parts.plain import Json
from operations.report_selectors import MonthState, find_report_of, month_states
from operations.services.reporting import (
    FROZEN_AFTER,
    attest_report,
    attester_of,
    freeze_report,
    may_attest,
)
from operations.web.report_charts import draw_report_charts
from operations.web.report_forms import AttestForm
from operations.web.report_words import sum_up

MONTHS_SHOWN: Final = 6
RATES: Final = (
    ("escalation", "Sent to people", "escalation_rate"),
    ("diversion", "Diverted by the breaker", ""),
    ("override", "Overridden by people", "override_rate"),
    ("failure", "Failed outcomes", "failure_rate"),
    ("resolution", "Resolved cases", "resolution_rate"),
)


@dataclass(frozen=True, slots=True)
class SystemMonths:
    system: AISystem
    is_mine: bool
    states: list[MonthState]


@page("reports.read")
@require_GET
def report_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Systems by months; whoever owns some sees those first."""
    now = timezone.now()
    months = [month_after(month_of(now), -count) for count in range(MONTHS_SHOWN)]
    systems = AISystem.objects.visible_to(actor).select_related("owner").order_by("name", "id")
    mine = [system for system in systems if system.owner_id == actor.user_id]
    shown = take_page(request, [*mine, *(system for system in systems if system.owner_id != actor.user_id)])
    states = month_states(shown.rows, months, now=now)
    rows = [SystemMonths(one, one.owner_id == actor.user_id, states[one.pk]) for one in shown.rows]
    context = {"page": shown, "rows": rows, "months": [name_month(month) for month in months]}
    return render(request, "operations/reports.html", context)


@page("reports.read")
@require_GET
def report_detail(request: HttpRequest, actor: Actor, slug: str, month: str) -> HttpResponse:
    """The frozen document, or what it would say now."""
    return _show(request, actor, find_system_of(actor, slug), _read(month))


def find_system_of(actor: Actor, slug: str) -> AISystem:
    """Another organization's is not there."""
    systems = AISystem.objects.visible_to(actor).select_related("organization", "owner", "backup")
    system = systems.filter(slug=slug).first()
    if system is None:
        raise NotFound()
    return system


def _read(text: str) -> date:
    """The month of an address; what is none, or has not begun, is not there."""
    try:
        month = read_month(text)
    except InvalidParameter as error:
        raise NotFound() from error
    if month > month_of(timezone.now()):
        raise NotFound()
    return month


def _document(system: AISystem, month: date, report: OwnershipReport | None) -> Json:
    if report is not None:
        document: Json = json.loads(report.document)
        return document
    return build_report_document(system, month, now=timezone.now())


def _show(
    request: HttpRequest,
    actor: Actor,
    system: AISystem,
    month: date,
    *,
    form: AttestForm | None = None,
    status: int = 200,
) -> HttpResponse:
    report = find_report_of(system, month)
    document = _document(system, month, report)
    state = month_states([system], [month], now=timezone.now())[system.pk][0]
    if report is None and state.code == "none" and system.created_at >= end_of_month(month):
        raise NotFound()
    attester = None
    if report is not None and report.attested_at is None:
        attester = User.objects.filter(pk__in=[attester_of(system)]).first()
    context: dict[str, Any] = {
        "system": system,
        "report": report,
        "document": document,
        "state": state,
        "summary": sum_up(document),
        "charts": draw_report_charts(document),
        "rates": _lay_out_rates(document),
        "may_freeze": may_about(actor, "reports.freeze", system),
        "may_attest": report is not None and report.attested_at is None and may_attest(actor, system),
        "attester": attester,
        "ends_at": end_of_month(month),
        "freezes_at": end_of_month(month) + FROZEN_AFTER,
        "form": form or AttestForm(),
    }
    return render(request, "operations/report.html", context, status=status)


def _lay_out_rates(document: Json) -> list[Json]:
    comparison = document["comparison"] or {"metrics": []}
    compared = {one["metric"]: one for one in comparison["metrics"] if one["verdict"] != "cannot_be_told"}
    return [
        {"name": name, "share": document["handling"][code], "metric": compared.get(metric)}
        for code, name, metric in RATES
    ]


@page("reports.read")
@require_GET
def report_document(request: HttpRequest, actor: Actor, slug: str, month: str) -> HttpResponse:
    """The frozen bytes with their hash; of a month that is not frozen, what it would be now."""
    system, chosen = find_system_of(actor, slug), _read(month)
    report = find_report_of(system, chosen)
    if report is not None:
        return answer_document(report.document, report.sha256, f"{slug}-{month}.json")
    built = build_report(system, chosen, now=timezone.now())
    return answer_document(built.text, built.sha256, f"{slug}-{month}-preview.json")


@page("reports.read")
@require_POST
def report_freeze(request: HttpRequest, actor: Actor, slug: str, month: str) -> HttpResponse:
    system, chosen = find_system_of(actor, slug), _read(month)
    try:
        freeze_report(actor=actor, system=system, month=chosen)
    except Conflict as refusal:
        messages.error(request, f"{refusal.title}. {refusal.detail}".strip())
        return redirect("report-detail", slug, month)
    messages.success(request, "The report is frozen: it can't change any more, and waits for its owner's signature.")
    return redirect("report-detail", slug, month)


@page("reports.read")
@require_POST
def report_attest(request: HttpRequest, actor: Actor, slug: str, month: str) -> HttpResponse:
    system, chosen = find_system_of(actor, slug), _read(month)
    report = find_report_of(system, chosen)
    if report is None:
        raise NotFound()
    form = AttestForm(request.POST)
    statement = form.cleaned_data["statement"] if form.is_valid() else ""
    try:
        attest_report(actor=actor, report=report, statement=statement)
    except Invalid as refusal:
        if form.is_valid():
            add_refusal(form, refusal)
        return _show(request, actor, system, chosen, form=form, status=422)
    except Conflict as refusal:
        messages.error(request, f"{refusal.title}.")
        return redirect("report-detail", slug, month)
    messages.success(request, "The report bears your signature.")
    return redirect("report-detail", slug, month)
