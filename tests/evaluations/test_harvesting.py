"""Corrections become examples, exactly once."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from evaluations.models import Dataset, Example, ExampleSource
from evaluations.services.harvesting import choose_split, harvest_correction, harvest_corrections
from governance.canonical import canonicalize, sha256_hex
from governance.models import AISystem, AuditEntry
from governance.services.registry import SystemFacts, update_system
from governance.services.sweeping import SweepIncomplete
from reviews.models import Correction, Decision, DecisionPayload, Escalation, Review
from reviews.services.resolution import does_teach
from tests.evaluations.scenes import teach
from tests.factories import make_actor
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


def test_an_approval_teaches_nothing_where_its_system_keeps_none() -> None:
    teach(open_desk(approvals_taught_percent=0), "approve")
    assert harvest_corrections() == 0
    assert not Dataset.objects.exists()


def test_an_approval_that_is_kept_teaches_what_was_proposed() -> None:
    review = teach(open_desk(approvals_taught_percent=100), "approve")
    assert harvest_corrections() == 1
    example = Example.objects.get()
    assert example.expected == DecisionPayload.objects.get(decision_id=review.decision_id).proposal
    assert json.loads(example.expected)["action"]["name"] == "refund"
    assert ExampleSource.objects.get().review_id == review.pk


def test_an_approval_and_a_correction_of_one_input_dispute_each_other() -> None:
    desk = open_desk(approvals_taught_percent=100)
    teach(desk, "approve")
    teach(desk)
    harvest_corrections()
    assert set(Example.objects.values_list("status", flat=True)) == {"disputed"}


def test_approvals_are_drawn_at_the_rate_of_their_system_and_always_alike() -> None:
    system = AISystem(approvals_taught_percent=25)
    escalation = Escalation(system=system, decision=Decision(is_test=False))
    escalation.decision.payload = DecisionPayload(proposal='{"output":"yes"}')
    drawn = [does_teach(escalation, Review(pk=uuid.UUID(int=n), verdict="approve")) for n in range(4000)]
    assert 900 <= sum(drawn) <= 1100
    assert drawn == [does_teach(escalation, Review(pk=uuid.UUID(int=n), verdict="approve")) for n in range(4000)]
    assert all(does_teach(escalation, Review(pk=uuid.UUID(int=n), verdict="correct")) for n in range(100))


def test_an_approved_null_teaches_nothing_that_its_rejection_would_teach_too() -> None:
    escalation = Escalation(system=AISystem(approvals_taught_percent=100), decision=Decision(is_test=False))
    escalation.decision.payload = DecisionPayload(proposal='{"output":null}')
    assert not does_teach(escalation, Review(pk=uuid.uuid4(), verdict="approve"))
    assert does_teach(escalation, Review(pk=uuid.uuid4(), verdict="reject"))


def test_nothing_that_a_test_key_asked_teaches() -> None:
    escalation = Escalation(system=AISystem(approvals_taught_percent=100), decision=Decision(is_test=True))
    for verdict in Review.Verdict.values:
        assert not does_teach(escalation, Review(pk=uuid.uuid4(), verdict=verdict))


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


@pytest.mark.parametrize(("percent", "fewest", "most"), [(1, 8, 36), (20, 350, 450), (40, 740, 860), (100, 2000, 2000)])
def test_so_many_subjects_are_held_out_as_the_dataset_says(percent: int, fewest: int, most: int) -> None:
    dataset = Dataset(split_salt="salt", held_out_percent=percent)
    splits = [choose_split(dataset=dataset, decision=Decision(subject=f"C-{number}")) for number in range(2000)]
    assert fewest <= splits.count("test") <= most


def test_the_first_example_fixes_how_many_subjects_are_held_out() -> None:
    desk = open_desk(held_out_percent=40)
    teach(desk)
    harvest_corrections()
    desk.system.refresh_from_db()
    assert desk.system.is_split_fixed
    assert Dataset.objects.get().held_out_percent == 40


@pytest.mark.django_db(transaction=True)
def test_whoever_changes_the_share_while_the_first_example_comes_is_refused_or_obeyed() -> None:
    desk = open_desk()
    teach(desk)
    owner = desk.system.owner
    facts = SystemFacts(name="Bot", purpose="Refunds.", owner=owner, held_out_percent=50)
    actor = make_actor(desk.organization, "admin")
    outcomes = race(
        harvest_corrections, lambda: update_system(actor=actor, system=desk.system, facts=facts), harvest_corrections
    )
    desk.system.refresh_from_db()
    assert Dataset.objects.get().held_out_percent == desk.system.held_out_percent
    assert (desk.system.held_out_percent == 50) == (not isinstance(outcomes[1], Exception))


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
