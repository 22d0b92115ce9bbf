"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import path

from operations.api import costs, handling, reports, watching

urlpatterns = [
    path("monitors", watching.MonitorList.as_view(), name="api-monitors"),
    path("monitors/<uuid:monitor_id>", watching.MonitorDetail.as_view(), name="api-monitor"),
    path("incidents", watching.IncidentList.as_view(), name="api-incidents"),
    path("incidents/<uuid:incident_id>", watching.IncidentDetail.as_view(), name="api-incident"),
    path("incidents/<uuid:incident_id>/acknowledge", handling.Acknowledge.as_view(), name="api-incident-acknowledge"),
    path("incidents/<uuid:incident_id>/comments", handling.Comments.as_view(), name="api-incident-comments"),
    path("incidents/<uuid:incident_id>/mitigate", handling.Mitigate.as_view(), name="api-incident-mitigate"),
    path("incidents/<uuid:incident_id>/resolve", handling.Resolve.as_view(), name="api-incident-resolve"),
    path("incidents/<uuid:incident_id>/review", handling.Review.as_view(), name="api-incident-review"),
    path("systems/<slug:slug>/costs", costs.SystemCosts.as_view(), name="api-system-costs"),
    path("systems/<slug:slug>/budget", costs.SystemBudget.as_view(), name="api-system-budget"),
    path("systems/<slug:slug>/repricings", costs.Repricings.as_view(), name="api-system-repricings"),
    path("systems/<slug:slug>/reports", reports.SystemReports.as_view(), name="api-system-reports"),
    path("reports", reports.ReportList.as_view(), name="api-reports"),
    path("reports/<uuid:report_id>", reports.ReportDetail.as_view(), name="api-report"),
    path("reports/<uuid:report_id>/document", reports.ReportDocument.as_view(), name="api-report-document"),
    path("reports/<uuid:report_id>/attest", reports.ReportAttest.as_view(), name="api-report-attest"),
    path("improvement-items", reports.ImprovementList.as_view(), name="api-improvement-items"),
    path("improvement-items/<uuid:item_id>/close", reports.ImprovementClose.as_view(), name="api-improvement-close"),
    path("systems/<slug:slug>/breaker", handling.Breaker.as_view(), name="api-system-breaker"),
]
