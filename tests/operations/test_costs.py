"""Prices that people state, and what a decision's first entry in the ledger says."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from governance.actors import Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, AuditEntry
from operations.errors import PriceWithdrawn
from operations.models import CostEntry, ModelPrice
from operations.pricing import Rates
from operations.services.costs import draft_first_entries, state_price, withdraw_price
from reviews.models import Decision
from tests.factories import make_actor, make_decision, make_organization, make_system
from tests.support.races import race

pytestmark = pytest.mark.django_db
RATES = Rates(input=Decimal("3"), output=Decimal("15"), cached_input=Decimal("0.3"))
DAY = date(2026, 1, 1)


def state(actor: Actor, pattern: str = "acme/*", **fields: Any) -> ModelPrice:
    return state_price(actor=actor, **{"pattern": pattern, "effective_from": DAY, "rates": RATES, **fields})


def decide(system: AISystem, **fields: Any) -> Decision:
    return make_decision(system, **{"status": "allowed", "verdict": "allow", "model": "acme/triage-2", **fields})


def first_entry(decision: Decision) -> CostEntry | None:
    entries = draft_first_entries(decisions=[decision], now=timezone.now())
    CostEntry.objects.bulk_create(entries)
    return entries[0] if entries else None


def test_a_price_is_stated_with_its_entry_in_the_log() -> None:
    actor = make_actor(make_organization(), "owner")
    price = state(actor, " acme/* ", note="from the contract")
    assert (price.pattern, price.organization_id, price.stated_by_label) == (
        "acme/*",
        actor.organization_id,
        actor.label,
    )
    entry = AuditEntry.objects.select_related("payload").get(type="price.stated")
    assert entry.payload.subject == f"price:{price.pk}"
    assert json.loads(entry.payload.payload) == {
        "pattern": "acme/*",
        "effective_from": "2026-01-01",
        "input": "3",
        "output": "15",
        "cached_input": "0.3",
        "cache_write": None,
        "reasoning": None,
        "note": "from the contract",
    }


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"pattern": "  "}, "/pattern"),
        ({"pattern": "x" * 256}, "/pattern"),
        ({"pattern": "a\x00b"}, "/pattern"),
        ({"pattern": "*" * 11}, "/pattern"),
        ({"effective_from": date(1999, 12, 31)}, "/effective_from"),
        ({"rates": Rates(Decimal("-1"), Decimal(1))}, "/input"),
        ({"rates": Rates(Decimal(1), Decimal("NaN"))}, "/output"),
        ({"rates": Rates(Decimal(1), Decimal(1), cached_input=Decimal("1e9"))}, "/cached_input"),
        ({"rates": Rates(Decimal(1), Decimal(1), cache_write=Decimal("0.0000001"))}, "/cache_write"),
        ({"rates": Rates(Decimal(1), Decimal(1), reasoning=Decimal("Infinity"))}, "/reasoning"),
        ({"note": "x" * 301}, "/note"),
        ({"note": "\x1b[1m"}, "/note"),
    ],
)
def test_what_can_be_no_price_is_refused_by_its_pointer(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        state(make_actor(make_organization(), "admin"), **fields)
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]
    assert not ModelPrice.objects.exists() and not AuditEntry.objects.exists()


def test_only_owners_and_admins_state_and_withdraw_prices() -> None:
    organization = make_organization()
    price = state(make_actor(organization, "admin"))
    for role in ("viewer", "reviewer", "lead", "policy_author", "policy_approver", "auditor"):
        actor = make_actor(organization, role)
        with pytest.raises(NotPermitted):
            state(actor)
        with pytest.raises(NotPermitted):
            withdraw_price(actor=actor, price_id=price.pk)


def test_a_withdrawn_price_stays_and_is_withdrawn_once() -> None:
    organization = make_organization()
    actor = make_actor(organization, "admin")
    price = state(actor)
    withdraw_price(actor=actor, price_id=price.pk)
    assert ModelPrice.objects.get().withdrawn_at is not None
    with pytest.raises(PriceWithdrawn):
        withdraw_price(actor=actor, price_id=price.pk)
    assert AuditEntry.objects.filter(type="price.withdrawn").count() == 1


def test_a_price_of_others_is_not_there() -> None:
    price = state(make_actor(make_organization(), "admin"))
    with pytest.raises(NotFound):
        withdraw_price(actor=make_actor(make_organization(), "admin"), price_id=price.pk)


def test_the_same_price_said_again_stays_as_it_is_and_another_takes_its_place() -> None:
    actor = make_actor(make_organization(), "owner")
    first = state(actor, "acme/*", note="plan")
    assert state(actor, " acme/* ", note=" plan ") == first
    other = state(actor, "acme/*", note="contract")
    again = state(actor, "acme/*", note="plan")
    assert len({first, other, again}) == 3
    assert AuditEntry.objects.filter(type="price.stated").count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_sent_twice_at_once_states_one_price() -> None:
    actor = make_actor(make_organization(), "owner")
    race(*[lambda: state(actor, "acme/*")] * 4)
    assert ModelPrice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_withdraw_one_succeeds() -> None:
    actor = make_actor(make_organization(), "admin")
    price = state(actor)
    results = race(*[lambda: withdraw_price(actor=actor, price_id=price.pk)] * 2)
    assert sorted(type(result).__name__ for result in results) == ["ModelPrice", "PriceWithdrawn"]


def test_what_the_application_reports_wins() -> None:
    system = make_system()
    state(make_actor(system.organization, "admin"))
    entry = first_entry(decide(system, cost_usd_micros=42, input_tokens=1000))
    assert entry is not None
    assert (entry.amount_micros, entry.source, entry.price_id, entry.input_tokens) == (42, "reported", None, 1000)


def test_a_reported_cost_of_nothing_is_a_cost() -> None:
    entry = first_entry(decide(make_system(), cost_usd_micros=0))
    assert entry is not None and entry.amount_micros == 0


def test_the_organizations_price_comes_before_the_packages() -> None:
    system = make_system()
    price = state(make_actor(system.organization, "admin"), "openai/gpt-4o")
    entry = first_entry(
        decide(system, model="openai/gpt-4o", input_tokens=1000, cached_input_tokens=400, output_tokens=10)
    )
    assert entry is not None
    assert (entry.amount_micros, entry.source, entry.price_id) == (600 * 3 + 120 + 150, "stated", price.pk)
    assert entry.price_label == "openai/gpt-4o from 2026-01-01"
    assert (entry.input_tokens, entry.cached_input_tokens, entry.output_tokens) == (600, 400, 10)


def test_without_a_price_of_its_own_the_packages_holds() -> None:
    entry = first_entry(decide(make_system(), model="openai/gpt-4o", input_tokens=1000))
    assert entry is not None
    assert (entry.amount_micros, entry.source) == (2500, "default")
    assert "openai/gpt-4o" in entry.price_label


@pytest.mark.parametrize(
    "fields", [{"input_tokens": 1000}, {"model": "", "input_tokens": 1}, {"model": "openai/gpt-4o"}]
)
def test_what_nobody_prices_has_no_entry(fields: dict[str, Any]) -> None:
    assert first_entry(decide(make_system(), **fields)) is None


def test_the_prices_of_another_organization_do_not_count() -> None:
    state(make_actor(make_organization(), "admin"))
    assert first_entry(decide(make_system(), input_tokens=1000)) is None


def test_a_price_does_not_reach_back_before_it_was_stated() -> None:
    system = make_system()
    earlier = decide(system, input_tokens=1000, created_at=timezone.now() - timedelta(minutes=1))
    state(make_actor(system.organization, "admin"))
    assert first_entry(earlier) is None
    later = first_entry(decide(system, input_tokens=1000))
    assert later is not None and later.amount_micros == 3000


def test_a_price_with_a_day_to_come_waits_for_it() -> None:
    system = make_system()
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    state(make_actor(system.organization, "admin"), effective_from=tomorrow)
    assert first_entry(decide(system, input_tokens=1000)) is None


def test_a_withdrawn_price_holds_for_what_was_decided_before() -> None:
    system = make_system()
    actor = make_actor(system.organization, "admin")
    price = state(actor)
    before = decide(system, input_tokens=1000)
    withdraw_price(actor=actor, price_id=price.pk)
    assert first_entry(before) is not None
    assert first_entry(decide(system, input_tokens=1000)) is None
