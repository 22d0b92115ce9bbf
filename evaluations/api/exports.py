"""A dataset on its way out, in whatever format: streamed as it is read, and on record."""

import uuid
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from evaluations.api import shapes
from evaluations.api.datasets import TAGS, read_person
from evaluations.exporting.formats import FORMATS, JSON_LINES
from evaluations.models import Example
from evaluations.selectors import find_dataset
from evaluations.services.exporting import Export, export_dataset
from evaluations.version_selectors import find_version

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")


class JsonLines(BaseRenderer):
    """Names the media type; the document is written by the export itself."""

    media_type = JSON_LINES
    format = "jsonl"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        raise NotImplementedError("an export is streamed, and errors are problem+json")


class WhateverIsAccepted(BaseContentNegotiation):
    """The address says which format it is, and no Accept header changes that."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class Exporting(GenericAPIView[Example]):
    """What both addresses share. Looking is not taking: HEAD is not answered, each GET is on record."""

    serializer_class = shapes.ExampleOutput
    queryset = Example.objects.none()
    pagination_class = None
    renderer_classes = (JsonLines,)
    content_negotiation_class = WhateverIsAccepted
    http_method_names = ["get", "options"]

    def read_filters(self, kind: type[shapes.ExampleFilter]) -> shapes.ExampleFilter:
        """Refuses (400) what the filters don't know."""
        self.filter_queryset(Example.objects.none())
        chosen = kind(self.request.query_params, queryset=Example.objects.none())
        chosen.is_valid()
        return chosen


class ExampleLines(Exporting):
    """A dataset as JSON lines."""

    filterset_class = shapes.ExampleFilter

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
        actor = read_person(request)
        dataset = find_dataset(actor=actor, dataset_id=dataset_id)
        chosen = self.read_filters(shapes.ExampleFilter)
        return send_export(export_dataset(actor=actor, dataset=dataset, selection=chosen.selection))


class DatasetExport(Exporting):
    """A dataset, or one of its versions, in any format."""

    filterset_class = shapes.ExportFilter

    @extend_schema(
        operation_id="export_dataset",
        tags=TAGS,
        responses={
            **{
                (200, format.media_type): OpenApiResponse(OpenApiTypes.BINARY, description=format.sentence)
                for format in reversed(FORMATS.values())
            },
            (400, "application/problem+json"): PROBLEM,
            (404, "application/problem+json"): PROBLEM,
            (501, "application/problem+json"): PROBLEM,
        },
        examples=[shapes.EXPORT],
        filters=True,
    )
    def get(self, request: Request, dataset_id: uuid.UUID) -> StreamingHttpResponse:
        """The examples in the format that `format` names (JSON lines unless said), oldest first: the active ones unless
        `status` says otherwise, or those of the sealed version that `version` names. Formats for evaluation and training
        leave out examples of which nobody said what is right; the one for training takes the train split unless `split`
        says otherwise. A format whose package the server lacks is refused (501). The export is recorded in the audit log."""
        actor = read_person(request)
        dataset = find_dataset(actor=actor, dataset_id=dataset_id)
        chosen = self.read_filters(shapes.ExportFilter)
        asked = chosen.form.cleaned_data
        number = asked["version"]
        export = export_dataset(
            actor=actor,
            dataset=dataset,
            selection=chosen.selection,
            format=asked["format"] or "jsonl",
            version=None if number is None else find_version(actor=actor, dataset_id=dataset_id, number=number),
        )
        return send_export(export)


def send_export(export: Export) -> StreamingHttpResponse:
    """Streamed: the server keeps no more of it than what is on its way."""
    response = StreamingHttpResponse(export, content_type=export.format.media_type)
    response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    response["Cache-Control"] = "no-store"
    return response
