"""Releases for people and their scripts: which there are, and stating the next one."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations.api.shapes import SystemReference
from evaluations.models import Release
from evaluations.release_selectors import find_system, releases_of
from evaluations.services.releases import state_release
from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.api.policy_shapes import Body, TextField, ask
from governance.permissions import require

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")


class NewRelease(Body):
    system = TextField(help_text="The slug of the AI system.")
    name = TextField(help_text="What its decisions will bear as `release`.")
    reason = TextField(help_text="What changes, and why.")


class ReleaseOutput(serializers.Serializer[Release]):
    id = serializers.UUIDField()
    system = SystemReference()
    name = serializers.CharField()
    reason = serializers.CharField(help_text="Empty where nobody has stated it.")
    stated_by = serializers.CharField(source="stated_by_label")
    stated_at = serializers.DateTimeField(allow_null=True)
    first_seen_at = serializers.DateTimeField(allow_null=True, help_text="Its first decision; null before traffic.")


class ReleaseFilter(django_filters.FilterSet):
    """`system` (slug), `name`."""

    system = django_filters.CharFilter(field_name="system__slug")
    name = django_filters.CharFilter()

    class Meta:
        model = Release
        fields: list[str] = []


RELEASE = OpenApiExample(
    "A release",
    value={
        "id": "0199c1f7-1b2c-7d10-8a55-3f1b9c2d4e5f",
        "system": {"id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a", "slug": "refund-bot", "name": "Refund bot"},
        "name": "2026-04-02",
        "reason": "Reads the order's currency.",
        "stated_by": "Ann Owner",
        "stated_at": "2026-04-02T08:00:00Z",
        "first_seen_at": None,
    },
    response_only=True,
)
ASKED = {"system": "refund-bot", "name": "2026-04-02", "reason": "Reads the order's currency."}


class NewestId(KeysetPagination):
    # UUIDv7 keys are in the order in which releases came to be known.
    ordering = "-id"


class ReleaseList(ListAPIView[Release]):
    """Releases of the organization's systems, newest first."""

    serializer_class = ReleaseOutput
    pagination_class = NewestId
    filterset_class = ReleaseFilter
    queryset = Release.objects.none()

    def get_queryset(self) -> Any:
        return releases_of(_person(self.request, "systems.read"))

    @extend_schema(operation_id="list_releases", tags=["releases"], examples=[RELEASE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="state_release",
        tags=["releases"],
        request=NewRelease,
        responses={201: ReleaseOutput, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM},
        examples=[ask("A release", ASKED), RELEASE],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """State a release with its reason. One that is in traffic already can be stated afterwards, once."""
        actor = _person(request, "releases.state")
        body = NewRelease(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        system = find_system(actor=actor, slug=asked["system"])
        release = state_release(actor=actor, system=system, name=asked["name"], reason=asked["reason"])
        return Response(ReleaseOutput(release).data, status=201)


def _person(request: Request, capability: str) -> Actor:
    """The person who calls; refuses (403) keys."""
    actor: Any = request.user
    require(actor, capability)
    return actor  # type: ignore[no-any-return]
