"""Corrections become examples, exactly once."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from evaluations.models import Dataset, Example, ExampleSource
from evaluations.services.harvesting import harvest_correction, harvest_corrections
from governance.canonical import canonicalize, sha256_hex
from governance.models import AuditEntry
from governance.services.sweeping import SweepIncomplete
from reviews.models import Correction, DecisionPayload
from tests.evaluations.scenes import teach
from tests.reviews.scenes import FIXED, open_desk
from tests.support.races import race

pytestmark = pytest.mark.django_db


def test_a_correction_becomes_an_example_with_its_source() -> None:
    desk = open_desk()
    review = teach(desk, labels=("wrong-amount",))
    assert harvest_corrections() == 1
    example = Example.objects.get()
    assert json.loads(example.expected) == {"action": FIXED}
    assert (example.labels, example.status, example.dataset.slug) == (["wrong-amount"], "active", "refund-bot")
    identity = {"input": {"message": "The lamp came in two pieces."}, "expected": {"action": FIXED}, "scorer": "exact"}
    assert example.content_sha256 == sha256_hex(canonicalize(identity))
    source = ExampleSource.objects.get()
    assert (source.review_id, source.decision_id) == (review.pk, review.decision_id)
    assert AuditEntry.objects.about(f"decision:{review.decision_id}").filter(type="example.added").count() == 1


def test_harvesting_twice_changes_nothing() -> None:
    review = teach(open_desk())
    assert harvest_corrections() == 1
    assert harvest_corrections() == 0
    assert harvest_correction(review_id=review.pk) is False
    assert (Example.objects.count(), ExampleSource.objects.count()) == (1, 1)


def test_the_same_lesson_twice_is_one_example_with_two_sources() -> None:
    desk = open_desk()
    teach(desk, labels=("a",))
    teach(desk, labels=("b",))
    harvest_corrections()
    assert (Example.objects.count(), ExampleSource.objects.count()) == (1, 2)
    assert Example.objects.get().labels == ["a", "b"]


def test_two_answers_to_one_input_are_disputed() -> None:
    desk = open_desk()
    teach(desk)
    teach(desk, action={"name": "refund", "arguments": {"amount": 10.0, "customer": "C-1042"}})
    harvest_corrections()
    assert set(Example.objects.values_list("status", flat=True)) == {"disputed"}
    assert not Example.objects.active().exists()
    assert AuditEntry.objects.filter(type="example.disputed").count() == 1


@pytest.mark.parametrize(
    ("verdict", "fields", "expected"),
    [
        ("reject", {"reason": "no"}, {"action": None}),
        ("answer", {"answer": {"text": "We call you."}}, {"output": {"text": "We call you."}}),
    ],
)
def test_what_other_rulings_teach(verdict: str, fields: dict[str, object], expected: object) -> None:
    teach(open_desk(), verdict, **fields)
    harvest_corrections()
    assert json.loads(Example.objects.get().expected) == expected


def test_an_approval_teaches_nothing() -> None:
    teach(open_desk(), "approve")
    assert harvest_corrections() == 0
    assert not Dataset.objects.exists()


def test_one_subject_never_straddles_the_splits() -> None:
    desk = open_desk()
    for number in range(8):
        teach(desk, input=number, subject="C-1")
    for number in range(30):
        teach(desk, input=-number - 1, subject=f"C-{number}")
    harvest_corrections()
    inputs = [str(number) for number in range(8)]
    assert len(set(Example.objects.filter(input__in=inputs).values_list("split", flat=True))) == 1
    assert set(Example.objects.values_list("split", flat=True)) == {"train", "test"}


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_teach_each_lesson_once() -> None:
    desk = open_desk()
    for number in range(12):
        teach(desk, input=number % 6)
    results = race(*[harvest_corrections] * 8)
    assert all(isinstance(result, int) for result in results), results
    assert sum(results) == 12
    assert (Example.objects.count(), ExampleSource.objects.count()) == (6, 12)
    assert not Correction.objects.filter(harvested_at__isnull=True).exists()


def test_one_correction_that_fails_does_not_keep_the_others_waiting() -> None:
    desk = open_desk()
    poisoned = teach(desk, input="poison")
    teach(desk, input="sound")
    Correction.objects.filter(review=poisoned).update(created_at=timezone.now() - timedelta(hours=1))
    # What no verb of ours writes: a payload that is no JSON.
    DecisionPayload.objects.filter(decision_id=poisoned.decision_id).update(proposal="{")
    with pytest.raises(SweepIncomplete):
        harvest_corrections()
    assert list(Example.objects.values_list("input", flat=True)) == ['"sound"']
    assert Correction.objects.filter(harvested_at__isnull=True).count() == 1
