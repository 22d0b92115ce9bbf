"""The addresses of the pages of figures."""

from django.urls import URLPattern, path

from operations.web import overview

urlpatterns: list[URLPattern] = [
    path("overview/", overview.overview, name="overview"),
]
