"""When a dataset is sealed by itself, and whether a sealed version is still what its root vouches for."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluations.api.datasets import TAGS
from evaluations.api.shapes import EXAMPLE_ID
from evaluations.selectors import find_dataset
from evaluations.services.auto_sealing import MOST_CHANGES, MOST_DAYS, Sealing, set_sealing
from evaluations.services.sealing import verify_version
from evaluations.version_selectors import find_version
from governance.actors import Actor
from governance.api.policy_shapes import Body, ask
from governance.errors import InvalidParameter
from governance.permissions import require

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")
ROOT = "sha256:9f1c2a7be0d34455a1f0c6b7d8e9fa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f"


class SealingInput(Body):
    every_days = serializers.IntegerField(
        min_value=1,
        max_value=MOST_DAYS,
        allow_null=True,
        help_text="So many days after the newest version, where anything has changed; null: not by the calendar.",
    )
    after_changes = serializers.IntegerField(
        min_value=1,
        max_value=MOST_CHANGES,
        allow_null=True,
        help_text="Once so many examples have come or gone since the newest version; null: not by their number.",
    )


class SealingOutput(serializers.Serializer[Any]):
    every_days = serializers.IntegerField(source="seal_every_days", allow_null=True)
    after_changes = serializers.IntegerField(source="seal_after_changes", allow_null=True)


class VersionCheckOutput(serializers.Serializer[Any]):
    is_whole = serializers.BooleanField(help_text="Whether the recomputed root and count are those that were sealed.")
    merkle_root = serializers.CharField(help_text="As it was sealed.")
    recomputed_root = serializers.CharField(help_text="From the texts of the examples as they are now.")
    examples = serializers.IntegerField(help_text="How many there are now.")
    altered = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="The first 20 examples whose text does not have the hash that they bear.",
    )


SEALING = {"every_days": 30, "after_changes": 100}
CHECK = OpenApiExample(
    "A check",
    value={"is_whole": True, "merkle_root": ROOT, "recomputed_root": ROOT, "examples": 418, "altered": []},
    response_only=True,
)
ALTERED = OpenApiExample(
    "An altered version",
    value={
        "is_whole": False,
        "merkle_root": ROOT,
        "recomputed_root": ROOT.replace("9f", "0a"),
        "examples": 418,
        "altered": [EXAMPLE_ID],
    },
    response_only=True,
)


class DatasetSealing(APIView):
    @extend_schema(
        operation_id="read_dataset_sealing",
        tags=TAGS,
        responses=SealingOutput,
        examples=[OpenApiExample("Sealing", value=SEALING, response_only=True)],
    )
    def get(self, request: Request, dataset_id: uuid.UUID) -> Response:
        """When the dataset is sealed by itself."""
        dataset = find_dataset(actor=_person(request, "datasets.read"), dataset_id=dataset_id)
        _refuse_parameters(request)
        return Response(SealingOutput(dataset).data)

    @extend_schema(
        operation_id="set_dataset_sealing",
        tags=TAGS,
        request=SealingInput,
        responses={200: SealingOutput, 403: PROBLEM, 404: PROBLEM, 422: PROBLEM},
        examples=[ask("Sealing", SEALING), OpenApiExample("Sealing", value=SEALING, response_only=True)],
    )
    def put(self, request: Request, dataset_id: uuid.UUID) -> Response:
        """Say when the dataset is sealed by itself. No version comes of it where nothing has changed."""
        actor = _person(request, "datasets.seal")
        body = SealingInput(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(
            SealingOutput(set_sealing(actor=actor, dataset_id=dataset_id, sealing=Sealing(**body.validated_data))).data
        )


class VersionVerify(APIView):
    @extend_schema(
        operation_id="verify_dataset_version", tags=TAGS, responses=VersionCheckOutput, examples=[CHECK, ALTERED]
    )
    def get(self, request: Request, dataset_id: uuid.UUID, number: int) -> Response:
        """Recompute the version from the texts of its examples: their content hashes, then the root."""
        version = find_version(actor=_person(request, "datasets.read"), dataset_id=dataset_id, number=number)
        _refuse_parameters(request)
        check = verify_version(version)
        return Response(
            {
                "is_whole": check.is_whole,
                "merkle_root": f"sha256:{version.root_sha256}",
                "recomputed_root": f"sha256:{check.root_sha256}",
                "examples": check.examples,
                "altered": [str(key) for key in check.altered],
            }
        )


def _refuse_parameters(request: Request) -> None:
    if request.query_params:
        raise InvalidParameter("This address takes no query parameters.")


def _person(request: Request, capability: str) -> Actor:
    """The person who calls; refuses (403) keys."""
    actor: Any = request.user
    require(actor, capability)
    return actor  # type: ignore[no-any-return]
