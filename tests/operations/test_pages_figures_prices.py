"""The page of prices: whose price holds for which model, stating one, withdrawing one, and what nobody prices."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import AISystem, AuditEntry
from operations.models import ModelPrice
from tests.factories import make_organization, make_person, make_system
from tests.operations.figure_scenes import make_roll_up

pytestmark = pytest.mark.django_db
FORM = {"pattern": "in-house/*", "effective_from": "2026-01-01", "input": "0.20", "output": "0.8", "note": "power"}


@pytest.fixture
def system(client: Client) -> AISystem:
    made = make_system(make_organization())
    client.force_login(made.owner)
    return made


def look(client: Client, **query: str) -> str:
    body = client.get(reverse("price-list"), query).content.decode()
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def state(client: Client, **fields: str) -> Any:
    return client.post(reverse("price-list"), {**FORM, **fields})


def test_a_price_is_stated_and_recorded(client: Client, system: AISystem) -> None:
    assert state(client).status_code == 302
    price = ModelPrice.objects.get()
    assert (price.pattern, f"{price.input:f}", price.cached_input) == ("in-house/*", "0.200000", None)
    assert AuditEntry.objects.filter(type="price.stated").count() == 1
    words = look(client)
    assert "in-house/* power" in words and "$0.20" in words and "$0.80" in words and "as input" in words


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"input": "-1"}, "greater than or equal to 0"),
        ({"input": "1e30"}, "digits"),
        ({"output": "NaN"}, "number"),
        ({"effective_from": "soon"}, "valid date"),
        ({"pattern": "*" * 11}, "At most 10 times"),
    ],
)
def test_a_price_that_cannot_be_one_is_refused_at_its_field(
    client: Client, system: AISystem, fields: dict[str, str], said: str
) -> None:
    answer = state(client, **fields)
    assert answer.status_code == 422 and said in answer.content.decode()
    assert not ModelPrice.objects.exists()


def test_a_model_shows_whose_price_holds_for_it(client: Client, system: AISystem) -> None:
    for model, decisions in (("in-house/triage", 9), ("openai/gpt-4o", 5), ("nobody/knows-this", 3)):
        make_roll_up(system, dimension="model", value=model, decisions=decisions)
    words = look(client)
    assert re.search(r"openai/gpt-4o .*genai-prices [\d.]+: openai/gpt-4o \$2\.50 \$1\.25 \$10\.00", words)
    assert words.count("no price State one") == 2
    state(client)
    words = look(client)
    assert "your table in-house/*" in words and words.count("no price State one") == 1


def test_a_withdrawn_price_stays_in_sight_and_holds_no_more(client: Client, system: AISystem) -> None:
    make_roll_up(system, dimension="model", value="in-house/triage")
    state(client)
    address = reverse("price-withdraw", args=[ModelPrice.objects.get().pk])
    assert client.post(address).status_code == 302
    words = look(client)
    assert "withdrawn" in words and "no price State one" in words
    assert client.post(address).status_code == 409


def test_whoever_may_not_state_sees_the_prices_and_no_form(client: Client, system: AISystem) -> None:
    state(client)
    client.force_login(make_person(system.organization, "viewer"))
    body = client.get(reverse("price-list")).content.decode()
    assert "in-house/*" in body and '<form class="body form"' not in body and "Withdraw" not in body
    assert state(client).status_code == 403
    assert ModelPrice.objects.count() == 1


def test_the_form_takes_the_model_from_the_address(client: Client, system: AISystem) -> None:
    body = client.get(reverse("price-list"), {"model": "x/<b>y"}).content.decode()
    assert 'value="x/&lt;b&gt;y"' in body


def test_others_prices_and_models_are_not_there(client: Client, system: AISystem) -> None:
    other = make_system(make_organization())
    make_roll_up(other, dimension="model", value="others/model")
    ModelPrice.objects.create(
        organization=other.organization,
        pattern="others/*",
        effective_from=timezone.now().date(),
        input=1,
        output=1,
        created_at=timezone.now(),
    )
    words = look(client)
    assert "others/" not in words and "No decision of the last 30 days named its model." in words
