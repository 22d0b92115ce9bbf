"""Alive and ready: which component is named when it does not work."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from governance.models import Heartbeat
from governance.services.liveness import note_heartbeat
from tests.aiops_site.running import RunningService
from tests.support.servers import PostgresCluster, ServerMissing, is_required


def read_checks(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["checks"]


def test_being_alive_asks_nobody_else(client: Client) -> None:
    # No database fixture: a query would fail this test.
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_ready_once_the_worker_has_reported(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.BROKER_DIR = tmp_path
    status, checks = read_checks(client)
    assert status == 503
    assert checks["worker"] == {"ok": False, "why": "No worker has reported yet."}
    note_heartbeat(component="worker")
    status, checks = read_checks(client)
    assert status == 200
    assert all(check == {"ok": True} for check in checks.values())


@pytest.mark.django_db
def test_a_silent_worker_and_a_missing_broker_are_named(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.BROKER_DIR = tmp_path / "nowhere"
    Heartbeat.objects.create(component="worker", beat_at=timezone.now() - timedelta(minutes=5))
    status, checks = read_checks(client)
    assert status == 503
    assert checks["database"] == {"ok": True}
    assert "300 s ago" in checks["worker"]["why"]
    assert checks["broker"]["ok"] is False


@pytest.mark.django_db
def test_a_missing_migration_is_named(client: Client) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="evaluations").delete()
    _, checks = read_checks(client)
    assert checks["migrations"]["ok"] is False
    assert "manage.py migrate" in checks["migrations"]["why"]


@pytest.mark.django_db
def test_a_probe_may_ask_by_any_host(client: Client) -> None:
    assert client.get("/readyz", headers={"host": "10.1.2.3:8000"}).status_code in {200, 503}


@pytest.mark.slow
def test_a_database_that_goes_away_is_named_and_the_process_stays_alive(tmp_path: Path) -> None:
    try:
        cluster = PostgresCluster().__enter__()
    except ServerMissing as reason:
        if is_required():
            raise
        pytest.skip(str(reason))
    try:
        environment = {"DATABASE_URL": cluster.url}
        with RunningService(tmp_path, "--only", "web", "--migrate", environment=environment) as service:
            while not service.is_ready() and "worker" not in service.why_not:
                pass
            cluster.stop()
            answer = httpx.get(f"{service.url}/readyz", timeout=20)
            assert answer.status_code == 503
            assert answer.json()["checks"]["database"]["ok"] is False
            assert httpx.get(f"{service.url}/healthz").status_code == 200
            problem = httpx.get(f"{service.url}/api/v1/decisions", headers={"Authorization": "Bearer cs_live_x"})
            assert problem.status_code == 503
            assert problem.headers["Retry-After"]
            assert service.end() == 0
    finally:
        cluster.stop()
