"""Monitors: what is watched about each system, what each one promises, and what it has found so far."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.permissions import may
from governance.web.paging import take_page
from governance.web.session import page
from operations.models import Monitor
from operations.watch_selectors import alarms_of, find_monitor, monitors_of
from operations.web.watch_forms import MonitorFilterForm
from operations.web.watch_words import WATCHES, say_baseline, say_expected_delay, say_falseness, say_status, show_alarm
from reviews.web.list_filters import describe_applied, system_choices


@page("monitors.read")
@require_GET
def monitor_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """By system and kind. A filter that can't be read shows what is wrong with it, and no rows."""
    form = MonitorFilterForm(request.GET, systems=system_choices(actor))
    is_valid = form.is_valid()
    monitors = monitors_of(actor) if is_valid else Monitor.objects.none()
    if is_valid and form.cleaned_data["system"]:
        monitors = monitors.filter(system__slug=form.cleaned_data["system"])
    if is_valid and form.cleaned_data["status"]:
        monitors = monitors.filter(status=form.cleaned_data["status"])
    listed = take_page(request, monitors.order_by("system__name", "system_id", "kind"), size=100)
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
    monitor = find_monitor(actor=actor, monitor_id=monitor_id)
    context = {
        "monitor": monitor,
        "watches": WATCHES[Monitor.Kind(monitor.kind)],
        "status_words": say_status(monitor),
        "baseline_words": say_baseline(monitor),
        "falseness": say_falseness(monitor.stated),
        "delay_words": say_expected_delay(monitor.stated),
        "alarms": [show_alarm(alarm) for alarm in alarms_of(monitor)],
        "may_manage": may(actor, "monitors.manage"),
    }
    return render(request, "operations/monitor.html", context)
