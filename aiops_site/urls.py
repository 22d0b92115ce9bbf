"""All addresses: the API, its documentation, the pages of each floor."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("aiops_site.api")),
    path("", include("aiops_site.service_urls")),
    path("", include("governance.web.urls")),
    path("", include("reviews.web.urls")),
    path("", include("evaluations.web.urls")),
    path("", include("operations.web.urls")),
]
