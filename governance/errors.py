"""The vocabulary of refusal: every verb that says no raises one of these, and one handler turns it into an answer."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class FieldError(TypedDict):
    """One fault of a body: `pointer` is a JSON Pointer (RFC 6901), `detail` a sentence."""

    pointer: str
    detail: str


class DomainError(Exception):
    """Something was refused. `code` is stable (the last part of the problem's `type`), `status` its HTTP status."""

    code = "refused"
    status = 400
    title = "The request was refused"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError | Mapping[str, Any]] = (),
        state: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = list(errors)
        self.state = state


class Malformed(DomainError):
    code, status, title = "malformed", 400, "The request can't be read"


class InvalidParameter(DomainError):
    code, status, title = "invalid-parameter", 400, "A query parameter is not valid"


class NotAuthenticated(DomainError):
    code, status, title = "not-authenticated", 401, "Who is asking is not known"


class NotPermitted(DomainError):
    code, status, title = "not-permitted", 403, "This is not permitted"


class NotFound(DomainError):
    code, status, title = "not-found", 404, "There is nothing here"


class Conflict(DomainError):
    code, status, title = "conflict", 409, "The state does not allow this"


class TooLarge(DomainError):
    code, status, title = "too-large", 413, "The body is too large"


class UnsupportedMediaType(DomainError):
    code, status, title = "unsupported-media-type", 415, "The body must be application/json"


class Invalid(DomainError):
    code, status, title = "invalid", 422, "The body does not fit"


class Unavailable(DomainError):
    code, status, title = "unavailable", 503, "The service can't answer now"
