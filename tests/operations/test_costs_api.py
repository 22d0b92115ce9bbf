"""Costs over the API: a month, a budget that may be put twice, and a repricing that goes on in the background."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.models import AISystem
from operations.models import Budget, Repricing
from operations.months import month_of, name_month
from tests.factories import make_organization, make_person, make_system
from tests.operations.cost_scenes import DOLLAR, budget, rate, write_day

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)


@pytest.fixture
def system(client: Client) -> AISystem:
    made = make_system(make_organization())
    client.force_login(made.owner)
    return made


def address(system: AISystem, what: str) -> str:
    return f"/api/v1/systems/{system.slug}/{what}"


def send(client: Client, method: str, url: str, body: Any) -> Any:
    return getattr(client, method)(url, json.dumps(body), content_type="application/json")


def test_a_month_is_read_with_what_is_in_it(client: Client, system: AISystem) -> None:
    rate(system, 60, since=MARCH)
    write_day(system, MARCH, decisions=10, priced=8, cost_micros=4 * DOLLAR, review_seconds=360.0, resolved=5)
    answer = client.get(address(system, "costs"), {"month": "2026-03"})
    assert answer.status_code == 200
    body = answer.json()
    wanted = {
        "system": system.slug,
        "month": "2026-03",
        "is_running": False,
        "decisions": 10,
        "priced": 8,
        "models_micros": 4 * DOLLAR,
        "review_seconds": 360.0,
        "review_micros": 6 * DOLLAR,
        "total_micros": 10 * DOLLAR,
        "per_decision_micros": DOLLAR // 2,
        "resolved": 5,
        "per_resolved_micros": 2 * DOLLAR,
        "budget": None,
        "share_of_budget": None,
        "warnings": [],
        "forecast": None,
        "tasks": [],
        "repricings": [],
    }
    assert {name: body[name] for name in wanted} == wanted


def test_the_running_month_has_a_forecast_or_what_it_lacks(client: Client, system: AISystem) -> None:
    body = client.get(address(system, "costs")).json()
    assert body["month"] == name_month(month_of(timezone.now())) and body["is_running"] is True
    assert body["forecast"]["total_micros"] == {
        "expected": None,
        "low": None,
        "high": None,
        "days_behind": 0,
        "days_missing": 14,
    }


@pytest.mark.parametrize("query", [{"month": "2026-3"}, {"month": ""}, {"month": "2026-03", "day": "1"}])
def test_a_month_that_is_none_is_refused(client: Client, system: AISystem, query: dict[str, str]) -> None:
    assert client.get(address(system, "costs"), query).status_code == 400


def test_a_budget_is_put_and_putting_it_again_changes_nothing(client: Client, system: AISystem) -> None:
    body = {"monthly_micros": 500 * DOLLAR, "includes_review": False, "note": "plan"}
    first = send(client, "put", address(system, "budget"), body)
    assert first.status_code == 200 and first.json()["monthly_micros"] == 500 * DOLLAR
    assert send(client, "put", address(system, "budget"), body).json() == first.json()
    assert Budget.objects.count() == 1
    costs = client.get(address(system, "costs")).json()
    assert (costs["budget"]["id"], costs["share_of_budget"]) == (first.json()["id"], 0.0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/monthly_micros"),
        ({"monthly_micros": 0}, "/monthly_micros"),
        ({"monthly_micros": 10**15 + 1}, "/monthly_micros"),
        ({"monthly_micros": 1.5}, "/monthly_micros"),
        ({"monthly_micros": "5"}, "/monthly_micros"),
        ({"monthly_micros": 5, "includes_review": "yes"}, "/includes_review"),
        ({"monthly_micros": 5, "note": "x" * 301}, "/note"),
        ({"monthly_micros": 5, "currency": "EUR"}, "/currency"),
    ],
)
def test_a_body_that_is_no_budget_is_refused_by_its_pointer(
    client: Client, system: AISystem, body: dict[str, Any], pointer: str
) -> None:
    answer = send(client, "put", address(system, "budget"), body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Budget.objects.exists()


def test_a_repricing_is_asked_for_and_a_second_one_told_to_wait(client: Client, system: AISystem) -> None:
    body = {"since": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z", "reason": "The contract."}
    answer = send(client, "post", address(system, "repricings"), body)
    assert answer.status_code == 201
    assert (answer.json()["looked_at"], answer.json()["finished_at"]) == (0, None)
    second = send(client, "post", address(system, "repricings"), body)
    assert (second.status_code, second.json()["type"].rpartition(":")[2]) == (409, "repricing-running")
    assert client.get(address(system, "costs")).json()["repricings"] == [answer.json()]
    Repricing.objects.all().delete()
    wrong = send(client, "post", address(system, "repricings"), {**body, "until": "2026-02-01T00:00:00Z"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/since")


def test_keys_and_roles_without_the_right_are_refused(client: Client, system: AISystem) -> None:
    budget(system, 1)
    client.force_login(make_person(system.organization, "viewer"))
    assert client.get(address(system, "costs")).status_code == 200
    assert send(client, "put", address(system, "budget"), {"monthly_micros": 1}).status_code == 403
    assert send(client, "post", address(system, "repricings"), {}).status_code == 403
    client.force_login(make_person(make_organization(), "admin"))
    for what in ("costs", "budget", "repricings"):
        answer = (
            client.get(address(system, what))
            if what == "costs"
            else send(client, "put" if what == "budget" else "post", address(system, what), {})
        )
        assert answer.status_code == 404
