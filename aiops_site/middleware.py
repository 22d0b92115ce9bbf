"""What surrounds a request: the API's hot path carries no session, and an outage of the database is a clear 503."""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string

from governance.api.problems import answer_problem
from governance.errors import Unavailable

Handler = Callable[[HttpRequest], HttpResponseBase]
PROBES = frozenset({"/healthz", "/readyz"})


class OutageMiddleware:
    """Answers 503 with Retry-After where the database can't be reached, and drops the broken connection."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return answer_outage(request) if isinstance(exception, OUTAGES) else None


OUTAGES = (OperationalError, InterfaceError)


def answer_outage(request: HttpRequest) -> HttpResponse:
    drop_broken_connection()
    if request.path.startswith("/api/"):
        return answer_problem(request, Unavailable("The database can't be reached; nothing was recorded."))
    sentence = "Countersign's database can't be reached. Nothing was recorded; try again in a moment."
    return HttpResponse(sentence, status=503, content_type="text/plain", headers={"Retry-After": "2"})


def drop_broken_connection() -> None:
    """A persistent connection that failed once would fail every request after it."""
    try:
        connection.close()
    except DatabaseError:
        connection.connection = None


class ConsoleMiddleware:
    """Runs the pages' middleware (sessions, CSRF, messages) for all but requests that bring a bearer token: those
    have no cookie to protect, and pay for none of it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        handler: Handler = get_response
        self.view_hooks: list[Callable[..., HttpResponseBase | None]] = []
        for path in reversed(settings.CONSOLE_MIDDLEWARE):
            layer = import_string(path)(handler)
            if hasattr(layer, "process_view"):
                self.view_hooks.insert(0, layer.process_view)
            handler = layer
        self.with_console = handler

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if needs_no_console(request):
            if request.path not in PROBES:
                # Refused before anything is recorded: answers name addresses below this host, and fail without it.
                request.get_host()
            return self.get_response(request)
        try:
            return self.with_console(request)
        except OUTAGES:
            # A session could not be saved: the framework guards only the layers that it has built itself.
            return answer_outage(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponseBase | None:
        if needs_no_console(request):
            return None
        for hook in self.view_hooks:
            response = hook(request, view, args, kwargs)
            if response is not None:
                return response
        return None


def needs_no_console(request: HttpRequest) -> bool:
    """Probes too: an orchestrator asks by an address of its own, which is none of the allowed hosts."""
    if request.path in PROBES:
        return True
    return request.path.startswith("/api/") and request.META.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "
