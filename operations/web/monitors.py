"""Monitors: what is watched about each system, what each one promises, what it has found so far, and how it is set."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.errors import Conflict, DomainError, Invalid
from governance.permissions import may
from governance.web.paging import take_page
from governance.web.session import page
from operations.figure_selectors import Period, figures_of
from operations.models import Monitor
from operations.monitor_kinds import KINDS
from operations.monitor_kinds.standing import StandingKind
from operations.services.baselines import change_monitor, rearm_monitor, seal_baseline, settings_of
from operations.watch_selectors import alarms_of, entries_about, find_monitor, monitors_of
from operations.web.baseline_words import say_baseline
from operations.web.watch_forms import MonitorChangeForm, MonitorFilterForm, ReasonForm, write_number
from operations.web.watch_sentences import tell
from operations.web.watch_words import UNTRIED, WATCHES, interval_of, say_falseness, say_status, show_alarm
from reviews.web.list_filters import describe_applied, system_choices


@page("monitors.read")
@require_GET
def monitor_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Those with an alarm first, then by system and kind. A filter that can't be read shows what is wrong with it, and no rows."""
    form = MonitorFilterForm(request.GET, systems=system_choices(actor))
    is_valid = form.is_valid()
    monitors = monitors_of(actor) if is_valid else Monitor.objects.none()
    if is_valid and form.cleaned_data["system"]:
        monitors = monitors.filter(system__slug=form.cleaned_data["system"])
    if is_valid and form.cleaned_data["status"]:
        monitors = monitors.filter(status=form.cleaned_data["status"])
    # Baselines and states may be long, and no row shows them.
    first = Case(When(status=Monitor.Status.ALARMED, then=0), default=1)
    shown = monitors.defer("baseline", "state").order_by(first, "system__name", "system_id", "kind")
    listed = take_page(request, shown, size=100)
    context = {
        "form": form,
        "is_valid": is_valid,
        "applied": describe_applied(request, form),
        "clear_url": reverse("monitor-list"),
        "page": listed,
        "rows": [{"monitor": monitor, "watches": WATCHES[Monitor.Kind(monitor.kind)]} for monitor in listed.rows],
    }
    return render(request, "operations/monitors.html", context, status=200 if is_valid else 422)


@page("monitors.read")
@require_GET
def monitor_detail(request: HttpRequest, actor: Actor, monitor_id: uuid.UUID) -> HttpResponse:
    return show_monitor(request, actor, find_monitor(actor=actor, monitor_id=monitor_id))


@page("monitors.manage")
@require_POST
def monitor_change(request: HttpRequest, actor: Actor, monitor_id: uuid.UUID) -> HttpResponse:
    """Settings, on or off, and whether it may open the breaker."""
    monitor = find_monitor(actor=actor, monitor_id=monitor_id)
    form = MonitorChangeForm(request.POST, known=KINDS[monitor.kind].settings)

    def change(typed: dict[str, Any]) -> None:
        change_monitor(
            actor=actor,
            monitor_id=monitor_id,
            settings=form.settings(),
            is_on=typed["is_on"],
            trips_breaker=typed["trips_breaker"],
            if_version=typed["version"],
        )

    return _take(request, actor, monitor, "change", form, change, "The monitor is set.")


@page("monitors.manage")
@require_POST
def monitor_learn(request: HttpRequest, actor: Actor, monitor_id: uuid.UUID) -> HttpResponse:
    """Forget the baseline and learn from what follows."""
    monitor = find_monitor(actor=actor, monitor_id=monitor_id)
    form = ReasonForm(request.POST, auto_id="learn-%s")

    def learn(typed: dict[str, Any]) -> None:
        seal_baseline(actor=actor, monitor_id=monitor_id, reason=typed["reason"])

    return _take(request, actor, monitor, "learn", form, learn, "It learns anew from what follows.")


