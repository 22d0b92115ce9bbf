"""The addresses of the pages of monitors, incidents and the breaker."""

from django.urls import URLPattern, path

from operations.web import breaker, channels, incidents, monitors, preview

urlpatterns: list[URLPattern] = [
    path("monitors/", monitors.monitor_list, name="monitor-list"),
    path("monitors/<uuid:monitor_id>/", monitors.monitor_detail, name="monitor-detail"),
    path("monitors/<uuid:monitor_id>/preview/", preview.monitor_preview, name="monitor-preview"),
    path("monitors/<uuid:monitor_id>/change/", monitors.monitor_change, name="monitor-change"),
    path("monitors/<uuid:monitor_id>/learn/", monitors.monitor_learn, name="monitor-learn"),
    path("monitors/<uuid:monitor_id>/rearm/", monitors.monitor_rearm, name="monitor-rearm"),
    path("incidents/", incidents.incident_list, name="incident-list"),
    path("incidents/<uuid:incident_id>/", incidents.incident_detail, name="incident-detail"),
    path("incidents/<uuid:incident_id>/acknowledge/", incidents.incident_acknowledge, name="incident-acknowledge"),
    path("incidents/<uuid:incident_id>/comment/", incidents.incident_comment, name="incident-comment"),
    path("incidents/<uuid:incident_id>/mitigate/", incidents.incident_mitigate, name="incident-mitigate"),
    path("incidents/<uuid:incident_id>/resolve/", incidents.incident_resolve, name="incident-resolve"),
    path("incidents/<uuid:incident_id>/review/", incidents.incident_review, name="incident-review"),
    path("channels/", channels.channel_list, name="channel-list"),
    path("channels/add/", channels.channel_add, name="channel-add"),
    path("channels/<uuid:channel_id>/", channels.channel_edit, name="channel-edit"),
    path("channels/<uuid:channel_id>/test/", channels.channel_test, name="channel-test"),
    path("channels/<uuid:channel_id>/remove/", channels.channel_remove, name="channel-remove"),
    path("systems/<slug:slug>/breaker/", breaker.system_breaker, name="system-breaker"),
]
