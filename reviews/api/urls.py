"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import path

from reviews.api import decisions, escalations, evaluating

urlpatterns = [
    path("decisions", decisions.DecisionsView.as_view(), name="api-decisions"),
    path(
        "decisions/<uuid:decision_id>",
        decisions.DecisionView.as_view(),
        name="api-decision",
    ),
    path(
        "decisions/<uuid:decision_id>/cancel",
        decisions.CancelView.as_view(),
        name="api-decision-cancel",
    ),
    path(
        "decisions/<uuid:decision_id>/outcome",
        decisions.OutcomeView.as_view(),
        name="api-decision-outcome",
    ),
    path(
        "decisions/<uuid:decision_id>/information",
        decisions.InformationView.as_view(),
        name="api-decision-inform",
    ),
    path("policies/evaluate", evaluating.EvaluatePolicy.as_view(), name="api-policy-evaluate"),
    path("queues", escalations.QueueList.as_view(), name="api-queues"),
    path(
        "queues/<slug:slug>/take-next",
        escalations.TakeNext.as_view(),
        name="api-take-next",
    ),
    path("escalations", escalations.EscalationList.as_view(), name="api-escalations"),
    path(
        "escalations/<uuid:escalation_id>",
        escalations.EscalationDetail.as_view(),
        name="api-escalation",
    ),
    path(
        "escalations/<uuid:escalation_id>/claim",
        escalations.Claim.as_view(),
        name="api-claim",
    ),
    path(
        "escalations/<uuid:escalation_id>/release",
        escalations.Release.as_view(),
        name="api-release",
    ),
    path(
        "escalations/<uuid:escalation_id>/renew",
        escalations.Renew.as_view(),
        name="api-renew",
    ),
    path(
        "escalations/<uuid:escalation_id>/reassign",
        escalations.Reassign.as_view(),
        name="api-reassign",
    ),
    path(
        "escalations/<uuid:escalation_id>/review",
        escalations.ReviewView.as_view(),
        name="api-review",
    ),
    path("reviews/<uuid:review_id>", escalations.UndoView.as_view(), name="api-undo"),
]
