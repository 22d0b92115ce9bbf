"""What the policies' endpoints read and answer, with an example of each; the shapes hold no decision of their own."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from governance.api.systems import PersonOutput
from governance.models import Activation, PolicyVersion

VERSION_ID = "0199c1f2-77aa-7d10-8a55-3f1b9c2d4e5f"
POLICY_ID = "0199c1f1-08b2-7c44-b0de-9e2f7a6c5b4d"
SHA256 = "sha256:9f1c2a7be0d34455a1f0c6b7d8e9fa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f"
DOCUMENT = """\
apiVersion: governance/v1
kind: Policy
metadata: {key: refunds}
default: allow
rules:
  - id: large-refund
    when: action.name == "refund" && action.arguments.amount > 200.0
    verdict: review
    reason: Refunds over 200 need a person
"""


class Body(serializers.Serializer[Any]):
    """A JSON object of these fields and no others: what is sent is never ignored."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            known = ", ".join(self.fields) or "none"
            raise serializers.ValidationError({unknown[0]: [f"Unknown field. Known here: {known}."]})
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A JSON string; numbers are not made into one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This has to be a string.")
        return super().to_internal_value(data)


@extend_schema_field({"oneOf": [{"type": "string", "description": "YAML text"}, {"type": "object"}]})
class DocumentField(serializers.Field[Any, Any, Any, Any]):
    """A policy document: YAML text, or the same as a JSON object."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | dict):
            raise serializers.ValidationError("This has to be YAML text or a JSON object.")
        return data


class JsonObjectField(serializers.DictField):
    """Any JSON object, as it was sent."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This has to be a JSON object.")
        return data


class NewPolicy(Body):
    system = TextField(help_text="The slug of a system that has no policy.")
    key = TextField(required=False, allow_blank=True, default="", help_text="The system's slug unless told.")
    document = DocumentField(required=False, help_text="The first draft; a small example unless told.")


class NewVersion(Body):
    document = DocumentField(required=False, help_text="The text in force unless this or `copy_of` is told.")
    copy_of = serializers.UUIDField(required=False, help_text="Begin with the text of this version.")
    base = serializers.UUIDField(
        required=False, help_text="The version that the text was made from; 409 where it is not in force any more."
    )

    def validate(self, attrs: Any) -> Any:
        if "document" in attrs and "copy_of" in attrs:
            raise serializers.ValidationError("Send either document or copy_of.")
        return attrs


class DraftText(Body):
    document = DocumentField()


class Submission(Body):
    reason = TextField(trim_whitespace=True, help_text="Why the rules should change; approvers read it.")


class Approval(Body):
    sha256 = TextField(help_text="The hash of the text that you have read.")
    comment = TextField(required=False, allow_blank=True, default="")


class Rejection(Body):
    sha256 = TextField(help_text="The hash of the text that you have read.")
    reason = TextField()


class OptionalReason(Body):
    reason = TextField(required=False, allow_blank=True, default="")


class Rollback(Body):
    reason = TextField()
    activation = serializers.IntegerField(
        required=False, min_value=1, help_text="The number of the activation to undo; 409 where it is not the last."
    )


class Trial(Body):
    document = DocumentField()
    context = JsonObjectField(  # type: ignore[assignment]
        help_text="What a decision brings: action, input, output, confidence, subject …"
    )


