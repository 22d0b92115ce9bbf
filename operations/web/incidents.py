"""Incidents: what changed and since when in the first lines, who has it, what was done, and what was learned."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.permissions import may
from governance.templatetags.console import due_words
from governance.web.paging import take_page
from governance.web.session import page
from operations.models import Incident
from operations.watch_selectors import (
    entries_about,
    find_evidence,
    find_incident,
    incidents_of,
    recent_recoveries,
    running_recovery,
    with_urgency,
)
from operations.web.incident_sentences import tell_incident
from operations.web.watch_forms import IncidentFilterForm
from operations.web.watch_words import say_value, show_alarm
from reviews.web.list_filters import describe_applied, system_choices


@page("incidents.read")
@require_GET
def incident_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Unresolved first, of these the unacknowledged. A filter that can't be read shows what is wrong, and no rows."""
    form = IncidentFilterForm(request.GET, systems=system_choices(actor))
    is_valid = form.is_valid()
    incidents = incidents_of(actor) if is_valid else Incident.objects.none()
    if is_valid and form.cleaned_data["system"]:
        incidents = incidents.filter(system__slug=form.cleaned_data["system"])
    if is_valid and form.cleaned_data["status"] == "unresolved":
        incidents = incidents.filter(status__in=Incident.UNRESOLVED)
    elif is_valid and form.cleaned_data["status"]:
        incidents = incidents.filter(status=form.cleaned_data["status"])
    listed = take_page(request, with_urgency(incidents))
    context = {
        "form": form,
        "is_valid": is_valid,
        "applied": describe_applied(request, form),
        "clear_url": reverse("incident-list"),
        "page": listed,
        "rows": [{"incident": incident, "first": first_alarm(incident)} for incident in listed.rows],
    }
    return render(request, "operations/incidents.html", context, status=200 if is_valid else 422)


@page("incidents.read")
@require_GET
def incident_detail(request: HttpRequest, actor: Actor, incident_id: uuid.UUID) -> HttpResponse:
    return show_incident(request, actor, find_incident(actor=actor, incident_id=incident_id))


def show_incident(
    request: HttpRequest, actor: Actor, incident: Incident, *, status: int = 200, **more: Any
) -> HttpResponse:
    """The page of one incident; `more` are forms that were refused and what there is to say of it."""
    alarms = list(incident.alarms.all())
    decisions = find_evidence(actor, alarms)
    system = incident.system
    context = {
        "incident": incident,
        "system": system,
        "alarms": [show_alarm(alarm, decisions) for alarm in alarms],
        "since": min([alarm.since_at for alarm in alarms], default=incident.opened_at),
        "standing": say_standing(incident),
        "share_words": say_value(system.breaker_share, "share"),
        "moments": tell_incident(entries_about(actor, f"incident:{incident.pk}")),
        "recovery": running_recovery(system.pk),
        "recoveries": recent_recoveries(system.pk),
        "examples": incident.examples.all(),
        "may_handle": may(actor, "incidents.handle"),
        "may_operate": may(actor, "breaker.operate"),
        **more,
    }
    return render(request, "operations/incident.html", context, status=status)


def first_alarm(incident: Incident) -> Any:
    """The alarm that opened it, with its numbers in words; None where a person opened it."""
    alarms = list(incident.alarms.all())
    return show_alarm(alarms[0]) if alarms else None


def say_standing(incident: Incident) -> str:
    """Who has it and what comes next, in one sentence."""
    match incident.status:
        case Incident.Status.OPEN if incident.next_step_at is not None:
            following = incident.system.backup if incident.step == Incident.Step.OWNER else None
            told = f"{following}, the backup," if following else "every administrator"
            return f"Nobody has taken it yet; {told} is told {due_words(incident.next_step_at)}."
        case Incident.Status.OPEN:
            return "Nobody has taken it yet, and everybody who can be told has been told."
        case Incident.Status.ACKNOWLEDGED:
            return f"{incident.assignee or 'Somebody'} has taken it; it is not contained yet."
        case Incident.Status.MITIGATED:
            return "Its effects are contained; the cause is still to be removed."
        case Incident.Status.RESOLVED:
            return "It is resolved. What was learned is still to be written down."
        case _:
            return "It is over, and what was learned is written down."
