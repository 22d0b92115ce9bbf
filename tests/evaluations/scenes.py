"""Scenes that the tests of this floor begin with: a dataset with examples, each with the ruling that taught it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.utils import timezone

from evaluations.models import Dataset, Example, ExampleSource
from governance.canonical import canonicalize, sha256_hex
from governance.models import AISystem
from reviews.models import Review
from reviews.services.rulings import rule
from tests.factories import make_system
from tests.reviews.scenes import FIXED, Desk, submission


def teach(desk: Desk, verdict: str = "correct", **fields: Any) -> Review:
    """A ruling by somebody new, released at once; the harvest is still to come."""
    desk.queue(undo_window_s=0)
    input = fields.pop("input", {"message": "The lamp came in two pieces."})
    subject = str(fields.pop("subject", "C-1042"))
    if verdict == "correct":
        fields.setdefault("action", FIXED)
    escalation, actor = desk.escalation(input=input, subject=subject), desk.reviewer()
    return rule(actor=actor, escalation_id=escalation.pk, submission=submission(actor, escalation, verdict, **fields))


def make_dataset(system: AISystem | None = None, **fields: Any) -> Dataset:
    system = system or make_system()
    fields = {"slug": system.slug, "name": system.name, "split_salt": "salt", **fields}
    return Dataset.objects.create(organization_id=system.organization_id, system=system, **fields)


def make_example(
    dataset: Dataset, *, input: Any = None, expected: Any = None, sources: int = 1, **fields: Any
) -> Example:
    """An example written as rows, with sources whose decisions and reviews are ids alone."""
    now = timezone.now()
    given = canonicalize({"message": uuid.uuid4().hex} if input is None else input)
    ruled = canonicalize({"action": FIXED} if expected is None else expected)
    example = Example.objects.create(
        organization_id=dataset.organization_id,
        dataset=dataset,
        input=given,
        expected=ruled,
        input_sha256=sha256_hex(given),
        content_sha256=hash_content(json.loads(given), json.loads(ruled)),
        **{"split": "train", "created_at": now, **fields},
    )
    for _ in range(sources):
        ExampleSource.objects.create(
            example=example,
            organization_id=dataset.organization_id,
            decision_id=uuid.uuid4(),
            review_id=uuid.uuid4(),
            created_at=now,
        )
    return example


def hash_content(input: Any, expected: Any) -> str:
    """The identity of an example as somebody outside computes it."""
    return sha256_hex(canonicalize({"input": input, "expected": expected, "scorer": "exact"}))
