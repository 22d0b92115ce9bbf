"""What decisions cost: prices that people state and withdraw, and the first entry of the ledger for each decision.

A stated price is for decisions that are made after it was stated: what the ledger says already stands, until somebody has a
stretch of time priced anew (operations/services/repricing.py). The ledger's first entries are written by the reader of
roll-ups (operations/services/rollups.py), in the transaction in which it moves on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance.actors import Actor
from governance.errors import FieldError, Invalid, NotFound
from governance.permissions import require
from governance.services.fields import read_text, refuse_field
from governance.services.membership import lock_organization
from governance.services.recording import record
from operations.errors import PriceWithdrawn
from operations.models import CostEntry, ModelPrice
from operations.pricing import Rates, StatedPrice, Usage, choose_price, cost_micros, find_default_price, split_usage
from reviews.models import Decision

LONGEST_PATTERN = 255
LONGEST_NOTE = 300
STARS_AT_MOST = 10
HIGHEST_PRICE = Decimal(100_000)
DECIMALS = 6
# Each decision without a cost is held against all of them.
MOST_PRICES = 500
# The most that an application may report of one decision: a million dollars. What comes out dearer has a price or tokens that
# can't be meant, and sums of a few such would not fit into a column.
HIGHEST_COST_MICROS = 10**12


def state_price(
    *,
    actor: Actor,
    pattern: str,
    effective_from: date,
    rates: Rates,
    note: str = "",
) -> ModelPrice:
    """Add a row to the actor's organization's table; it takes the place of older ones of the same pattern from that day on. What
    holds for pattern and day already, said again, stays as it is.

    Refuses (NotPermitted) whoever may not manage prices and (Invalid, with pointers) a pattern or a price that can't be one,
    and one too many: 500 that are not withdrawn are the most.
    A day in the past is taken; decisions that have been made keep the cost that the ledger has until they are priced anew.
    """
    organization_id = _require_place(actor)
    pattern = pattern.strip()
    note = read_text(note, field="note", limit=LONGEST_NOTE, is_required=False)
    if faults := _find_faults(pattern, effective_from, rates):
        raise Invalid(errors=faults)
    with transaction.atomic(durable=True):
        lock_organization(organization_id)
        holding = ModelPrice.objects.filter(organization_id=organization_id, withdrawn_at__isnull=True)
        stated = {"pattern": pattern, "effective_from": effective_from}
        prices = {
            "input": rates.input,
            "output": rates.output,
            "cached_input": rates.cached_input,
            "cache_write": rates.cache_write,
            "reasoning": rates.reasoning,
            "note": note,
        }
        standing: ModelPrice | None = holding.filter(**stated).order_by("-id").first()
        if standing is not None and all(getattr(standing, name) == value for name, value in prices.items()):
            return standing
        if holding.count() >= MOST_PRICES:
            raise refuse_field("pattern", f"There are {MOST_PRICES} prices; withdraw one that no model needs any more.")
        price = ModelPrice.objects.create(
            organization_id=organization_id,
            stated_by_label=actor.label,
            created_at=timezone.now(),
            **stated,
            **prices,
        )
        record(
            organization_id=price.organization_id,
            type="price.stated",
            actor=actor,
            subject=f"price:{price.pk}",
            payload=_describe(price),
            occurred_at=price.created_at,
        )
    return price


def withdraw_price(*, actor: Actor, price_id: uuid.UUID) -> ModelPrice:
    """Take a row out of the table for all decisions to come; the ledger's entries that name it stand.

    Refuses (NotPermitted) whoever may not manage prices, (NotFound) a price of others, (PriceWithdrawn) a second time.
    """
    organization_id = _require_place(actor)
    with transaction.atomic(durable=True):
        now = timezone.now()
        price = ModelPrice.objects.filter(pk=price_id, organization_id=organization_id).first()
        if price is None:
            raise NotFound()
        if not ModelPrice.objects.filter(pk=price_id, withdrawn_at__isnull=True).update(withdrawn_at=now):
            raise PriceWithdrawn()
        price.withdrawn_at = now
        record(
            organization_id=price.organization_id,
            type="price.withdrawn",
            actor=actor,
            subject=f"price:{price.pk}",
            payload=_describe(price),
            occurred_at=now,
        )
    return price


def _require_place(actor: Actor) -> uuid.UUID:
    """The organization whose table the actor may change."""
    require(actor, "prices.manage")
    if actor.organization_id is None:
        raise NotFound()
    return actor.organization_id


def _find_faults(pattern: str, effective_from: date, rates: Rates) -> list[FieldError]:
    faults = []
    if not pattern or len(pattern) > LONGEST_PATTERN or not pattern.isprintable():
        faults.append(
            FieldError(pointer="/pattern", detail=f"Must be 1 to {LONGEST_PATTERN} characters of a model's name.")
        )
    elif pattern.count("*") > STARS_AT_MOST:
        faults.append(FieldError(pointer="/pattern", detail=f"At most {STARS_AT_MOST} times `*`."))
    if not 2000 <= effective_from.year <= 2200:
        faults.append(FieldError(pointer="/effective_from", detail="Must be a day from 2000 to 2200."))
    for name in ("input", "output", "cached_input", "cache_write", "reasoning"):
        price: Decimal | None = getattr(rates, name)
        if price is not None and not _is_price(price):
            faults.append(
                FieldError(
                    pointer=f"/{name}",
                    detail=f"Must be from 0 to {HIGHEST_PRICE:,} dollars per million tokens, {DECIMALS} decimals at most.",
                )
            )
    return faults


def _is_price(price: Decimal) -> bool:
    return price.is_finite() and 0 <= price <= HIGHEST_PRICE and price == round(price, DECIMALS)


def _describe(price: ModelPrice) -> dict[str, str | None]:
    """Prices as the decimals that people wrote; a number in JSON would be a float."""
    named = {name: getattr(price, name) for name in ("input", "output", "cached_input", "cache_write", "reasoning")}
    return {
        "pattern": price.pattern,
        "effective_from": price.effective_from.isoformat(),
        **{name: None if amount is None else f"{amount.normalize():f}" for name, amount in named.items()},
        "note": price.note,
    }


# Of a decision, what its price is found and counted by, and where its entry belongs.
PRICED_BY: Final = (
    "organization_id",
    "system_id",
    "created_at",
    "model",
    "cost_usd_micros",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)


def draft_first_entries(*, decisions: Sequence[Decision], now: datetime) -> list[CostEntry]:
    """The first entry of each decision that can be priced, not yet written. It is unique in the ledger, so writing it a
    second time (`ignore_conflicts`) changes nothing."""
    prices = _prices_of(
        {decision.organization_id for decision in decisions},
        since=min((decision.created_at for decision in decisions), default=now),
    )
    drafts = (
        price_decision(decision=decision, prices=prices.get(decision.organization_id, ()), now=now)
        for decision in decisions
    )
    return [draft for draft in drafts if draft is not None]


def price_decision(*, decision: Decision, prices: Iterable[StatedPrice], now: datetime) -> CostEntry | None:
    """The decision's first entry, not yet written; None where it reports neither cost nor tokens, where no price is known,
    and where it comes out at more than a million dollars.

    The reported cost wins; else the organization's own price; else genai-prices'.
    """
    usage = usage_of(decision)
    if decision.cost_usd_micros is not None:
        return _entry(decision, usage, now, decision.cost_usd_micros, CostEntry.Source.REPORTED, "cost_usd")
    if usage == Usage() or not decision.model:
        return None
    stated = choose_price(prices, decision.model, decision.created_at)
    if stated is not None:
        label = f"{stated.pattern} from {stated.effective_from:%Y-%m-%d}"[:200]
        amount = cost_micros(usage, stated.rates)
        if amount > HIGHEST_COST_MICROS:
            return None
        return _entry(decision, usage, now, amount, CostEntry.Source.STATED, label, price_id=stated.id)
    default = find_default_price(decision.model, usage, decision.created_at)
    if default is None or default.amount_micros > HIGHEST_COST_MICROS:
        return None
    return _entry(decision, usage, now, default.amount_micros, CostEntry.Source.DEFAULT, default.label)


def usage_of(decision: Decision) -> Usage:
    """The decision's reported tokens in disjoint buckets."""
    return split_usage(
        input_tokens=decision.input_tokens,
        cached_input_tokens=decision.cached_input_tokens,
        cache_write_tokens=decision.cache_write_tokens,
        output_tokens=decision.output_tokens,
        reasoning_tokens=decision.reasoning_tokens,
    )


