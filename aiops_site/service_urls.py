"""What the service says of itself: health, the API's schema and its pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
