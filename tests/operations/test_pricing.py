"""The arithmetic of money: disjoint buckets, exact decimals, the price that fits; nothing here touches a database."""

import socket
import sys
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.pricing import (
    Rates,
    StatedPrice,
    Usage,
    choose_price,
    cost_micros,
    find_default_price,
    fits,
    split_usage,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FLAT = Rates(input=Decimal("3"), output=Decimal("15"))
COUNTS = st.one_of(st.none(), st.integers(0, 10**12))


def stated(pattern: str, *, days: int = 0, stated_days: int | None = None, **fields: Any) -> StatedPrice:
    """A price that holds from `days` before NOW on."""
    return StatedPrice(
        id=uuid.uuid4(),
        pattern=pattern,
        rates=FLAT,
        effective_from=NOW - timedelta(days=days),
        stated_at=NOW - timedelta(days=days if stated_days is None else stated_days),
        **fields,
    )


def test_parts_are_taken_out_of_their_whole() -> None:
    usage = split_usage(
        input_tokens=1000, cached_input_tokens=600, cache_write_tokens=100, output_tokens=50, reasoning_tokens=20
    )
    assert usage == Usage(input=300, cached_input=600, cache_write=100, output=30, reasoning=20)


def test_a_part_that_exceeds_its_whole_leaves_nothing_rather_than_less() -> None:
    assert split_usage(input_tokens=10, cached_input_tokens=30) == Usage(cached_input=30)
    assert split_usage(reasoning_tokens=5) == Usage(reasoning=5)
    assert split_usage() == Usage()


@given(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS))
def test_no_bucket_and_no_cost_is_ever_negative(counts: tuple[int | None, ...]) -> None:
    names = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    usage = split_usage(**dict(zip(names, counts, strict=True)))
    assert min(usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning) >= 0
    assert cost_micros(usage, FLAT) >= 0


def test_dollars_per_million_tokens_are_micro_dollars_per_token() -> None:
    usage = Usage(input=1000, cached_input=500, cache_write=200, output=100, reasoning=10)
    rates = Rates(
        input=Decimal("3"),
        output=Decimal("15"),
        cached_input=Decimal("0.3"),
        cache_write=Decimal("3.75"),
        reasoning=Decimal("20"),
    )
    assert cost_micros(usage, rates) == 3000 + 150 + 750 + 1500 + 200


def test_a_price_that_is_not_given_follows_another() -> None:
    assert cost_micros(Usage(input=1, cached_input=1, cache_write=1, output=1, reasoning=1), FLAT) == 3 * 3 + 2 * 15
    free = Rates(Decimal(3), Decimal(15), cached_input=Decimal(0))
    assert cost_micros(Usage(cached_input=10), free) == 0


@pytest.mark.parametrize(("tokens", "micros"), [(1, 0), (3, 2), (5, 2), (7, 4), (2, 1)])
def test_halves_are_rounded_to_even_and_once(tokens: int, micros: int) -> None:
    assert cost_micros(Usage(input=tokens), Rates(Decimal("0.5"), Decimal(0))) == micros
    assert cost_micros(Usage(input=1, output=1), Rates(Decimal("0.4"), Decimal("0.4"))) == 1


@pytest.mark.parametrize(
    ("pattern", "model", "expected"),
    [
        ("openai/gpt-4o", "openai/gpt-4o", True),
        ("openai/gpt-4o", "openai/gpt-4o-mini", False),
        ("openai/gpt-4o*", "openai/gpt-4o-mini", True),
        ("*", "", True),
        ("*/gpt-*-mini", "openai/gpt-4o-mini", True),
        ("*/gpt-*-mini", "openai/gpt-4o-mini-2", False),
        ("OpenAI/*", "openai/o3", True),
        ("a*a", "a", False),
        ("a*b*a", "aba", True),
        ("a*b*b*a", "aba", False),
        ("a.c", "abc", False),
        ("[ab]*", "a", False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_for_more_than_itself(
    pattern: str, model: str, expected: bool
) -> None:
    assert fits(pattern, model) is expected


def test_a_pattern_made_to_be_slow_is_not() -> None:
    assert not fits("*a" * 60 + "b", "a" * 255)


def test_the_most_specific_pattern_wins_then_the_newest() -> None:
    everything, family, exact = stated("*", days=1), stated("openai/*", days=2), stated("openai/o3", days=30)
    starred = stated("openai/o3*", days=1)
    assert choose_price([everything, family, starred, exact], "openai/o3", NOW) is exact
    assert choose_price([everything, family, starred, exact], "openai/o3-mini", NOW) is starred
    assert choose_price([everything, family], "openai/o1", NOW) is family
    assert choose_price([everything, family], "x", NOW) is everything
    assert choose_price([family], "x", NOW) is None
    newer = stated("openai/o3", days=3)
    assert choose_price([newer, exact], "openai/o3", NOW) is newer


def test_of_one_day_the_price_stated_last_wins() -> None:
    first, second = stated("m", days=5, stated_days=4), stated("m", days=5, stated_days=3)
    assert choose_price([second, first], "m", NOW) is second


def test_a_price_holds_for_what_is_decided_between_its_statement_and_its_withdrawal() -> None:
    assert choose_price([stated("m", days=-1)], "m", NOW) is None
    backdated = stated("m", days=300, stated_days=1)
    assert choose_price([backdated], "m", NOW) is backdated
    assert choose_price([backdated], "m", NOW - timedelta(days=2)) is None
    withdrawn = stated("m", days=3, withdrawn_at=NOW - timedelta(days=1))
    assert choose_price([withdrawn], "m", NOW) is None
    assert choose_price([withdrawn], "m", NOW - timedelta(days=2)) is withdrawn


def test_the_packages_prices_are_the_default_and_no_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a price must not be asked for over the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    price = find_default_price("openai/gpt-4o", Usage(input=500, cached_input=500, output=100), NOW)
    assert price is not None
    # 2.50, 1.25 and 10 dollars a million (openai.com/api/pricing for gpt-4o).
    assert price.amount_micros == 1250 + 625 + 1000
    assert price.label.startswith("genai-prices ") and price.label.endswith(": openai/gpt-4o")
    snapshot = sys.modules["genai_prices.data_snapshot"].get_snapshot()
    assert snapshot.from_auto_update is False


@pytest.mark.parametrize(
    "model", ["acme/triage-2", "acme-triage", "", " ", "/", "openai/", "/gpt-4o", "openai/none-such"]
)
def test_a_model_that_the_package_does_not_know_has_no_price(model: str) -> None:
    assert find_default_price(model, Usage(input=1000), NOW) is None


def test_reasoning_is_priced_as_output_by_default() -> None:
    with_reasoning = find_default_price("openai/o3", Usage(output=400, reasoning=600), NOW)
    assert with_reasoning == find_default_price("openai/o3", Usage(output=1000), NOW)
