"""What the endpoints of watching answer: explicit fields, each with an example for the schema."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from governance.api.systems import PersonOutput
from governance.models import AISystem
from operations.models import Alarm, Incident, Monitor


class SystemLine(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.SlugField()
    name = serializers.CharField()


class MonitorLine(serializers.Serializer[Any]):
    """A monitor in a list: all but its baseline, which holds whatever was learned and may be long."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Monitor.Kind.choices)
    system = SystemLine()
    status = serializers.ChoiceField(choices=Monitor.Status.choices)
    settings = serializers.DictField()
    trips_breaker = serializers.BooleanField()
    stated = serializers.DictField(help_text="What it promises: false-alarm interval, expected delay, and their unit.")
    baseline_sealed_at = serializers.DateTimeField(allow_null=True)
    observations = serializers.IntegerField()
    alarms = serializers.IntegerField(source="alarm_count")
    last_alarm_at = serializers.DateTimeField(allow_null=True)
    changed_at = serializers.DateTimeField()
    version = serializers.IntegerField()


class MonitorOutput(MonitorLine):
    """One monitor with what it learned."""

    baseline = serializers.DictField(allow_null=True)


class AlarmOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    monitor = serializers.UUIDField(source="monitor_id")
    kind = serializers.ChoiceField(choices=Monitor.Kind.choices, source="monitor.kind")
    segment = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    since = serializers.DateTimeField(source="since_at")
    detected_at = serializers.DateTimeField()
    decisions_until_detected = serializers.IntegerField(
        source="delay_observations", help_text="In what the monitor counts: decisions, rulings, outcomes."
    )
    baseline = serializers.FloatField(source="baseline_value", allow_null=True)
    observed = serializers.FloatField(source="observed_value", allow_null=True)
    unit = serializers.CharField()
    false_alarm_interval = serializers.SerializerMethodField()
    evidence = serializers.ListField(child=serializers.UUIDField(), help_text="Decisions that show it, newest first.")
    is_false = serializers.BooleanField(allow_null=True)

    def get_false_alarm_interval(self, alarm: Alarm) -> float | None:
        """Observations between two such alarms where nothing has changed; null where the monitor makes no estimate."""
        interval = alarm.stated.get("false_alarm_interval")
        return interval if isinstance(interval, (int, float)) else None


class ReviewOutput(serializers.Serializer[Any]):
    cause = serializers.CharField()
    earlier_detection = serializers.CharField()
    examples = serializers.ListField(child=serializers.UUIDField())
    no_examples_reason = serializers.CharField()
    action = serializers.CharField()
    action_owner = PersonOutput()
    action_due_on = serializers.DateField()


class IncidentOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=Incident.Status.choices)
    severity = serializers.ChoiceField(choices=Incident.Severity.choices)
    system = SystemLine()
    assignee = PersonOutput(allow_null=True)
    next_step_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    mitigated_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    is_false_alarm = serializers.BooleanField()
    alarms = AlarmOutput(many=True)
    breaker = serializers.ChoiceField(choices=AISystem.Breaker.choices, source="system.breaker")
    version = serializers.IntegerField()


class IncidentDetailOutput(IncidentOutput):
    review = serializers.SerializerMethodField()

    def get_review(self, incident: Incident) -> dict[str, Any] | None:
        """What was learned; null before the review."""
        if incident.status != Incident.Status.REVIEWED:
            return None
        fields = ("cause", "earlier_detection", "no_examples_reason", "action", "action_owner", "action_due_on")
        # The examples were read ahead with the incident.
        kept = {name: getattr(incident, name) for name in fields}
        return dict(ReviewOutput({**kept, "examples": [example.pk for example in incident.examples.all()]}).data)


class BreakerOutput(serializers.Serializer[Any]):
    system = serializers.SlugField(source="slug")
    breaker = serializers.ChoiceField(choices=AISystem.Breaker.choices)
    share = serializers.FloatField(source="breaker_share")
    reason = serializers.CharField(source="breaker_reason")
    changed_at = serializers.DateTimeField(source="breaker_changed_at", allow_null=True)


class MonitorFilter(django_filters.FilterSet):
    """`system` (slug), `status`, `kind`."""

    system = django_filters.CharFilter(field_name="system__slug")
    status = django_filters.ChoiceFilter(choices=Monitor.Status.choices)
    kind = django_filters.ChoiceFilter(choices=Monitor.Kind.choices)

    class Meta:
        model = Monitor
        fields: list[str] = []


class IncidentFilter(django_filters.FilterSet):
    """`system` (slug), `status` (repeatable), `severity`."""

    system = django_filters.CharFilter(field_name="system__slug")
    status = django_filters.MultipleChoiceFilter(choices=Incident.Status.choices)
    severity = django_filters.ChoiceFilter(choices=Incident.Severity.choices)

    class Meta:
        model = Incident
        fields: list[str] = []


_SYSTEM = {"id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a", "slug": "booking-agent", "name": "Booking agent"}
_ANN = {"id": "0199c1ef-1a2b-7c3d-8e4f-5a6b7c8d9e0f", "name": "Ann Owner", "email": "ann@example.com"}
_ALARM = {
    "id": "0199c1f6-0001-7b3a-9c41-0d8f5c1e7b3a",
    "monitor": "0199c1f5-0001-7b3a-9c41-0d8f5c1e7b3a",
    "kind": "failed_outcomes",
    "segment": "dependency=calendar",
    "title": "Bookings fail at the calendar: 41 % instead of 2 %",
    "summary": "Of 34 outcomes since 10:12, 14 failed at the dependency calendar.",
    "since": "2026-03-14T10:12:00Z",
    "detected_at": "2026-03-14T10:41:00Z",
    "decisions_until_detected": 34,
    "baseline": 0.02,
    "observed": 0.41,
    "unit": "share",
    "false_alarm_interval": 20000,
    "evidence": ["0199c1f7-0001-7b3a-9c41-0d8f5c1e7b3a"],
    "is_false": None,
}
_INCIDENT = {
    "id": "0199c1f8-0001-7b3a-9c41-0d8f5c1e7b3a",
    "title": _ALARM["title"],
    "status": "open",
    "severity": "critical",
    "system": _SYSTEM,
    "assignee": _ANN,
    "next_step_at": "2026-03-14T11:41:00Z",
    "opened_at": "2026-03-14T10:41:00Z",
    "acknowledged_at": None,
    "mitigated_at": None,
    "resolved_at": None,
    "reviewed_at": None,
    "is_false_alarm": False,
    "alarms": [_ALARM],
    "breaker": "open",
    "version": 1,
}
_MONITOR = {
    "id": _ALARM["monitor"],
    "kind": "failed_outcomes",
    "system": _SYSTEM,
    "status": "alarmed",
    "settings": {},
    "trips_breaker": True,
    "stated": {"false_alarm_interval": 20000, "unit": "outcomes"},
    "baseline_sealed_at": "2026-03-10T08:00:00Z",
    "observations": 1480,
    "alarms": 1,
    "last_alarm_at": "2026-03-14T10:41:00Z",
    "changed_at": "2026-03-10T08:00:00Z",
    "version": 2,
}
MONITOR_LINE = OpenApiExample("A monitor", value=_MONITOR, response_only=True)
MONITOR = OpenApiExample(
    "A monitor", value={**_MONITOR, "baseline": {"learned": {"n": 500, "events": 10}}}, response_only=True
)
INCIDENT = OpenApiExample("An incident", value=_INCIDENT, response_only=True)
INCIDENT_DETAIL = OpenApiExample("An incident", value={**_INCIDENT, "review": None}, response_only=True)
