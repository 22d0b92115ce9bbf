"""The addresses of this floor's pages."""

from django.urls import URLPattern, path

from operations.web import overview

urlpatterns: list[URLPattern] = [
    path("overview/", overview.overview, name="overview"),
]
