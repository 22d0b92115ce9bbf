"""Settling a dispute: where two rulings taught two answers to one input, a person says which one holds."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.db import transaction

from evaluations.models import Dataset, Example
from evaluations.selectors import find_example
from governance.actors import Actor
from governance.errors import Conflict, Invalid
from governance.permissions import require
from governance.services.recording import record

LONGEST_REASON = 2_000


class DisputeChanged(Conflict):
    code, title = "dispute-changed", "This dispute has changed meanwhile"


def adjudicate_example(
    *, actor: Actor, dataset_id: uuid.UUID, example_id: uuid.UUID, seen: Collection[uuid.UUID], reason: str
) -> Example:
    """Let one disputed example hold: it becomes active, its rivals retire with the reason.

    `seen` are the ids of all examples of the dispute that the person has looked at, the chosen one among them. Refuses
    (403) other roles than leads and owners, (404) what is not there, (422) an empty reason, (DisputeChanged, 409) where
    somebody settled it meanwhile or a further ruling joined it.
    """
    require(actor, "datasets.adjudicate")
    example = find_example(actor=actor, dataset_id=dataset_id, example_id=example_id)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Invalid(errors=[{"pointer": "/reason", "detail": f"Say why, in at most {LONGEST_REASON:,} characters."}])
    with transaction.atomic(durable=True):
        # The harvest's lock: no ruling joins the dispute between the look and the verdict.
        Dataset.objects.select_for_update().get(pk=dataset_id)
        disputed = Example.objects.filter(dataset_id=dataset_id, input_sha256=example.input_sha256).disputed()
        standing = set(disputed.values_list("pk", flat=True))
        if example_id not in standing or standing != set(seen):
            example.refresh_from_db(fields=["status"])
            raise DisputeChanged(
                "Somebody settled it, or another ruling joined it. Look at it again.",
                state={"id": str(example_id), "status": example.status},
            )
        rivals = standing - {example_id}
        disputed.filter(pk__in=rivals).update(status=Example.Status.RETIRED, retired_reason=reason)
        disputed.filter(pk=example_id).update(status=Example.Status.ACTIVE)
        record(
            organization_id=example.organization_id,
            type="example.adjudicated",
            actor=actor,
            subject=f"example:{example_id}",
            payload={
                "dataset": example.dataset.slug,
                "content": f"sha256:{example.content_sha256}",
                "retired": sorted(str(rival) for rival in rivals),
                "reason": reason,
            },
        )
    example.refresh_from_db()
    return example
