"""Small filters of the pages of figures, for what a template can't say by itself."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django import template

from operations.figure_selectors import Share
from operations.web import figure_words

register = template.Library()

RANGE_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}


@register.filter
def range_words(name: str) -> str:
    return RANGE_WORDS.get(name, name)


@register.filter
def percent(share: float | None) -> str:
    """A share as "12.3 %"."""
    return figure_words.percent_words(share)


@register.filter
def at(things: Sequence[Any], index: int) -> Any:
    """The thing at a place of a sequence, counted from 1."""
    return things[index - 1]


@register.filter
def kinds_of(happenings: Iterable[Any]) -> list[Any]:
    """One of each kind, for the legend."""
    return list({one.what.kind: one for one in happenings}.values())


@register.filter
def share_percent(share: Share) -> str:
    return figure_words.percent_words(share.part / share.whole if share.whole else None)


@register.filter
def money(micros: float | None) -> str:
    """Millionths of a dollar as "$1,234.50"."""
    return figure_words.money_words(micros)


@register.filter
def money_difference(micros: int) -> str:
    """Millionths of a dollar as "+$12.00", "−$3.50", "$0.00"."""
    sign = "+" if micros > 0 else "−" if micros < 0 else ""
    return f"{sign}{figure_words.money_words(abs(micros))}"


@register.filter
def dollars(price: Decimal) -> str:
    """A price to the cent, with as many more places as it has: "$15.00", "$0.025"."""
    text = f"{price.normalize():f}"
    return f"${price:.2f}" if len(text.partition(".")[2]) < 2 else f"${text}"
