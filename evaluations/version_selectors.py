"""Reads of sealed versions: which there are, which examples each holds, and by which two of them differ."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from evaluations.models import Dataset, DatasetVersion, Example, ExampleMembership
from evaluations.querysets import ExampleQuerySet
from governance.actors import Actor
from governance.errors import NotFound
from governance.permissions import require


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """What a newer version has and an older one has not, and the other way round, each in the order of ids. Why an example
    was removed stands in its status and `retired_reason`, as they are today."""

    added: ExampleQuerySet
    removed: ExampleQuerySet


def find_version(*, actor: Actor, dataset_id: uuid.UUID, number: int) -> DatasetVersion:
    """One version with its dataset. Refuses (403) whoever may not read datasets, (404) what is not there."""
    require(actor, "datasets.read")
    versions = DatasetVersion.objects.visible_to(actor).select_related("dataset__system")
    version = versions.filter(dataset_id=dataset_id, number=number).first()
    if version is None:
        raise NotFound()
    return version


def newest_version(dataset: Dataset) -> DatasetVersion | None:
    return DatasetVersion.objects.filter(dataset=dataset).order_by("-number").first()


def previous_version(version: DatasetVersion) -> DatasetVersion | None:
    older = DatasetVersion.objects.filter(dataset_id=version.dataset_id, number__lt=version.number)
    return older.order_by("-number").first()


def examples_of(version: DatasetVersion) -> ExampleQuerySet:
    """The examples that a version holds, in the order of ids, which is that of the leaves of its root."""
    return Example.objects.filter(pk__in=member_ids(version)).order_by("id")


def member_ids(version: DatasetVersion) -> QuerySet[ExampleMembership, Any]:
    """The ids of the examples that a version holds, as `example_id`."""
    return _members(version.dataset_id, version.number)


def diff_versions(older: DatasetVersion | None, newer: DatasetVersion) -> VersionDiff:
    """How `newer` differs from `older`; from nothing at all where there is no older one.

    Refuses (ValueError) versions of two datasets, and an order that is none.
    """
    if older is None:
        return VersionDiff(added=examples_of(newer), removed=Example.objects.none())
    if older.dataset_id != newer.dataset_id or older.number > newer.number:
        raise ValueError("A diff goes from an older to a newer version of one dataset.")
    return VersionDiff(
        added=examples_of(newer).exclude(pk__in=_members(older.dataset_id, older.number)),
        removed=examples_of(older).exclude(pk__in=_members(newer.dataset_id, newer.number)),
    )


def unsealed(dataset: Dataset) -> ExampleQuerySet:
    """Active examples that the newest version does not hold."""
    standing = ExampleMembership.objects.filter(example=OuterRef("pk"), removed_in__isnull=True)
    return Example.objects.filter(~Exists(standing), dataset=dataset).active()


def outdated(dataset: Dataset) -> QuerySet[ExampleMembership, ExampleMembership]:
    """Memberships of the newest version whose example is not active any more."""
    gone = Example.objects.filter(dataset=dataset).exclude(status=Example.Status.ACTIVE).values("pk")
    return ExampleMembership.objects.filter(dataset=dataset, removed_in__isnull=True, example__in=gone)


def count_changes(dataset: Dataset, *, at_most: int) -> int:
    """How many examples have come or gone since the newest version, counted no further than `at_most`."""
    come = unsealed(dataset).order_by().values("pk")[:at_most].count()
    return min(come + outdated(dataset).order_by().values("pk")[:at_most].count(), at_most)


def _members(dataset_id: uuid.UUID, number: int) -> QuerySet[ExampleMembership, Any]:
    standing = Q(removed_in__isnull=True) | Q(removed_in__gt=number)
    return ExampleMembership.objects.filter(standing, dataset_id=dataset_id, added_in__lte=number).values("example_id")
