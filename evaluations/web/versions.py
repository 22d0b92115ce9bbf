"""The pages of a dataset's versions: what was sealed when and why, sealing the next one, and how two versions differ."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from evaluations.models import DatasetVersion
from evaluations.querysets import ExampleQuerySet
from evaluations.selectors import find_dataset, with_heads
from evaluations.services.sealing import seal_version
from evaluations.version_selectors import diff_versions, find_version, previous_version
from evaluations.web.datasets import describe_row, say_figures
from evaluations.web.forms import SealForm
from governance.actors import Actor
from governance.errors import NotFound
from governance.permissions import may, require
from governance.web.session import page
from reviews.web.keyset import take_keyset_page

DIFF_SHOWN = 50
OLDER_OFFERED = 20


@page("datasets.read")
@require_http_methods(["GET", "POST"])
def version_list(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID) -> HttpResponse:
    """Shows the versions, and seals the next one."""
    dataset = find_dataset(actor=actor, dataset_id=dataset_id)
    form = SealForm(request.POST or None)
    if request.method == "POST":
        require(actor, "datasets.seal")
        if form.is_valid():
            version = seal_version(actor=actor, dataset_id=dataset_id, reason=form.cleaned_data["reason"])
            messages.success(request, f"Version {version.number} is sealed.")
            return redirect("dataset-version", dataset_id, version.number)
    context = {
        "dataset": dataset,
        **say_figures(dataset),
        "page": take_keyset_page(request, DatasetVersion.objects.filter(dataset=dataset), ("-number",)),
        "form": form,
        "may_seal": may(actor, "datasets.seal"),
    }
    return render(request, "evaluations/versions.html", context, status=422 if form.errors else 200)


@page("datasets.read")
@require_GET
def version_detail(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID, number: int) -> HttpResponse:
    version = find_version(actor=actor, dataset_id=dataset_id, number=number)
    older = find_older(request, actor, version)
    diff = diff_versions(older, version)
    others = DatasetVersion.objects.filter(dataset_id=dataset_id, number__lt=number).order_by("-number")
    context = {
        "dataset": version.dataset,
        "version": version,
        "older": older,
        "others": list(others.values_list("number", flat=True)[:OLDER_OFFERED]),
        "sides": [("Added", take_head(diff.added)), ("Removed", take_head(diff.removed))],
    }
    return render(request, "evaluations/version.html", context)


def find_older(request: HttpRequest, actor: Actor, version: DatasetVersion) -> DatasetVersion | None:
    """The version that `?against=` names, else the one before. Refuses (NotFound) one that is not older."""
    asked = request.GET.get("against", "")
    if not asked:
        return previous_version(version)
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and int(asked) < version.number):
        raise NotFound()
    return find_version(actor=actor, dataset_id=version.dataset_id, number=int(asked))


def take_head(examples: ExampleQuerySet) -> dict[str, Any]:
    rows = list(with_heads(examples).order_by("id")[: DIFF_SHOWN + 1])
    return {"rows": [describe_row(row) for row in rows[:DIFF_SHOWN]], "has_more": len(rows) > DIFF_SHOWN}
