"""What is to become better: the list, deciding on an item, closing one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.actors import Actor
from governance.errors import Conflict, DomainError, Invalid, NotPermitted
from governance.models import AISystem
from governance.permissions import may_about
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.people import active_people_of
from governance.web.session import page
from operations.models import ImprovementItem
from operations.months import month_of, name_month, read_month
from operations.report_parts.measures import UNITS
from operations.report_selectors import find_improvement, improvements_of
from operations.services.improving import Intention, close_improvement, decide_improvement
from operations.web.report_forms import CloseForm, ImprovementForm


@page("reports.read")
@require_http_methods(["GET", "POST"])
def improvement_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Shows the items, of one system where it is named, and decides on a new one."""
    systems = list(AISystem.objects.visible_to(actor).order_by("name", "id"))
    mine = [system for system in systems if may_about(actor, "improvements.manage", system)]
    choices = [(system.slug, system.name) for system in mine]
    people = active_people_of(actor)
    if request.method == "POST":
        if not mine:
            raise NotPermitted("This is for leads, owners and admins, and for a system's owner and backup.")
        form = ImprovementForm(request.POST, people=people, systems=choices)
        if form.is_valid() and (item := _decide(actor, mine, form)):
            messages.success(
                request,
                "The improvement is decided. Each report measures it, until that of the first whole month after it is closed.",
            )
            return redirect(f"{reverse('improvement-list')}?system={item.system.slug}")
    else:
        given = {"month": name_month(month_of(timezone.now()))}
        given |= {name: text[:63] for name in ("system", "month") if (text := request.GET.get(name, ""))}
        form = ImprovementForm(initial=given, people=people, systems=choices)
    items = improvements_of(actor)
    chosen = next((system for system in systems if system.slug == request.GET.get("system", "")), None)
    if chosen is not None:
        items = items.filter(system=chosen)
    context = {
        "page": take_page(request, items),
        "system": chosen,
        "form": form,
        "may_decide": bool(mine),
        "units": UNITS,
    }
    return render(request, "operations/improvements.html", context, status=422 if form.errors else 200)


def _decide(actor: Actor, systems: list[AISystem], form: ImprovementForm) -> ImprovementItem | None:
    typed = form.cleaned_data
    system = next(one for one in systems if one.slug == typed["system"])
    is_share = UNITS[typed["metric"]] == "share"
    try:
        return decide_improvement(
            actor=actor,
            system=system,
            intention=Intention(
                month=read_month(typed["month"]),
                title=typed["title"],
                metric=typed["metric"],
                expected_value=typed["expected_value"] / 100 if is_share else typed["expected_value"],
                owner_id=typed["owner"].pk,
                due_on=typed["due_on"],
            ),
        )
    except Conflict:
        raise
    except DomainError as refusal:
        if refusal.status in {403, 404}:
            raise
        add_refusal(form, refusal)
        return None


@page("reports.read")
@require_http_methods(["GET", "POST"])
def improvement_close(request: HttpRequest, actor: Actor, item_id: uuid.UUID) -> HttpResponse:
    """Asks what came of it, and closes it."""
    item = find_improvement(actor=actor, item_id=item_id)
    form = CloseForm(request.POST or None)
    status = 200
    if request.method == "POST":
        typed: dict[str, Any] = form.cleaned_data if form.is_valid() else {"status": "done", "note": ""}
        try:
            close_improvement(actor=actor, item=item, status=typed["status"], note=typed["note"])
        except Invalid as refusal:
            if form.is_valid():
                add_refusal(form, refusal)
            status = 422
        except Conflict as refusal:
            messages.error(request, f"{refusal.title}.")
            return redirect("improvement-list")
        else:
            messages.success(request, "The improvement is closed. The next report says whether the figure followed.")
            return redirect(f"{reverse('improvement-list')}?system={item.system.slug}")
    context = {"item": item, "form": form, "unit": UNITS[item.metric]}
    return render(request, "operations/improvement_close.html", context, status=status)
