"""The one view of the floor: the rows of a decision through the ORM, in one transaction, and a short answer.

It is given what the product has to find out: no key is looked up, no policy found or evaluated, no queue looked for, no
hash computed, no input checked. The rows are as wide as the product's and go to the same tables, with the same indexes,
constraints and triggers.
"""

import json
import os
import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.urls import path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.identifiers import new_id
from governance.models import AuditEntry, AuditPayload
from reviews.models import Decision, DecisionPayload, Escalation

ORGANIZATION_ID = uuid.UUID(os.environ["BENCHMARK_ORGANIZATION"])
SYSTEM_ID = uuid.UUID(os.environ["BENCHMARK_SYSTEM"])
QUEUE_ID = uuid.UUID(os.environ["BENCHMARK_QUEUE"])
VERSION_ID = uuid.UUID(os.environ["BENCHMARK_VERSION"])
HASH = "0" * 64
# About what the product stores of twenty rules.
EVALUATION = json.dumps({"rules": [{"id": f"rule-{number}", "result": "miss", "fuel": 3} for number in range(20)]})


class InsertView(APIView):
    def post(self, request: Request) -> Response:
        body: dict[str, Any] = request.data
        is_review = body["action"]["arguments"]["amount"] > 200
        now = timezone.now()
        with transaction.atomic():
            decision = insert_decision(body, request.META["HTTP_IDEMPOTENCY_KEY"], is_review=is_review, now=now)
            DecisionPayload.objects.create(
                decision=decision,
                input=json.dumps(body["input"]),
                proposal=json.dumps({"action": body["action"]}),
                context=json.dumps(body["context"]),
                review_options="{}",
                evaluation=EVALUATION,
            )
            if is_review:
                insert_escalation(decision, now=now)
            entry = AuditEntry.objects.create(
                organization_id=ORGANIZATION_ID,
                type="decision.created",
                actor_kind="api_key",
                actor_id=str(SYSTEM_ID),
                actor_label="benchmark (cs_live_0000…)",
                occurred_at=now,
                commitment=HASH,
                leaf_hash=HASH,
            )
            AuditPayload.objects.create(
                entry=entry,
                organization_id=ORGANIZATION_ID,
                key=HASH,
                subject=f"decision:{decision.pk}",
                payload=json.dumps({"decision": str(decision.pk), "status": decision.status, "digest": HASH}),
            )
        return Response({"id": decision.pk, "status": decision.status}, status=202 if is_review else 201)


def insert_decision(body: dict[str, Any], idempotency_key: str, *, is_review: bool, now: Any) -> Decision:
    return Decision.objects.create(
        id=new_id(),
        organization_id=ORGANIZATION_ID,
        system_id=SYSTEM_ID,
        idempotency_key=idempotency_key,
        request_sha256=HASH,
        status="pending" if is_review else "allowed",
        verdict="review" if is_review else "allow",
        action_name=body["action"]["name"],
        proposal_sha256=HASH,
        effective_sha256="" if is_review else HASH,
        confidence=body["confidence"],
        subject=body["subject"],
        actor=body["actor"],
        model=body["model"],
        release=body["release"],
        input_tokens=body["usage"]["input_tokens"],
        output_tokens=body["usage"]["output_tokens"],
        cached_input_tokens=body["usage"]["cached_input_tokens"],
        latency_ms=body["latency_ms"],
        policy_version_id=VERSION_ID,
        activation_id=1,
        rule="rule-0" if is_review else "",
        review_probability=1.0 if is_review else 0.0,
        expires_at=now + timedelta(hours=1) if is_review else None,
        created_at=now,
        decided_at=None if is_review else now,
        decided_by_kind="" if is_review else "policy",
        decided_by_label="" if is_review else "benchmark v1",
    )


def insert_escalation(decision: Decision, *, now: Any) -> None:
    Escalation.objects.create(
        organization_id=ORGANIZATION_ID,
        system_id=SYSTEM_ID,
        queue_id=QUEUE_ID,
        decision=decision,
        kind="approval",
        title="Benchmark wants to refund: 900, EUR, A-2026-118204",
        rule="rule-0",
        reason="Refunds over 200 need a person",
        respond_s=3600,
        opened_at=now,
        due_at=now + timedelta(hours=1),
        expires_at=now + timedelta(hours=1),
    )


urlpatterns = [path("decisions", InsertView.as_view())]
