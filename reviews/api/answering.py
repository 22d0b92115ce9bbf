"""The one answer about a decision: `proceed` and exactly what may run; everything else is for people."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from reviews.models import Decision, DecisionPayload, Escalation, InformationExchange


def format_instant(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z") if instant else None


def describe_decision(
    *,
    request: HttpRequest,
    decision: Decision,
    payload: DecisionPayload,
    escalation: Escalation | None,
    policy: dict[str, Any] | None,
    question: InformationExchange | None = None,
) -> dict[str, Any]:
    """The answer of api.md. `effective_action` or `effective_output` is set only where `proceed` is true."""
    effective = effective_of(decision, payload)
    evaluation = json.loads(payload.evaluation)
    answer: dict[str, Any] = {
        "id": str(decision.pk),
        "status": decision.status,
        "verdict": decision.verdict,
        "proceed": decision.does_proceed,
        "effective_action": effective.get("action") if decision.does_proceed else None,
        "effective_output": effective.get("output") if decision.does_proceed else None,
        "substitute": effective.get("answer"),
        "message": message_of(decision, payload),
        "reasons": evaluation.get("reasons", []),
        "policy": policy,
        "digest": f"sha256:{decision.proposal_sha256}",
        "effective_digest": f"sha256:{decision.effective_sha256}" if decision.effective_sha256 else None,
        "escalation": describe_place(escalation),
        "information": None,
        "ruling": describe_ruling(escalation) if not decision.is_pending else None,
        "decided_by": describe_decider(decision),
        "decided_at": format_instant(decision.decided_at),
        "created_at": format_instant(decision.created_at),
        "expires_at": format_instant(decision.expires_at) if decision.is_pending else None,
        "mode": decision.mode,
        "test": decision.is_test,
        "links": links_of(request, decision),
    }
    if question is not None:
        answer["information"] = {
            "question": question.question,
            "asked_at": format_instant(question.asked_at),
        }
    return answer


def message_of(decision: Decision, payload: DecisionPayload) -> str | None:
    """What the system's users are told meanwhile. It is over once the decision may run, or a person has ruled."""
    is_over = decision.does_proceed or decision.decided_by_kind == Decision.DeciderKind.PERSON
    return None if is_over else payload.message or None


def effective_of(decision: Decision, payload: DecisionPayload) -> dict[str, Any]:
    """{"action": …}, {"output": …} or {"answer": …}: the corrected one, the person's own, or the original."""
    text = payload.effective or (payload.proposal if decision.does_proceed else "{}")
    effective: dict[str, Any] = json.loads(text)
    return effective


def describe_policy(decision: Decision) -> dict[str, Any] | None:
    version = decision.policy_version
    return {"name": version.policy.key, "version": version.number} if version else None


def describe_place(escalation: Escalation | None) -> dict[str, Any] | None:
    if escalation is None:
        return None
    return {
        "id": str(escalation.pk),
        "queue": escalation.queue.slug,
        "kind": escalation.kind,
        "status": escalation.status,
        "priority": escalation.get_priority_display(),
        "due_at": format_instant(escalation.due_at),
        "reviews": {"have": 1 if escalation.ruling_id else 0, "need": 1},
    }


def describe_ruling(escalation: Escalation | None) -> dict[str, Any] | None:
    """What the application may know of the ruling: its verdict, labels and reason; never a reviewer's private note."""
    ruling = escalation.ruling if escalation is not None else None
    if ruling is None:
        return None
    return {
        "verdict": ruling.verdict,
        "labels": ruling.labels,
        "reason": ruling.reason or None,
    }


def describe_decider(decision: Decision) -> dict[str, str] | None:
    if decision.decided_by_kind not in {"policy", "person", "timeout"}:
        return None
    return {"kind": decision.decided_by_kind, "label": decision.decided_by_label}


def links_of(request: HttpRequest, decision: Decision) -> dict[str, str]:
    origin = f"{request.scheme}://{request.get_host()}"
    own = f"{origin}/api/v1/decisions/{decision.pk}"
    return {
        "self": own,
        "wait": f"{own}?wait=25",
        "cancel": f"{own}/cancel",
        "outcome": f"{own}/outcome",
        "information": f"{own}/information",
        "console": f"{origin}/decisions/{decision.pk}/",
    }
