"""The ground holds: the tests' own database, servers and helpers are what they claim to be."""

import threading
from typing import Any

import httpx
import psycopg
import pytest
import redis
from django.db import connection, transaction

from governance.models import AuditEntry, Organization
from governance.services.recording import record
from tests.factories import (
    actor_of,
    make_decision,
    make_escalation,
    make_key,
    make_organization,
    make_person,
    make_system,
)
from tests.support.races import race


@pytest.mark.django_db(transaction=True)
def test_threads_share_one_database() -> None:
    make_organization(slug="seen-by-all")

    def look() -> bool:
        return Organization.objects.filter(slug="seen-by-all").exists()

    assert race(*[look] * 4) == [True] * 4


@pytest.mark.django_db(transaction=True)
def test_writers_wait_for_each_other_instead_of_failing() -> None:
    organization = make_organization(name="0")

    def increment() -> int:
        with transaction.atomic():
            row = Organization.objects.select_for_update().get(pk=organization.pk)
            Organization.objects.filter(pk=row.pk).update(name=str(int(row.name) + 1))
        return threading.get_ident()

    results = race(*[increment] * 8)
    assert not [result for result in results if isinstance(result, BaseException)]
    organization.refresh_from_db()
    assert organization.name == "8"


@pytest.mark.django_db
def test_sqlite_runs_with_the_products_own_options() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("about SQLite")
    with connection.cursor() as cursor:
        found = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", [1, 2])
def test_nothing_is_left_of_a_test_that_committed(place: int) -> None:
    """Twice, so that whichever comes second finds the audit log empty again."""
    assert not AuditEntry.objects.exists()
    organization = make_organization()
    actor = actor_of(make_person(organization, "admin"), organization)
    with transaction.atomic():
        record(organization_id=organization.pk, type="test", actor=actor, subject="test:1", payload={"place": place})
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_factories_make_rows_that_the_constraints_accept() -> None:
    organization = make_organization()
    reviewer = make_person(organization, "reviewer", "lead")
    assert actor_of(reviewer, organization).roles == {"reviewer", "lead"}
    system = make_system(organization)
    key, secret = make_key(system)
    assert secret.startswith(key.prefix)
    assert make_escalation(make_decision(system)).kind == "approval"
    assert make_escalation(make_decision(system, status="allowed", output="Hello.")).kind == "quality"


@pytest.mark.django_db
def test_a_password_is_known_to_the_product() -> None:
    person = make_person(password="correct horse battery")
    assert person.check_password("correct horse battery")
    assert not person.check_password("wrong horse battery")


def test_an_empty_postgres_can_be_had(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connected:
        row = connected.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


def test_a_redis_can_be_had(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


@pytest.mark.django_db(transaction=True)
def test_the_service_is_served(live_service: str) -> None:
    assert httpx.get(f"{live_service}/static/css/tokens.css").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_browser_can_be_had(live_service: str, browser_page: Any) -> None:
    browser_page.goto(f"{live_service}/static/css/tokens.css")
    assert "--" in browser_page.content()
