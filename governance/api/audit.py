"""The audit log, for people and their scripts: what the page shows, with all it takes to verify an entry elsewhere."""

import json
from typing import Any

import django_filters
from django.db.models import F, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.pagination import KeysetPagination
from governance.models import AuditEntry, AuditPayload
from governance.permissions import require

EXAMPLE = OpenApiExample(
    "A ruling",
    value={
        "id": 4711,
        "type": "escalation.ruled",
        "occurred_at": "2026-03-01T09:00:00.123456Z",
        "actor": {"kind": "person", "id": "0199c1ef-1a2b-7c3d-8e4f-5a6b7c8d9e0f", "label": "Ann Reviewer"},
        "subject": "decision:0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a",
        "payload": {"escalation": "0199c1f0-6d2f-7a4b-8c5d-1e2f3a4b5c6d", "verdict": "approve"},
        "key": "5f1d…64 hexadecimal digits",
        "commitment": "9b2c…64 hexadecimal digits",
        "leaf_hash": "c07e…64 hexadecimal digits",
        "leaf_index": 4709,
    },
    response_only=True,
)


class ActorOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["person", "api_key", "system"], source="actor_kind")
    id = serializers.CharField(source="actor_id")
    # The stubs know `label` as the caption of a field.
    label = serializers.CharField(source="actor_label")  # type: ignore[assignment]


class AuditEntryOutput(serializers.Serializer[Any]):
    """One entry. `subject`, `payload` and `key` are null once the payload is erased; `leaf_index` is null until the entry
    is sequenced. The formulas of commitment and leaf hash stand in docs/explanation/audit-log.md."""

    id = serializers.IntegerField()
    type = serializers.CharField()
    occurred_at = serializers.DateTimeField(format="%Y-%m-%dT%H:%M:%S.%fZ")
    actor = ActorOutput(source="*")
    subject = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()
    key = serializers.SerializerMethodField()
    commitment = serializers.CharField()
    leaf_hash = serializers.CharField()
    leaf_index = serializers.IntegerField(allow_null=True)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_subject(self, entry: AuditEntry) -> str | None:
        kept = getattr(entry, "payload", None)
        return kept.subject if kept else None

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_payload(self, entry: AuditEntry) -> Any:
        kept: AuditPayload | None = getattr(entry, "payload", None)
        if kept is None:
            return None
        try:
            return json.loads(kept.payload)
        except ValueError:
            # Somebody altered it; it is shown as it stands.
            return kept.payload

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_key(self, entry: AuditEntry) -> str | None:
        kept = getattr(entry, "payload", None)
        return kept.key if kept else None


class AuditEntryFilter(django_filters.FilterSet):
    """`type`, `actor` (an id), `subject` (`kind:id`), `created_after`, `created_before` (instants, RFC 3339)."""

    type = django_filters.CharFilter(label="Type of the entry, for example escalation.ruled")
    actor = django_filters.CharFilter(field_name="actor_id", label="Id of whoever did it")
    subject = django_filters.CharFilter(method="filter_subject", label="What it is about, as kind:id")
    created_after = django_filters.IsoDateTimeFilter(
        field_name="occurred_at", lookup_expr="gte", label="Entries from this instant on"
    )
    created_before = django_filters.IsoDateTimeFilter(
        field_name="occurred_at", lookup_expr="lt", label="Entries before this instant"
    )

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = ()

    def filter_subject(self, queryset: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """With the organization, which leads the index."""
        return queryset.filter(payload__organization_id=F("organization_id"), payload__subject=value)


class AuditEntryList(ListAPIView[AuditEntry]):
    """The organization's audit entries, newest first. For people who may read the log; not for API keys."""

    serializer_class = AuditEntryOutput
    pagination_class = KeysetPagination
    filterset_class = AuditEntryFilter
    queryset = AuditEntry.objects.none()

    def get_queryset(self) -> Any:
        actor: Any = self.request.user
        require(actor, "audit.read")
        return AuditEntry.objects.visible_to(actor).select_related("payload")

    @extend_schema(operation_id="list_audit_entries", tags=["audit"], examples=[EXAMPLE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
