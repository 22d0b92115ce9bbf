"""What lists and rulings look like from outside; input and output apart, no query in any field."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import serializers

from governance.canonical import InvalidJson, canonicalize
from reviews.api.answering import describe_decider, describe_place, format_instant
from reviews.api.asking import read_action
from reviews.models import Decision, Escalation, Review
from reviews.proposals import ABSENT
from reviews.rulings import Ruling


class DecisionRow(serializers.BaseSerializer[Decision]):
    """One line of a list of decisions."""

    def to_representation(self, decision: Decision) -> dict[str, Any]:
        version = decision.policy_version
        return {
            "id": str(decision.pk),
            "system": decision.system.slug,
            "status": decision.status,
            "verdict": decision.verdict,
            "proceed": decision.does_proceed,
            "mode": decision.mode,
            "test": decision.is_test,
            "action": decision.action_name or None,
            "rule": decision.rule or None,
            "confidence": decision.confidence,
            "subject": decision.subject or None,
            "model": decision.model or None,
            "release": decision.release or None,
            "policy": {"name": version.policy.key, "version": version.number} if version else None,
            "digest": f"sha256:{decision.proposal_sha256}",
            "decided_by": describe_decider(decision),
            "created_at": format_instant(decision.created_at),
            "decided_at": format_instant(decision.decided_at),
        }


class EscalationRow(serializers.BaseSerializer[Escalation]):
    """One line of a list of escalations."""

    def to_representation(self, escalation: Escalation) -> dict[str, Any]:
        return describe_escalation(escalation)


def describe_escalation(escalation: Escalation) -> dict[str, Any]:
    """An escalation without its decision's payload."""
    return {
        **(describe_place(escalation) or {}),
        "title": escalation.title,
        "decision": str(escalation.decision_id),
        "system": escalation.system.slug,
        "rule": escalation.rule or None,
        "reason": escalation.reason or None,
        "group": escalation.group.slug if escalation.group else None,
        "holder": str(escalation.holder) if escalation.holder else None,
        "lease_until": format_instant(escalation.lease_until),
        "opened_at": format_instant(escalation.opened_at),
        "expires_at": format_instant(escalation.expires_at),
        "closed_at": format_instant(escalation.closed_at),
        "closure": escalation.closure or None,
        "version": escalation.version,
    }


def describe_claim(escalation: Escalation) -> dict[str, Any]:
    """An escalation with the claim that its holder needs for ruling."""
    return {
        **describe_escalation(escalation),
        "claim": {
            "token": str(escalation.claim_token),
            "lease_until": format_instant(escalation.lease_until),
        },
    }


def describe_detail(escalation: Escalation) -> dict[str, Any]:
    """An escalation with everything that a person rules on."""
    decision, payload = escalation.decision, escalation.decision.payload
    return {
        **describe_escalation(escalation),
        "input": json.loads(payload.input),
        "proposal": json.loads(payload.proposal),
        "output": json.loads(payload.output) if payload.output is not None else None,
        "context": json.loads(payload.context) if payload.context is not None else None,
        "confidence": decision.confidence,
        "review": json.loads(payload.review_options) if payload.review_options else None,
        "evaluation": json.loads(payload.evaluation),
        "decision_status": decision.status,
        "question": escalation.question or None,
    }


def describe_review(review: Review) -> dict[str, Any]:
    return {
        "id": str(review.pk),
        "verdict": review.verdict,
        "reviewer": review.reviewer_label,
        "correction": json.loads(review.correction) if review.correction is not None else None,
        "patch": json.loads(review.patch) if review.patch is not None else None,
        "answer": json.loads(review.answer) if review.answer is not None else None,
        "labels": review.labels,
        "reason": review.reason or None,
        "note": review.note or None,
        "group": review.group_slug or None,
        "created_at": format_instant(review.created_at),
        "undo_until": format_instant(review.undo_until),
    }


class ActionField(serializers.Field[Any, Any, Any, Any]):
    """{name, arguments}."""

    def to_internal_value(self, value: Any) -> dict[str, Any]:
        faults: list[Any] = []
        action = read_action(value, "", faults)
        if faults:
            raise serializers.ValidationError([f"{fault['pointer']} {fault['detail']}".strip() for fault in faults])
        return action

    def to_representation(self, value: Any) -> Any:
        return value


class AnyJson(serializers.JSONField):
    """Any JSON value, null included."""

    def to_internal_value(self, value: Any) -> Any:
        try:
            canonicalize(value)
        except InvalidJson as error:
            raise serializers.ValidationError(error.detail) from error
        return value


class StrictText(serializers.CharField):
    """Text that was sent as text."""

    def to_internal_value(self, value: Any) -> str:
        if not isinstance(value, str):
            raise serializers.ValidationError("Must be a string.")
        text: str = super().to_internal_value(value)
        return text


class RulingInput(serializers.Serializer[Any]):
    """The body of `POST /escalations/{id}/review`."""

    verdict = serializers.ChoiceField(choices=[value for value in Review.Verdict.values if value != "undo"])
    action = ActionField(required=False)
    output = AnyJson(required=False)
    answer = AnyJson(required=False)
    labels = serializers.ListField(child=StrictText(max_length=63), required=False, default=list, max_length=20)
    reason = StrictText(
        required=False,
        allow_blank=True,
        default="",
        max_length=10_000,
        trim_whitespace=False,
    )
    note = StrictText(
        required=False,
        allow_blank=True,
        default="",
        max_length=10_000,
        trim_whitespace=False,
    )
    group = StrictText(required=False, allow_blank=True, default="", max_length=63)
    claim_token = serializers.UUIDField()

    def to_internal_value(self, value: Any) -> Any:
        unknown = sorted(set(value) - set(self.fields)) if isinstance(value, dict) else []
        if unknown:
            raise serializers.ValidationError({name: ["Unknown field."] for name in unknown})
        return super().to_internal_value(value)

    def as_ruling(self) -> Ruling:
        fields = self.validated_data
        return Ruling(
            verdict=fields["verdict"],
            action=fields.get("action"),
            output=fields.get("output", ABSENT),
            answer=fields.get("answer", ABSENT),
            labels=tuple(fields["labels"]),
            reason=fields["reason"],
            note=fields["note"],
            group=fields["group"],
        )
