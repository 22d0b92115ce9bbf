"""The addresses of this floor's pages."""

from django.urls import URLPattern, URLResolver, include, path

from reviews.web import decisions, history, notifications, queue, queues_admin

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("reviews.web.review_urls")),
    path("queue/take-next/", queue.take, name="take-next"),
    path("queue/<slug:view>/", queue.show, name="queue"),
    path("queue/<slug:view>/new/", queue.count_new, name="queue-new"),
    path("decisions/", decisions.show_list, name="decision-list"),
    path("decisions/<uuid:decision_id>/", decisions.show_one, name="decision-detail"),
    path("history/", history.show, name="history"),
    path("notifications/", notifications.show, name="notifications"),
    path("notifications/read/", notifications.read_all, name="notifications-read"),
    path("notifications/<int:notification_id>/", notifications.open_one, name="notification-open"),
    path("notifications/<int:notification_id>/read/", notifications.read_one, name="notification-read"),
    path("queues/", queues_admin.queue_settings_list, name="queue-settings-list"),
    path("queues/<slug:slug>/", queues_admin.queue_settings, name="queue-settings"),
]
