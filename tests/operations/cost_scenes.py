"""Decisions with tokens and days of roll-ups, for what is counted in money."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from governance.actors import Actor
from governance.models import AISystem
from operations.models import Budget, CostEntry, ModelPrice, ReviewRate, RollUp
from operations.pricing import Rates
from operations.services.budgets import state_budget, state_review_rate
from operations.services.costs import draft_first_entries, state_price
from reviews.models import Decision
from tests.factories import make_actor, make_decision

DOLLAR = 1_000_000
MODEL = "acme/triage-2"


def decide(system: AISystem, at: datetime, **fields: Any) -> Decision:
    """A decision of a thousand input tokens that was made at an instant."""
    fields = {"status": "allowed", "verdict": "allow", "model": MODEL, "input_tokens": 1000, **fields}
    return make_decision(system, created_at=at, **fields)


def price_first(*decisions: Decision) -> None:
    """The entries that the reader of roll-ups writes."""
    CostEntry.objects.bulk_create(draft_first_entries(decisions=decisions, now=timezone.now()), ignore_conflicts=True)


def state(actor: Actor, dollars: str, *, pattern: str = "acme/*", since: date = date(2026, 1, 1)) -> ModelPrice:
    """So many dollars for a million tokens of either kind."""
    rates = Rates(input=Decimal(dollars), output=Decimal(dollars))
    return state_price(actor=actor, pattern=pattern, effective_from=since, rates=rates)


def write_day(system: AISystem, day: date, **columns: Any) -> None:
    """A roll-up of a day, in the place of the one that was there."""
    starts_at = datetime.combine(day, time(), UTC)
    RollUp.objects.update_or_create(
        system=system,
        grain="day",
        dimension="",
        value="",
        starts_at=starts_at,
        defaults={"organization_id": system.organization_id, "counted_at": timezone.now(), "decisions": 10, **columns},
    )


def write_days(system: AISystem, first: date, count: int, **columns: Any) -> None:
    for number in range(count):
        write_day(system, first + timedelta(days=number), **columns)


def owner_of(system: AISystem) -> Actor:
    return make_actor(system.organization, "owner")


def budget(system: AISystem, dollars: float, **fields: Any) -> Budget:
    return state_budget(actor=owner_of(system), system=system, monthly_micros=round(dollars * DOLLAR), **fields)


def rate(system: AISystem, dollars: float, since: date = date(2026, 1, 1)) -> ReviewRate:
    return state_review_rate(actor=owner_of(system), hour_micros=round(dollars * DOLLAR), effective_from=since)
