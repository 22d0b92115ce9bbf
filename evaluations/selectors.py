"""Reads that cross this floor's tables: a dataset's figures, the part of it that somebody has chosen, its disputes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Length, Substr

from evaluations.models import Dataset, Example, ExampleSource
from evaluations.querysets import DatasetQuerySet, ExampleQuerySet
from governance.actors import Actor
from governance.canonical import InvalidJson
from governance.errors import InvalidParameter, NotFound
from governance.permissions import require

COUNTED_AT_MOST = 1_000
SOURCES_COUNTED_AT_MOST = 99
# Characters of a text that a list reads; the rest stays in the database.
HEAD = 600


class CappedCount(Subquery):
    """How many rows a query finds, looking at no more than its slice."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS capped)"
    output_field = IntegerField()


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a dataset: these statuses, and where told one split, one label, some words."""

    statuses: tuple[str, ...] = (Example.Status.ACTIVE,)
    split: str = ""
    label: str = ""
    words: str = ""


def find_dataset(*, actor: Actor, dataset_id: uuid.UUID) -> Dataset:
    """Refuses (403) whoever may not read datasets; another organization's is not there (404)."""
    require(actor, "datasets.read")
    dataset = with_figures(Dataset.objects.visible_to(actor)).filter(pk=dataset_id).first()
    if dataset is None:
        raise NotFound()
    return dataset


def find_example(*, actor: Actor, dataset_id: uuid.UUID, example_id: uuid.UUID) -> Example:
    """One example of one dataset, with the dataset; refuses as `find_dataset` does."""
    require(actor, "datasets.read")
    examples = Example.objects.visible_to(actor).select_related("dataset__system")
    example = examples.filter(pk=example_id, dataset_id=dataset_id).first()
    if example is None:
        raise NotFound()
    return example


def with_figures(datasets: DatasetQuerySet) -> DatasetQuerySet:
    """Datasets with their system and, each read from an index and no further than a cap, `active_count`,
    `disputed_count` and `last_added_at`."""
    own = Example.objects.filter(dataset=OuterRef("pk")).order_by()
    figures: dict[str, Any] = {
        "active_count": CappedCount(own.active().values("pk")[: COUNTED_AT_MOST + 1]),
        "disputed_count": CappedCount(own.disputed().values("pk")[: COUNTED_AT_MOST + 1]),
        "last_added_at": Subquery(own.order_by("-id").values("created_at")[:1]),
    }
    return datasets.select_related("system").annotate(**figures)


def choose_examples(dataset: Dataset, selection: Selection) -> ExampleQuerySet:
    """The examples of a selection, in no order yet. Refuses (InvalidParameter) words that can't stand in JSON."""
    return narrow_examples(Example.objects.filter(dataset=dataset), selection)


def narrow_examples(examples: ExampleQuerySet, selection: Selection) -> ExampleQuerySet:
    """Those among them that a selection chooses; refuses as `choose_examples` does."""
    if selection.statuses:
        examples = examples.filter(status__in=selection.statuses)
    if selection.split:
        examples = examples.filter(split=selection.split)
    try:
        if selection.label:
            examples = examples.labelled(selection.label)
        if selection.words:
            examples = examples.containing(selection.words)
    except InvalidJson as error:
        raise InvalidParameter(error.detail) from error
    return examples


def with_heads(examples: ExampleQuerySet) -> QuerySet[Example, Example]:
    """Examples for a list: the beginnings of their texts with the whole lengths, how many rulings taught each and the
    newest of them; never a whole text."""
    sources = ExampleSource.objects.filter(example=OuterRef("pk"))
    newest = sources.order_by("-id")
    return examples.defer("input", "expected").annotate(
        input_head=Substr("input", 1, HEAD),
        input_length=Length("input"),
        expected_head=Substr("expected", 1, HEAD),
        expected_length=Length("expected"),
        source_count=CappedCount(sources.order_by().values("pk")[: SOURCES_COUNTED_AT_MOST + 1]),
        decision_id=Subquery(newest.values("decision_id")[:1]),
        review_id=Subquery(newest.values("review_id")[:1]),
    )


def list_disputes(dataset: Dataset, *, inputs: int, rivals: int) -> list[list[Any]]:
    """The first disputed inputs, each with its rival examples in the order in which they came."""
    disputed = Example.objects.filter(dataset=dataset).disputed()
    first = disputed.order_by("input_sha256").values("input_sha256").distinct()[:inputs]
    rows = with_heads(disputed.filter(input_sha256__in=first)).order_by("input_sha256", "id")[: inputs * rivals]
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(row.input_sha256, []).append(row)
    return list(groups.values())
