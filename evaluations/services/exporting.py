"""A dataset as JSON lines, however large: read page by page in the order of ids, so that memory does not grow with it and
no transaction stays open while somebody downloads slowly."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Length

from evaluations.models import Dataset, Example, ExampleSource
from evaluations.selectors import Selection, choose_examples
from governance.actors import Actor
from governance.canonical import canonicalize
from governance.permissions import require_within
from governance.services.recording import record

FORMATS = ("jsonl",)
EXAMPLES_A_PAGE = 500
# An input may have a megabyte: so many characters are held at once, or one example where that alone has more.
CHARACTERS_A_BATCH = 4 * 1024 * 1024


def export_dataset(
    *, actor: Actor, dataset: Dataset, selection: Selection | None = None, format: str = "jsonl"
) -> Iterator[str]:
    """The selected examples (the active ones unless told), one JSON object and line end a piece, oldest first.

    A line has `id`, `input`, `expected`, `labels`, `split` and `sources`, and `status` where others than the active
    were asked for; the texts are those that were hashed, byte for byte. Examples that are added after the start are not
    in it. That somebody takes the data is recorded here, before the first line. Refuses (403, 404) as every reading of
    a dataset.
    """
    require_within(actor, "datasets.read", dataset.organization_id)
    chosen = selection or Selection()
    with transaction.atomic(durable=True):
        examples = choose_examples(dataset, chosen).order_by("id")
        last = examples.values_list("pk", flat=True).last()
        record(
            organization_id=dataset.organization_id,
            type="dataset.exported",
            actor=actor,
            subject=f"dataset:{dataset.pk}",
            payload={
                "dataset": dataset.slug,
                "format": format,
                "statuses": list(chosen.statuses),
                "split": chosen.split or None,
                "label": chosen.label or None,
                "words": chosen.words or None,
            },
        )
    return _write_lines(dataset, chosen, last, names_status=chosen.statuses != Selection().statuses)


def _write_lines(dataset: Dataset, chosen: Selection, last: uuid.UUID | None, *, names_status: bool) -> Iterator[str]:
    after: uuid.UUID | None = None
    while last is not None:
        examples = choose_examples(dataset, chosen).filter(pk__lte=last).order_by("id")
        if after is not None:
            examples = examples.filter(pk__gt=after)
        sizes = examples.annotate(size=Length("input") + Length("expected"), key=F("pk")).values_list("key", "size")
        page = list(sizes[:EXAMPLES_A_PAGE])
        if not page:
            return
        for batch in _cut(page):
            yield from _write_batch(batch, names_status=names_status)
        after = page[-1][0]


def _cut(page: Sequence[tuple[uuid.UUID, int]]) -> Iterator[list[uuid.UUID]]:
    """Ids in batches that fit into memory by what they weigh."""
    batch: list[uuid.UUID] = []
    weight = 0
    for key, size in page:
        if batch and weight + size > CHARACTERS_A_BATCH:
            yield batch
            batch, weight = [], 0
        batch.append(key)
        weight += size
    yield batch


def _write_batch(keys: list[uuid.UUID], *, names_status: bool) -> Iterator[str]:
    sources = defaultdict(list)
    for source in ExampleSource.objects.filter(example_id__in=keys).order_by("id"):
        sources[source.example_id].append(source)
    for example in Example.objects.filter(pk__in=keys).order_by("id"):
        yield write_line(example, sources[example.pk], names_status=names_status)


def write_line(example: Example, sources: Sequence[ExampleSource], *, names_status: bool = False) -> str:
    """One line. Input and expected stand in it as they are stored: canonical texts, which have no line ends."""
    taught_by = canonicalize([describe_source(source) for source in sources])
    status = f'"status":"{example.status}",' if names_status else ""
    return (
        f'{{"id":"{example.pk}","input":{example.input},"expected":{example.expected},'
        f'"labels":{canonicalize(example.labels)},"split":"{example.split}",{status}"sources":{taught_by}}}\n'
    )


def describe_source(source: ExampleSource) -> dict[str, str | None]:
    """Where an example comes from: the decision, the ruling, and the policy version under which it was made."""
    version = source.policy_version_id
    return {
        "decision": str(source.decision_id),
        "review": str(source.review_id),
        "policy_version": str(version) if version else None,
    }
