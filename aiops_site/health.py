"""Alive and ready: what a load balancer, an orchestrator and the person who just typed `serve` ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from aiops_site.celery import app as celery_app
from governance.models import Heartbeat
from operations.lag_selectors import Lag, read_lags

# The worker beats every five seconds.
WORKER_SILENCE = timedelta(seconds=30)
BROKER_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One component's state; `why` says what is wrong, in words for whoever operates it."""

    is_ok: bool
    why: str = ""

    def describe(self) -> dict[str, Any]:
        return {"ok": True} if self.is_ok else {"ok": False, "why": self.why}


def describe_life() -> dict[str, Any]:
    return {"status": "alive"}


def check_database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except (DatabaseError, InterfaceError) as failure:
        connection.close()
        return Finding(False, f"The database can't be reached ({type(failure).__name__}).")
    return Finding(True)


def count_missing_migrations() -> int:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def check_migrations() -> Finding:
    try:
        missing = count_missing_migrations()
    except (DatabaseError, InterfaceError) as failure:
        return Finding(False, f"The database can't be asked ({type(failure).__name__}).")
    if missing:
        return Finding(False, f"{missing} migrations are not applied; run: python manage.py migrate")
    return Finding(True)


def check_broker() -> Finding:
    if not settings.REDIS_URL:
        return Finding(True) if settings.BROKER_DIR.is_dir() else Finding(False, "The broker's folder is missing.")
    try:
        with celery_app.connection_for_write(connect_timeout=BROKER_TIMEOUT_S) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_S)
    except Exception as failure:  # noqa: BLE001 (each transport has errors of its own)
        return Finding(False, f"The broker can't be reached ({type(failure).__name__}).")
    return Finding(True)


def check_worker() -> Finding:
    try:
        beat = Heartbeat.objects.filter(component="worker").first()
    except (DatabaseError, InterfaceError) as failure:
        return Finding(False, f"The database can't be asked ({type(failure).__name__}).")
    if beat is None:
        return Finding(False, "No worker has reported yet.")
    silence = timezone.now() - beat.beat_at
    if silence > WORKER_SILENCE:
        return Finding(False, f"The worker was last heard {int(silence.total_seconds())} s ago.")
    return Finding(True)


CHECKS: dict[str, Callable[[], Finding]] = {
    "database": check_database,
    "migrations": check_migrations,
    "broker": check_broker,
    "worker": check_worker,
}


def check_readiness() -> dict[str, Finding]:
    """Every component's state."""
    return {component: check() for component, check in CHECKS.items()}


def describe_readers() -> dict[str, Any]:
    """How far figures and monitors are behind the log, and what of it is late. Late, the service works, but what it shows and
    watches is old; so this makes nothing unready."""
    try:
        lags = read_lags(now=timezone.now())
    except (DatabaseError, InterfaceError):
        # The database's own check says so.
        return {}
    readers: dict[str, Lag] = {"figures": lags.figures, "monitors": lags.monitors}
    told: dict[str, Any] = {
        "readers": {
            name: {"entries_behind": lag.entries, "seconds_behind": round(lag.seconds)} for name, lag in readers.items()
        }
    }
    late = [f"{name.capitalize()} are {lag.words}." for name, lag in readers.items() if lag.is_late]
    return {**told, "degraded": late} if late else told


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: this process answers. Touches nothing else."""
    return JsonResponse(describe_life())


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Ready: 200 when every component works, else 503; both say which does and which does not, and how far the log is read."""
    findings = check_readiness()
    is_ready = all(finding.is_ok for finding in findings.values())
    checks = {component: finding.describe() for component, finding in findings.items()}
    status = {"status": "ready" if is_ready else "not ready", "checks": checks, **describe_readers()}
    response = JsonResponse(status, status=200 if is_ready else 503)
    # A probe asks every few seconds; that is no error to be logged each time.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
