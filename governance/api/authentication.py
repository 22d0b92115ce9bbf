"""Who calls the API: an AI system by its key, a person by a token or by the session of the console."""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from governance.actors import Actor
from governance.errors import NotAuthenticated, NotPermitted
from governance.models import ApiKey
from governance.selectors import actor_for_key, actor_for_person, find_live_key, find_live_token
from governance.services.credentials import TOKEN_PREFIX, note_use
from governance.web.session import current_actor


def read_bearer(request: HttpRequest) -> str | None:
    """The bearer secret of a request, or None where it brings none. Refuses (401) a header of another form."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if not header:
        return None
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NotAuthenticated("Send Authorization: Bearer <key or token>.")
    return secret.strip()


def authenticate_key(request: HttpRequest) -> ApiKey:
    """The API key of a request. Refuses (401) anything else, (403) a person's token: only a system asks."""
    secret = read_bearer(request)
    if secret is None:
        raise NotAuthenticated("Send Authorization: Bearer <api key>.")
    if secret.startswith(TOKEN_PREFIX):
        raise NotPermitted("A personal access token can't ask on behalf of an AI system; use one of its API keys.")
    key = find_live_key(secret)
    if key is None:
        raise NotAuthenticated("This API key is unknown or was revoked.")
    note_use(key)
    return key


def authenticate(request: HttpRequest) -> Actor:
    """Whoever is asking: key, token or session. Refuses (401) where nobody is."""
    secret = read_bearer(request)
    if secret is None:
        actor = current_actor(request)
        if actor is None:
            raise NotAuthenticated("Sign in, or send Authorization: Bearer <key or token>.")
        return actor
    if not secret.startswith(TOKEN_PREFIX):
        return actor_for_key(authenticate_key(request))
    token = find_live_token(secret)
    actor = actor_for_person(token.user, token.organization_id) if token else None
    if token is None or actor is None:
        raise NotAuthenticated("This access token is unknown or was revoked.")
    note_use(token)
    return actor


class TokenOrSession(BaseAuthentication):
    """The REST framework's way to the same answer: `request.user` is an Actor. A session needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        django_request: HttpRequest = request._request
        actor = authenticate(django_request)
        if read_bearer(django_request) is None:
            check = CSRFCheck(lambda _: None)  # type: ignore[arg-type]
            check.process_request(django_request)
            refusal = check.process_view(django_request, self.authenticate, (), {})  # type: ignore[arg-type]
            if refusal:
                raise NotPermitted(f"CSRF check failed: {refusal}")
        return actor, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Countersign"'
