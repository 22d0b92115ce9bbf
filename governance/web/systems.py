"""The AI systems of an organization, who answers for each, and the keys with which they ask."""

import json
import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.actors import Actor
from governance.errors import Conflict, Invalid, NotFound
from governance.models import AISystem, ApiKey, Organization, Policy
from governance.permissions import may
from governance.services.credentials import create_api_key, revoke_api_key
from governance.services.registry import SystemFacts, create_system, update_system
from governance.web.forms import ApiKeyForm, SystemForm, add_refusal
from governance.web.paging import take_page
from governance.web.people import active_people_of
from governance.web.session import page


@page("systems.read")
@require_GET
def system_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    live = Count("api_keys", filter=Q(api_keys__revoked_at__isnull=True, api_keys__kind=ApiKey.Kind.LIVE))
    systems = AISystem.objects.visible_to(actor).select_related("owner", "backup").annotate(live_keys=live)
    listed = take_page(request, systems.order_by("name", "id"))
    return render(request, "systems/list.html", {"page": listed, "may_manage": may(actor, "systems.manage")})


@page("systems.read")
@require_GET
def system_detail(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    return _show_system(request, actor, find_system(actor, slug))


@page("systems.manage")
@require_http_methods(["GET", "POST"])
def system_add(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = SystemForm(request.POST if request.method == "POST" else None, people=active_people_of(actor))
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        slug = fields.pop("slug")
        organization = Organization.objects.get(pk=actor.member_organization_id)
        try:
            system = create_system(actor=actor, organization=organization, slug=slug, facts=SystemFacts(**fields))
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{system.name} is registered. It needs a key to ask.")
            return redirect("system-detail", system.slug)
    return render(request, "systems/edit.html", {"form": form}, status=422 if form.errors else 200)


@page("systems.manage")
@require_http_methods(["GET", "POST"])
def system_edit(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    system = find_system(actor, slug)
    form = SystemForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(system),
        people=active_people_of(actor),
        system=system,
    )
    if request.method == "POST" and form.is_valid():
        try:
            update_system(actor=actor, system=system, facts=SystemFacts(**form.cleaned_data))
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{form.cleaned_data['name']} is saved.")
            return redirect("system-detail", system.slug)
    return render(request, "systems/edit.html", {"form": form, "system": system}, status=422 if form.errors else 200)


@never_cache
@page("keys.manage")
@require_POST
def key_create(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """Makes a key and shows it on this answer alone."""
    system, form, secret = find_system(actor, slug), ApiKeyForm(request.POST), ""
    if form.is_valid():
        try:
            _, secret = create_api_key(actor=actor, system=system, **form.cleaned_data)
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
    return _show_system(request, actor, system, key_form=None if secret else form, secret=secret)


@page("keys.manage")
@require_http_methods(["GET", "POST"])
def key_revoke(request: HttpRequest, actor: Actor, key_id: uuid.UUID) -> HttpResponse:
    """Asks, then takes a key back."""
    if request.method == "POST":
        key = revoke_api_key(actor=actor, key_id=key_id)
        messages.success(request, f"The key {key.name} is revoked; the next request with it is refused.")
        return redirect("system-detail", key.system.slug)
    keys = ApiKey.objects.filter(organization_id=actor.member_organization_id, revoked_at__isnull=True)
    found = keys.select_related("system").filter(pk=key_id).first()
    if found is None:
        raise NotFound()
    return render(request, "systems/key_revoke.html", {"key": found, "system": found.system})


def find_system(actor: Actor, slug: str) -> AISystem:
    """The actor's system of this slug; refuses (NotFound) one of another organization."""
    system = AISystem.objects.visible_to(actor).select_related("owner", "backup").filter(slug=slug).first()
    if system is None:
        raise NotFound()
    return system


def _initial(system: AISystem) -> dict[str, Any]:
    names = (
        "name",
        "purpose",
        "owner",
        "backup",
        "risk_tier",
        "fallback_message",
        "fallback_verdict",
        "fallback_queue",
        "approvals_taught_percent",
        "held_out_percent",
    )
    schemas = json.dumps(system.schemas, indent=2, ensure_ascii=False) if system.schemas else ""
    return {**{name: getattr(system, name) for name in names}, "schemas": schemas}


def _show_system(
    request: HttpRequest,
    actor: Actor,
    system: AISystem,
    *,
    key_form: ApiKeyForm | None = None,
    secret: str = "",
) -> HttpResponse:
    return render(
        request,
        "systems/detail.html",
        {
            "system": system,
            "policy": Policy.objects.filter(system=system).first(),
            "keys": system.api_keys.select_related("created_by").order_by("revoked_at", "-created_at")[:100],
            "key_form": key_form or ApiKeyForm(),
            "secret": secret,
            "schemas": [
                {"action": action, "text": json.dumps(schema, indent=2, ensure_ascii=False)}
                for action, schema in sorted(system.schemas.items())
            ],
            "may_write_policies": may(actor, "policies.write"),
            "may_manage": may(actor, "systems.manage"),
            "may_manage_keys": may(actor, "keys.manage"),
        },
        status=422 if key_form is not None and key_form.errors else 200,
    )
