"""The addresses of the pages of monitors, incidents and the breaker."""

from django.urls import URLPattern, path

from operations.web import incidents, monitors

urlpatterns: list[URLPattern] = [
    path("monitors/", monitors.monitor_list, name="monitor-list"),
    path("monitors/<uuid:monitor_id>/", monitors.monitor_detail, name="monitor-detail"),
    path("incidents/", incidents.incident_list, name="incident-list"),
    path("incidents/<uuid:incident_id>/", incidents.incident_detail, name="incident-detail"),
]
