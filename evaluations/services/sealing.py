"""Sealing: the active examples of a dataset become a numbered version that never changes, with a root that vouches for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from evaluations.errors import DatasetEmpty, DatasetUnchanged
from evaluations.models import Dataset, DatasetVersion, Example, ExampleMembership
from evaluations.querysets import ExampleQuerySet
from evaluations.version_selectors import examples_of, newest_version, outdated, unsealed
from governance.actors import Actor
from governance.canonical import canonicalize, sha256_hex
from governance.errors import Invalid, NotFound
from governance.permissions import require
from governance.services.recording import record
from governance.transparency.merkle import MerkleTree, hash_leaf_input

LONGEST_REASON = 2_000
ROWS_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class VersionCheck:
    """What recomputing found. `altered`: the first examples, by id, whose text does not have the hash that they bear."""

    root_sha256: str
    examples: int
    altered: tuple[uuid.UUID, ...]
    is_whole: bool


def seal_version(*, actor: Actor, dataset_id: uuid.UUID, reason: str) -> DatasetVersion:
    """Seal what is active now as the dataset's next version.

    Its root is the Merkle root of RFC 6962 whose leaf inputs are the 32 bytes of the examples' content hashes, in the
    order of their ids. Refuses (403) other roles than leads and owners, (404) what is not there, (422) an empty reason,
    (DatasetEmpty, DatasetUnchanged: 409) where there is nothing to seal. Of two who seal at once one has a version, the
    other finds it unchanged; an example that is harvested meanwhile is in this version or in the next.
    """
    require(actor, "datasets.seal")
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Invalid(errors=[{"pointer": "/reason", "detail": f"Say why, in at most {LONGEST_REASON:,} characters."}])
    with transaction.atomic(durable=True):
        # The harvest's lock: what is active stays so until the version stands.
        datasets = Dataset.objects.all() if actor.kind == "system" else Dataset.objects.visible_to(actor)
        dataset = datasets.select_for_update().filter(pk=dataset_id).first()
        if dataset is None:
            raise NotFound()
        return seal_step(actor=actor, dataset=dataset, reason=reason)


def seal_step(*, actor: Actor, dataset: Dataset, reason: str) -> DatasetVersion:
    """Within an open transaction that holds the dataset's lock: its next version. Refuses what `seal_version` does of it."""
    newest = newest_version(dataset)
    number = newest.number + 1 if newest else 1
    added = _add_members(dataset, number)
    removed = _remove_members(dataset, number)
    examples, root = hash_contents(Example.objects.filter(dataset=dataset).active())
    if not examples:
        raise DatasetEmpty()
    if not added and not removed:
        raise DatasetUnchanged(state={"version": number - 1})
    version = DatasetVersion.objects.create(
        organization_id=dataset.organization_id,
        dataset=dataset,
        number=number,
        root_sha256=root,
        examples=examples,
        added=added,
        removed=removed,
        reason=reason,
        sealed_by_label=actor.label,
        sealed_at=timezone.now(),
    )
    record(
        organization_id=dataset.organization_id,
        type="dataset.version_published",
        actor=actor,
        subject=f"dataset:{dataset.pk}",
        payload={
            "dataset": dataset.slug,
            "version": number,
            "root": f"sha256:{root}",
            "examples": examples,
            "added": added,
            "removed": removed,
            "reason": reason,
        },
        occurred_at=version.sealed_at,
    )
    return version


def _add_members(dataset: Dataset, number: int) -> int:
    """Active examples that are not in the version before; returns how many."""
    added = 0
    for batch in _batches(unsealed(dataset).order_by("id")):
        ExampleMembership.objects.bulk_create(
            ExampleMembership(
                organization_id=dataset.organization_id, dataset=dataset, example_id=example_id, added_in=number
            )
            for example_id in batch
        )
        added += len(batch)
    return added


def _batches(examples: ExampleQuerySet) -> Iterator[list[uuid.UUID]]:
    after: uuid.UUID | None = None
    while True:
        rest = examples if after is None else examples.filter(pk__gt=after)
        batch = list(rest.values_list("pk", flat=True)[:ROWS_A_BATCH])
        if not batch:
            return
        yield batch
        after = batch[-1]


def _remove_members(dataset: Dataset, number: int) -> int:
    """Examples of the version before that are not active any more; returns how many."""
    return outdated(dataset).update(removed_in=number)


def hash_contents(examples: ExampleQuerySet) -> tuple[int, str]:
    """How many they are, and the root over their content hashes."""
    hashes = examples.order_by("id").values_list("content_sha256", flat=True).iterator(chunk_size=5_000)
    tree = MerkleTree().extend(_hash_leaves(hashes))
    return tree.size, tree.root().hex()


def _hash_leaves(contents: Iterable[str]) -> Iterator[bytes]:
    return (hash_leaf_input(bytes.fromhex(content)) for content in contents)


def verify_version(version: DatasetVersion) -> VersionCheck:
    """Recompute a version from the texts of its examples, as somebody outside would: content hashes, then the root."""
    altered: list[uuid.UUID] = []
    tree = MerkleTree()
    columns = ("pk", "input", "expected", "scorer", "content_sha256")
    for key, given, expected, scorer, content in examples_of(version).values_list(*columns).iterator(chunk_size=500):
        found = sha256_hex(f'{{"expected":{expected},"input":{given},"scorer":{canonicalize(scorer)}}}')
        if found != content and len(altered) < 20:
            altered.append(key)
        tree.extend(_hash_leaves([found]))
    root = tree.root().hex()
    is_whole = root == version.root_sha256 and tree.size == version.examples
    return VersionCheck(root_sha256=root, examples=tree.size, altered=tuple(altered), is_whole=is_whole)
