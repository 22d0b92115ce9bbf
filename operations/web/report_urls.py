"""The addresses of the pages of reports and improvements."""

from django.urls import URLPattern, path

from operations.web import improvements, reports

urlpatterns: list[URLPattern] = [
    path("reports/", reports.report_list, name="report-list"),
    path("reports/<slug:slug>/<str:month>/", reports.report_detail, name="report-detail"),
    path("reports/<slug:slug>/<str:month>/document.json", reports.report_document, name="report-document"),
    path("reports/<slug:slug>/<str:month>/freeze/", reports.report_freeze, name="report-freeze"),
    path("reports/<slug:slug>/<str:month>/attest/", reports.report_attest, name="report-attest"),
    path("improvements/", improvements.improvement_list, name="improvement-list"),
    path("improvements/<uuid:item_id>/close/", improvements.improvement_close, name="improvement-close"),
]
