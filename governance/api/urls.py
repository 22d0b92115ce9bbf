"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
