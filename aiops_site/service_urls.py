"""What the service says of itself: health, the API's schema and its pages, and what crawlers may fetch (nothing)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from aiops_site import api_schema  # noqa: F401 (registers itself)
from aiops_site.health import healthz, readyz


@require_safe
def show_api_docs(request: HttpRequest) -> HttpResponse:
    """The API for people to read: drawn from the schema by scripts of this server, so that it works offline."""
    return render(request, "api_docs.html")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


urlpatterns: list[URLPattern] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("api/docs/", show_api_docs, name="api-docs"),
    path("robots.txt", robots, name="robots"),
    path("favicon.ico", RedirectView.as_view(url=static("img/mark.svg"), permanent=False), name="favicon"),
]
