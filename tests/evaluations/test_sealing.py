"""Sealing a dataset: numbered, immutable, with a root, a diff, and one sealer at a time."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from evaluations.errors import DatasetEmpty, DatasetUnchanged
from evaluations.models import Dataset, DatasetVersion, Example, ExampleMembership
from evaluations.services.harvesting import harvest_corrections
from evaluations.services.sealing import seal_version, verify_version
from evaluations.version_selectors import diff_versions, examples_of
from governance.actors import OPERATOR, Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry
from governance.permissions import ROLES
from tests.evaluations.scenes import make_dataset, make_example, teach
from tests.factories import make_actor, make_organization
from tests.reviews.scenes import open_desk
from tests.support.races import race

pytestmark = pytest.mark.django_db


def lead_of(dataset: Dataset) -> Actor:
    return make_actor(dataset.organization, "lead")


def seal(dataset: Dataset, reason: str = "The month's corrections.") -> DatasetVersion:
    return seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason=reason)


def root_by_hand(hashes: list[str]) -> bytes:
    """RFC 6962, section 2.1, as it is written there: split at the largest power of two below n."""
    if len(hashes) == 1:
        return hashlib.sha256(b"\x00" + bytes.fromhex(hashes[0])).digest()
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + root_by_hand(hashes[:half]) + root_by_hand(hashes[half:])).digest()


def test_the_active_examples_become_a_version_with_a_root_and_an_entry() -> None:
    dataset = make_dataset()
    active = [make_example(dataset) for _ in range(5)]
    make_example(dataset, status="disputed")
    actor = lead_of(dataset)
    version = seal_version(actor=actor, dataset_id=dataset.pk, reason=" First. ")
    assert (version.number, version.examples, version.added, version.removed) == (1, 5, 5, 0)
    assert (version.reason, version.sealed_by_label) == ("First.", actor.label)
    assert list(examples_of(version)) == active
    assert version.root_sha256 == root_by_hand([one.content_sha256 for one in active]).hex()
    entry = AuditEntry.objects.get(type="dataset.version_published")
    assert json.loads(entry.payload.payload)["root"] == f"sha256:{version.root_sha256}"


def test_versions_differ_by_what_came_and_what_went_and_stay_what_they_were() -> None:
    dataset = make_dataset()
    stays, goes, returns = (make_example(dataset) for _ in range(3))
    first = seal(dataset)
    comes = make_example(dataset)
    Example.objects.filter(pk=goes.pk).update(status="retired", retired_reason="The rule has changed.")
    Example.objects.filter(pk=returns.pk).update(status="disputed")
    second = seal(dataset)
    Example.objects.filter(pk=returns.pk).update(status="active")
    third = seal(dataset)
    assert [set(examples_of(one)) for one in (first, second, third)] == [
        {stays, goes, returns},
        {stays, comes},
        {stays, comes, returns},
    ]
    diff = diff_versions(first, second)
    assert (list(diff.added), set(diff.removed)) == ([comes], {goes, returns})
    assert diff.removed.get(status="retired").retired_reason == "The rule has changed."
    assert [set(side) for side in (diff_versions(first, third).added, diff_versions(first, third).removed)] == [
        {comes},
        {goes},
    ]
    assert set(diff_versions(None, first).added) == {stays, goes, returns}
    assert (second.added, second.removed, third.added, third.removed) == (1, 2, 1, 0)
    with pytest.raises(ValueError, match="older to a newer"):
        diff_versions(second, first)


def test_an_empty_or_unchanged_dataset_is_not_sealed() -> None:
    dataset = make_dataset()
    example = make_example(dataset, status="disputed")
    with pytest.raises(DatasetEmpty):
        seal(dataset)
    Example.objects.filter(pk=example.pk).update(status="active")
    seal(dataset)
    with pytest.raises(DatasetUnchanged) as refusal:
        seal(dataset)
    assert refusal.value.state == {"version": 1}
    Example.objects.filter(pk=example.pk).update(status="disputed")
    with pytest.raises(DatasetEmpty):
        seal(dataset)
    assert ExampleMembership.objects.filter(removed_in__isnull=True).count() == 1
    assert DatasetVersion.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2_001])
def test_a_version_says_why_it_was_sealed(reason: str) -> None:
    dataset = make_dataset()
    make_example(dataset)
    with pytest.raises(Invalid):
        seal(dataset, reason)


@pytest.mark.parametrize("role", [role for role in ROLES if role not in {"lead", "owner"}])
def test_other_roles_do_not_seal(role: str) -> None:
    dataset = make_dataset()
    make_example(dataset)
    with pytest.raises(NotPermitted):
        seal_version(actor=make_actor(dataset.organization, role), dataset_id=dataset.pk, reason="x")


def test_another_organization_s_dataset_is_not_there() -> None:
    dataset = make_dataset()
    make_example(dataset)
    with pytest.raises(NotFound):
        seal_version(actor=make_actor(make_organization(), "lead", "owner"), dataset_id=dataset.pk, reason="x")


def refused(queryset: Any, **change: Any) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        queryset.update(**change) if change else queryset._raw_delete(using="default")


def test_the_database_refuses_to_change_what_a_version_vouches_for() -> None:
    dataset = make_dataset()
    example = make_example(dataset, sources=0)
    version = seal(dataset)
    examples = Example.objects.filter(pk=example.pk)
    refused(examples, expected='{"action":null}')
    refused(examples, input='""')
    refused(examples, content_sha256="0" * 64)
    refused(examples, split="test")
    refused(examples)
    refused(DatasetVersion.objects.filter(pk=version.pk), root_sha256="0" * 64)
    refused(DatasetVersion.objects.filter(pk=version.pk))
    refused(ExampleMembership.objects.all(), added_in=0)
    refused(ExampleMembership.objects.all())
    ExampleMembership.objects.update(removed_in=2)
    refused(ExampleMembership.objects.all(), removed_in=None)
    examples.update(status="retired", labels=["a"], retired_reason="Wrong.")


def test_a_version_is_verified_from_the_texts_themselves() -> None:
    dataset = make_dataset()
    for _ in range(3):
        make_example(dataset)
    version = seal(dataset)
    assert verify_version(version).is_whole
    # A row that bears a hash which is not its text's: as if somebody had written past the product.
    forged = forge(dataset)
    second = seal(dataset)
    check = verify_version(second)
    assert (check.is_whole, check.altered, check.examples) == (False, (forged.pk,), 4)
    assert verify_version(version).is_whole


def forge(dataset: Dataset) -> Example:
    honest = make_example(make_dataset())
    fields = {field.attname: getattr(honest, field.attname) for field in Example._meta.concrete_fields}
    fields |= {"dataset_id": dataset.pk, "organization_id": dataset.organization_id, "content_sha256": "f" * 64}
    del fields["id"]
    return Example.objects.create(**fields)


@pytest.mark.django_db(transaction=True)
def test_of_two_sealers_at_once_one_has_a_version() -> None:
    dataset = make_dataset()
    for _ in range(20):
        make_example(dataset)
    results = race(lambda: seal(dataset), lambda: seal(dataset))
    assert sorted(type(result).__name__ for result in results) == ["DatasetUnchanged", "DatasetVersion"]
    assert ExampleMembership.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_what_is_harvested_during_a_sealing_is_in_this_version_or_the_next() -> None:
    desk = open_desk()
    teach(desk, input={"message": "before"})
    harvest_corrections()
    dataset = Dataset.objects.get()
    for number in range(8):
        teach(desk, input={"message": f"meanwhile {number}"})
    sealed, harvested = race(lambda: seal(dataset), harvest_corrections)
    assert harvested == 8
    assert verify_version(sealed).is_whole
    if sealed.examples < 9:
        last = seal(dataset)
        assert sealed.examples + last.added == 9
        assert verify_version(last).is_whole
    assert ExampleMembership.objects.count() == 9
