"""Costs for people's scripts: a system's month, its budget, and pricing the past anew."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api.policy_shapes import Body, ask
from governance.errors import InvalidParameter, NotFound
from governance.models import AISystem
from governance.permissions import require
from operations.api import cost_shapes as shapes
from operations.api.watching import reader_of, refuse_parameters
from operations.budget_selectors import repricings_of
from operations.cost_selectors import month_costs
from operations.figure_selectors import Period
from operations.model_choice import choose_models
from operations.months import end_of_month, month_of, read_month, start_of_month
from operations.services.budgets import state_budget
from operations.services.repricing import request_repricing

TAGS = ["costs"]
PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")


class SystemCosts(APIView):
    @extend_schema(
        operation_id="read_costs",
        tags=TAGS,
        parameters=[OpenApiParameter("month", str, description="Such as 2026-11 (UTC); the running one unless told.")],
        responses={200: shapes.CostsOutput, 400: PROBLEM, 403: PROBLEM, 404: PROBLEM},
        examples=[shapes.COSTS],
    )
    def get(self, request: Request, slug: str) -> Response:
        """One month of a system: what it cost, of which budget, what it will come to, and which model did what."""
        system = find_system(reader_of(request, "overview.read"), slug)
        if unknown := sorted(set(request.query_params) - {"month"}):
            raise InvalidParameter(f"`{unknown[0]}` is not known here; known is: month.")
        now, text = timezone.now(), request.query_params.get("month")
        month = month_of(now) if text is None else read_month(text)
        costs = month_costs(system, month, now=now)
        tasks = choose_models(system, Period(start_of_month(month), end_of_month(month), "day"))
        answer = shapes.describe_costs(costs, tasks, repricings_of(system))
        return Response(shapes.CostsOutput(answer).data)


class SystemBudget(APIView):
    @extend_schema(
        operation_id="state_budget",
        tags=TAGS,
        request=shapes.BudgetBody,
        responses={200: shapes.BudgetOutput, 403: PROBLEM, 404: PROBLEM, 422: PROBLEM},
        examples=[ask("Five hundred dollars", {"monthly_micros": 500_000_000}), shapes.BUDGET],
    )
    def put(self, request: Request, slug: str) -> Response:
        """State what the system may cost in a month; safe to repeat. Another budget takes its place and warns anew."""
        actor, system, body = begin(request, slug, "budgets.manage", shapes.BudgetBody)
        return Response(shapes.BudgetOutput(state_budget(actor=actor, system=system, **body)).data)


class Repricings(APIView):
    @extend_schema(
        operation_id="request_repricing",
        tags=TAGS,
        request=shapes.RepricingBody,
        responses={201: shapes.RepricingOutput, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM},
        examples=[
            ask(
                "October again",
                {
                    "since": "2026-10-01T00:00:00Z",
                    "until": "2026-11-01T00:00:00Z",
                    "reason": "The contract's price holds since October.",
                },
            ),
            shapes.REPRICING,
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Have past decisions priced anew by the prices that stand now. It goes on in the background; how far it is stands
        in the system's costs."""
        actor, system, body = begin(request, slug, "prices.manage", shapes.RepricingBody)
        repricing = request_repricing(actor=actor, system=system, **body)
        return Response(shapes.RepricingOutput(repricing).data, status=201)


def find_system(actor: Actor, slug: str) -> AISystem:
    system = AISystem.objects.visible_to(actor).filter(slug=slug).first()
    if system is None:
        raise NotFound()
    return system


def begin(request: Request, slug: str, capability: str, shape: type[Body]) -> tuple[Actor, AISystem, dict[str, Any]]:
    """The caller, the system and the body. Whether they may is looked at first, so that a refusal tells nothing else."""
    actor = reader_of(request, "overview.read")
    system = find_system(actor, slug)
    require(actor, capability)
    refuse_parameters(request)
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return actor, system, dict(body.validated_data)
