"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import path

from evaluations.api import datasets, exports, releases, runs, sealing, versions

urlpatterns = [
    path("datasets", datasets.DatasetList.as_view(), name="api-datasets"),
    path("datasets/<uuid:dataset_id>", datasets.DatasetDetail.as_view(), name="api-dataset"),
    path("datasets/<uuid:dataset_id>/examples", datasets.ExampleList.as_view(), name="api-examples"),
    path("datasets/<uuid:dataset_id>/examples.jsonl", exports.ExampleLines.as_view(), name="api-examples-jsonl"),
    path("datasets/<uuid:dataset_id>/export", exports.DatasetExport.as_view(), name="api-dataset-export"),
    path("datasets/<uuid:dataset_id>/versions", versions.VersionList.as_view(), name="api-dataset-versions"),
    path(
        "datasets/<uuid:dataset_id>/versions/<int:number>", versions.VersionDetail.as_view(), name="api-dataset-version"
    ),
    path(
        "datasets/<uuid:dataset_id>/versions/<int:number>/verify",
        sealing.VersionVerify.as_view(),
        name="api-dataset-version-verify",
    ),
    path("datasets/<uuid:dataset_id>/sealing", sealing.DatasetSealing.as_view(), name="api-dataset-sealing"),
    path("releases", releases.ReleaseList.as_view(), name="api-releases"),
    path("evaluation-runs", runs.RunList.as_view(), name="api-runs"),
    path("evaluation-runs/<uuid:run_id>", runs.RunDetail.as_view(), name="api-run"),
    path("evaluation-runs/<uuid:run_id>/examples", runs.RunExamples.as_view(), name="api-run-examples"),
    path("evaluation-runs/<uuid:run_id>/results", runs.RunResults.as_view(), name="api-run-results"),
    path("evaluation-runs/<uuid:run_id>/close", runs.RunClose.as_view(), name="api-run-close"),
    path("evaluation-runs/<uuid:run_id>/gate", runs.RunGate.as_view(), name="api-run-gate"),
]
