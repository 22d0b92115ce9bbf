"""Datasets for people and their scripts: which there are, and what is in them."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluations.api import shapes
from evaluations.models import Dataset, Example
from evaluations.selectors import find_dataset, with_figures
from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.errors import InvalidParameter
from governance.permissions import require

TAGS = ["datasets"]


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
        return with_figures(Dataset.objects.visible_to(read_person(self.request)))

    @extend_schema(operation_id="list_datasets", tags=TAGS, examples=[shapes.DATASET])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class DatasetDetail(APIView):
    @extend_schema(operation_id="read_dataset", tags=TAGS, responses=shapes.DatasetOutput, examples=[shapes.DATASET])
    def get(self, request: Request, dataset_id: uuid.UUID) -> Response:
        """One dataset."""
        dataset = find_dataset(actor=read_person(request), dataset_id=dataset_id)
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
        dataset = find_dataset(actor=read_person(self.request), dataset_id=self.kwargs["dataset_id"])
        return Example.objects.filter(dataset=dataset).prefetch_related("sources")

    @extend_schema(operation_id="list_examples", tags=TAGS, examples=[shapes.EXAMPLE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


def read_person(request: Request) -> Actor:
    """The person who calls; refuses (403) keys: an application asks, it does not read what people taught."""
    actor: Any = request.user
    require(actor, "datasets.read")
    return actor  # type: ignore[no-any-return]
