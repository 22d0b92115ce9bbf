"""The addresses of the pages of figures."""

from django.urls import URLPattern, path

from operations.web import clients, costs, health, overview, prices

urlpatterns: list[URLPattern] = [
    path("overview/", overview.overview, name="overview"),
    path("clients/", clients.client_list, name="client-list"),
    path("systems/<slug:slug>/health/", health.system_health, name="system-health"),
    path("costs/", costs.cost_list, name="cost-list"),
    path("costs/review-rate/", costs.review_rate_state, name="review-rate-state"),
    path("costs/review-rate/<uuid:rate_id>/withdraw/", costs.review_rate_withdraw, name="review-rate-withdraw"),
    path("systems/<slug:slug>/costs/", costs.system_costs, name="system-costs"),
    path("systems/<slug:slug>/costs/budget/", costs.budget_state, name="budget-state"),
    path("systems/<slug:slug>/costs/budget/withdraw/", costs.budget_withdraw, name="budget-withdraw"),
    path("systems/<slug:slug>/costs/repricing/", costs.repricing_request, name="repricing-request"),
    path("prices/", prices.price_list, name="price-list"),
    path("prices/<uuid:price_id>/withdraw/", prices.price_withdraw, name="price-withdraw"),
]
