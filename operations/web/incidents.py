"""Incidents: what changed and since when in the first lines, who has it, what was done, and what was learned."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations.selectors import with_heads
from evaluations.web.texts import excerpt_expected, excerpt_input
from governance.actors import Actor
from governance.errors import Conflict, DomainError, Invalid, NotPermitted
from governance.selectors import people_standing
from governance.templatetags.console import due_words
from governance.templatetags.hostile import inert_line
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.people import active_people_of
from governance.web.session import page
from operations.models import Incident
from operations.services.breaker import may_operate
from operations.services.incidents import (
    Lesson,
    acknowledge_incident,
    comment_on_incident,
    may_handle,
    mitigate_incident,
    resolve_incident,
    review_incident,
)
from operations.watch_selectors import (
    EXAMPLES_OFFERED,
    entries_about,
    examples_since,
    find_evidence,
    find_incident,
    incidents_of,
    with_urgency,
)
from operations.web.breaker import describe_breaker
from operations.web.watch_forms import CommentForm, IncidentFilterForm, MitigateForm, ResolveForm, ReviewForm
from operations.web.watch_sentences import tell
from operations.web.watch_words import show_alarm
from reviews.web.list_filters import describe_applied, system_choices

KEPT = "{} Nothing was changed. The page shows how it stands now; what you typed is in the comment's field."


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


@page("incidents.read")
@require_POST
def incident_acknowledge(request: HttpRequest, actor: Actor, incident_id: uuid.UUID) -> HttpResponse:
    try:
        acknowledge_incident(actor=actor, incident_id=incident_id)
    except Conflict as refusal:
        incident = find_incident(actor=actor, incident_id=incident_id)
        if incident.status == Incident.Status.ACKNOWLEDGED and incident.assignee_id == actor.user_id:
            # Pressed twice, or sent again by a reload: nobody else was faster.
            return redirect("incident-detail", incident_id)
        return show_conflict(request, actor, incident_id, refusal)
    messages.success(request, "It is yours now, and nobody further is told.")
    return redirect("incident-detail", incident_id)


@page("incidents.read")
@require_POST
def incident_comment(request: HttpRequest, actor: Actor, incident_id: uuid.UUID) -> HttpResponse:
    form = CommentForm(request.POST, auto_id="comment-%s")

    def comment(typed: dict[str, Any]) -> None:
        comment_on_incident(actor=actor, incident_id=incident_id, text=typed["text"])

    return take_step(request, actor, incident_id, "comment", form, comment, "The comment stands in the timeline.")


@page("incidents.read")
@require_POST
def incident_mitigate(request: HttpRequest, actor: Actor, incident_id: uuid.UUID) -> HttpResponse:
    form = MitigateForm(request.POST, auto_id="mitigate-%s")

    def mitigate(typed: dict[str, Any]) -> None:
        mitigate_incident(actor=actor, incident_id=incident_id, note=typed["note"])

    return take_step(request, actor, incident_id, "mitigate", form, mitigate, "It is contained.")


@page("incidents.read")
@require_POST
def incident_resolve(request: HttpRequest, actor: Actor, incident_id: uuid.UUID) -> HttpResponse:
    incident = find_incident(actor=actor, incident_id=incident_id)
    form = ResolveForm(request.POST, alarms=incident.alarms.all(), auto_id="resolve-%s")

    def resolve(typed: dict[str, Any]) -> None:
        judged = form.judged_false()
        resolve_incident(
            actor=actor,
            incident_id=incident_id,
            note=typed["note"],
            is_false_alarm=is_false_altogether(incident, judged),
            judged=judged,
        )

    return take_step(request, actor, incident_id, "resolve", form, resolve, "It is resolved; its monitors watch again.")


@page("incidents.read")
@require_http_methods(["GET", "POST"])
def incident_review(request: HttpRequest, actor: Actor, incident_id: uuid.UUID) -> HttpResponse:
    """The form of the review, and the review."""
    incident = find_incident(actor=actor, incident_id=incident_id)
    if not may_handle(actor, incident):
        raise NotPermitted("Incidents are handled by leads, owners and admins, and by whoever the system names.")
    form = ReviewForm(
        request.POST if request.method == "POST" else None,
        people=active_people_of(actor),
        examples=offer_examples(incident),
        initial={"action_owner": incident.system.owner_id},
    )
    status, conflict = 200, ""
    if request.method == "POST":
        if form.is_valid():
            try:
                review_incident(actor=actor, incident_id=incident_id, lesson=read_lesson(form.cleaned_data))
            except Conflict as refusal:
                status, conflict = 409, refusal.detail
            except Invalid as refusal:
                add_refusal(form, refusal)
            else:
                messages.success(request, "The review is complete.")
                return redirect("incident-detail", incident_id)
        status = 422 if form.errors else status
    context = {"incident": incident, "system": incident.system, "form": form, "conflict": conflict}
    return render(request, "operations/incident_review.html", context, status=status)


def take_step(
    request: HttpRequest,
    actor: Actor,
    incident_id: uuid.UUID,
    name: str,
    form: forms.Form,
    verb: Callable[[dict[str, Any]], None],
    done: str,
) -> HttpResponse:
    """One verb by its form: what is refused comes back into the form (422); where somebody was faster (409) the page shows
    how it stands now, and what was typed is kept."""
    incident = find_incident(actor=actor, incident_id=incident_id)
    if not may_handle(actor, incident):
        raise NotPermitted("Incidents are handled by leads, owners and admins, and by whoever the system names.")
    if form.is_valid():
        try:
            verb(form.cleaned_data)
        except Conflict as refusal:
            return show_conflict(request, actor, incident_id, refusal, typed=form.cleaned_data)
        except Invalid as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, done)
            return redirect("incident-detail", incident_id)
    return show_incident(request, actor, incident, status=422, refused={name: form})


def show_conflict(
    request: HttpRequest,
    actor: Actor,
    incident_id: uuid.UUID,
    refusal: DomainError,
    typed: dict[str, Any] | None = None,
) -> HttpResponse:
    kept = (typed or {}).get("note", "")
    comment = CommentForm(initial={"text": kept}, auto_id="comment-%s")
    said = KEPT.format(refusal.detail) if kept else f"{refusal.detail} Nothing was changed."
    incident = find_incident(actor=actor, incident_id=incident_id)
    return show_incident(request, actor, incident, status=409, refused={"comment": comment}, conflict=said)


def show_incident(
    request: HttpRequest,
    actor: Actor,
    incident: Incident,
    *,
    status: int = 200,
    refused: dict[str, forms.Form] | None = None,
    conflict: str = "",
) -> HttpResponse:
    """The page of one incident; `refused` are forms that come back, by the name of their verb."""
    alarms = list(incident.alarms.all())
    decisions = find_evidence(actor, alarms)
    system = incident.system
    context = {
        "incident": incident,
        "system": system,
        "alarms": [show_alarm(alarm, decisions) for alarm in alarms],
        "since": min([alarm.since_at for alarm in alarms], default=incident.opened_at),
        "standing": say_standing(incident),
        "here": {person for _, person in people_standing([system])},
        "moments": tell(entries_about(actor, f"incident:{incident.pk}")),
        "examples": incident.examples.all(),
        **describe_breaker(system),
        "may_handle": may_handle(actor, incident),
        "may_operate": may_operate(actor, system),
        "forms": {**open_forms(incident), **(refused or {})},
        "conflict": conflict,
    }
    return render(request, "operations/incident.html", context, status=status)


def open_forms(incident: Incident) -> dict[str, forms.Form]:
    """The forms of the verbs that are possible now, by the verb's name."""
    offered: dict[str, forms.Form] = {"comment": CommentForm(auto_id="comment-%s")}
    if incident.status in {Incident.Status.OPEN, Incident.Status.ACKNOWLEDGED}:
        offered["mitigate"] = MitigateForm(auto_id="mitigate-%s")
    if incident.status in Incident.UNRESOLVED:
        offered["resolve"] = ResolveForm(alarms=incident.alarms.all(), auto_id="resolve-%s")
    return offered


def offer_examples(incident: Incident) -> list[tuple[str, str]]:
    """Examples to choose from, as an id and one line of what was given and what should come out."""
    examples: list[Any] = list(with_heads(examples_since(incident))[:EXAMPLES_OFFERED])
    return [
        (
            str(example.pk),
            inert_line(
                f"{excerpt_input(example.input_head, example.input_length).text} → "
                f"{excerpt_expected(example.expected_head, example.expected_length).text}"
            ),
        )
        for example in examples
    ]


def read_lesson(typed: dict[str, Any]) -> Lesson:
    return Lesson(
        cause=typed["cause"],
        earlier_detection=typed["earlier_detection"],
        action=typed["action"],
        action_owner_id=typed["action_owner"].pk,
        action_due_on=typed["action_due_on"],
        example_ids=[uuid.UUID(text) for text in typed.get("example_ids", [])],
        no_examples_reason=typed["no_examples_reason"],
    )


def is_false_altogether(incident: Incident, judged: dict[uuid.UUID, bool]) -> bool:
    """Whether none of its alarms, judged now or before, was about a real change."""
    alarms = list(incident.alarms.all())
    return bool(alarms) and all(judged.get(alarm.pk, bool(alarm.is_false)) for alarm in alarms)


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
