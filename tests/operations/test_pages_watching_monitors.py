"""What people do to a monitor on its page: set it, switch it, let it learn anew or watch again; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import AuditEntry
from operations.models import Monitor
from operations.monitor_kinds import KINDS
from operations.services.baselines import settings_of
from tests.factories import make_person
from tests.operations.watch_scenes import make_monitor

pytestmark = pytest.mark.django_db


def send(client: Client, name: str, key: Any, status: int = 302, **fields: Any) -> str:
    answer = client.post(reverse(name, args=[key]), fields)
    assert answer.status_code == status, answer.content.decode()[:3000]
    return answer.content.decode()


def as_set(monitor: Monitor, **changed: Any) -> dict[str, Any]:
    """The form as it stands, with what somebody typed instead."""
    on = {"is_on": "on"} if monitor.status != "off" else {}
    return {**settings_of(monitor), **on, "version": monitor.version, **changed}


def test_the_settings_are_kept_and_stand_in_the_monitors_life(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.ACTION_MIX, baseline={"learned": {"counts": {"refund": 300}}})
    client.force_login(monitor.system.owner)
    send(client, "monitor-change", monitor.pk, **as_set(monitor, window="400", trips_breaker="on"))
    monitor.refresh_from_db()
    assert monitor.settings == {"window": 400} and monitor.trips_breaker
    body = client.get(reverse("monitor-detail", args=[monitor.pk])).content.decode()
    assert "Set: the settings, an alarm opens the breaker" in body
    assert 'value="400"' in body


def test_a_setting_out_of_its_bounds_is_refused_beside_its_field(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.ACTION_MIX, baseline={"learned": {"counts": {"refund": 300}}})
    client.force_login(monitor.system.owner)
    body = send(client, "monitor-change", monitor.pk, 422, **as_set(monitor, window="7", alpha="x"))
    assert "greater than or equal to 100" in body and "Enter a number." in body
    assert 'value="7"' in body
    monitor.refresh_from_db()
    assert monitor.settings == {} and not AuditEntry.objects.filter(type="monitor.changed").exists()


def test_settings_that_the_baseline_does_not_carry_are_refused_above_the_form(client: Client) -> None:
    monitor = make_monitor(baseline={"learned": {"n": 2, "events": 1}})
    client.force_login(monitor.system.owner)
    body = send(client, "monitor-change", monitor.pk, 422, **as_set(monitor, arl0="9000"))
    assert "error-summary" in body and "baseline" in body


def test_a_monitor_is_switched_off_and_on(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.QUEUE_AGE, baseline={"learned": {}})
    client.force_login(monitor.system.owner)
    fields = as_set(monitor)
    del fields["is_on"]
    send(client, "monitor-change", monitor.pk, **fields)
    monitor.refresh_from_db()
    assert monitor.status == Monitor.Status.OFF
    send(client, "monitor-change", monitor.pk, **as_set(monitor, is_on="on"))
    monitor.refresh_from_db()
    assert monitor.status == Monitor.Status.WATCHING


def test_whoever_was_slower_keeps_what_they_typed(client: Client) -> None:
    monitor = make_monitor(kind=Monitor.Kind.ACTION_MIX, baseline={"learned": {"counts": {"refund": 300}}})
    client.force_login(monitor.system.owner)
    fields = as_set(monitor, window="400")
    Monitor.objects.filter(pk=monitor.pk).update(version=9)
    body = send(client, "monitor-change", monitor.pk, 409, **fields)
    assert "Nothing was changed." in body and 'value="400"' in body


def test_a_monitor_learns_anew_with_a_reason(client: Client) -> None:
    monitor = make_monitor()
    client.force_login(monitor.system.owner)
    assert "This field is required." in send(client, "monitor-learn", monitor.pk, 422, reason="")
    send(client, "monitor-learn", monitor.pk, reason="The shop opened in another country.")
    monitor.refresh_from_db()
    assert monitor.status == Monitor.Status.LEARNING and monitor.baseline is None
    body = client.get(reverse("monitor-detail", args=[monitor.pk])).content.decode()
    assert "Learns anew" in body and "The shop opened in another country." in body


def test_an_alarmed_monitor_watches_again(client: Client) -> None:
    monitor = make_monitor(status="alarmed")
    client.force_login(monitor.system.owner)
    send(client, "monitor-rearm", monitor.pk, reason="Looked at it.")
    monitor.refresh_from_db()
    assert monitor.status == Monitor.Status.WATCHING
    body = send(client, "monitor-rearm", monitor.pk, 409, reason="Once more.")
    assert "The monitor is not alarmed" in body and "Once more." in body


def test_a_viewer_sees_how_it_is_set_and_has_no_forms(client: Client) -> None:
    monitor = make_monitor()
    client.force_login(make_person(monitor.organization, "viewer"))
    body = client.get(reverse("monitor-detail", args=[monitor.pk])).content.decode()
    assert KINDS[monitor.kind].settings[0].words in body
    assert reverse("monitor-change", args=[monitor.pk]) not in body
    send(client, "monitor-learn", monitor.pk, 403, reason="x")