def _entry(
    decision: Decision,
    usage: Usage,
    now: datetime,
    amount_micros: int,
    source: CostEntry.Source,
    label: str,
    *,
    price_id: uuid.UUID | None = None,
) -> CostEntry:
    return CostEntry(
        organization_id=decision.organization_id,
        system_id=decision.system_id,
        decision_id=decision.pk,
        amount_micros=amount_micros,
        source=source,
        price_id=price_id,
        price_label=label,
        input_tokens=usage.input,
        cached_input_tokens=usage.cached_input,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        created_at=now,
    )


def _prices_of(organization_ids: Iterable[uuid.UUID], *, since: datetime) -> dict[uuid.UUID, list[StatedPrice]]:
    """What held at some time from `since` on, by organization."""
    prices: dict[uuid.UUID, list[StatedPrice]] = {}
    standing = Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=since)
    for row in ModelPrice.objects.filter(standing, organization_id__in=organization_ids):
        prices.setdefault(row.organization_id, []).append(_plain(row))
    return prices


def prices_as_of(*, organization_id: uuid.UUID, instant: datetime) -> list[StatedPrice]:
    """The prices that stood at an instant, as if each had been stated on its own day: what past decisions are priced anew by.
    One that was withdrawn by then was wrong, and holds for no day any more."""
    standing = Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=instant)
    rows = ModelPrice.objects.filter(standing, organization_id=organization_id, created_at__lte=instant)
    return [
        replace(price, stated_at=min(price.stated_at, price.effective_from), withdrawn_at=None)
        for price in map(_plain, rows)
    ]


def _plain(row: ModelPrice) -> StatedPrice:
    return StatedPrice(
        id=row.pk,
        pattern=row.pattern,
        rates=Rates(row.input, row.output, row.cached_input, row.cache_write, row.reasoning),
        effective_from=datetime.combine(row.effective_from, time(), UTC),
        stated_at=row.created_at,
        withdrawn_at=row.withdrawn_at,
    )
