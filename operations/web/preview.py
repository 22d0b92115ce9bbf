"""A monitor tried on the past: what it would have seen and which alarms it would have raised. Nothing is changed by it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.errors import Conflict, Invalid
from governance.permissions import may
from governance.web.session import page
from operations.charts import Moment, Series, Slot, draw_lines
from operations.models import Monitor
from operations.monitor_kinds import KINDS, Finding, MonitorKind, words
from operations.monitor_kinds.numbers import NumberKind
from operations.services.baselines import settings_of
from operations.services.previewing import Preview, PreviewAlarm, preview_monitor
from operations.watch_selectors import find_monitor
from operations.web.figure_charts import Cell, ChartShown
from operations.web.monitors import add_setting_refusal, initial_of
from operations.web.watch_forms import MonitorChangeForm, PreviewForm, write_number
from operations.web.watch_words import say_change, say_falseness, say_value, say_where

TITLES = {
    Monitor.Kind.SILENCE: ("The time since the decision before", "seconds"),
    Monitor.Kind.VOLUME: ("Decisions an hour", "per_hour"),
    Monitor.Kind.ESCALATION_RATE: ("Share that policy sent to people", "share"),
    Monitor.Kind.OVERRIDE_RATE: ("Share that people corrected or rejected", "share"),
    Monitor.Kind.CORRECTIONS: ("Share of decisions that people corrected or rejected", "share"),
    Monitor.Kind.SAMPLED_ERRORS: ("Share of the samples that were wrong", "share"),
    Monitor.Kind.FAILED_OUTCOMES: ("Share of outcomes that failed", "share"),
    Monitor.Kind.MISSING_OUTCOMES: ("Share of decisions whose outcome was reported", "share"),
    Monitor.Kind.LATENCY: ("Latency", "ms"),
    Monitor.Kind.COST: ("Cost of a decision", "usd"),
    Monitor.Kind.CONFIDENCE: ("Confidence", ""),
    Monitor.Kind.QUEUE_AGE: ("How long approvals waited", "seconds"),
}
DISTANCE = ("Distance from the baseline, 0 where nothing differs", "psi")
# A chart of so many points can still be told apart; its table has all of them.
TABLE_AT_MOST = 200


@page("monitors.read")
@require_GET
def monitor_preview(request: HttpRequest, actor: Actor, monitor_id: uuid.UUID) -> HttpResponse:
    """The form alone first; with settings in the address, what would have happened."""
    monitor = find_monitor(actor=actor, monitor_id=monitor_id)
    kind = KINDS[monitor.kind]
    initial = {name: write_number(value) for name, value in settings_of(monitor).items()}
    form = PreviewForm(request.GET or None, initial=initial, known=kind.settings)
    shown: dict[str, Any] = {}
    status = 200
    if form.is_valid():
        try:
            preview = preview_monitor(
                actor=actor,
                monitor_id=monitor_id,
                settings=form.settings(),
                since=timezone.now() - timedelta(days=form.cleaned_data["days"]),
            )
        except Invalid as refusal:
            add_setting_refusal(form, refusal)
        except Conflict as refusal:
            form.add_error(None, refusal.detail or refusal.title)
        else:
            shown = describe_preview(monitor, kind, preview)
            if may(actor, "monitors.manage") and form.settings() != settings_of(monitor):
                wanted = {**initial_of(monitor), **form.settings()}
                shown["apply"] = MonitorChangeForm(initial=wanted, known=kind.settings, auto_id=False)
    if form.errors:
        status = 422
    context = {"monitor": monitor, "form": form, **shown}
    return render(request, "operations/monitor_preview.html", context, status=status)


def describe_preview(monitor: Monitor, kind: MonitorKind, preview: Preview) -> dict[str, Any]:
    alarms = [describe_finding(alarm) for alarm in preview.alarms]
    return {
        "preview": preview,
        "alarms": alarms,
        "charts": [draw_preview(monitor, kind, preview)] if preview.points else [],
        "promise": str(preview.stated.get("sentence") or ""),
        "falseness": say_falseness(preview.stated) if preview.stated else "",
    }


def describe_finding(alarm: PreviewAlarm) -> dict[str, Any]:
    finding: Finding = alarm.finding
    return {
        "at": alarm.at,
        "title": finding.title,
        "where": say_where(finding.segment),
        "was": say_value(finding.baseline_value, finding.unit),
        "now": say_value(finding.observed_value, finding.unit),
        "change": say_change(finding.baseline_value, finding.observed_value, finding.unit),
        "since": finding.since,
    }


def draw_preview(monitor: Monitor, kind: MonitorKind, preview: Preview) -> ChartShown:
    """What was observed, in order, with a mark where the baseline would have been complete and at each alarm."""
    name, unit = TITLES.get(Monitor.Kind(monitor.kind), DISTANCE)
    if isinstance(kind, NumberKind):
        unit = kind.shown_in
    instants = [at for at, _ in preview.points]
    values = [value for _, value in preview.points]
    is_short = instants[-1] - instants[0] < timedelta(days=3)
    slots = [
        Slot(
            label=f"{at:%a %H:%M}" if is_short else f"{at.day} {at:%b}",
            title=f"{words.moment(at)}: {say_value(value, unit)}",
        )
        for at, value in preview.points
    ]
    moments = [Moment(_place(alarm.at, instants), "alarm", alarm.finding.title) for alarm in preview.alarms]
    if preview.sealed_at is not None:
        moments.append(Moment(_place(preview.sealed_at, instants), "policy", "The baseline is complete"))
    raised = f"{len(preview.alarms)} alarm{'' if len(preview.alarms) == 1 else 's'}"
    lowest, highest = say_value(min(values), unit), say_value(max(values), unit)
    return ChartShown(
        code="preview",
        title=name,
        summary=f"Between {lowest} and {highest}; {raised}.",
        chart=draw_lines(
            [Series(name, "", values)], slots, write=lambda value: say_value(value, unit), moments=moments
        ),
        columns=["Until", name],
        rows=[[Cell(words.moment(at)), Cell(say_value(value, unit))] for at, value in preview.points[:TABLE_AT_MOST]],
    )


def _place(at: datetime, instants: Sequence[datetime]) -> float:
    """Where an instant stands along points that are evenly apart, from 0 to 1."""
    before = sum(1 for one in instants if one < at)
    return min((before + 0.5) / len(instants), 1.0)
