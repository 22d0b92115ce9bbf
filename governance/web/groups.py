"""Groups: the people to whom escalations can be handed by name."""

import uuid

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from governance.actors import Actor
from governance.errors import Conflict, Invalid, NotFound
from governance.models import Group, Organization
from governance.permissions import may
from governance.services.membership import create_group, update_group
from governance.web.forms import GroupForm, add_refusal
from governance.web.paging import take_page
from governance.web.people import active_people_of
from governance.web.session import page


@page("people.read")
@require_GET
def group_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    groups = Group.objects.filter(organization_id=actor.member_organization_id).annotate(size=Count("members"))
    listed = take_page(request, groups.order_by("name", "id"))
    return render(request, "groups/list.html", {"page": listed, "may_manage": may(actor, "people.manage")})


@page("people.manage")
@require_http_methods(["GET", "POST"])
def group_add(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = GroupForm(request.POST if request.method == "POST" else None, people=active_people_of(actor))
    if request.method == "POST" and form.is_valid():
        organization = Organization.objects.get(pk=actor.member_organization_id)
        try:
            group = create_group(actor=actor, organization=organization, **form.cleaned_data)
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"The group {group.name} is there.")
            return redirect("group-list")
    return render(request, "groups/edit.html", {"form": form}, status=422 if form.errors else 200)


@page("people.manage")
@require_http_methods(["GET", "POST"])
def group_edit(request: HttpRequest, actor: Actor, group_id: uuid.UUID) -> HttpResponse:
    group = Group.objects.filter(pk=group_id, organization_id=actor.member_organization_id).first()
    if group is None:
        raise NotFound()
    initial = {"name": group.name, "members": group.members.all()}
    form = GroupForm(
        request.POST if request.method == "POST" else None, initial=initial, people=active_people_of(actor), group=group
    )
    if request.method == "POST" and form.is_valid():
        try:
            update_group(actor=actor, group=group, **form.cleaned_data)
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"The group {group.name} is saved.")
            return redirect("group-list")
    return render(request, "groups/edit.html", {"form": form, "group": group}, status=422 if form.errors else 200)
