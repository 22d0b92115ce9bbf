"""Errors as RFC 9457 problem details: one place turns every refusal into `application/problem+json`."""

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as rest

from governance import errors
from governance.errors import DomainError

PROBLEM_TYPES = "urn:countersign:problem:"
RETRYING = {"unavailable": "2", "idempotency-in-flight": "1"}


def describe_problem(error: DomainError) -> dict[str, Any]:
    """The problem details of one refusal: type, title, status, and where there is more to say detail, errors, state."""
    problem: dict[str, Any] = {"type": PROBLEM_TYPES + error.code, "title": error.title, "status": error.status}
    if error.detail:
        problem["detail"] = error.detail
    if error.errors:
        problem["errors"] = error.errors
    if error.state is not None:
        problem["state"] = error.state
    return problem


def answer_problem(request: HttpRequest | None, error: DomainError) -> HttpResponse:
    response = HttpResponse(
        json.dumps(describe_problem(error)), status=error.status, content_type="application/problem+json"
    )
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Countersign"'
    if error.code in RETRYING:
        response["Retry-After"] = RETRYING[error.code]
    return response


def answer_exception(exception: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Django REST framework's exception handler. An unexpected error stays an error of ours (500), logged, unexplained."""
    request = context.get("request")
    refusal = exception if isinstance(exception, DomainError) else translate(exception)
    if refusal is None:
        return None
    return answer_problem(request, refusal)


def translate(exception: Exception) -> DomainError | None:
    """The refusal that an exception of the frameworks amounts to, or None where it is a fault of ours."""
    match exception:
        case Http404() | rest.NotFound():
            return errors.NotFound()
        case PermissionDenied() | rest.PermissionDenied():
            return errors.NotPermitted()
        case rest.NotAuthenticated() | rest.AuthenticationFailed():
            return errors.NotAuthenticated(str(getattr(exception, "detail", "")))
        case rest.MethodNotAllowed():
            return _plain("method-not-allowed", 405, "This method is not offered here", str(exception.detail))
        case rest.NotAcceptable():
            return _plain("not-acceptable", 406, "Only JSON is offered here", str(exception.detail))
        case rest.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case rest.ParseError():
            return errors.Malformed(str(exception.detail))
        case rest.ValidationError():
            return errors.Invalid(errors=list(_pointers(exception.detail)))
        case rest.Throttled():
            return _plain("too-many-requests", 429, "Too many requests", "")
        case OperationalError() | InterfaceError():
            from django.db import connection

            connection.close()
            return errors.Unavailable("The database can't be reached; nothing was recorded.")
    return None


def _plain(code: str, status: int, title: str, detail: str) -> DomainError:
    error = DomainError(detail)
    error.code, error.status, error.title = code, status, title
    return error


def _pointers(detail: Any, at: str = "") -> Any:
    """Flatten the framework's nested error lists into (pointer, detail) pairs."""
    if isinstance(detail, dict):
        for key, member in detail.items():
            name = "" if key == "non_field_errors" else f"/{str(key).replace('~', '~0').replace('/', '~1')}"
            yield from _pointers(member, at + name)
    elif isinstance(detail, list):
        for index, member in enumerate(detail):
            yield from _pointers(member, f"{at}/{index}" if isinstance(member, dict) else at)
    else:
        yield {"pointer": at, "detail": str(detail)}
