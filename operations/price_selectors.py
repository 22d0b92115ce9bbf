"""What is known of prices: the organization's own, and of each model that was used lately who prices it, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from governance.actors import Actor
from governance.models import AISystem
from operations.models import ModelPrice, RollUp
from operations.pricing import Rates, StatedPrice, Usage, choose_price, find_default_price

SEEN_FOR = timedelta(days=30)
MODELS_AT_MOST = 50
PRICES_AT_MOST = 2000
# Few enough to stay below the steps of providers that charge more for long inputs; a price comes out to four decimals.
TOKENS_ASKED = 10_000


@dataclass(frozen=True, slots=True)
class DefaultRates:
    """What genai-prices asks, in dollars per million tokens, for short inputs; `label` names its model and version."""

    label: str
    input: Decimal
    cached_input: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A model that decisions of the last thirty days named; `stated` is the organization's price for it, if one fits, which
    stands before the `default`."""

    model: str
    decisions: int
    priced: int
    cost_micros: int
    stated: ModelPrice | None
    default: DefaultRates | None

    @property
    def is_unpriced(self) -> bool:
        return self.stated is None and self.default is None


def prices_of(actor: Actor) -> QuerySet[ModelPrice]:
    """The organization's table: those that hold first, by pattern and newest day."""
    prices = ModelPrice.objects.filter(organization_id=actor.member_organization_id)
    return prices.order_by("withdrawn_at", "pattern", "-effective_from", "-id")


def list_models_seen(actor: Actor, *, now: datetime) -> list[ModelSeen]:
    """The fifty models with the most decisions; two questions, and genai-prices' own table."""
    rows = (
        RollUp.objects.filter(
            system__in=AISystem.objects.visible_to(actor),
            grain=RollUp.Grain.DAY,
            dimension=RollUp.Dimension.MODEL,
            starts_at__gte=now - SEEN_FOR,
        )
        .exclude(value="")
        .order_by()
        .values("value")
        .annotate(decided=Sum("decisions"), known=Sum("priced"), spent=Sum("cost_micros"))
        .order_by("-decided", "value")[:MODELS_AT_MOST]
    )
    stated = {price.pk: price for price in prices_of(actor).filter(withdrawn_at__isnull=True)[:PRICES_AT_MOST]}
    return [_describe(row, stated, now) for row in rows]


def _describe(row: Any, stated: dict[Any, ModelPrice], now: datetime) -> ModelSeen:
    chosen = choose_price((_plain(price) for price in stated.values()), row["value"], now)
    return ModelSeen(
        model=row["value"],
        decisions=row["decided"],
        priced=row["known"],
        cost_micros=row["spent"],
        stated=stated[chosen.id] if chosen else None,
        default=_default_rates(row["value"], now),
    )


def _plain(row: ModelPrice) -> StatedPrice:
    return StatedPrice(
        id=row.pk,
        pattern=row.pattern,
        rates=Rates(row.input, row.output, row.cached_input, row.cache_write, row.reasoning),
        effective_from=datetime.combine(row.effective_from, time(), UTC),
        stated_at=row.created_at,
        withdrawn_at=row.withdrawn_at,
    )


def _default_rates(model: str, now: datetime) -> DefaultRates | None:
    asked = [
        find_default_price(model, usage, now)
        for usage in (Usage(input=TOKENS_ASKED), Usage(cached_input=TOKENS_ASKED), Usage(output=TOKENS_ASKED))
    ]
    first, cached, output = asked
    if first is None or cached is None or output is None:
        return None
    return DefaultRates(
        label=first.label,
        **{
            name: Decimal(price.amount_micros) / TOKENS_ASKED
            for name, price in (("input", first), ("cached_input", cached), ("output", output))
        },
    )
