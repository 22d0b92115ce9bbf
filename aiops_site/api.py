"""The API's router: each floor brings its own addresses."""

from django.urls import include, path

urlpatterns = [
    path("", include("governance.api.urls")),
    path("", include("reviews.api.urls")),
    path("", include("evaluations.api.urls")),
    path("", include("operations.api.urls")),
]
