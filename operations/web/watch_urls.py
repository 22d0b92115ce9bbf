"""The addresses of the pages of monitors, incidents and the breaker."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
