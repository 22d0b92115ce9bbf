"""What people taught in a month: how the datasets grew, which versions were sealed, and whether people agree."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from evaluations.models import Dataset, DatasetVersion, ExampleSource
from evaluations.statistics import krippendorff_alpha
from operations.months import end_of_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.plain import Json
from reviews.models import Review

# Inputs that several people answered; more are not read for one figure of a report.
SHARED_AT_MOST = 2_000


def say_learning(month: Month) -> Json:
    since, until = start_of_month(month.month), end_of_month(month.month)
    return {"datasets": _say_datasets(month, since, until), "agreement": say_agreement(month)}


def _say_datasets(month: Month, since: datetime, until: datetime) -> list[Json]:
    """Examples by when they came, whatever became of them since; versions as they were sealed."""
    datasets = Dataset.objects.filter(system=month.system, created_at__lt=until)
    counted: Any = datasets.annotate(
        examples_then=Count("examples", filter=Q(examples__created_at__lt=until)),
        added=Count("examples", filter=Q(examples__created_at__gte=since, examples__created_at__lt=until)),
    )
    versions: dict[UUID, list[DatasetVersion]] = defaultdict(list)
    sealed = DatasetVersion.objects.filter(dataset__system=month.system, sealed_at__gte=since, sealed_at__lt=until)
    for version in sealed.order_by("number"):
        versions[version.dataset_id].append(version)
    return [
        {
            "dataset": dataset.slug,
            "examples": dataset.examples_then,
            "added": dataset.added,
            "versions": [
                {
                    "number": version.number,
                    "examples": version.examples,
                    "added": version.added,
                    "removed": version.removed,
                    "reason": version.reason,
                    "sealed_by": version.sealed_by_label,
                    "sealed_at": plain.at(version.sealed_at),
                    "root_sha256": version.root_sha256,
                }
                for version in versions[dataset.pk]
            ],
        }
        for dataset in sorted(counted, key=lambda one: one.slug)
    ]


def say_agreement(month: Month) -> Json:
    """Whether people who ruled on the same input taught the same: how many inputs several people had answered by the
    month's end, on how many of them all said the same, and Krippendorff's alpha (nominal) where it is defined."""
    ratings = _ratings(month)
    units = sorted(ratings)
    reviewers = sorted({reviewer for answers in ratings.values() for reviewer in answers})
    alpha: float | None = None
    if units:
        rows = [[ratings[unit].get(reviewer) for unit in units] for reviewer in reviewers]
        try:
            alpha = krippendorff_alpha(rows)
        except ValueError:
            alpha = None
    return {
        "inputs": len(units),
        "same": sum(len(set(ratings[unit].values())) == 1 for unit in units),
        "reviewers": len(reviewers),
        "alpha": plain.places(alpha),
    }


def _ratings(month: Month) -> dict[str, dict[str, str]]:
    """By input: what each person taught last. Only inputs that at least two people answered."""
    until = end_of_month(month.month)
    sources = ExampleSource.objects.filter(example__dataset__system=month.system, created_at__lt=until).order_by()
    shared = (
        sources.values("example__dataset_id", "example__input_sha256")
        .annotate(times=Count("id"))
        .filter(times__gte=2)
        .values_list("example__input_sha256", flat=True)
    )
    inputs = sorted(set(shared))[:SHARED_AT_MOST]
    rows = sources.filter(example__input_sha256__in=inputs).values_list(
        "id", "example__dataset_id", "example__input_sha256", "example__content_sha256", "review_id"
    )
    taught = sorted(rows)
    people = dict(Review.objects.filter(pk__in=[row[4] for row in taught]).values_list("pk", "reviewer_id"))
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for _, dataset_id, input_sha256, content_sha256, review_id in taught:
        if review_id in people:
            found[f"{dataset_id}/{input_sha256}"][str(people[review_id])] = content_sha256
    return {unit: answers for unit, answers in found.items() if len(answers) >= 2}
