"""The addresses of this floor's pages."""

from django.urls import URLPattern, path

from reviews.web import queues_admin

urlpatterns: list[URLPattern] = [
    path("queues/", queues_admin.queue_settings_list, name="queue-settings-list"),
    path("queues/<slug:slug>/", queues_admin.queue_settings, name="queue-settings"),
]
