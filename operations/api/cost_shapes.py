"""What the endpoints of costs read and answer: amounts in millionths of a US dollar, times in seconds, months as 2026-11."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from evaluations.statistics import Estimate, NotEnough
from governance.api.policy_shapes import Body, TextField
from operations.api.bodies import Count, Flag
from operations.cost_selectors import MonthCosts
from operations.forecasting import NotEnoughDays, Projection
from operations.model_choice import MARGIN, RULE, ModelChoice, ModelEvidence
from operations.models import Budget, Repricing
from operations.months import name_month
from operations.services.budgets import HIGHEST_BUDGET_MICROS, LONGEST_NOTE
from operations.services.repricing import LONGEST_REASON


class BudgetBody(Body):
    monthly_micros = Count(min_value=1, max_value=HIGHEST_BUDGET_MICROS, help_text="A calendar month, UTC.")
    includes_review = Flag(default=True, help_text="Whether reviewers' time, at the organization's rate, counts too.")
    note = TextField(required=False, default="", allow_blank=True, max_length=LONGEST_NOTE)


class RepricingBody(Body):
    since = serializers.DateTimeField(help_text="Decisions made from this instant on.")
    until = serializers.DateTimeField(help_text="Up to, not including; what is still to come is cut off.")
    reason = TextField(max_length=LONGEST_REASON)


class WarningOutput(serializers.Serializer[Any]):
    threshold = serializers.IntegerField(help_text="Percent: 50, 80 or 100.")
    warned_at = serializers.DateTimeField()


class BudgetOutput(serializers.Serializer[Budget]):
    id = serializers.UUIDField()
    monthly_micros = serializers.IntegerField()
    includes_review = serializers.BooleanField()
    note = serializers.CharField()
    stated_by = serializers.CharField(source="stated_by_label")
    stated_at = serializers.DateTimeField(source="created_at")


class RepricingOutput(serializers.Serializer[Repricing]):
    id = serializers.UUIDField()
    since = serializers.DateTimeField(source="since_at")
    until = serializers.DateTimeField(source="until_at")
    reason = serializers.CharField()
    requested_by = serializers.CharField(source="requested_by_label")
    requested_at = serializers.DateTimeField(source="created_at")
    looked_at = serializers.IntegerField(help_text="Decisions so far.")
    changed = serializers.IntegerField(help_text="New entries in the ledger so far.")
    difference_micros = serializers.IntegerField(help_text="By how much the sum differs so far.")
    finished_at = serializers.DateTimeField(allow_null=True)


class ProjectionOutput(serializers.Serializer[Any]):
    expected = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    days_behind = serializers.IntegerField(help_text="Complete days that it is made from.")
    days_missing = serializers.IntegerField(help_text="How many more it takes; 0 where there is a forecast.")


class ForecastOutput(serializers.Serializer[Any]):
    models_micros = ProjectionOutput()
    total_micros = ProjectionOutput(help_text="With review time at today's rate.")
    review_seconds = ProjectionOutput()
    method = serializers.CharField()


class ModelOutput(serializers.Serializer[Any]):
    model = serializers.CharField()
    decisions = serializers.IntegerField()
    priced = serializers.IntegerField()
    cost_per_decision_micros = serializers.FloatField(allow_null=True, help_text="The model, and its review time.")
    review_seconds_per_decision = serializers.FloatField()
    error_rate = serializers.FloatField(allow_null=True)
    error_low = serializers.FloatField(allow_null=True)
    error_high = serializers.FloatField(allow_null=True)
    reviewed = serializers.IntegerField(allow_null=True)
    reviews_missing = serializers.IntegerField()
    difference_low = serializers.FloatField(allow_null=True, help_text="Of its error rate to the best's, 95 %.")
    difference_high = serializers.FloatField(allow_null=True)
    is_best = serializers.BooleanField()
    is_not_worse = serializers.BooleanField()


class TaskOutput(serializers.Serializer[Any]):
    action = serializers.CharField(allow_blank=True)
    chosen = serializers.CharField(allow_null=True)
    present = serializers.CharField(help_text="Has decided most.")
    reason = serializers.CharField()
    models = ModelOutput(many=True)


class CostsOutput(serializers.Serializer[Any]):
    system = serializers.SlugField()
    month = serializers.CharField()
    is_running = serializers.BooleanField()
    decisions = serializers.IntegerField()
    priced = serializers.IntegerField(help_text="Decisions whose cost is known.")
    models_micros = serializers.IntegerField()
    review_seconds = serializers.FloatField()
    review_micros = serializers.IntegerField(allow_null=True, help_text="null: no rate is stated.")
    total_micros = serializers.IntegerField()
    per_decision_micros = serializers.IntegerField(allow_null=True, help_text="Models, over those of known cost.")
    resolved = serializers.IntegerField()
    per_resolved_micros = serializers.IntegerField(allow_null=True, help_text="Models and review time.")
    budget = BudgetOutput(allow_null=True, help_text="The one that stood at the month's end, or stands now.")
    counted_micros = serializers.IntegerField(help_text="What counts against the budget.")
    share_of_budget = serializers.FloatField(allow_null=True)
    warnings = WarningOutput(many=True)
    forecast = ForecastOutput(allow_null=True)
    tasks = TaskOutput(many=True, help_text=f"{RULE} The margin is {MARGIN}.")
    repricings = RepricingOutput(many=True, help_text="The ten newest.")


def describe_costs(costs: MonthCosts, tasks: list[ModelChoice], repricings: list[Repricing]) -> dict[str, Any]:
    """The answer's values."""
    return {
        "system": costs.system.slug,
        "month": name_month(costs.month),
        "is_running": costs.is_running,
        "decisions": costs.decisions,
        "priced": costs.priced.part,
        "models_micros": costs.spent_micros,
        "review_seconds": costs.review_seconds,
        "review_micros": costs.review_micros,
        "total_micros": costs.total_micros,
        "per_decision_micros": costs.per_decision_micros,
        "resolved": costs.resolved,
        "per_resolved_micros": costs.per_resolved_micros,
        "budget": costs.budget,
        "counted_micros": costs.counted_micros,
        "share_of_budget": costs.share_of_budget,
        "warnings": [{"threshold": threshold, "warned_at": at} for threshold, at in costs.warnings],
        "forecast": {
            "models_micros": _describe_projection(costs.forecast.models),
            "total_micros": _describe_projection(costs.forecast.cost),
            "review_seconds": _describe_projection(costs.forecast.review_seconds),
            "method": costs.forecast.method,
        }
        if costs.forecast
        else None,
        "tasks": [_describe_task(task) for task in tasks],
        "repricings": repricings,
    }


