"""Taking a dataset along: who takes what, in which format, is on record before the first byte leaves."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from django.db import transaction

from evaluations.errors import FormatUnavailable
from evaluations.export_selectors import Part, find_last, keep_answered, read_pages
from evaluations.exporting.formats import FORMATS, is_there
from evaluations.exporting.shapes import About, Exported, Format
from evaluations.models import Dataset, DatasetVersion, Example, ExampleSource
from evaluations.selectors import Selection
from governance.actors import Actor
from governance.errors import InvalidParameter, NotFound
from governance.permissions import require_within
from governance.services.recording import record


@dataclass(slots=True)
class Export:
    """A document on its way: iterating gives its bytes, piece by piece, and reads the dataset as they are taken. `written`
    and `left_out` count the examples so far; those are left out of which nobody said what is right, where the format has
    no place for them."""

    part: Part
    format: Format
    about: About
    written: int = field(default=0, init=False)
    left_out: int = field(default=0, init=False)
    _last: uuid.UUID | None = None

    @property
    def file_name(self) -> str:
        return f"{self.about.title}.{self.format.suffix}"

    def __iter__(self) -> Iterator[bytes]:
        return self.format.write(self._read, self.about)

    def _read(self, split: str) -> Iterator[list[Exported]]:
        for page in read_pages(self.part.of_split(split), last=self._last):
            kept = keep_answered(page) if self.format.needs_answer else page
            self.written += len(kept)
            self.left_out += len(page) - len(kept)
            yield kept


def export_dataset(
    *,
    actor: Actor,
    dataset: Dataset,
    selection: Selection | None = None,
    format: str = "jsonl",
    version: DatasetVersion | None = None,
) -> Export:
    """The selected examples (the active ones unless told, or those of a sealed version), oldest first, in a format.

    Texts are those that were hashed, byte for byte where the format allows. Examples that are added after the start are
    not in it. That somebody takes the data is recorded here, before the first byte. Refuses (403, 404) as every reading of
    a dataset, (InvalidParameter: 400) a format that there is not, and statuses of a version, which has none, and
    (FormatUnavailable: 501) one whose package is not installed.
    """
    require_within(actor, "datasets.read", dataset.organization_id)
    chosen = selection or Selection()
    wanted = find_format(format)
    if version is not None and version.dataset_id != dataset.pk:
        raise NotFound()
    if version is not None and chosen.statuses != Selection().statuses:
        raise InvalidParameter("A sealed version holds what it holds; it can't be asked for statuses.")
    if wanted.is_training and not chosen.split:
        # What a model has learned by heart can't test it.
        chosen = replace(chosen, split=Example.Split.TRAIN.value)
    part = Part(dataset, chosen, version)
    about = describe_part(part)
    with transaction.atomic(durable=True):
        last = find_last(part)
        record(
            organization_id=dataset.organization_id,
            type="dataset.exported",
            actor=actor,
            subject=f"dataset:{dataset.pk}",
            payload={
                "dataset": dataset.slug,
                "format": wanted.name,
                "version": about.version,
                "root": about.root,
                "statuses": list(chosen.statuses) if version is None else None,
                "split": chosen.split or None,
                "label": chosen.label or None,
                "words": chosen.words or None,
            },
        )
    return Export(part, wanted, about, last)


def find_format(name: str) -> Format:
    """Refuses (InvalidParameter) a name that no format bears, (FormatUnavailable) one that can't be written here."""
    if name not in FORMATS:
        raise InvalidParameter(f"There is no format {name[:40]!r}; there are {', '.join(FORMATS)}.")
    wanted = FORMATS[name]
    if not is_there(wanted):
        raise FormatUnavailable(
            f"{wanted.label} takes the package {wanted.module}, which is not installed on this server. Whoever runs it "
            f'installs the extra: pip install "countersign-service[{wanted.extra}]", or pip install {wanted.module}.'
        )
    return wanted


def describe_part(part: Part) -> About:
    """What a document says that it is a copy of."""
    version = part.version
    return About(
        slug=part.dataset.slug,
        name=part.dataset.name,
        splits=(part.selection.split,) if part.selection.split else ("train", "test"),
        version=version.number if version else None,
        root=f"sha256:{version.root_sha256}" if version else None,
        names_status=version is None and part.selection.statuses != Selection().statuses,
    )


def describe_source(source: ExampleSource) -> dict[str, str | None]:
    """Where an example comes from: the decision, the ruling, and the policy version under which it was made."""
    version = source.policy_version_id
    return {
        "decision": str(source.decision_id),
        "review": str(source.review_id),
        "policy_version": str(version) if version else None,
    }
