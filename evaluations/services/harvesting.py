"""From a ruling to an example, exactly once: the sweep finds what no message announced, a unique source keeps a second
run from teaching twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from evaluations.models import Dataset, Example, ExampleSource
from governance.actors import SYSTEM
from governance.canonical import canonicalize, sha256_hex
from governance.services.recording import record
from governance.services.registry import fix_split_step
from governance.services.sweeping import sweep
from reviews.models import Correction, Decision, Review

SCORER = "exact"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a ruling teaches, with its stable identity: SHA-256 of the RFC 8785 text of {input, expected, scorer}."""

    input: str
    expected: str
    input_sha256: str
    content_sha256: str


def harvest_corrections(*, limit: int = 200) -> int:
    """Turn released rulings that taught nothing yet into examples, oldest first; returns how many. May run twice."""
    waiting = Correction.objects.filter(harvested_at__isnull=True).order_by("created_at")
    oldest = list(waiting.values_list("pk", flat=True)[:limit])
    return sweep(oldest, lambda review_id: harvest_correction(review_id=review_id))


def harvest_correction(*, review_id: uuid.UUID) -> bool:
    """One ruling's example and source; False where that was done already."""
    review = (
        Review.objects.select_related("decision__payload", "decision__system", "organization")
        .filter(pk=review_id)
        .first()
    )
    if review is None:
        return False
    dataset = find_or_create_dataset(review.decision)
    with transaction.atomic(durable=True):
        return _harvest_step(review, dataset)


def _harvest_step(review: Review, dataset: Dataset) -> bool:
    now = timezone.now()
    claimed = Correction.objects.filter(pk=review.pk, harvested_at__isnull=True).update(harvested_at=now)
    if not claimed:
        return False
    # One writer a dataset: a dispute is between two examples, and neither may miss the other.
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    lesson = read_lesson(review)
    decision = review.decision
    example, is_new = Example.objects.get_or_create(
        dataset=dataset,
        content_sha256=lesson.content_sha256,
        defaults={
            "organization_id": review.organization_id,
            "input_sha256": lesson.input_sha256,
            "input": lesson.input,
            "expected": lesson.expected,
            "scorer": SCORER,
            "labels": review.labels,
            "split": choose_split(dataset=dataset, decision=decision),
            "created_at": now,
        },
    )
    if not is_new and set(review.labels) - set(example.labels):
        Example.objects.filter(pk=example.pk).update(labels=sorted({*example.labels, *review.labels}))
    ExampleSource.objects.create(
        example=example,
        organization_id=review.organization_id,
        decision_id=decision.pk,
        review_id=review.pk,
        policy_version_id=decision.policy_version_id,
        created_at=now,
    )
    disputed = mark_disputed(example)
    record(
        organization_id=review.organization_id,
        type="example.disputed" if disputed else "example.added",
        actor=SYSTEM,
        subject=f"decision:{decision.pk}",
        payload={
            "dataset": dataset.slug,
            "example": str(example.pk),
            "content": f"sha256:{example.content_sha256}",
            "review": str(review.pk),
            "new": is_new,
        },
        occurred_at=now,
    )
    return True


def mark_disputed(example: Example) -> bool:
    """The same input with another expected value: both are out until somebody has adjudicated. A retired one has lost
    already and disputes nothing, unless it is the one that was just ruled again."""
    same_input = Example.objects.filter(dataset_id=example.dataset_id, input_sha256=example.input_sha256)
    rivals = same_input.exclude(pk=example.pk).exclude(status=Example.Status.RETIRED)
    rival_ids = list(rivals.values_list("pk", flat=True))
    if not rival_ids:
        return False
    same_input.filter(pk__in=[example.pk, *rival_ids]).update(status=Example.Status.DISPUTED, retired_reason="")
    return True


def read_lesson(review: Review) -> Lesson:
    """`expected` is the ruled proposal: the correction, the answer that a person gave as the output, the proposal itself where
    it was approved, and for a rejection null in the place of what was proposed."""
    payload = review.decision.payload
    kind = next(iter(json.loads(payload.proposal)))
    if review.correction is not None:
        expected = review.correction
    elif review.answer is not None:
        expected = f'{{"output":{review.answer}}}'
    elif review.verdict == Review.Verdict.APPROVE:
        expected = payload.proposal
    else:
        expected = canonicalize({kind: None})
    identity = f'{{"expected":{expected},"input":{payload.input},"scorer":{canonicalize(SCORER)}}}'
    return Lesson(
        input=payload.input,
        expected=expected,
        input_sha256=sha256_hex(payload.input),
        content_sha256=sha256_hex(identity),
    )


def choose_split(*, dataset: Dataset, decision: Decision) -> str:
    """HMAC-SHA256(salt, subject or session) mod 100, so that one customer never straddles train and test. Where neither
    was sent, by the input itself."""
    whom = decision.subject or decision.session_id or sha256_hex(decision.payload.input)
    drawn = hmac.new(dataset.split_salt.encode(), whom.encode(), hashlib.sha256).digest()
    is_held_out = int.from_bytes(drawn[:8], "big") % 100 < dataset.held_out_percent
    return Example.Split.TEST if is_held_out else Example.Split.TRAIN


def find_or_create_dataset(decision: Decision) -> Dataset:
    """A system's default dataset, which bears its slug; it exists from its first correction, which fixes the system's split."""
    system = decision.system
    wanted = {"organization_id": decision.organization_id, "slug": system.slug}
    found = Dataset.objects.filter(**wanted).first()
    if found is not None:
        return found
    with transaction.atomic(durable=True):
        dataset, _ = Dataset.objects.get_or_create(
            **wanted,
            defaults={
                "system": system,
                "name": system.name,
                "split_salt": secrets.token_hex(32),
                "held_out_percent": fix_split_step(system=system),
            },
        )
    return dataset
