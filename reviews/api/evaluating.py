"""`POST /policies/evaluate` as this floor can offer it: a document on a context, or on a decision of the past."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actors import Actor
from governance.api import policies, policy_shapes
from governance.errors import Invalid
from governance.permissions import require
from governance.services.policy_checking import describe_evaluation, evaluate_text
from reviews.selectors import find_decision, read_rule_context


class TrialOnDecision(policy_shapes.Trial):
    """A document with either a context or the id of a decision."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["context"].required = False
        self.fields["decision"] = serializers.UUIDField(required=False)


class EvaluatePolicy(policies.EvaluatePolicy):
    @extend_schema(
        operation_id="evaluate_policy",
        tags=policies.TAGS,
        request=TrialOnDecision,
        responses={200: policy_shapes.TrialOutput, 422: policies.PROBLEM},
        examples=[
            *policy_shapes.TRIAL,
            OpenApiExample(
                "On a decision of the past",
                value={"document": "apiVersion: governance/v1 …", "decision": "01990a3c-7d1e-7c43-9a51-2f4d8f6b0c11"},
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """What a document would say of a context, or of what a past decision brought. Nothing is recorded."""
        actor: Any = request.user
        require(actor, "policies.read")
        trial = TrialOnDecision(data=request.data)
        trial.is_valid(raise_exception=True)
        context = choose_context(actor, trial.validated_data)
        evaluation = evaluate_text(actor=actor, document=trial.validated_data["document"], context=context)
        return Response(describe_evaluation(evaluation))


def choose_context(actor: Actor, trial: dict[str, Any]) -> Any:
    """The context that came, or that of the decision that was named. Refuses (Invalid) both and neither."""
    if ("context" in trial) == ("decision" in trial):
        raise Invalid(errors=[{"pointer": "/context", "detail": "Send either `context` or `decision`."}])
    if "context" in trial:
        return trial["context"]
    return read_rule_context(find_decision(actor=actor, decision_id=trial["decision"]))
