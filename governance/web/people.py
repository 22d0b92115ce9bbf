"""The people of an organization: who they are, what they may do, how they come and go."""

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.actors import Actor
from governance.errors import Conflict, DomainError, Invalid, NotFound
from governance.models import AISystem, Membership, Organization, User
from governance.permissions import may
from governance.services.accounts import invite_person
from governance.services.membership import (
    add_person,
    add_role,
    deactivate_person,
    reactivate_person,
    remove_person,
    remove_role,
)
from governance.web.forms import PeopleFilterForm, PersonForm, add_refusal
from governance.web.paging import take_page
from governance.web.session import page

# What each role is for, as people read it beside the button that gives it.
ROLE_WORDS = {
    "viewer": "Sees systems, decisions and queues; changes nothing.",
    "reviewer": "Takes escalations and rules on them.",
    "lead": "Rules, hands escalations out, sets the queues.",
    "policy_author": "Writes and submits policies.",
    "policy_approver": "Approves what another person wrote, and puts it into force.",
    "owner": "Answers for AI systems; may roll a policy back.",
    "admin": "Manages people, systems, keys and queues.",
    "auditor": "Reads everything, changes nothing.",
}


def people_of(actor: Actor) -> QuerySet[User]:
    """Whoever holds a role in the actor's organization."""
    return User.objects.filter(memberships__organization_id=actor.member_organization_id).distinct()


def active_people_of(actor: Actor) -> QuerySet[User]:
    """Those who can be given something to do: to own, to stand in, to be in a group."""
    return people_of(actor).filter(is_active=True)


@page("people.read")
@require_GET
def people_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = PeopleFilterForm(request.GET)
    people = people_of(actor)
    words, role = (form.cleaned_data["q"], form.cleaned_data["role"]) if form.is_valid() else ("", "")
    if words:
        people = people.filter(Q(name__icontains=words) | Q(email__icontains=words))
    if role:
        holders = Membership.objects.filter(organization_id=actor.member_organization_id, role=role).values("user_id")
        people = people.filter(pk__in=holders)
    here = Membership.objects.filter(organization_id=actor.member_organization_id).order_by("role")
    owned = AISystem.objects.filter(organization_id=actor.member_organization_id)
    listed = take_page(
        request,
        people.order_by("name", "email").prefetch_related(
            Prefetch("memberships", here, to_attr="roles_here"),
            Prefetch("owned_systems", owned, to_attr="systems_here"),
        ),
    )
    return render(
        request,
        "people/list.html",
        {"page": listed, "form": form, "is_filtered": bool(words or role), "may_manage": may(actor, "people.manage")},
    )


@page("people.manage")
@require_http_methods(["GET", "POST"])
def person_add(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Adds a person and mails them the way in; whoever has an account already signs in as ever."""
    form = PersonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        organization = _organization(actor)
        try:
            user, is_new = add_person(actor=actor, organization=organization, **form.cleaned_data)
        except Invalid as refusal:
            add_refusal(form, refusal)
        else:
            if is_new:
                invite_person(actor=actor, organization=organization, user=user)
            way_in = "a link to set a password is on its way" if is_new else "they had an account and sign in as ever"
            messages.success(request, f"{user.email} is in: {way_in}.")
            return redirect("person-detail", user.pk)
    return render(request, "people/add.html", {"form": form}, status=422 if form.errors else 200)


@page("people.read")
@require_GET
def person_detail(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    return _show_person(request, actor, _find(actor, person_id))


@page("people.manage")
@require_POST
def person_role_add(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    subject, role = _find(actor, person_id), request.POST.get("role", "")
    return _act(
        request,
        actor,
        subject,
        lambda: add_role(actor=actor, organization=_organization(actor), user=subject, role=role),
    )


@page("people.manage")
@require_POST
def person_role_remove(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    subject, role = _find(actor, person_id), request.POST.get("role", "")
    return _act(
        request,
        actor,
        subject,
        lambda: remove_role(actor=actor, organization=_organization(actor), user=subject, role=role),
    )


@page("people.manage")
@require_POST
def person_invite(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    """Mails the link again, to the person's own address."""
    subject = _find(actor, person_id)
    return _act(
        request,
        actor,
        subject,
        lambda: invite_person(actor=actor, organization=_organization(actor), user=subject),
        f"A link is on its way to {subject.email}.",
    )


@page("people.manage")
@require_http_methods(["GET", "POST"])
def person_remove(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    subject = _find(actor, person_id)
    if request.method == "GET":
        return render(request, "people/remove.html", {"subject": subject})
    return _act(
        request,
        actor,
        subject,
        lambda: remove_person(actor=actor, organization=_organization(actor), user=subject),
        f"{subject.email} is no longer in this organization.",
    )


@page("people.manage")
@require_http_methods(["GET", "POST"])
def person_deactivate(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    subject = _find(actor, person_id)
    if request.method == "GET":
        return render(request, "people/deactivate.html", {"subject": subject})
    return _act(
        request,
        actor,
        subject,
        lambda: deactivate_person(actor=actor, organization=_organization(actor), user=subject),
        f"The account of {subject.email} is closed.",
    )


@page("people.manage")
@require_POST
def person_reactivate(request: HttpRequest, actor: Actor, person_id: uuid.UUID) -> HttpResponse:
    subject = _find(actor, person_id)
    return _act(
        request,
        actor,
        subject,
        lambda: reactivate_person(actor=actor, organization=_organization(actor), user=subject),
        f"The account of {subject.email} is open again.",
    )


def _find(actor: Actor, person_id: uuid.UUID) -> User:
    user = people_of(actor).filter(pk=person_id).first()
    if user is None:
        raise NotFound()
    return user


def _organization(actor: Actor) -> Organization:
    return Organization.objects.get(pk=actor.member_organization_id)


def _act(request: HttpRequest, actor: Actor, subject: User, verb: Callable[[], object], done: str = "") -> HttpResponse:
    """Carry out one verb on a person; what it refuses is said on their page, with the refusal's status."""
    try:
        verb()
    except (Conflict, Invalid) as refusal:
        return _show_person(request, actor, subject, refusal)
    messages.success(request, done or "Roles are changed.")
    is_still_here = people_of(actor).filter(pk=subject.pk).exists()
    return redirect("person-detail", subject.pk) if is_still_here else redirect("people-list")


def _show_person(request: HttpRequest, actor: Actor, subject: User, refusal: DomainError | None = None) -> HttpResponse:
    held = set(
        Membership.objects.filter(organization_id=actor.member_organization_id, user=subject).values_list(
            "role", flat=True
        )
    )
    roles = [
        {"code": code, "label": label, "words": ROLE_WORDS[code], "is_held": code in held}
        for code, label in Membership.Role.choices
    ]
    systems = AISystem.objects.filter(
        Q(owner=subject) | Q(backup=subject), organization_id=actor.member_organization_id
    )
    return render(
        request,
        "people/detail.html",
        {
            "subject": subject,
            "roles": roles,
            "systems": systems.order_by("name"),
            "groups": subject.review_groups.filter(organization_id=actor.member_organization_id),
            "has_password": subject.has_usable_password(),
            "is_self": subject.pk == actor.user_id,
            "refusal": refusal,
            "may_manage": may(actor, "people.manage"),
        },
        status=refusal.status if refusal else 200,
    )
