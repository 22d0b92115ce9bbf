"""What the datasets' endpoints answer, with an example of each; the shapes hold no decision of their own."""

import json
from typing import Any

import django_filters
from django import forms
from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from evaluations.exporting.formats import FORMATS
from evaluations.models import Dataset, Example, ExampleSource
from evaluations.selectors import Selection
from evaluations.services.exporting import describe_source

DATASET_ID = "0199c1f4-2b7c-7d10-8a55-3f1b9c2d4e5f"
EXAMPLE_ID = "0199c1f5-61aa-7c44-b0de-9e2f7a6c5b4d"


@extend_schema_field({"description": "Any JSON value."})
class StoredJson(serializers.Field[Any, Any, Any, Any]):
    """A value that is stored as canonical text."""

    def to_representation(self, value: str) -> Any:
        return json.loads(value)


class SystemReference(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.SlugField()
    name = serializers.CharField()


class DatasetOutput(serializers.Serializer[Dataset]):
    id = serializers.UUIDField()
    slug = serializers.SlugField()
    name = serializers.CharField()
    system = SystemReference()
    held_out_percent = serializers.IntegerField(
        help_text="Of a hundred subjects so many are in the test split, for ever: what the system said when the dataset began."
    )
    created_at = serializers.DateTimeField()
    last_added_at = serializers.DateTimeField(allow_null=True)


class SourceOutput(serializers.Serializer[ExampleSource]):
    decision = serializers.UUIDField()
    review = serializers.UUIDField()
    policy_version = serializers.UUIDField(allow_null=True)

    def to_representation(self, source: ExampleSource) -> dict[str, Any]:
        return describe_source(source)


class ExampleOutput(serializers.Serializer[Example]):
    id = serializers.UUIDField()
    input = StoredJson(help_text="What the AI was given.")
    expected = StoredJson(
        help_text='The ruled proposal: `{"action": …}` or `{"output": …}`; null where it was rejected.'
    )
    labels = serializers.ListField(child=serializers.CharField())
    split = serializers.ChoiceField(choices=Example.Split.choices)
    status = serializers.ChoiceField(choices=Example.Status.choices)
    retired_reason = serializers.CharField(help_text="Why a retired example is out; empty for the others.")
    scorer = serializers.CharField()
    content = serializers.SerializerMethodField(
        help_text="`sha256:` over the RFC 8785 text of `{input, expected, scorer}`."
    )
    created_at = serializers.DateTimeField()
    sources = SourceOutput(many=True, source="sources.all")

    def get_content(self, example: Example) -> str:
        return f"sha256:{example.content_sha256}"


class ExampleFilter(django_filters.FilterSet):
    """`split`, `label`, `status` (repeat it for several)."""

    split = django_filters.ChoiceFilter(choices=Example.Split.choices)
    label = django_filters.CharFilter(method="filter_label", label="A ruling bore this label")
    status = django_filters.MultipleChoiceFilter(choices=Example.Status.choices)

    def filter_label(self, examples: Any, name: str, value: str) -> Any:
        return examples.labelled(value)

    @property
    def selection(self) -> Selection:
        """The same choice for an export: without a status, the active ones."""
        chosen = self.form.cleaned_data
        return Selection(
            statuses=tuple(chosen["status"]) or Selection().statuses, split=chosen["split"], label=chosen["label"]
        )


@extend_schema_field({"type": "integer", "minimum": 1})
class WholeNumber(django_filters.Filter):
    field_class = forms.IntegerField


class ExportFilter(ExampleFilter):
    """`format`, `version`, and the list's filters."""

    format = django_filters.ChoiceFilter(
        choices=[(name, format.label) for name, format in FORMATS.items()],
        method="keep",
        label="JSON lines unless said",
    )
    version = WholeNumber(
        min_value=1, max_value=2**31 - 1, method="keep", label="A sealed version instead of what is there now"
    )

    def keep(self, examples: Any, name: str, value: Any) -> Any:
        return examples


LINE = {
    "id": EXAMPLE_ID,
    "input": {"message": "The lamp came in two pieces."},
    "expected": {"action": {"arguments": {"amount": 150, "customer": "C-1042"}, "name": "refund"}},
    "labels": ["wrong-amount"],
    "split": "train",
    "sources": [
        {
            "decision": "0199c1f3-1111-7c44-b0de-9e2f7a6c5b4d",
            "review": "0199c1f3-2222-7c44-b0de-9e2f7a6c5b4d",
            "policy_version": "0199c1f2-77aa-7d10-8a55-3f1b9c2d4e5f",
        }
    ],
}
DATASET = OpenApiExample(
    "A dataset",
    value={
        "id": DATASET_ID,
        "slug": "refund-bot",
        "name": "Refund bot",
        "system": {"id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a", "slug": "refund-bot", "name": "Refund bot"},
        "held_out_percent": 20,
        "created_at": "2026-03-02T09:00:00Z",
        "last_added_at": "2026-03-04T16:20:00Z",
    },
    response_only=True,
)
EXAMPLE = OpenApiExample(
    "An example",
    value={
        **{name: LINE[name] for name in ("id", "input", "expected", "labels", "split")},
        "status": "active",
        "retired_reason": "",
        "scorer": "exact",
        "content": "sha256:9f1c2a7be0d34455a1f0c6b7d8e9fa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f",
        "created_at": "2026-03-04T16:20:00Z",
        "sources": LINE["sources"],
    },
    response_only=True,
)
EXPORT = OpenApiExample(
    "A line",
    value=json.dumps(LINE) + "\n",
    response_only=True,
    media_type="application/jsonl",
)
