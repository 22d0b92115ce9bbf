"""A database that can't be reached: 503 with a time to come back, and never an allowance."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from reviews.models import Decision
from tests.reviews.scenes import SMALL, get, open_desk

pytestmark = pytest.mark.django_db


def broken(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
    raise OperationalError("connection refused")


def broken_writes(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
    if "INSERT INTO" in sql:
        raise OperationalError("disk full")
    return execute(sql, params, many, context)


def is_told_to_come_back(response: Any) -> bool:
    return response.status_code == 503 and int(response["Retry-After"]) > 0


@pytest.mark.parametrize("outage", [broken, broken_writes])
def test_asking_answers_503_and_records_nothing(outage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.close", lambda self: None)
    desk = open_desk()
    with connection.execute_wrapper(outage):
        response = desk.post("/api/v1/decisions", {"action": SMALL, "input": 1}, **{"idempotency-key": "k"})
    assert is_told_to_come_back(response) and response["Content-Type"] == "application/problem+json"
    assert not Decision.objects.exists()


def test_looking_and_listing_answer_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.close", lambda self: None)
    desk = open_desk()
    decision = desk.ask()
    with connection.execute_wrapper(broken):
        for path in (f"/api/v1/decisions/{decision.pk}", "/api/v1/decisions", "/api/v1/escalations"):
            assert is_told_to_come_back(get(path, secret=desk.secret)), path
        page = Client()
        page.cookies["sessionid"] = "x" * 32
        assert is_told_to_come_back(page.get("/decisions/"))