def _describe_projection(projection: Projection | NotEnoughDays) -> dict[str, Any]:
    if isinstance(projection, NotEnoughDays):
        nothing = {"expected": None, "low": None, "high": None}
        return {**nothing, "days_behind": projection.days, "days_missing": projection.more}
    return {
        "expected": projection.expected,
        "low": projection.low,
        "high": projection.high,
        "days_behind": projection.days_behind,
        "days_missing": 0,
    }


def _describe_task(task: ModelChoice) -> dict[str, Any]:
    return {
        "action": task.action,
        "chosen": task.chosen,
        "present": task.present,
        "reason": task.reason,
        "models": [_describe_model(one) for one in task.models],
    }


def _describe_model(one: ModelEvidence) -> dict[str, Any]:
    error = one.error if isinstance(one.error, Estimate) else None
    return {
        "model": one.model,
        "decisions": one.decisions,
        "priced": one.priced,
        "cost_per_decision_micros": one.cost_micros,
        "review_seconds_per_decision": one.review_seconds,
        "error_rate": error.rate if error else None,
        "error_low": error.low if error else None,
        "error_high": error.high if error else None,
        "reviewed": error.reviewed if error else None,
        "reviews_missing": one.error.reviews_needed if isinstance(one.error, NotEnough) else 0,
        "difference_low": one.difference.low if one.difference else None,
        "difference_high": one.difference.high if one.difference else None,
        "is_best": one.is_best,
        "is_not_worse": one.is_not_worse,
    }


_BUDGET = {
    "id": "0199c1fa-0001-7b3a-9c41-0d8f5c1e7b3a",
    "monthly_micros": 500_000_000,
    "includes_review": True,
    "note": "Agreed with the client.",
    "stated_by": "Ann Owner",
    "stated_at": "2026-10-28T08:00:00Z",
}
_REPRICING = {
    "id": "0199c1fb-0001-7b3a-9c41-0d8f5c1e7b3a",
    "since": "2026-10-01T00:00:00Z",
    "until": "2026-11-01T00:00:00Z",
    "reason": "The contract's price holds since October.",
    "requested_by": "Ann Owner",
    "requested_at": "2026-11-14T09:30:00Z",
    "looked_at": 4000,
    "changed": 3811,
    "difference_micros": -1_204_000,
    "finished_at": None,
}
BUDGET = OpenApiExample("A budget", value=_BUDGET, response_only=True)
REPRICING = OpenApiExample("A repricing", value=_REPRICING, response_only=True)
COSTS = OpenApiExample(
    "A month",
    value={
        "system": "booking-agent",
        "month": "2026-11",
        "is_running": True,
        "decisions": 5210,
        "priced": 5210,
        "models_micros": 118_400_000,
        "review_seconds": 21_600.0,
        "review_micros": 297_000_000,
        "total_micros": 415_400_000,
        "per_decision_micros": 22_726,
        "resolved": 4100,
        "per_resolved_micros": 101_317,
        "budget": _BUDGET,
        "counted_micros": 415_400_000,
        "share_of_budget": 0.8308,
        "warnings": [
            {"threshold": 50, "warned_at": "2026-11-09T11:02:30Z"},
            {"threshold": 80, "warned_at": "2026-11-14T10:31:00Z"},
        ],
        "forecast": None,
        "tasks": [],
        "repricings": [_REPRICING],
    },
    response_only=True,
)
