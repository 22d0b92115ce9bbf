"""Trying a monitor on the past: what it shows, what it refuses, and that nothing is changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import AISystem, AuditEntry
from operations.models import Alarm, Monitor
from operations.services.baselines import settings_of
from tests.factories import make_decision, make_person, make_system
from tests.operations.watch_scenes import make_monitor

pytestmark = pytest.mark.django_db
HOSTILE = "wipe<script>\u202e"


def decide(system: AISystem, count: int, action: str, *, hours_ago: float) -> None:
    begin = timezone.now() - timedelta(hours=hours_ago)
    for number in range(count):
        made = begin + timedelta(seconds=10 * number)
        make_decision(
            system, status="allowed", verdict="allow", created_at=made, action={"name": action, "arguments": {}}
        )


def query(monitor: Monitor, **typed: Any) -> str:
    fields = {**settings_of(monitor), "days": 30, **typed}
    return "?" + "&".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in fields.items()
    )


def read(client: Client, monitor: Monitor, query: str = "", status: int = 200) -> str:
    answer = client.get(reverse("monitor-preview", args=[monitor.pk]) + query)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.fixture
def monitor(client: Client) -> Monitor:
    system = make_system()
    decide(system, 120, "refund", hours_ago=9)
    decide(system, 120, HOSTILE, hours_ago=3)
    client.force_login(system.owner)
    return make_monitor(system, kind=Monitor.Kind.ACTION_MIX, baseline={"learned": {"counts": {"refund": 300}}})


def test_it_shows_the_alarms_that_there_would_have_been_and_changes_nothing(client: Client, monitor: Monitor) -> None:
    before = Monitor.objects.values().get(pk=monitor.pk)
    body = read(client, monitor, query(monitor, baseline=100, window=100))
    assert "Nothing was changed." in body and "240 decisions" in body
    assert "1 alarm</h2>" in body and "The baseline would have been complete on" in body
    assert "<svg viewBox" in body
    assert Monitor.objects.values().get(pk=monitor.pk) == before
    assert not Alarm.objects.exists() and not AuditEntry.objects.exists()
    assert "<script>" not in body.replace("<script ", "") and "\u202e" not in body


def test_settings_that_are_good_can_be_set_from_there(client: Client, monitor: Monitor) -> None:
    body = read(client, monitor, query(monitor, baseline=100, window=100))
    assert "Set the monitor so" in body
    assert '<input type="hidden" name="window" value="100"' in body
    assert "Set the monitor so" not in read(client, monitor, query(monitor))


def test_without_settings_it_is_a_form_alone(client: Client, monitor: Monitor) -> None:
    body = read(client, monitor)
    assert "Nothing tried yet" in body and "Nothing was changed." not in body


def test_too_little_past_is_said(client: Client, monitor: Monitor) -> None:
    assert "The baseline would not be complete yet: 240 of 300" in read(client, monitor, query(monitor))


def test_settings_out_of_bounds_are_refused_at_their_field(client: Client, monitor: Monitor) -> None:
    body = read(client, monitor, query(monitor, window=7, days=400), status=422)
    assert "greater than or equal to 100" in body and "less than or equal to 30" in body


def test_what_was_never_kept_cannot_be_tried(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.OWNER, baseline={"learned": {}})
    client.force_login(monitor.system.owner)
    assert "there is nothing to replay" in read(client, monitor, query(monitor), status=422)


def test_a_viewer_may_try_but_not_set(client: Client, monitor: Monitor) -> None:
    client.force_login(make_person(monitor.organization, "viewer"))
    body = read(client, monitor, query(monitor, baseline=100, window=100))
    assert "1 alarm</h2>" in body and "Set the monitor so" not in body
