"""Datasets for people and their scripts: which there are, what is in them, and the whole of one as JSON lines."""

import uuid
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluations.api import shapes
from evaluations.models import Dataset, Example
from evaluations.selectors import find_dataset, with_figures
from evaluations.services.exporting import export_dataset
from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.errors import InvalidParameter
from governance.permissions import require

TAGS = ["datasets"]
JSON_LINES = "application/jsonl"


class BySlug(KeysetPagination):
    ordering = "slug"


class ById(KeysetPagination):
    ordering = "id"


class DatasetList(ListAPIView[Dataset]):
    """Every dataset of the organization, by slug."""

    serializer_class = shapes.DatasetOutput
    pagination_class = BySlug
    filterset_fields: tuple[str, ...] = ("slug",)
    queryset = Dataset.objects.none()

    def get_queryset(self) -> Any:
        return with_figures(Dataset.objects.visible_to(_reader(self.request)))

    @extend_schema(operation_id="list_datasets", tags=TAGS, examples=[shapes.DATASET])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class DatasetDetail(APIView):
    @extend_schema(operation_id="read_dataset", tags=TAGS, responses=shapes.DatasetOutput, examples=[shapes.DATASET])
    def get(self, request: Request, dataset_id: uuid.UUID) -> Response:
        """One dataset."""
        dataset = find_dataset(actor=_reader(request), dataset_id=dataset_id)
        if request.query_params:
            raise InvalidParameter("This address takes no query parameters.")
        return Response(shapes.DatasetOutput(dataset).data)


class ExampleList(ListAPIView[Example]):
    """The examples of a dataset, oldest first, whatever their status unless `status` says."""

    serializer_class = shapes.ExampleOutput
    pagination_class = ById
    filterset_class = shapes.ExampleFilter
    queryset = Example.objects.none()

    def get_queryset(self) -> Any:
        dataset = find_dataset(actor=_reader(self.request), dataset_id=self.kwargs["dataset_id"])
        return Example.objects.filter(dataset=dataset).prefetch_related("sources")

    @extend_schema(operation_id="list_examples", tags=TAGS, examples=[shapes.EXAMPLE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class JsonLines(BaseRenderer):
    """Names the media type; the lines are written by the export itself."""

    media_type = JSON_LINES
    format = "jsonl"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        raise NotImplementedError("an export is streamed, and errors are problem+json")


class WhateverIsAccepted(BaseContentNegotiation):
    """There is one format at this address; its name says so, and no Accept header changes it."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class ExampleLines(GenericAPIView[Example]):
    """A dataset as JSON lines, streamed. Looking is not taking: HEAD is not answered, each GET is on record."""

    serializer_class = shapes.ExampleOutput
    filterset_class = shapes.ExampleFilter
    queryset = Example.objects.none()
    pagination_class = None
    renderer_classes = (JsonLines,)
    content_negotiation_class = WhateverIsAccepted
    http_method_names = ["get", "options"]

    @extend_schema(
        operation_id="export_examples",
        tags=TAGS,
        responses={
            (200, JSON_LINES): OpenApiResponse(
                OpenApiTypes.STR,
                description="One JSON object a line: the active examples, unless `status` says otherwise.",
            )
        },
        examples=[shapes.EXPORT],
        filters=True,
    )
    def get(self, request: Request, dataset_id: uuid.UUID) -> StreamingHttpResponse:
        """The examples, one JSON object a line, oldest first: the active ones unless `status` says otherwise (then
        each line names its status). The export is recorded in the audit log."""
        actor = _reader(request)
        dataset = find_dataset(actor=actor, dataset_id=dataset_id)
        self.filter_queryset(Example.objects.none())
        chosen = shapes.ExampleFilter(request.query_params, queryset=Example.objects.none())
        chosen.is_valid()
        lines = export_dataset(actor=actor, dataset=dataset, selection=chosen.selection)
        response = StreamingHttpResponse(lines, content_type=JSON_LINES)
        response["Content-Disposition"] = f'attachment; filename="{dataset.slug}.jsonl"'
        response["Cache-Control"] = "no-store"
        return response


def _reader(request: Request) -> Actor:
    """The person who calls; refuses (403) keys: an application asks, it does not read what people taught."""
    actor: Any = request.user
    require(actor, "datasets.read")
    return actor  # type: ignore[no-any-return]
