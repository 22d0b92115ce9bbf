"""The sealed versions of a dataset for people and their scripts: which there are, and sealing the next one."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluations.api.datasets import TAGS
from evaluations.models import DatasetVersion
from evaluations.selectors import find_dataset
from evaluations.services.sealing import seal_version
from evaluations.version_selectors import find_version
from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.api.policy_shapes import Body, TextField, ask
from governance.errors import InvalidParameter
from governance.permissions import require

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")


class Sealing(Body):
    reason = TextField(help_text="Why a version is sealed now.")


class DatasetVersionOutput(serializers.Serializer[DatasetVersion]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    merkle_root = serializers.SerializerMethodField(
        help_text="`sha256:` Merkle root (RFC 6962) over the examples' content hashes, in the order of their ids."
    )
    examples = serializers.IntegerField(help_text="How many it holds.")
    added = serializers.IntegerField(help_text="How many the version before did not have.")
    removed = serializers.IntegerField(help_text="How many of the version before it has no more.")
    reason = serializers.CharField()
    sealed_by = serializers.CharField(source="sealed_by_label")
    sealed_at = serializers.DateTimeField()

    def get_merkle_root(self, version: DatasetVersion) -> str:
        return f"sha256:{version.root_sha256}"


VERSION = OpenApiExample(
    "A version",
    value={
        "id": "0199c1f6-1b2c-7d10-8a55-3f1b9c2d4e5f",
        "number": 3,
        "merkle_root": "sha256:9f1c2a7be0d34455a1f0c6b7d8e9fa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f",
        "examples": 418,
        "added": 37,
        "removed": 2,
        "reason": "The corrections of March.",
        "sealed_by": "Ann Owner",
        "sealed_at": "2026-04-01T08:00:00Z",
    },
    response_only=True,
)


class NewestNumber(KeysetPagination):
    ordering = "-number"


class VersionList(ListAPIView[DatasetVersion]):
    """The versions of a dataset, newest first."""

    serializer_class = DatasetVersionOutput
    pagination_class = NewestNumber
    queryset = DatasetVersion.objects.none()

    def get_queryset(self) -> Any:
        dataset = find_dataset(actor=_person(self.request, "datasets.read"), dataset_id=self.kwargs["dataset_id"])
        return DatasetVersion.objects.filter(dataset=dataset)

    @extend_schema(operation_id="list_dataset_versions", tags=TAGS, examples=[VERSION])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="seal_dataset",
        tags=TAGS,
        request=Sealing,
        responses={201: DatasetVersionOutput, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM},
        examples=[ask("Sealing", {"reason": "The corrections of March."}), VERSION],
    )
    def post(self, request: Request, dataset_id: uuid.UUID) -> Response:
        """Seal the active examples as the next version. Refused (409) where there are none, or none has come or gone."""
        actor = _person(request, "datasets.seal")
        find_dataset(actor=actor, dataset_id=dataset_id)
        body = Sealing(data=request.data)
        body.is_valid(raise_exception=True)
        version = seal_version(actor=actor, dataset_id=dataset_id, reason=body.validated_data["reason"])
        return Response(DatasetVersionOutput(version).data, status=201)


class VersionDetail(APIView):
    @extend_schema(operation_id="read_dataset_version", tags=TAGS, responses=DatasetVersionOutput, examples=[VERSION])
    def get(self, request: Request, dataset_id: uuid.UUID, number: int) -> Response:
        """One version of a dataset."""
        version = find_version(actor=_person(request, "datasets.read"), dataset_id=dataset_id, number=number)
        if request.query_params:
            raise InvalidParameter("This address takes no query parameters.")
        return Response(DatasetVersionOutput(version).data)


def _person(request: Request, capability: str) -> Actor:
    """The person who calls; refuses (403) keys."""
    actor: Any = request.user
    require(actor, capability)
    return actor  # type: ignore[no-any-return]
