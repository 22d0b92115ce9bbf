"""The addresses of this floor's pages."""

from django.urls import path

from evaluations.web import datasets, exports, releases, runs, versions

_EXAMPLE = "datasets/<uuid:dataset_id>/examples/<uuid:example_id>/"

urlpatterns = [
    path("datasets/", datasets.dataset_list, name="dataset-list"),
    path("datasets/<uuid:dataset_id>/", datasets.dataset_detail, name="dataset-detail"),
    path("datasets/<uuid:dataset_id>/export/", exports.dataset_export, name="dataset-export"),
    path(_EXAMPLE, datasets.example_detail, name="example-detail"),
    path(f"{_EXAMPLE}adjudicate/", datasets.example_adjudicate, name="example-adjudicate"),
    path("datasets/<uuid:dataset_id>/versions/", versions.version_list, name="dataset-versions"),
    path("datasets/<uuid:dataset_id>/versions/<int:number>/", versions.version_detail, name="dataset-version"),
    path(
        "datasets/<uuid:dataset_id>/versions/<int:number>/verify/",
        versions.version_verify,
        name="dataset-version-verify",
    ),
    path("datasets/<uuid:dataset_id>/sealing/", versions.sealing_set, name="dataset-sealing"),
    path("systems/<slug:slug>/releases/", releases.release_list, name="release-list"),
    path("evaluation-runs/<uuid:run_id>/", runs.run_detail, name="run-detail"),
]
