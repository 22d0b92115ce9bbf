"""Numbers and names that no honest application sends: they end in the figures of their own system, and stop nobody else's."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from governance.errors import Invalid
from governance.services.sweeping import SweepIncomplete
from operations.models import CostEntry, ModelPrice, RollUp, RollUpDue
from operations.pricing import Rates
from operations.services.costs import MOST_PRICES, draft_first_entries, state_price, withdraw_price
from operations.services.rollups import recount_due
from tests.factories import make_actor, make_decision, make_organization, make_system

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MOST_TOKENS = 10**12


def test_no_price_makes_more_of_a_decision_than_an_application_may_report() -> None:
    system = make_system()
    state_price(
        actor=make_actor(system.organization, "owner"),
        pattern="*",
        effective_from=date(2026, 1, 1),
        rates=Rates(input=Decimal(100_000), output=Decimal(100_000)),
    )
    decisions = [
        make_decision(
            system,
            status="allowed",
            verdict="allow",
            model="acme/dear",
            input_tokens=MOST_TOKENS,
            output_tokens=MOST_TOKENS,
        )
        for _ in range(50)
    ]
    CostEntry.objects.bulk_create(draft_first_entries(decisions=decisions, now=datetime.now(UTC)))
    hour = decisions[0].created_at.replace(minute=0, second=0, microsecond=0)
    RollUpDue.objects.create(system=system, starts_at=hour, due_at=NOON)
    assert recount_due() == 1
    row = RollUp.objects.get(system=system, grain="hour", dimension="")
    assert (row.decisions, row.priced, row.cost_micros) == (50, 0, 0)


def test_an_organization_has_so_many_prices_that_the_ledger_keeps_up() -> None:
    actor = make_actor(make_organization(), "owner")
    rates = Rates(input=Decimal(1), output=Decimal(1))
    ModelPrice.objects.bulk_create(
        ModelPrice(
            organization_id=actor.organization_id,
            pattern=f"acme/{number}",
            effective_from=NOON.date(),
            input=1,
            output=1,
            created_at=NOON,
        )
        for number in range(MOST_PRICES)
    )
    with pytest.raises(Invalid, match="500 prices"):
        state_price(actor=actor, pattern="acme/one-more", effective_from=NOON.date(), rates=rates)
    withdraw_price(actor=actor, price_id=ModelPrice.objects.earliest("pattern").pk)
    state_price(actor=actor, pattern="acme/one-more", effective_from=NOON.date(), rates=rates)


def test_a_price_that_was_withdrawn_meanwhile_still_prices_what_was_decided_before() -> None:
    system = make_system()
    actor = make_actor(system.organization, "owner")
    price = state_price(
        actor=actor,
        pattern="acme/*",
        effective_from=NOON.date(),
        rates=Rates(input=Decimal(2), output=Decimal(2)),
    )
    fields = {"status": "allowed", "verdict": "allow", "model": "acme/one", "input_tokens": 1_000}
    before = make_decision(system, **fields)
    withdraw_price(actor=actor, price_id=price.pk)
    after = make_decision(system, **fields)
    drafts = draft_first_entries(decisions=[before, after], now=datetime.now(UTC))
    assert [(draft.decision_id, draft.amount_micros) for draft in drafts] == [(before.pk, 2_000)]


@pytest.mark.django_db(transaction=True)
def test_hours_that_cannot_be_counted_keep_no_other_systems_waiting() -> None:
    sick, well = make_system(), make_system()
    for number in range(30):
        at = NOON + timedelta(days=number)
        for _ in range(10):
            decision = make_decision(sick, status="allowed", verdict="allow", created_at=at)
            CostEntry.objects.create(
                organization=sick.organization, system=sick, decision=decision, amount_micros=2**62, created_at=at
            )
        RollUpDue.objects.create(system=sick, starts_at=at, due_at=NOON)
    make_decision(well, created_at=NOON)
    RollUpDue.objects.create(system=well, starts_at=NOON, due_at=NOON + timedelta(seconds=1))
    for _ in range(3):
        with suppress(SweepIncomplete):
            recount_due(limit=24)
    assert RollUp.objects.filter(system=well).exists()