class PolicySystem(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.SlugField()
    name = serializers.CharField()


class PolicyVersionReference(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()


class Hash(serializers.CharField):
    """`sha256:<hex>`, null while there is none."""

    def to_representation(self, value: Any) -> Any:
        return f"sha256:{value}" if value else None


class ActivationOutput(serializers.Serializer[Activation]):
    number = serializers.IntegerField()
    version = PolicyVersionReference()
    sha256 = Hash(source="version.sha256")
    origin = serializers.ChoiceField(choices=Activation.Origin.choices)
    effective_from = serializers.DateTimeField()
    actor = serializers.CharField(source="actor_label")
    reason = serializers.CharField()


class PolicyOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.SlugField()
    system = PolicySystem()
    in_force = ActivationOutput(allow_null=True)
    created_at = serializers.DateTimeField()


class ApprovalOutput(serializers.Serializer[Any]):
    approver = PersonOutput()
    verdict = serializers.ChoiceField(choices=["approve", "reject"])
    sha256 = Hash()
    comment = serializers.CharField()
    created_at = serializers.DateTimeField()


class VersionRow(serializers.Serializer[PolicyVersion]):
    id = serializers.UUIDField()
    policy = serializers.UUIDField(source="policy_id")
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=PolicyVersion.Status.choices)
    revision = serializers.IntegerField()
    base = PolicyVersionReference(allow_null=True)
    author = PersonOutput(allow_null=True)
    reason = serializers.CharField()
    sha256 = Hash()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class VersionOutput(VersionRow):
    document = serializers.CharField(source="source", help_text="YAML, as it was written.")
    editors = PersonOutput(many=True, source="editors.all")
    approvals = ApprovalOutput(many=True, source="approvals.all")


class RuleOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    result = serializers.ChoiceField(choices=["hit", "miss", "error", "shadow"])
    error = serializers.CharField(required=False)
    inputs = serializers.DictField(help_text="What the rule really read, by path.")


class TrialOutput(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["allow", "review", "escalate", "block"])
    rules = RuleOutput(many=True)
    fuel = serializers.IntegerField()


_PERSON = {"id": "0199c1ef-1a2b-7c3d-8e4f-5a6b7c8d9e0f", "name": "Ada Author", "email": "ada@example.com"}
_ACTIVATION = {
    "number": 7,
    "version": {"id": VERSION_ID, "number": 7},
    "sha256": SHA256,
    "origin": "approval",
    "effective_from": "2026-03-02T10:00:00Z",
    "actor": "Paul Approver",
    "reason": "Finance asked for it",
}
_ROW = {
    "id": VERSION_ID,
    "policy": POLICY_ID,
    "number": 7,
    "status": "approved",
    "revision": 2,
    "base": {"id": "0199c1f2-0000-7000-8000-000000000006", "number": 6},
    "author": _PERSON,
    "reason": "Finance asked for it",
    "sha256": SHA256,
    "created_at": "2026-03-02T09:00:00Z",
    "submitted_at": "2026-03-02T09:30:00Z",
    "closed_at": "2026-03-02T09:45:00Z",
}


def answer(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=["200", "201"])


def ask(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


POLICY = answer(
    "A policy",
    {
        "id": POLICY_ID,
        "key": "refunds",
        "system": {"id": "0199c1f0-5c1e-7b3a-9c41-0d8f5c1e7b3a", "slug": "refund-bot", "name": "Refund bot"},
        "in_force": _ACTIVATION,
        "created_at": "2026-01-05T08:00:00Z",
    },
)
ACTIVATION = answer("An activation", _ACTIVATION)
VERSION_LINE = answer("A version", _ROW)
VERSION = answer(
    "A version",
    {
        **_ROW,
        "document": DOCUMENT,
        "editors": [],
        "approvals": [
            {
                "approver": {**_PERSON, "name": "Paul Approver", "email": "paul@example.com"},
                "verdict": "approve",
                "sha256": SHA256,
                "comment": "",
                "created_at": "2026-03-02T09:45:00Z",
            }
        ],
    },
)
TRIAL = [
    ask("A refund", {"document": DOCUMENT, "context": {"action": {"name": "refund", "arguments": {"amount": 900}}}}),
    answer(
        "A person has to look",
        {
            "verdict": "review",
            "rules": [
                {
                    "id": "large-refund",
                    "result": "hit",
                    "inputs": {"action.name": "refund", "action.arguments.amount": 900},
                }
            ],
            "fuel": 21,
        },
    ),
    OpenApiExample(
        "An invalid document",
        value={
            "type": "urn:countersign:problem:policy-not-valid",
            "title": "The policy document is not valid",
            "status": 422,
            "detail": "The document has one fault.",
            "errors": [
                {
                    "pointer": "/rules/0/verdict",
                    "line": 8,
                    "column": 14,
                    "detail": "a verdict has to be one of allow, review, escalate, block",
                    "suggestion": "review",
                }
            ],
        },
        response_only=True,
        status_codes=["422"],
        media_type="application/problem+json",
    ),
]
