"""What the endpoints of reports and improvements read and answer: explicit fields, each with an example for the schema."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from governance.api.policy_shapes import Body, TextField
from operations.api.bodies import Number
from operations.api.shapes import SystemLine
from operations.models import ImprovementItem, OwnershipReport
from operations.months import name_month, read_month


class ReportOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    system = SystemLine()
    month = serializers.SerializerMethodField()
    sha256 = serializers.SerializerMethodField(help_text="Of the document's bytes; the audit log holds it too.")
    frozen_at = serializers.DateTimeField()
    frozen_by = serializers.CharField(source="frozen_by_label")
    attested_at = serializers.DateTimeField(allow_null=True)
    attested_by = serializers.SerializerMethodField()
    statement = serializers.CharField()

    def get_month(self, report: OwnershipReport) -> str:
        return name_month(report.month)

    def get_sha256(self, report: OwnershipReport) -> str:
        return f"sha256:{report.sha256}"

    def get_attested_by(self, report: OwnershipReport) -> str | None:
        return report.attested_by_label or None


class ImprovementOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    system = SystemLine()
    month = serializers.SerializerMethodField(
        help_text="Decided on this month's figures, which later ones are compared with."
    )
    title = serializers.CharField()
    metric = serializers.ChoiceField(choices=ImprovementItem.Metric.choices)
    expected_value = serializers.FloatField()
    owner = serializers.EmailField(source="owner.email")
    due_on = serializers.DateField()
    status = serializers.ChoiceField(choices=ImprovementItem.Status.choices)
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    closing_note = serializers.CharField()

    def get_month(self, item: ImprovementItem) -> str:
        return name_month(item.month)


class FreezeBody(Body):
    month = TextField(help_text="A month that is over, such as 2026-10.")


class AttestBody(Body):
    statement = TextField(help_text="What the owner takes from the month, in their own words.")


class ImprovementBody(Body):
    system = TextField(help_text="The system's slug.")
    month = TextField(help_text="On whose figures it is decided, such as 2026-10.")
    title = TextField()
    metric = serializers.ChoiceField(choices=ImprovementItem.Metric.choices)
    expected_value = Number(help_text="A rate as a share (0 to 1), a cost in US dollars, a time in seconds.")
    owner = serializers.EmailField(help_text="The address of whoever sees to it.")
    due_on = serializers.DateField()


class CloseBody(Body):
    status = serializers.ChoiceField(choices=["done", "dropped"])
    note = TextField(help_text="What was done, or why not.")


def _of_month(rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
    return rows.filter(month=read_month(value))


class ReportFilter(django_filters.FilterSet):
    """`system` (slug), `month` (2026-10)."""

    system = django_filters.CharFilter(field_name="system__slug")
    month = django_filters.CharFilter(method=_of_month)

    class Meta:
        model = OwnershipReport
        fields: list[str] = []


class ImprovementFilter(django_filters.FilterSet):
    """`system` (slug), `month` (2026-10), `status`."""

    system = django_filters.CharFilter(field_name="system__slug")
    month = django_filters.CharFilter(method=_of_month)
    status = django_filters.ChoiceFilter(choices=ImprovementItem.Status.choices)

    class Meta:
        model = ImprovementItem
        fields: list[str] = []


_SYSTEM = {"id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a", "slug": "booking-agent", "name": "Booking agent"}
REPORT = OpenApiExample(
    "A report",
    value={
        "id": "019a4b11-7c2d-7e0a-8f01-5a6b7c8d9e0f",
        "system": _SYSTEM,
        "month": "2026-10",
        "sha256": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "frozen_at": "2026-11-03T00:00:12Z",
        "frozen_by": "Countersign",
        "attested_at": "2026-11-04T09:12:40Z",
        "attested_by": "Ann Owner",
        "statement": "The new calendar cost us two days; the contract test is mine until the 20th.",
    },
    response_only=True,
)
IMPROVEMENT = OpenApiExample(
    "An improvement",
    value={
        "id": "019a4b20-1111-7e0a-8f01-5a6b7c8d9e0f",
        "system": _SYSTEM,
        "month": "2026-10",
        "title": "Run the calendar's contract test every hour",
        "metric": "failure_rate",
        "expected_value": 0.01,
        "owner": "ann@example.com",
        "due_on": "2026-11-20",
        "status": "open",
        "created_at": "2026-11-04T09:15:02Z",
        "closed_at": None,
        "closing_note": "",
    },
    response_only=True,
)
DOCUMENT = OpenApiExample(
    "A document, its beginning",
    value={
        "format": "countersign.ownership-report/2",
        "month": "2026-10",
        "since": "2026-10-01T00:00:00Z",
        "until": "2026-11-01T00:00:00Z",
        "is_complete": True,
        "quality": {
            "estimate": {
                "rate": 0.104,
                "low": 0.091,
                "high": 0.119,
                "confidence": 0.95,
                "reviewed": 2967,
                "covered": 11865,
                "more_reviews": 0,
            },
            "missing": None,
        },
    },
    response_only=True,
)
