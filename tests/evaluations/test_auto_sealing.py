"""Datasets that are sealed by themselves: when they are due, never empty, harmless twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from evaluations.models import Dataset, DatasetVersion, Example
from evaluations.services.auto_sealing import Sealing, seal_due_versions, set_sealing
from evaluations.services.sealing import seal_version, verify_version
from evaluations.tasks import seal_due_versions as sweep
from governance.actors import OPERATOR
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_actor, make_organization, make_person
from tests.support.races import race

pytestmark = pytest.mark.django_db


def due(*, every_days: int | None = None, after_changes: int | None = None, examples: int = 3) -> Dataset:
    dataset = make_dataset(seal_every_days=every_days, seal_after_changes=after_changes)
    for _ in range(examples):
        make_example(dataset, sources=0)
    return dataset


def in_days(days: float) -> datetime:
    return timezone.now() + timedelta(days=days)


def test_a_dataset_is_sealed_once_enough_has_come_or_gone_and_not_again() -> None:
    dataset = due(after_changes=3, examples=2)
    assert seal_due_versions() == 0
    make_example(dataset, sources=0)
    assert (seal_due_versions(), seal_due_versions()) == (1, 0)
    version = DatasetVersion.objects.get()
    assert (version.number, version.examples, version.sealed_by_label) == (1, 3, "Countersign")
    assert version.reason == "3 examples had come or gone since the version before."
    assert verify_version(version).is_whole
    make_example(dataset, sources=0)
    Example.objects.filter(pk__in=dataset.examples.order_by("id").values("pk")[:2]).update(
        status="retired", retired_reason="Wrong."
    )
    sweep()
    assert [(one.number, one.added, one.removed) for one in DatasetVersion.objects.order_by("number")] == [
        (1, 3, 0),
        (2, 1, 2),
    ]


def test_a_dataset_is_sealed_when_its_day_has_come_if_anything_has_changed() -> None:
    dataset = due(every_days=7)
    assert seal_due_versions(now=in_days(6.9)) == 0
    assert seal_due_versions(now=in_days(7.1)) == 1
    assert DatasetVersion.objects.get().reason == "7 days had passed since the beginning."
    assert seal_due_versions(now=in_days(30)) == 0
    make_example(dataset, sources=0)
    assert seal_due_versions(now=in_days(6)) == 0
    assert seal_due_versions(now=in_days(8)) == 1
    assert DatasetVersion.objects.latest("number").reason == "7 days had passed since the version before."


def test_no_version_is_empty_and_others_are_left_alone() -> None:
    empty = due(every_days=1, after_changes=1, examples=0)
    gone = due(after_changes=1, examples=1)
    seal_version(actor=OPERATOR, dataset_id=gone.pk, reason="x")
    Example.objects.update(status="disputed")
    due()
    assert seal_due_versions(now=in_days(40)) == 0
    assert DatasetVersion.objects.count() == 1
    assert not empty.versions.exists()


def test_who_may_seal_says_when_and_the_log_tells() -> None:
    dataset = due()
    lead = make_actor(dataset.organization, "lead")
    changed = set_sealing(actor=lead, dataset_id=dataset.pk, sealing=Sealing(30, 100))
    assert (changed.seal_every_days, changed.seal_after_changes) == (30, 100)
    set_sealing(actor=lead, dataset_id=dataset.pk, sealing=Sealing(30, 100))
    assert AuditEntry.objects.filter(type="dataset.sealing_changed").count() == 1
    for actor, refusal in (
        (make_actor(dataset.organization, "reviewer"), NotPermitted),
        (make_actor(make_organization(), "owner"), NotFound),
    ):
        with pytest.raises(refusal):
            set_sealing(actor=actor, dataset_id=dataset.pk, sealing=Sealing(None, None))
    for sealing, pointer in ((Sealing(0, None), "/every_days"), (Sealing(1, 1_000_001), "/after_changes")):
        with pytest.raises(Invalid) as refused:
            set_sealing(actor=lead, dataset_id=dataset.pk, sealing=sealing)
        assert refused.value.errors[0]["pointer"] == pointer
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.update(seal_after_changes=0)


def test_sealing_is_set_over_the_api_and_on_the_page(client: Client) -> None:
    dataset = due()
    client.force_login(make_person(dataset.organization, "lead"))
    path = f"/api/v1/datasets/{dataset.pk}/sealing"
    put: Any = {"content_type": "application/json"}
    assert client.get(path).json() == {"every_days": None, "after_changes": None}
    assert client.put(path, {"every_days": 7, "after_changes": None}, **put).json()["every_days"] == 7
    assert client.put(path, {"every_days": 0, "after_changes": None}, **put).status_code == 422
    assert client.put(path, {"every_days": 7}, **put).status_code == 422
    page = f"/datasets/{dataset.pk}/versions/"
    assert "sealed 7 days after the newest version" in client.get(page).content.decode()
    form = f"/datasets/{dataset.pk}/sealing/"
    assert client.post(form, {"every_days": "x"}).status_code == 422
    answer = client.post(form, {"every_days": "", "after_changes": "50"}, follow=True)
    assert "sealed once 50 examples have come or gone." in answer.content.decode()
    assert client.get(path).json() == {"every_days": None, "after_changes": 50}


@pytest.mark.django_db(transaction=True)
def test_of_two_sweeps_at_once_one_seals() -> None:
    dataset = due(after_changes=10, examples=10)
    assert sorted(race(seal_due_versions, seal_due_versions)) == [0, 1]
    assert dataset.versions.count() == 1
