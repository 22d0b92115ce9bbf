"""A reader that is stuck or late: pages and /readyz say how far figures and monitors are behind the log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.actors import SYSTEM
from governance.models import ReaderCursor
from governance.services.liveness import note_heartbeat
from governance.services.recording import record
from governance.services.sequencing import sequence_entries
from operations.lag_selectors import Lag, Lags, read_lags
from operations.models import RollUpDue
from operations.services.monitoring import watch
from operations.services.rollups import roll_up
from tests.factories import make_system
from tests.operations.figure_scenes import this_hour

pytestmark = pytest.mark.django_db


def write(count: int, *, ago: timedelta) -> None:
    """So many entries of the log, which its sequencer has not placed yet."""
    for _ in range(count):
        record(
            organization_id=None,
            type="system.changed",
            actor=SYSTEM,
            subject="system:x",
            payload={},
            occurred_at=timezone.now() - ago,
        )


def lags() -> Lags:
    return read_lags(now=timezone.now())


def make_late() -> None:
    """Both readers have read five entries; three more are placed, and two are not."""
    write(5, ago=timedelta(minutes=20))
    sequence_entries()
    watch()
    roll_up()
    write(3, ago=timedelta(minutes=10))
    sequence_entries()
    write(2, ago=timedelta(minutes=5))


def test_who_has_read_everything_is_up_to_date() -> None:
    assert lags() == Lags(Lag(), Lag())
    make_late()
    sequence_entries()
    watch()
    roll_up()
    assert lags() == Lags(Lag(), Lag())
    assert (lags().figures.words, lags().is_late) == ("up to date", False)


def test_what_is_not_read_counts_from_its_oldest_entry_placed_or_not() -> None:
    make_late()
    assert (lags().monitors.entries, round(lags().monitors.seconds, -1)) == (5, 600)
    watch()
    assert (lags().monitors.entries, round(lags().monitors.seconds, -1)) == (2, 300)
    assert (lags().figures.entries, round(lags().figures.seconds, -1)) == (5, 600)
    assert lags().figures.words == "5 entries (10 min) behind the log"


def test_a_reader_that_has_never_run_is_behind_by_the_whole_log() -> None:
    write(4, ago=timedelta(minutes=2))
    sequence_entries()
    ReaderCursor.objects.all().delete()
    assert (lags().monitors.entries, round(lags().monitors.seconds, -1)) == (4, 120)


def test_figures_that_were_read_and_not_counted_are_behind_too() -> None:
    make_late()
    sequence_entries()
    watch()
    roll_up()
    due_at = timezone.now() - timedelta(minutes=7)
    RollUpDue.objects.create(system=make_system(), starts_at=this_hour(), due_at=due_at)
    assert (lags().figures.is_late, lags().monitors.is_late) == (True, False)
    assert round(lags().figures.seconds, -1) == 420


def test_readiness_says_so_and_stays_ready(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.BROKER_DIR = tmp_path
    note_heartbeat(component="worker")
    answer = client.get("/readyz").json()
    assert answer["readers"] == {name: {"entries_behind": 0, "seconds_behind": 0} for name in ("figures", "monitors")}
    assert "degraded" not in answer
    make_late()
    watch()
    late = client.get("/readyz")
    assert (late.status_code, late.json()["status"]) == (200, "ready")
    assert late.json()["readers"]["monitors"]["entries_behind"] == 2
    assert late.json()["degraded"] == [
        "Figures are 5 entries (10 min) behind the log.",
        "Monitors are 2 entries (5 min) behind the log.",
    ]


def test_pages_say_so(client: Client) -> None:
    system = make_system()
    client.force_login(system.owner)
    addresses = [reverse("overview"), reverse("client-list"), reverse("system-health", args=[system.slug])]
    make_late()
    for address in addresses:
        body = client.get(address).content.decode()
        assert "This is not the newest." in body, address
        assert "Figures are 5 entries (10 min) behind the log" in body
    sequence_entries()
    watch()
    roll_up()
    for address in addresses:
        body = client.get(address).content.decode()
        assert "This is not the newest." not in body, address
        assert "Monitors: up to date" in body
