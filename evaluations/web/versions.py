"""The pages of a dataset's versions: what was sealed when and why, sealing the next one, and how two versions differ."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations.models import Dataset, DatasetVersion
from evaluations.querysets import ExampleQuerySet
from evaluations.selectors import find_dataset, with_heads
from evaluations.services.auto_sealing import Sealing, set_sealing
from evaluations.services.sealing import VersionCheck, seal_version, verify_version
from evaluations.version_selectors import diff_versions, find_version, previous_version
from evaluations.web.datasets import describe_row, say_figures
from evaluations.web.forms import SealForm, SealingForm
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
    return show_versions(request, actor, dataset, form=form)


@page("datasets.seal")
@require_POST
def sealing_set(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID) -> HttpResponse:
    """Says when the dataset is sealed by itself."""
    form = SealingForm(request.POST)
    if not form.is_valid():
        dataset = find_dataset(actor=actor, dataset_id=dataset_id)
        return show_versions(request, actor, dataset, form=SealForm(), sealing_form=form)
    dataset = set_sealing(actor=actor, dataset_id=dataset_id, sealing=Sealing(**form.cleaned_data))
    messages.success(request, f"It is sealed {say_sealing(dataset)}.")
    return redirect("dataset-versions", dataset_id)


def say_sealing(dataset: Dataset) -> str:
    """When a dataset is sealed by itself, in words."""
    days, changes = dataset.seal_every_days, dataset.seal_after_changes
    said = []
    if changes:
        said.append(f"once {changes:,} example{'s have' if changes > 1 else ' has'} come or gone")
    if days:
        said.append(f"{days} day{'s' if days > 1 else ''} after the newest version")
    return " or ".join(said) or "by people alone"


def show_versions(
    request: HttpRequest, actor: Actor, dataset: Dataset, *, form: SealForm, sealing_form: SealingForm | None = None
) -> HttpResponse:
    initial = {"every_days": dataset.seal_every_days, "after_changes": dataset.seal_after_changes}
    context = {
        "dataset": dataset,
        **say_figures(dataset),
        "page": take_keyset_page(request, DatasetVersion.objects.filter(dataset=dataset), ("-number",)),
        "form": form,
        "sealing_form": sealing_form or SealingForm(initial=initial),
        "sealing": say_sealing(dataset),
        "may_seal": may(actor, "datasets.seal"),
    }
    is_refused = bool(form.errors or (sealing_form is not None and sealing_form.errors))
    return render(request, "evaluations/versions.html", context, status=422 if is_refused else 200)


@page("datasets.read")
@require_GET
def version_detail(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID, number: int) -> HttpResponse:
    version = find_version(actor=actor, dataset_id=dataset_id, number=number)
    return show_version(request, actor, version)


@page("datasets.read")
@require_GET
def version_verify(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID, number: int) -> HttpResponse:
    """The version's page with what recomputing it has found."""
    version = find_version(actor=actor, dataset_id=dataset_id, number=number)
    return show_version(request, actor, version, check=verify_version(version))


def show_version(
    request: HttpRequest, actor: Actor, version: DatasetVersion, *, check: VersionCheck | None = None
) -> HttpResponse:
    dataset_id, number = version.dataset_id, version.number
    older = find_older(request, actor, version)
    diff = diff_versions(older, version)
    others = DatasetVersion.objects.filter(dataset_id=dataset_id, number__lt=number).order_by("-number")
    context = {
        "dataset": version.dataset,
        "version": version,
        "check": check,
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
