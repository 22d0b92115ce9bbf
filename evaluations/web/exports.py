"""The page on which somebody takes a dataset along: which part, how much that is, and each format with a sentence."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from evaluations.export_selectors import Extent, Part, measure_extent
from evaluations.exporting.formats import FORMATS, is_there
from evaluations.exporting.shapes import Format
from evaluations.models import DatasetVersion
from evaluations.selectors import Selection, find_dataset
from evaluations.services.exporting import describe_part
from evaluations.version_selectors import find_version
from evaluations.web.forms import ANY_STATUS, ExportForm
from governance.actors import Actor
from governance.web.session import page

VERSIONS_OFFERED = 50


@page("datasets.read")
@require_GET
def dataset_export(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID) -> HttpResponse:
    dataset = find_dataset(actor=actor, dataset_id=dataset_id)
    versions = DatasetVersion.objects.filter(dataset=dataset).order_by("-number")
    form = ExportForm(request.GET, numbers=versions.values_list("number", flat=True)[:VERSIONS_OFFERED])
    number, chosen = form.read_part()
    version = None if number is None else find_version(actor=actor, dataset_id=dataset_id, number=number)
    part = Part(dataset, chosen, version)
    extent = measure_extent(part)
    context = {
        "dataset": dataset,
        "form": form,
        "version": version,
        "extent": extent,
        "about": describe_part(part),
        "formats": [describe_format(format, part, extent) for format in FORMATS.values()],
    }
    return render(request, "evaluations/export.html", context)


def describe_format(format: Format, part: Part, extent: Extent) -> dict[str, Any]:
    """A format as the page shows it. `url` is empty where it can't be written here."""
    return {
        "format": format,
        "url": write_export_url(format, part) if is_there(format) else "",
        "file_name": f"{describe_part(part).title}.{format.suffix}",
        "leaves_out": format.needs_answer and extent.unanswered > 0,
    }


def write_export_url(format: Format, part: Part) -> str:
    """Where the API streams this part in this format."""
    chosen = part.selection
    parameters: list[tuple[str, object]] = [("format", format.name)]
    if part.version is not None:
        parameters.append(("version", part.version.number))
    elif chosen.statuses != Selection().statuses:
        parameters += [("status", status) for status in chosen.statuses]
    parameters += [(name, value) for name, value in (("split", chosen.split), ("label", chosen.label)) if value]
    return f"{reverse('api-dataset-export', args=[part.dataset.pk])}?{urlencode(parameters)}"


def write_page_url(dataset_id: uuid.UUID, chosen: Selection) -> str:
    """The page of this export for what a list shows; empty where it shows words, which an export does not know."""
    if chosen.words or not (chosen.statuses or chosen.split or chosen.label):
        return ""
    status = chosen.statuses[0] if chosen.statuses else ANY_STATUS
    parameters = [("status", "" if (status,) == Selection().statuses else status), ("split", chosen.split)]
    query = urlencode([(name, value) for name, value in [*parameters, ("label", chosen.label)] if value])
    return f"{reverse('dataset-export', args=[dataset_id])}?{query}"
