"""The addresses of this floor's pages."""

from django.urls import URLPattern

from operations.web import figure_urls, report_urls, watch_urls

urlpatterns: list[URLPattern] = [*figure_urls.urlpatterns, *report_urls.urlpatterns, *watch_urls.urlpatterns]
