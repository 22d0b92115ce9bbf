"""The breaker of one system, by hand: what it does now, what would happen, and the reason that has to be given."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from governance.actors import Actor
from governance.errors import Conflict, Invalid, InvalidParameter, NotPermitted
from governance.models import AISystem
from governance.web.forms import add_refusal
from governance.web.session import page
from governance.web.systems import find_system
from operations.models import Incident, Recovery
from operations.services.breaker import (
    Conditions,
    close_breaker,
    half_open_breaker,
    incident_of_breaker,
    may_operate,
    open_breaker,
)
from operations.services.recovering import Progress, measure_recovery
from operations.watch_selectors import recent_recoveries, running_recovery
from operations.web.watch_forms import HalfOpenForm, ReasonForm
from operations.web.watch_words import say_value

Breaker = AISystem.Breaker
FROM = {
    Breaker.OPEN: (Breaker.CLOSED, Breaker.HALF_OPEN),
    Breaker.HALF_OPEN: (Breaker.OPEN, Breaker.HALF_OPEN),
    Breaker.CLOSED: (Breaker.OPEN, Breaker.HALF_OPEN),
}
DONE = {
    Breaker.OPEN: "The breaker is open: from the next request on nothing acts by policy alone.",
    Breaker.HALF_OPEN: "The breaker is half open: a share acts again, and what becomes of it decides.",
    Breaker.CLOSED: "The breaker is closed: policy decides again.",
}


@page("systems.read")
@require_http_methods(["GET", "POST"])
def system_breaker(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """Looks, asks for a reason, and does it. `state` says what is wanted; without one the page only tells."""
    system = find_system(actor, slug)
    wanted = _read_state(request.POST.get("state", "") if request.method == "POST" else request.GET.get("state", ""))
    if request.method == "GET":
        is_possible = wanted is not None and system.breaker in FROM[wanted]
        form = _form_for(wanted)(None) if wanted is not None and is_possible else None
        return _show(request, actor, system, wanted=wanted, form=form)
    if wanted is None:
        raise InvalidParameter("state must be open, half_open or closed.")
    if not may_operate(actor, system):
        # Before the form: what it lacks is nothing that somebody who may not do it has to learn.
        raise NotPermitted("The breaker is operated by leads, owners and admins, and by the system's owner and backup.")
    form = _form_for(wanted)(request.POST)
    if not form.is_valid():
        return _show(request, actor, system, wanted=wanted, form=form, status=422)
    try:
        incident = _operate(actor, system, wanted, form.cleaned_data)
    except Invalid as refusal:
        add_refusal(form, refusal)
        return _show(request, actor, system, wanted=wanted, form=form, status=422)
    except Conflict as refusal:
        return _show(request, actor, system, wanted=wanted, form=form, conflict=refusal.detail, status=409)
    messages.success(request, DONE[wanted])
    return redirect("incident-detail", incident.pk) if incident else redirect("system-breaker", system.slug)


def _operate(actor: Actor, system: AISystem, wanted: Breaker, typed: dict[str, Any]) -> Incident | None:
    """Does it; the incident that it is about, which closing leaves as it is."""
    incident = incident_of_breaker(system)
    match wanted:
        case Breaker.OPEN:
            return open_breaker(actor=actor, system=system, reason=typed["reason"])
        case Breaker.CLOSED:
            close_breaker(actor=actor, system=system, reason=typed["reason"])
        case Breaker.HALF_OPEN:
            conditions = Conditions(
                share=typed["share"] / 100,
                wanted_rulings=typed["wanted_rulings"],
                most_overridden=typed["most_overridden"] / 100,
                wanted_outcomes=typed["wanted_outcomes"],
                most_failed=typed["most_failed"] / 100,
            )
            half_open_breaker(actor=actor, system=system, conditions=conditions, reason=typed["reason"])
    return incident


def _read_state(text: str) -> Breaker | None:
    return Breaker(text) if text in Breaker.values else None


def _form_for(wanted: Breaker) -> type[forms.Form]:
    return HalfOpenForm if wanted == Breaker.HALF_OPEN else ReasonForm


def _show(
    request: HttpRequest,
    actor: Actor,
    system: AISystem,
    *,
    wanted: Breaker | None,
    form: Any,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    is_allowed = may_operate(actor, system)
    context = {
        "system": system,
        "wanted": wanted,
        "form": form if is_allowed else None,
        "incident": incident_of_breaker(system),
        **describe_breaker(system),
        "may_operate": is_allowed,
        **more,
    }
    return render(request, "operations/breaker.html", context, status=status)


def describe_breaker(system: AISystem) -> dict[str, Any]:
    """What the breaker's card shows: the share that acts, the recovery that runs and how far it has come, those before."""
    recovery = running_recovery(system.pk)
    return {
        "share_words": say_value(system.breaker_share, "share"),
        "recovery": recovery,
        "progress": describe_progress(recovery, measure_recovery(recovery)) if recovery else [],
        "recoveries": recent_recoveries(system.pk),
    }


def describe_progress(recovery: Recovery, counted: Progress) -> list[dict[str, Any]]:
    """Each condition that is asked for: how many of how many, how many of these went wrong, how many may."""
    overridden, failed = counted.overridden, counted.failed
    rulings = (counted.rulings, recovery.wanted_rulings, overridden, recovery.most_overridden)
    outcomes = (counted.outcomes, recovery.wanted_outcomes, failed, recovery.most_failed)
    conditions = [("Rulings", "overridden", "be overridden", *rulings), ("Outcomes", "failed", "fail", *outcomes)]
    return [
        {
            "name": name,
            "count": count,
            "wanted": wanted,
            "said": f"{_say_share(wrong, count, verb)} so far; at most {say_value(most, 'share')} may {may}",
        }
        for name, verb, may, count, wanted, wrong, most in conditions
        if wanted
    ]


def _say_share(wrong: int, count: int, verb: str) -> str:
    return f"{wrong} of {count} {verb} ({say_value(wrong / count, 'share')})" if count else "None"
