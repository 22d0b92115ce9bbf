"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import path

from operations.api import watching

urlpatterns = [
    path("monitors", watching.MonitorList.as_view(), name="api-monitors"),
    path("monitors/<uuid:monitor_id>", watching.MonitorDetail.as_view(), name="api-monitor"),
    path("incidents", watching.IncidentList.as_view(), name="api-incidents"),
    path("incidents/<uuid:incident_id>", watching.IncidentDetail.as_view(), name="api-incident"),
]
