"""What somebody sees where nothing is, or where something of ours broke: problem details on the API, pages elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views import defaults

from governance.api.problems import answer_problem
from governance.errors import DomainError, Malformed, NotFound, NotPermitted


class Broken(DomainError):
    code, status, title = "internal", 500, "Something broke on our side"


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_problem(request, Malformed()) if is_api(request) else defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer_problem(request, NotPermitted())
    return TemplateResponse(request, "403.html", status=403).render()


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return answer_problem(request, NotFound())
    return TemplateResponse(request, "404.html", status=404).render()


def server_error(request: HttpRequest) -> HttpResponse:
    return answer_problem(request, Broken()) if is_api(request) else defaults.server_error(request)
