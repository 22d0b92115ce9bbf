"""Settling a dispute: one holds, the others retire, once, and on record."""

import json
from typing import Any

import pytest

from evaluations.models import Example
from evaluations.services.adjudicating import DisputeChanged, adjudicate_example
from evaluations.services.exporting import export_dataset
from evaluations.services.harvesting import harvest_corrections
from governance.actors import OPERATOR, Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry
from governance.selectors import actor_for_key
from reviews.models import Correction
from tests.evaluations.scenes import teach
from tests.factories import make_actor, make_organization
from tests.reviews.scenes import Desk, open_desk
from tests.support.races import race

pytestmark = pytest.mark.django_db


def refund(amount: float) -> dict[str, Any]:
    return {"name": "refund", "arguments": {"amount": amount, "customer": "C-1042"}}


def dispute(*amounts: float) -> tuple[Desk, list[Example]]:
    desk = open_desk()
    for amount in amounts:
        teach(desk, action=refund(amount))
    harvest_corrections()
    return desk, list(Example.objects.order_by("id"))


def settle(actor: Actor, example: Example, seen: list[Example], reason: str = "It says so.") -> Example:
    return adjudicate_example(
        actor=actor,
        dataset_id=example.dataset_id,
        example_id=example.pk,
        seen=[one.pk for one in seen],
        reason=reason,
    )


def statuses() -> list[str]:
    return list(Example.objects.order_by("id").values_list("status", flat=True))


@pytest.mark.parametrize("role", ["lead", "owner"])
def test_one_holds_and_the_others_retire_with_the_reason(role: str) -> None:
    desk, examples = dispute(150, 10, 20)
    actor = make_actor(desk.organization, role)
    assert settle(actor, examples[1], examples, " It says so. ").status == "active"
    assert statuses() == ["retired", "active", "retired"]
    assert set(Example.objects.values_list("retired_reason", flat=True)) == {"", "It says so."}
    entry = AuditEntry.objects.about(f"example:{examples[1].pk}").get()
    assert (entry.type, entry.actor_id) == ("example.adjudicated", actor.id)
    payload = json.loads(entry.payload.payload)
    assert payload["retired"] == sorted(str(examples[place].pk) for place in (0, 2))
    (line,) = export_dataset(actor=OPERATOR, dataset=examples[1].dataset)
    assert json.loads(line)["expected"] == {"action": refund(10)}


def test_other_inputs_stay_as_they_are() -> None:
    desk, examples = dispute(150, 10)
    teach(desk, input="another", action=refund(1))
    teach(desk, input="another", action=refund(2))
    harvest_corrections()
    settle(make_actor(desk.organization, "lead"), examples[0], examples)
    assert statuses() == ["active", "retired", "disputed", "disputed"]


@pytest.mark.parametrize("role", ["viewer", "reviewer", "policy_author", "policy_approver", "admin", "auditor"])
def test_other_roles_are_refused(role: str) -> None:
    desk, examples = dispute(150, 10)
    with pytest.raises(NotPermitted):
        settle(make_actor(desk.organization, role), examples[0], examples)


def test_keys_and_strangers_are_refused() -> None:
    desk, examples = dispute(150, 10)
    with pytest.raises(NotPermitted):
        settle(actor_for_key(desk.key), examples[0], examples)
    with pytest.raises(NotFound):
        settle(make_actor(make_organization(), "lead"), examples[0], examples)
    assert statuses() == ["disputed", "disputed"]


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2_001])
def test_a_reason_is_needed(reason: str) -> None:
    desk, examples = dispute(150, 10)
    with pytest.raises(Invalid):
        settle(make_actor(desk.organization, "lead"), examples[0], examples, reason)


def test_what_is_settled_or_was_never_disputed_is_refused() -> None:
    desk, examples = dispute(150, 10)
    lead = make_actor(desk.organization, "lead")
    settle(lead, examples[0], examples)
    with pytest.raises(DisputeChanged) as refusal:
        settle(lead, examples[1], examples)
    assert refusal.value.state == {"id": str(examples[1].pk), "status": "retired"}
    assert statuses() == ["active", "retired"]
    assert AuditEntry.objects.filter(type="example.adjudicated").count() == 1


def test_a_ruling_that_joined_unseen_stops_it() -> None:
    desk, examples = dispute(150, 10)
    teach(desk, action=refund(20))
    harvest_corrections()
    with pytest.raises(DisputeChanged):
        settle(make_actor(desk.organization, "lead"), examples[0], examples)
    assert statuses() == ["disputed"] * 3


def test_a_ruling_that_agrees_leaves_the_settlement_alone() -> None:
    desk, examples = dispute(150, 10)
    settle(make_actor(desk.organization, "lead"), examples[0], examples)
    teach(desk, action=refund(150))
    harvest_corrections()
    assert statuses() == ["active", "retired"]


def test_a_ruling_for_what_had_lost_opens_the_dispute_again() -> None:
    desk, examples = dispute(150, 10)
    settle(make_actor(desk.organization, "lead"), examples[0], examples)
    teach(desk, action=refund(10))
    harvest_corrections()
    assert statuses() == ["disputed", "disputed"]
    assert set(Example.objects.values_list("retired_reason", flat=True)) == {""}


def test_a_new_answer_disputes_the_one_that_holds_and_not_the_retired() -> None:
    desk, examples = dispute(150, 10)
    settle(make_actor(desk.organization, "lead"), examples[0], examples)
    teach(desk, action=refund(20))
    harvest_corrections()
    assert statuses() == ["disputed", "retired", "disputed"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_settles_it() -> None:
    desk, examples = dispute(150, 10)
    lead = make_actor(desk.organization, "lead")
    results = race(*[lambda place=place: settle(lead, examples[place % 2], examples) for place in range(8)])
    assert sum(isinstance(result, Example) for result in results) == 1
    assert sum(isinstance(result, DisputeChanged) for result in results) == 7, results
    assert sorted(statuses()) == ["active", "retired"]
    assert AuditEntry.objects.filter(type="example.adjudicated").count() == 1


@pytest.mark.django_db(transaction=True)
def test_settling_while_another_ruling_arrives_never_retires_it_unseen() -> None:
    desk, examples = dispute(150, 10)
    lead = make_actor(desk.organization, "lead")
    teach(desk, action=refund(20))
    settled, _ = race(lambda: settle(lead, examples[0], examples), harvest_corrections)
    assert not Correction.objects.filter(harvested_at__isnull=True).exists()
    if isinstance(settled, DisputeChanged):
        assert statuses() == ["disputed"] * 3
    else:
        assert isinstance(settled, Example), settled
        assert statuses() == ["disputed", "retired", "disputed"]
