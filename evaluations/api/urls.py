"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import path

from evaluations.api import datasets

urlpatterns = [
    path("datasets", datasets.DatasetList.as_view(), name="api-datasets"),
    path("datasets/<uuid:dataset_id>", datasets.DatasetDetail.as_view(), name="api-dataset"),
    path("datasets/<uuid:dataset_id>/examples", datasets.ExampleList.as_view(), name="api-examples"),
    path("datasets/<uuid:dataset_id>/examples.jsonl", datasets.ExampleLines.as_view(), name="api-examples-jsonl"),
]
