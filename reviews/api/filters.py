"""The documented filters of this floor's lists."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet
from django_filters.fields import IsoDateTimeField

from reviews.models import Decision, Escalation
from reviews.search import search_decisions


class InstantField(IsoDateTimeField):
    """An instant; refuses one that its offset carries out of the calendar, which no database could compare with."""

    def to_python(self, value: Any) -> datetime | None:
        instant = super().to_python(value)
        try:
            return instant.astimezone(UTC) if instant is not None else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class InstantFilter(django_filters.IsoDateTimeFilter):
    field_class = InstantField


class DecisionFilter(django_filters.FilterSet):
    """`status`, `verdict`, `action`, `model`, `release`, `subject`, `rule`, `label`, `created_after`, `created_before`,
    `q` (words in the input, subject and identifiers)."""

    status = django_filters.ChoiceFilter(choices=Decision.Status.choices)
    verdict = django_filters.ChoiceFilter(choices=Decision.Verdict.choices)
    action = django_filters.CharFilter(field_name="action_name")
    model = django_filters.CharFilter()
    release = django_filters.CharFilter()
    subject = django_filters.CharFilter()
    system = django_filters.CharFilter(field_name="system__slug")
    rule = django_filters.CharFilter()
    label = django_filters.CharFilter(method="filter_label")
    created_after = InstantFilter(field_name="created_at", lookup_expr="gte")
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt")
    q = django_filters.CharFilter(method="filter_text")

    class Meta:
        model = Decision
        fields: list[str] = []

    def filter_label(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Decisions with a ruling that bears the label."""
        if connection.vendor == "postgresql":
            return queryset.filter(reviews__labels__contains=[value]).distinct()
        return queryset.filter(reviews__labels__icontains=f'"{value}"').distinct()

    def filter_text(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return search_decisions(queryset, value)


class EscalationFilter(django_filters.FilterSet):
    """`status`, `queue`, `system`, `kind`, `rule`, `priority`, `holder` (me, nobody), `q` (in title, reason or subject)."""

    status = django_filters.MultipleChoiceFilter(choices=Escalation.Status.choices)
    queue = django_filters.CharFilter(field_name="queue__slug")
    system = django_filters.CharFilter(field_name="system__slug")
    kind = django_filters.ChoiceFilter(choices=Escalation.Kind.choices)
    rule = django_filters.CharFilter()
    priority = django_filters.ChoiceFilter(
        choices=[(label, label) for label in Escalation.Priority.labels],
        method="filter_priority",
    )
    holder = django_filters.ChoiceFilter(choices=[("me", "me"), ("nobody", "nobody")], method="filter_holder")
    q = django_filters.CharFilter(method="filter_text")

    class Meta:
        model = Escalation
        fields: list[str] = []

    def filter_priority(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(priority=Escalation.Priority.labels.index(value))

    def filter_holder(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "nobody":
            return queryset.filter(status=Escalation.Status.OPEN)
        user_id = getattr(self.request.user, "user_id", None) or getattr(self.request.user, "pk", None)
        return queryset.filter(status=Escalation.Status.CLAIMED, holder_id=user_id)

    def filter_text(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(
            Q(title__icontains=value) | Q(reason__icontains=value) | Q(decision__subject__icontains=value)
        )
