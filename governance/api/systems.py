"""The AI systems, for people and their scripts; a key sees its own."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.errors import InvalidParameter, NotFound
from governance.models import AISystem
from governance.permissions import require

EXAMPLE = OpenApiExample(
    "A system",
    value={
        "id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a",
        "slug": "mail-triage",
        "name": "Mail triage",
        "purpose": "Sorts the support inbox.",
        "owner": {"id": "0199c1ef-1a2b-7c3d-8e4f-5a6b7c8d9e0f", "name": "Ann Owner", "email": "ann@example.com"},
        "backup": None,
        "risk_tier": "limited",
        "breaker": "closed",
        "fallback_message": "A colleague looks after you.",
        "fallback_verdict": "review",
        "fallback_queue": "",
        "schemas": {},
        "approvals_taught_percent": 10,
        "held_out_percent": 20,
        "created_at": "2026-03-01T09:00:00Z",
    },
    response_only=True,
)


class PersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.EmailField()


class SystemOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.SlugField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    owner = PersonOutput()
    backup = PersonOutput(allow_null=True)
    risk_tier = serializers.ChoiceField(choices=AISystem.RiskTier.choices)
    breaker = serializers.ChoiceField(choices=AISystem.Breaker.choices)
    fallback_message = serializers.CharField()
    fallback_verdict = serializers.ChoiceField(choices=AISystem.FallbackVerdict.choices)
    fallback_queue = serializers.CharField()
    schemas = serializers.DictField()
    approvals_taught_percent = serializers.IntegerField(
        help_text="Of a hundred rulings that approve so many become examples."
    )
    held_out_percent = serializers.IntegerField(
        help_text="Of a hundred subjects so many are held out: releases are tested on their examples, and may not learn from them."
    )
    created_at = serializers.DateTimeField()


def require_sight(actor: Actor) -> None:
    """People need `systems.read`; a key sees its own system without a role."""
    if actor.kind != "api_key":
        require(actor, "systems.read")


class BySlug(KeysetPagination):
    ordering = "slug"


class SystemList(ListAPIView[AISystem]):
    """Every system of the organization, by slug."""

    serializer_class = SystemOutput
    pagination_class = BySlug
    filterset_fields: tuple[str, ...] = ("slug", "risk_tier")
    queryset = AISystem.objects.none()

    def get_queryset(self) -> Any:
        actor: Any = self.request.user
        require_sight(actor)
        return AISystem.objects.visible_to(actor).select_related("owner", "backup")

    @extend_schema(operation_id="list_systems", tags=["systems"], examples=[EXAMPLE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class SystemDetail(APIView):
    """One system."""

    @extend_schema(
        operation_id="read_system",
        tags=["systems"],
        parameters=[OpenApiParameter("system_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses=SystemOutput,
        examples=[EXAMPLE],
    )
    def get(self, request: Request, system_id: Any) -> Response:
        actor: Any = request.user
        require_sight(actor)
        if request.query_params:
            raise InvalidParameter("This address takes no query parameters.")
        systems = AISystem.objects.visible_to(actor).select_related("owner", "backup")
        system = systems.filter(pk=system_id).first()
        if system is None:
            raise NotFound()
        return Response(SystemOutput(system).data)
