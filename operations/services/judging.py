"""Judging recoveries: the sweep that closes a half-open breaker whose conditions hold, and opens it again where they don't."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from governance.actors import SYSTEM
from governance.services.sweeping import sweep
from operations.models import Recovery
from operations.services.breaker import close_step, trip_step
from operations.services.opening import BEHAVIOUR, Cause, grade, open_or_join_step
from operations.services.recovering import Progress, end_recovery_step, has_failed, has_passed, measure_recovery
from reviews.services.clock import database_now


class _Overtaken(Exception):
    """The breaker or the recovery moved on meanwhile; what was begun is rolled back."""


def judge_recoveries(*, now: datetime | None = None, limit: int = 200) -> int:
    """Judge the recoveries that run; returns how many ended. May run twice or late: whoever is second changes nothing."""
    instant = now or database_now()
    running = Recovery.objects.filter(status=Recovery.Status.RUNNING).select_related("system").order_by("started_at")
    return sweep(running[:limit], lambda recovery: judge_recovery(recovery=recovery, now=instant))


def judge_recovery(*, recovery: Recovery, now: datetime) -> bool:
    """Whether this recovery ended by what was counted since it started."""
    progress = measure_recovery(recovery)
    try:
        if has_failed(recovery, progress):
            _fail(recovery, progress, now)
        elif has_passed(recovery, progress):
            _pass(recovery, progress, now)
        else:
            return False
    except _Overtaken:
        return False
    return True


def _pass(recovery: Recovery, progress: Progress, now: datetime) -> None:
    finding = progress.describe()
    with transaction.atomic(durable=True):
        closed = close_step(actor=SYSTEM, system=recovery.system, reason=f"Recovery passed: {finding}", now=now)
        if not closed or not _end(recovery, Recovery.Status.PASSED, finding, now):
            raise _Overtaken


def _fail(recovery: Recovery, progress: Progress, now: datetime) -> None:
    system, finding = recovery.system, progress.describe()
    cause = Cause(
        fingerprint=BEHAVIOUR,
        title=f"Recovery failed: {finding}",
        severity=grade(gravity=1, risk_tier=system.risk_tier),
        facts={"recovery": str(recovery.pk)},
    )
    with transaction.atomic(durable=True):
        incident, _ = open_or_join_step(actor=SYSTEM, system=system, cause=cause, now=now)
        is_still_running = Recovery.objects.filter(pk=recovery.pk, status=Recovery.Status.RUNNING).exists()
        if not is_still_running or not trip_step(
            actor=SYSTEM, incident=incident, reason=f"Recovery failed: {finding}", now=now
        ):
            raise _Overtaken


def _end(recovery: Recovery, status: str, finding: str, now: datetime) -> bool:
    """Ends this recovery, and not one that was started in its place meanwhile."""
    running = Recovery.objects.filter(system=recovery.system, status=Recovery.Status.RUNNING).values_list(
        "pk", flat=True
    )
    return list(running) == [recovery.pk] and end_recovery_step(
        actor=SYSTEM, system=recovery.system, status=status, finding=finding, now=now
    )
