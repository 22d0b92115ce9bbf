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

handler400 = "aiops_site.error_pages.bad_request"
handler403 = "aiops_site.error_pages.permission_denied"
handler404 = "aiops_site.error_pages.not_found"
handler500 = "aiops_site.error_pages.server_error"