@page("monitors.manage")
@require_POST
def monitor_rearm(request: HttpRequest, actor: Actor, monitor_id: uuid.UUID) -> HttpResponse:
    """Let an alarmed monitor watch again, with the baseline that it has."""
    monitor = find_monitor(actor=actor, monitor_id=monitor_id)
    form = ReasonForm(request.POST, auto_id="rearm-%s")

    def rearm(typed: dict[str, Any]) -> None:
        rearm_monitor(actor=actor, monitor_id=monitor_id, reason=typed["reason"])

    return _take(request, actor, monitor, "rearm", form, rearm, "It watches again.")


def _take(
    request: HttpRequest,
    actor: Actor,
    monitor: Monitor,
    name: str,
    form: forms.Form,
    verb: Callable[[dict[str, Any]], None],
    done: str,
) -> HttpResponse:
    """One verb by its form; refused, it comes back with what was typed (422), and with how it stands now (409)."""
    if form.is_valid():
        try:
            verb(form.cleaned_data)
        except Conflict as refusal:
            said = refusal.detail or refusal.title
            fresh = find_monitor(actor=actor, monitor_id=monitor.pk)
            return show_monitor(request, actor, fresh, status=409, refused={name: form}, conflict=said)
        except Invalid as refusal:
            add_setting_refusal(form, refusal)
        else:
            messages.success(request, done)
            return redirect("monitor-detail", monitor.pk)
    return show_monitor(request, actor, monitor, status=422, refused={name: form})


def add_setting_refusal(form: forms.Form, refusal: DomainError) -> None:
    """Show a refusal at the settings that it points to (`/settings/arl0`), or above the form."""
    for fault in refusal.errors or [{"pointer": "", "detail": refusal.detail or refusal.title}]:
        name = str(fault["pointer"]).removeprefix("/settings").strip("/")
        form.add_error(name if name in form.fields else None, str(fault["detail"]))


def show_monitor(
    request: HttpRequest,
    actor: Actor,
    monitor: Monitor,
    *,
    status: int = 200,
    refused: dict[str, forms.Form] | None = None,
    conflict: str = "",
) -> HttpResponse:
    context = {
        "monitor": monitor,
        "watches": WATCHES[Monitor.Kind(monitor.kind)],
        "status_words": say_status(monitor, settings_of(monitor)),
        "baseline_words": say_baseline(monitor),
        "falseness": say_falseness(monitor.stated, count_daily(monitor)),
        "promise": str(monitor.stated.get("sentence") or ""),
        "has_promise": monitor.baseline is not None,
        "alarms": [show_alarm(alarm) for alarm in alarms_of(monitor)],
        "moments": tell(entries_about(actor, f"monitor:{monitor.pk}")),
        "may_manage": may(actor, "monitors.manage"),
        "is_tried": monitor.kind not in UNTRIED,
        "does_learn": not isinstance(KINDS[monitor.kind], StandingKind),
        "forms": {**open_forms(monitor), **(refused or {})},
        "conflict": conflict,
    }
    return render(request, "operations/monitor.html", context, status=status)


def open_forms(monitor: Monitor) -> dict[str, forms.Form]:
    return {
        "change": MonitorChangeForm(initial=initial_of(monitor), known=KINDS[monitor.kind].settings),
        "learn": ReasonForm(auto_id="learn-%s"),
        "rearm": ReasonForm(auto_id="rearm-%s"),
    }


def initial_of(monitor: Monitor) -> dict[str, Any]:
    """What the form of a monitor holds before anybody types."""
    return {
        **{name: write_number(value) for name, value in settings_of(monitor).items()},
        "is_on": monitor.status != Monitor.Status.OFF,
        "trips_breaker": monitor.trips_breaker,
        "version": monitor.version,
    }


def count_daily(monitor: Monitor) -> dict[str, float]:
    """How much of what the monitor counts comes a day at present, over the last seven days; by its unit."""
    unit = str(monitor.stated.get("unit") or "")
    if interval_of(monitor.stated) is None or unit == "seconds":
        return {}
    if unit == "hours":
        return {unit: 24.0}
    figures = figures_of(monitor.system, Period.last("7d", now=timezone.now()))
    rulings = figures.judged if monitor.kind == Monitor.Kind.SAMPLED_ERRORS else figures.ruled
    week = {"decisions": figures.decisions, "outcomes": figures.outcomes, "rulings": rulings}
    return {unit: week.get(unit, 0) / 7}
