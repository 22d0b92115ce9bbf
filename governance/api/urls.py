"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import URLPattern, path

from governance.api import systems

urlpatterns: list[URLPattern] = [
    path("systems", systems.SystemList.as_view(), name="api-systems"),
    path("systems/<uuid:system_id>", systems.SystemDetail.as_view(), name="api-system"),
]
