"""Datasets that are sealed by themselves: by the calendar, or once enough has changed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from evaluations.errors import DatasetEmpty
from evaluations.models import Dataset
from evaluations.services.sealing import seal_step
from evaluations.version_selectors import count_changes, newest_version
from governance.actors import SYSTEM, Actor
from governance.errors import FieldError, Invalid, NotFound
from governance.permissions import require
from governance.services.recording import record
from governance.services.sweeping import sweep
from reviews.services.clock import database_now

MOST_DAYS = 366
MOST_CHANGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Sealing:
    """When a dataset is sealed by itself; None where it is not. Days count from the newest version (from the dataset's own
    beginning where there is none), changes are examples that have come or gone since."""

    every_days: int | None
    after_changes: int | None


def set_sealing(*, actor: Actor, dataset_id: uuid.UUID, sealing: Sealing) -> Dataset:
    """Say when a dataset is sealed by itself. Refuses (403) other roles than leads and owners, (404) what is not there, (422)
    days outside 1..366 and changes outside 1..1,000,000."""
    require(actor, "datasets.seal")
    _refuse_nonsense(sealing)
    datasets = Dataset.objects.all() if actor.kind == "system" else Dataset.objects.visible_to(actor)
    with transaction.atomic(durable=True):
        dataset = datasets.select_for_update().filter(pk=dataset_id).first()
        if dataset is None:
            raise NotFound()
        before = Sealing(dataset.seal_every_days, dataset.seal_after_changes)
        if before == sealing:
            return dataset
        Dataset.objects.filter(pk=dataset.pk).update(
            seal_every_days=sealing.every_days, seal_after_changes=sealing.after_changes
        )
        record(
            organization_id=dataset.organization_id,
            type="dataset.sealing_changed",
            actor=actor,
            subject=f"dataset:{dataset.pk}",
            payload={
                "dataset": dataset.slug,
                "every_days": sealing.every_days,
                "after_changes": sealing.after_changes,
            },
        )
    dataset.refresh_from_db()
    return dataset


def _refuse_nonsense(sealing: Sealing) -> None:
    errors: list[FieldError] = []
    for name, value, highest in (
        ("every_days", sealing.every_days, MOST_DAYS),
        ("after_changes", sealing.after_changes, MOST_CHANGES),
    ):
        if value is not None and not 1 <= value <= highest:
            errors.append({"pointer": f"/{name}", "detail": f"A whole number from 1 to {highest:,}, or null."})
    if errors:
        raise Invalid(errors=errors)


def seal_due_versions(*, now: datetime | None = None) -> int:
    """Seal every dataset whose day has come or that has changed enough; returns how many. Where nothing has changed, or
    nothing is active, no version comes of it. May run twice or late."""
    instant = now or database_now()
    waiting = Dataset.objects.sealed_by_themselves().order_by("pk").values_list("pk", flat=True)
    return sweep(list(waiting), lambda dataset_id: _seal_if_due(dataset_id, instant))


def _seal_if_due(dataset_id: uuid.UUID, now: datetime) -> bool:
    if why_due(Dataset.objects.get(pk=dataset_id), now) is None:
        return False
    try:
        with transaction.atomic(durable=True):
            # Looked at once more under the harvest's lock: another sweep may have sealed it meanwhile.
            dataset = Dataset.objects.select_for_update().get(pk=dataset_id)
            reason = why_due(dataset, now)
            if reason is not None:
                seal_step(actor=SYSTEM, dataset=dataset, reason=reason)
    except DatasetEmpty:
        return False
    return reason is not None


def why_due(dataset: Dataset, now: datetime) -> str | None:
    """Why a dataset is to be sealed now, in words; None where it is not yet, or nothing has changed."""
    wanted = dataset.seal_after_changes
    changes = count_changes(dataset, at_most=wanted or 1)
    if not changes:
        return None
    if wanted is not None and changes >= wanted:
        return f"{wanted:,} example{'s' if wanted > 1 else ''} had come or gone since the version before."
    days = dataset.seal_every_days
    newest = newest_version(dataset)
    since = newest.sealed_at if newest else dataset.created_at
    if days is not None and since + timedelta(days=days) <= now:
        return (
            f"{days} day{'s' if days > 1 else ''} had passed since the {'version before' if newest else 'beginning'}."
        )
    return None
