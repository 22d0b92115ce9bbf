"""The console's visitor: the signed-in person, acting in the organization that they have chosen."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render

from governance.actors import Actor
from governance.errors import DomainError, Malformed, NotPermitted
from governance.models import Organization, User
from governance.permissions import require
from governance.selectors import actor_for_person, actor_in_first_organization, organizations_of

ORGANIZATION_KEY = "organization"


def current_actor(request: HttpRequest) -> Actor | None:
    """The person of this session as an actor, or None: not signed in, not active, or in no organization."""
    known: Actor | None = getattr(request, "_countersign_actor", None)
    if known is not None:
        return known
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return None
    actor = None
    chosen = request.session.get(ORGANIZATION_KEY)
    if chosen:
        actor = actor_for_person(user, uuid.UUID(chosen))
    if actor is None:
        actor = actor_in_first_organization(user)
    request._countersign_actor = actor  # type: ignore[attr-defined]
    return actor


def own_organizations(request: HttpRequest) -> list[Organization]:
    """The organizations in which the signed-in person has a role, by name; asked for once a request."""
    known: list[Organization] | None = getattr(request, "_countersign_organizations", None)
    if known is None:
        assert isinstance(request.user, User), "only for pages that need a sign-in"
        known = list(organizations_of(request.user))
        request._countersign_organizations = known  # type: ignore[attr-defined]
    return known


View = Callable[..., HttpResponseBase]


def _refuse_null(request: HttpRequest) -> None:
    """Refuses (Malformed) a form with U+0000, which no browser types and PostgreSQL can't hold."""
    if request.method == "POST" and any("\x00" in text for texts in request.POST.lists() for text in texts[1]):
        raise Malformed("A field holds the character U+0000, which can't be stored.")


def page(capability: str) -> Callable[[View], View]:
    """A page for persons whose roles carry `capability`; it is called with the actor after the request.

    Whoever isn't signed in is sent to the sign-in page; whoever lacks the role sees which one it takes (403). A refusal
    raised by a service becomes a page with its status, and so does an address that only takes forms: somebody who is asked
    to sign in while sending one is led to it afterwards.
    """

    def decorate(view: Callable[Concatenate[HttpRequest, Actor, ...], HttpResponseBase]) -> View:
        @wraps(view)
        @login_required
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            actor = current_actor(request)
            if actor is None:
                return render(request, "errors/no_organization.html", status=403)
            try:
                require(actor, capability)
            except NotPermitted as refusal:
                return render(request, "errors/not_permitted.html", {"refusal": refusal}, status=403)
            try:
                _refuse_null(request)
                answer = view(request, actor, *args, **kwargs)
            except DomainError as error:
                if error.status == 404:
                    raise Http404 from error
                return render(request, "errors/refused.html", {"error": error}, status=error.status)
            if not isinstance(answer, HttpResponseNotAllowed):
                return answer
            page_instead = render(request, "errors/only_forms.html", status=405)
            page_instead.headers["Allow"] = answer.headers["Allow"]
            return page_instead

        return guarded

    return decorate
