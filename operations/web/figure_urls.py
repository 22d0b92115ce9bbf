"""The addresses of the pages of figures."""

from django.urls import URLPattern, path

from operations.web import clients, health, overview, prices

urlpatterns: list[URLPattern] = [
    path("overview/", overview.overview, name="overview"),
    path("clients/", clients.client_list, name="client-list"),
    path("systems/<slug:slug>/health/", health.system_health, name="system-health"),
    path("prices/", prices.price_list, name="price-list"),
    path("prices/<uuid:price_id>/withdraw/", prices.price_withdraw, name="price-withdraw"),
]
