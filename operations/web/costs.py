"""What systems cost: all of them on one page, and one system with its budget, its forecast, its models and its ledger."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.actors import Actor
from governance.errors import Conflict, Invalid, InvalidParameter, NotFound
from governance.models import AISystem
from governance.permissions import may
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.session import page
from operations.budget_selectors import listed_rates, repricings_of, standing_budget
from operations.cost_selectors import MonthCosts, month_costs, month_costs_of, months_to_show
from operations.figure_selectors import Period, figures_of
from operations.model_choice import RULE, choose_models
from operations.models import Repricing, ReviewRate
from operations.months import end_of_month, month_after, month_of, name_month, read_month, start_of_month
from operations.services.budgets import state_budget, state_review_rate, withdraw_budget, withdraw_review_rate
from operations.services.repricing import request_repricing
from operations.web import cost_words as say
from operations.web import figure_words as words
from operations.web.cost_forms import BudgetForm, RepricingForm, ReviewRateForm, to_micros

MONTHS_LISTED = 13


@dataclass(frozen=True, slots=True)
class SystemRow:
    costs: MonthCosts
    spent: say.Said
    budget: say.BudgetBar | None
    forecast: say.Said
    resolved: say.Said


@dataclass(frozen=True, slots=True)
class RepricingRow:
    """`whole`: about how many decisions the stretch holds, by the roll-ups."""

    repricing: Repricing
    whole: int


@page("overview.read")
@require_GET
def cost_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every system of the organization in one month, and the rate of its reviewers."""
    return _show_list(request, actor)


