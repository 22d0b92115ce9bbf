"""Scenes of the watching floor, written as rows: a monitor that has learned, an alarm, an incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from governance.models import AISystem
from operations.models import Alarm, Channel, Incident, Monitor
from reviews.models import Decision
from tests.factories import make_organization, make_system

STATED = {
    "false_alarm_interval": 20_000,
    "unit": "decisions",
    "expected_delay": 180,
    "delay_within": 410,
    "effect": "from 10 % to 20 %",
    "sentence": "From 10 % to 20 % is noticed after about 180 decisions, in 95 of 100 cases within 410.",
}


def make_monitor(system: AISystem | None = None, **fields: Any) -> Monitor:
    system = system or make_system()
    now = timezone.now()
    fields = {
        "kind": Monitor.Kind.ESCALATION_RATE,
        "status": Monitor.Status.WATCHING,
        "baseline": {"learned": {"n": 500, "events": 50}},
        "baseline_sealed_at": now - timedelta(days=3),
        "stated": STATED,
        "observations": 4_200,
        "created_at": now - timedelta(days=9),
        "changed_at": now - timedelta(days=3),
        **fields,
    }
    return Monitor.objects.create(organization_id=system.organization_id, system=system, **fields)


def make_incident(system: AISystem | None = None, **fields: Any) -> Incident:
    """An open incident with its owner; `status` may be another, with its instants set as they must be."""
    system = system or make_system()
    now = timezone.now()
    fields = {
        "fingerprint": "behaviour",
        "title": "The escalation rate rose from 10.0 % to 24.0 %",
        "opened_at": now - timedelta(minutes=22),
        "assignee": system.owner,
        "next_step_at": now + timedelta(minutes=38),
        **fields,
    }
    return Incident.objects.create(organization_id=system.organization_id, system=system, **fields)


def make_alarm(
    incident: Incident | None = None,
    monitor: Monitor | None = None,
    evidence: list[Decision] | None = None,
    **fields: Any,
) -> Alarm:
    """An alarm of a monitor of the incident's system, tied to the incident."""
    system = incident.system if incident else monitor.system if monitor else make_system()
    monitor = monitor or Monitor.objects.filter(system=system).first() or make_monitor(system)
    now = timezone.now()
    fields = {
        "title": "The escalation rate rose from 10.0 % to 24.0 %",
        "summary": "Policy sends more decisions to people than it used to.",
        "direction": "up",
        "baseline_value": 0.1,
        "observed_value": 0.24,
        "unit": "share",
        "since_at": now - timedelta(hours=3),
        "detected_at": now - timedelta(minutes=22),
        "delay_observations": 214,
        "detected_index": 4_200,
        "stated": STATED,
        **fields,
    }
    return Alarm.objects.create(
        organization_id=system.organization_id,
        system=system,
        monitor=monitor,
        incident=incident,
        evidence=[str(decision.pk) for decision in evidence or []],
        **fields,
    )


def make_channel(organization: Any = None, **fields: Any) -> Channel:
    organization = organization or make_organization()
    fields = {"name": "On call", "scheme": "slack", "sealed_url": "sealed", "created_at": timezone.now(), **fields}
    return Channel.objects.create(organization=organization, **fields)
