"""What a model call costs: disjoint buckets of tokens, the price that fits, and millionths of a dollar. Pure; no Django.

Dollars per million tokens times tokens are millionths of a dollar, so a cost is one sum of exact decimals, rounded once, half
to even. What is assumed of the counts, and which price is taken, stands in docs/reference/costs.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens in disjoint buckets, none negative: `input` without what was cached or written to the cache, `output` without
    reasoning."""

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens. None follows another: cached input and cache writes the input, reasoning the output."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StatedPrice:
    """A row of an organization's table. It holds for decisions made from `effective_from` on (midnight, UTC), but none that
    were made before it was stated or after it was withdrawn."""

    id: UUID
    pattern: str
    rates: Rates
    effective_from: datetime
    stated_at: datetime
    withdrawn_at: datetime | None = None

    @property
    def specificity(self) -> tuple[int, bool]:
        """The more letters are fixed, the more it is about this model; one without `*` is about nothing else."""
        return len(self.pattern) - self.pattern.count("*"), "*" not in self.pattern

    def holds_at(self, instant: datetime) -> bool:
        return (
            self.effective_from <= instant
            and self.stated_at <= instant
            and (self.withdrawn_at is None or instant < self.withdrawn_at)
        )


@dataclass(frozen=True, slots=True)
class DefaultPrice:
    """What genai-prices asks, and its name for provider and model with the package's version."""

    amount_micros: int
    label: str


def split_usage(
    *,
    input_tokens: int | None = None,
    cached_input_tokens: int | None = None,
    cache_write_tokens: int | None = None,
    output_tokens: int | None = None,
    reasoning_tokens: int | None = None,
) -> Usage:
    """Disjoint buckets of what was reported. Cached input and cache writes are taken as part of the input, reasoning as part
    of the output, as OpenAI's API and most gateways count. A part that is more than what is left of its whole is kept and
    the rest is 0: no bucket is ever negative."""
    cached, written, reasoning = cached_input_tokens or 0, cache_write_tokens or 0, reasoning_tokens or 0
    return Usage(
        input=max((input_tokens or 0) - cached - written, 0),
        cached_input=cached,
        cache_write=written,
        output=max((output_tokens or 0) - reasoning, 0),
        reasoning=reasoning,
    )


def cost_micros(usage: Usage, rates: Rates) -> int:
    """Millionths of a dollar, half to even."""
    cached = rates.input if rates.cached_input is None else rates.cached_input
    written = rates.input if rates.cache_write is None else rates.cache_write
    reasoning = rates.output if rates.reasoning is None else rates.reasoning
    return round_micros(
        usage.input * rates.input
        + usage.cached_input * cached
        + usage.cache_write * written
        + usage.output * rates.output
        + usage.reasoning * reasoning
    )


def round_micros(amount: Decimal) -> int:
    return int(amount.to_integral_value(rounding=ROUND_HALF_EVEN))


def fits(pattern: str, model: str) -> bool:
    """Whether a pattern is about a model: `*` stands for any characters, also none; case does not matter. Linear: the
    leftmost place of each piece is as good as any other."""
    first, *rest = pattern.casefold().split("*")
    name = model.casefold()
    if not rest:
        return name == first
    last = rest.pop()
    if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in rest:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def choose_price(prices: Iterable[StatedPrice], model: str, instant: datetime) -> StatedPrice | None:
    """The stated price of a decision made at `instant`: of those that hold and fit, the most specific pattern; of these the
    newest `effective_from`, then the one stated last."""
    holding = [price for price in prices if price.holds_at(instant) and fits(price.pattern, model)]
    return max(
        holding,
        key=lambda price: (price.specificity, price.effective_from, price.stated_at, price.id),
        default=None,
    )


def find_default_price(model: str, usage: Usage, instant: datetime) -> DefaultPrice | None:
    """What genai-prices asks for the model (`provider/model`, or a name that only one provider has) at that time; None where
    it does not know it. It reads the prices that come with the package and asks no server: nothing here starts its
    `UpdatePrices`."""
    provider, separator, name = model.partition("/")
    if not model.strip() or (separator and not (provider and name)):
        return None
    # Half a second to import, which only the worker needs.
    from genai_prices import Usage as PackageUsage
    from genai_prices import calc_price

    try:
        price = calc_price(
            PackageUsage(
                input_tokens=usage.input + usage.cached_input + usage.cache_write,
                cache_read_tokens=usage.cached_input,
                cache_write_tokens=usage.cache_write,
                output_tokens=usage.output + usage.reasoning,
            ),
            name if separator else model,
            provider_id=provider if separator else None,
            genai_request_timestamp=instant,
        )
    except (LookupError, ValueError):
        return None
    label = f"genai-prices {_package_version()}: {price.provider.id}/{price.model.id}"
    return DefaultPrice(round_micros(price.total_price * 1_000_000), label[:200])


@cache
def _package_version() -> str:
    from importlib.metadata import version

    return version("genai_prices")