@page("overview.read")
@require_GET
def system_costs(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    return _show_system(request, actor, slug)


@page("budgets.manage")
@require_POST
def budget_state(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    system = _find(actor, slug)
    form = BudgetForm(request.POST)
    if form.is_valid():
        try:
            state_budget(actor=actor, system=system, **_in_micros(form, "monthly_micros"))
        except Invalid as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request, "The budget is stated. Owner and backup are told at 50, 80 and 100 percent of it."
            )
            return redirect("system-costs", slug)
    return _show_system(request, actor, slug, budget_form=form)


@page("budgets.manage")
@require_http_methods(["GET", "POST"])
def budget_withdraw(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """Asks, then takes the budget away: the one that was looked at, not one that took its place meanwhile."""
    system = _find(actor, slug)
    if request.method == "POST":
        withdraw_budget(actor=actor, system=system, budget_id=_read_id(request.POST.get("budget", "")))
        messages.success(request, "The budget is withdrawn; nobody is warned any more.")
        return redirect("system-costs", slug)
    budget = standing_budget(system)
    if budget is None:
        raise NotFound()
    return render(request, "operations/costs_budget_withdraw.html", {"system": system, "budget": budget})


@page("budgets.manage")
@require_POST
def review_rate_state(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = ReviewRateForm(request.POST)
    if form.is_valid():
        try:
            state_review_rate(actor=actor, **_in_micros(form, "hour_micros"))
        except Invalid as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, "The rate is stated. Review time of its days costs by it.")
            return redirect("cost-list")
    return _show_list(request, actor, rate_form=form)


@page("budgets.manage")
@require_http_methods(["GET", "POST"])
def review_rate_withdraw(request: HttpRequest, actor: Actor, rate_id: uuid.UUID) -> HttpResponse:
    """Asks, then takes the rate back."""
    rate = ReviewRate.objects.visible_to(actor).filter(pk=rate_id).first()
    if rate is None:
        raise NotFound()
    if request.method == "POST":
        withdraw_review_rate(actor=actor, rate_id=rate_id)
        messages.success(request, "The rate is withdrawn; the one before it holds, if there is one.")
        return redirect("cost-list")
    return render(request, "operations/costs_rate_withdraw.html", {"rate": rate})


@page("prices.manage")
@require_POST
def repricing_request(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    system = _find(actor, slug)
    form = RepricingForm(request.POST)
    if form.is_valid():
        since, until = form.instants()
        try:
            request_repricing(actor=actor, system=system, since=since, until=until, reason=form.cleaned_data["reason"])
        except (Invalid, Conflict) as refusal:
            add_refusal(form, refusal)
            return _show_system(request, actor, slug, repricing_form=form, status=refusal.status)
        messages.success(request, "Past decisions are being priced anew; how far it is stands below.")
        return redirect(f"{reverse('system-costs', args=[slug])}#repricing-title")
    return _show_system(request, actor, slug, repricing_form=form)


def _show_list(request: HttpRequest, actor: Actor, *, rate_form: forms.Form | None = None) -> HttpResponse:
    now = timezone.now()
    month = _read_month(request, now)
    systems = take_page(request, AISystem.objects.visible_to(actor).order_by("name", "id"))
    measured = month_costs_of(systems.rows, month, now=now)
    rows = [_row_of(measured[system.pk]) for system in systems.rows]
    running = month_of(now)
    context = {
        **_month_context(month, [month_after(running, -number) for number in range(MONTHS_LISTED)], running),
        "page": systems,
        "rows": rows,
        "total_micros": sum(row.costs.total_micros for row in rows),
        "is_any_known": any(row.costs.is_known or row.costs.total_micros for row in rows),
        "rates": list(listed_rates(actor)[:20]),
        "rate_form": rate_form or ReviewRateForm(initial={"effective_from": running}),
        "may_manage": may(actor, "budgets.manage"),
        "may_register": may(actor, "systems.manage"),
    }
    return render(request, "operations/costs.html", context, status=422 if rate_form else 200)


def _row_of(costs: MonthCosts) -> SystemRow:
    return SystemRow(
        costs=costs,
        spent=say.say_spent(costs),
        budget=say.say_budget(costs),
        forecast=say.say_forecast(costs),
        resolved=say.say_resolved(costs),
    )


def _show_system(
    request: HttpRequest,
    actor: Actor,
    slug: str,
    *,
    budget_form: forms.Form | None = None,
    repricing_form: forms.Form | None = None,
    status: int = 422,
) -> HttpResponse:
    """The page, also with a form that was refused in the place of its empty one."""
    system, now = _find(actor, slug), timezone.now()
    month = _read_month(request, now)
    costs = month_costs(system, month, now=now)
    forecast = costs.forecast
    context = {
        **_month_context(month, months_to_show(system, now=now), month_of(now)),
        "system": system,
        "costs": costs,
        "row": _row_of(costs),
        "review": say.say_minutes(costs),
        "review_forecast": say.say_projection(forecast.review_seconds if forecast else None, words.minutes_words),
        "method": forecast.method if forecast else "",
        "charts": [say.draw_days(costs)],
        "tasks": [say.show_task(choice) for choice in choose_models(system, _period_of(month))],
        "rule": RULE,
        "repricings": [_repricing_row(system, one) for one in repricings_of(system)],
        "budget_form": budget_form or BudgetForm(initial=_budget_fields(costs, is_running=costs.is_running)),
        "repricing_form": repricing_form or RepricingForm(initial=_month_days(month, now)),
        "may_budget": may(actor, "budgets.manage"),
        "may_reprice": may(actor, "prices.manage"),
    }
    refused = budget_form is not None or repricing_form is not None
    return render(request, "operations/costs_system.html", context, status=status if refused else 200)


def _month_context(month: date, months: list[date], running: date) -> dict[str, Any]:
    """What the choice of a month needs: those to choose from, and its neighbours."""
    listed = months if month in months else [*months, month]
    return {
        "month": month,
        "month_name": name_month(month),
        "months": [(name_month(one), one) for one in listed],
        "before": name_month(month_after(month, -1)) if month.year > 1970 else "",
        "after": name_month(month_after(month)) if month < running else "",
        "is_running": month == running,
    }


def _period_of(month: date) -> Period:
    return Period(start_of_month(month), end_of_month(month), "day")


def _repricing_row(system: AISystem, repricing: Repricing) -> RepricingRow:
    if repricing.finished_at is not None:
        return RepricingRow(repricing, repricing.looked_at)
    whole = figures_of(system, Period.between(repricing.since_at, repricing.until_at)).decisions
    return RepricingRow(repricing, max(whole, repricing.looked_at, 1))


def _budget_fields(costs: MonthCosts, *, is_running: bool) -> dict[str, Any]:
    budget = costs.budget if is_running else None
    if budget is None:
        return {"includes_review": True}
    dollars = f"{budget.monthly_micros / 1_000_000:.2f}"
    return {"monthly_micros": dollars, "includes_review": budget.includes_review, "note": budget.note}


def _month_days(month: date, now: datetime) -> dict[str, date]:
    return {"since": month, "until": min(month_after(month) - timedelta(days=1), now.date())}


def _in_micros(form: forms.Form, field: str) -> Mapping[str, Any]:
    return {**form.cleaned_data, field: to_micros(form.cleaned_data[field])}


def _read_month(request: HttpRequest, now: datetime) -> date:
    """`?month=2026-11`, by default the running one. Refuses (InvalidParameter) others, and months to come."""
    text = request.GET.get("month", "")
    month = read_month(text) if text else month_of(now)
    if month > month_of(now):
        raise InvalidParameter("This month has not begun yet.")
    return month


def _read_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound() from None


def _find(actor: Actor, slug: str) -> AISystem:
    system = AISystem.objects.visible_to(actor).filter(slug=slug).first()
    if system is None:
        raise NotFound()
    return system
