"""What the service says of itself: health, the API's schema and its pages."""

from django.urls import URLPattern, path

from aiops_site.health import healthz, readyz

urlpatterns: list[URLPattern] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
