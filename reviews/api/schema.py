"""The OpenAPI side of this floor's endpoints: bodies, answers, and an example for every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

STRING = {"type": "string", "minLength": 1, "maxLength": 255}
ACTION: dict[str, Any] = {
    "type": "object",
    "required": ["name", "arguments"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "arguments": {"type": "object"},
    },
}
COUNT = {"type": "integer", "minimum": 0}
ASKED: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "anyOf": [{"required": ["action"]}, {"required": ["output"]}],
    "additionalProperties": False,
    "properties": {
        "action": ACTION,
        "input": {"description": "What the AI was given: any JSON."},
        "output": {"description": "What it answered: any JSON."},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "subject": {**STRING, "description": "Whom or what it is about."},
        "actor": {
            **STRING,
            "description": "On whose behalf; that person can't rule on it.",
        },
        "trace_id": STRING,
        "session_id": STRING,
        "external_id": STRING,
        "model": STRING,
        "release": STRING,
        "usage": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "input_tokens": COUNT,
                "output_tokens": COUNT,
                "cached_input_tokens": {**COUNT, "description": "Part of the input tokens."},
                "cache_write_tokens": {**COUNT, "description": "Part of the input tokens, beside the cached ones."},
                "reasoning_tokens": {**COUNT, "description": "Part of the output tokens."},
            },
        },
        "cost_usd": {"type": "number", "minimum": 0, "maximum": 1000000},
        "latency_ms": {"type": "number", "minimum": 0},
        "context": {
            "type": "object",
            "description": "Evidence for the reviewer and for rules.",
        },
        "review": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "allowed": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "string",
                        "enum": ["approve", "correct", "reject", "answer"],
                    },
                },
                "schema": {
                    "type": ["object", "boolean"],
                    "description": "JSON Schema 2020-12 that binds corrections.",
                },
            },
        },
        "deadline_s": {"type": "integer", "minimum": 1, "maximum": 2592000},
        "on_timeout": {"type": "string", "enum": ["block", "escalate", "allow"]},
        "mode": {
            "type": "string",
            "enum": ["enforce", "observe"],
            "default": "enforce",
        },
    },
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "required": [
        "id",
        "status",
        "verdict",
        "proceed",
        "effective_action",
        "effective_output",
        "digest",
        "links",
    ],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "status": {
            "type": "string",
            "enum": [
                *(
                    "allowed",
                    "blocked",
                    "observed",
                    "pending",
                    "approved",
                    "corrected",
                    "rejected",
                    "answered",
                ),
                *("expired", "cancelled", "superseded"),
            ],
        },
        "verdict": {"type": "string", "enum": ["allow", "review", "escalate", "block"]},
        "proceed": {
            "type": "boolean",
            "description": "Whether the AI may act. Look at nothing else and be safe.",
        },
        "effective_action": {
            "type": ["object", "null"],
            "description": "The exact action to run.",
        },
        "effective_output": {"description": "The exact output to use."},
        "substitute": {"description": "What a person answered in the AI's stead."},
        "message": {
            "type": ["string", "null"],
            "description": "What to tell the customer.",
        },
        "reasons": {"type": "array", "items": {"type": "object"}},
        "policy": {"type": ["object", "null"]},
        "digest": {"type": "string"},
        "effective_digest": {"type": ["string", "null"]},
        "escalation": {"type": ["object", "null"]},
        "information": {"type": ["object", "null"]},
        "ruling": {"type": ["object", "null"]},
        "decided_by": {"type": ["object", "null"]},
        "decided_at": {"type": ["string", "null"], "format": "date-time"},
        "created_at": {"type": "string", "format": "date-time"},
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "mode": {"type": "string"},
        "test": {"type": "boolean"},
        "links": {"type": "object"},
    },
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
        "state": {"type": "object"},
    },
}
FREE: dict[str, Any] = {"type": "object", "additionalProperties": True}

_ID = "01990a3c-7d1e-7c43-9a51-2f4d8f6b0c11"
_ESCALATION_ID = "01990a3c-7d1f-7a02-8c55-6a1f0d9be001"
_CLAIM = {
    "token": "5b0f5e0a-1a6f-4f0e-8f5e-5f6a7b8c9d0e",
    "lease_until": "2026-03-02T09:10:00.000Z",
}
_PLACE = {
    "id": _ESCALATION_ID,
    "queue": "refunds",
    "kind": "approval",
    "status": "open",
    "priority": "high",
    "due_at": "2026-03-02T09:30:00.000Z",
    "reviews": {"have": 0, "need": 1},
}
_PENDING = {
    "id": _ID,
    "status": "pending",
    "verdict": "review",
    "proceed": False,
    "effective_action": None,
    "effective_output": None,
    "substitute": None,
    "message": None,
    "reasons": [{"rule": "large-refund", "text": "Refunds over 200 need a person"}],
    "policy": {"name": "refunds", "version": 7},
    "digest": "sha256:9f2f6a0c…",
    "effective_digest": None,
    "escalation": _PLACE,
    "information": None,
    "ruling": None,
    "decided_by": None,
    "decided_at": None,
    "created_at": "2026-03-02T09:00:00.000Z",
    "expires_at": "2026-03-02T09:30:00.000Z",
    "mode": "enforce",
    "test": False,
    "links": {"self": f"https://countersign.example/api/v1/decisions/{_ID}"},
}
_CORRECTED = {
    **_PENDING,
    "status": "corrected",
    "proceed": True,
    "effective_action": {
        "name": "refund",
        "arguments": {"amount": 150.0, "customer": "C-1042"},
    },
    "ruling": {"verdict": "correct", "labels": ["wrong-amount"], "reason": None},
    "decided_by": {"kind": "person", "label": "Rita Osei"},
    "decided_at": "2026-03-02T09:04:00.000Z",
    "expires_at": None,
}
_ASK = {
    "action": {"name": "refund", "arguments": {"amount": 900.0, "customer": "C-1042"}},
    "input": {"message": "The lamp came in two pieces. I paid 150 for it."},
    "confidence": 0.93,
    "subject": "C-1042",
}
_ESCALATION = {
    **_PLACE,
    "title": "Refund bot wants to refund: 900, C-1042",
    "decision": _ID,
    "system": "refund-bot",
    "rule": "large-refund",
    "reason": "Refunds over 200 need a person",
    "group": None,
    "holder": None,
    "lease_until": None,
    "opened_at": "2026-03-02T09:00:00.000Z",
    "expires_at": "2026-03-02T09:30:00.000Z",
    "closed_at": None,
    "closure": None,
    "version": 1,
}
_REVIEW = {
    "id": "01990a3c-9999-7a02-8c55-6a1f0d9be002",
    "verdict": "correct",
    "reviewer": "Rita Osei",
    "correction": {
        "action": {
            "name": "refund",
            "arguments": {"amount": 150.0, "customer": "C-1042"},
        }
    },
    "patch": [{"op": "replace", "path": "/action/arguments/amount", "value": 150.0}],
    "answer": None,
    "labels": ["wrong-amount"],
    "reason": None,
    "note": "Only the lamp is damaged.",
    "group": None,
    "created_at": "2026-03-02T09:03:55.000Z",
    "undo_until": "2026-03-02T09:04:00.000Z",
}
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Up to 255 printable ASCII characters.",
)
IDEMPOTENCY_OPTIONAL = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)
PREFER = OpenApiParameter("Prefer", str, OpenApiParameter.HEADER, description="`wait=25` (RFC 7240).")
WAIT = OpenApiParameter("wait", int, description="Seconds to wait for the end, at most 30.")


def _problems(*statuses: int) -> dict[Any, Any]:
    titles = {
        400: "Malformed, or a bad query parameter",
        401: "Nobody known",
        403: "Not permitted",
        404: "Not there",
        409: "The state does not allow it; the current state stands in `state`",
        413: "Over 1 MiB",
        415: "Not JSON",
        422: "The body does not fit",
        503: "The database can't be reached",
    }
    return {
        (status, "application/problem+json"): OpenApiResponse(PROBLEM, description=titles[status])
        for status in statuses
    }


def _operation(
    operation_id: str,
    summary: str,
    *,
    tag: str,
    answer: dict[str, Any],
    example: Any,
    request: dict[str, Any] | None = None,
    sent: Any = None,
    parameters: list[OpenApiParameter] | None = None,
    statuses: tuple[int, ...] = (200,),
    problems: tuple[int, ...] = (401, 403, 404),
) -> dict[str, Any]:
    examples = [OpenApiExample("Answer", value=example, response_only=True, status_codes=[str(statuses[0])])]
    if sent is not None:
        examples.append(OpenApiExample("Request", value=sent, request_only=True))
    return {
        "operation_id": operation_id,
        "summary": summary,
        "tags": [tag],
        "parameters": parameters or [],
        "request": {"application/json": request} if request is not None else None,
        "responses": {
            **{(status, "application/json"): OpenApiResponse(answer, description="") for status in statuses},
            **_problems(*problems),
        },
        "examples": examples,
    }


def _page(of: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["next", "previous", "results"],
        "properties": {
            "next": {"type": ["string", "null"]},
            "previous": {"type": ["string", "null"]},
            "results": {"type": "array", "items": of},
        },
    }


def _page_of(example: Any) -> dict[str, Any]:
    return {"next": None, "previous": None, "results": [example]}


DECISIONS, ESCALATIONS = "Decisions", "Escalations"
ASK = _operation(
    "decisions_create",
    "Ask whether a decision may go ahead",
    tag=DECISIONS,
    request=ASKED,
    sent=_ASK,
    answer=ANSWER,
    example=_PENDING,
    parameters=[IDEMPOTENCY, PREFER],
    statuses=(202, 201),
    problems=(400, 401, 403, 409, 413, 415, 422, 503),
)
LIST = _operation(
    "decisions_list",
    "List decisions, newest first",
    tag=DECISIONS,
    answer=_page(FREE),
    example=_page_of(
        {
            "id": _ID,
            "system": "refund-bot",
            "status": "pending",
            "verdict": "review",
            "proceed": False,
        }
    ),
    problems=(400, 401, 403),
)
LOOK = _operation(
    "decisions_retrieve",
    "Look at a decision, or wait for its end",
    tag=DECISIONS,
    answer=ANSWER,
    example=_CORRECTED,
    parameters=[WAIT],
    problems=(400, 401, 403, 404, 503),
)
CANCEL = _operation(
    "decisions_cancel",
    "Withdraw a pending decision",
    tag=DECISIONS,
    request={
        "type": "object",
        "properties": {"reason": {"type": "string"}},
        "additionalProperties": False,
    },
    sent={"reason": "The customer has withdrawn."},
    answer=ANSWER,
    example={**_PENDING, "status": "cancelled", "expires_at": None},
    problems=(400, 401, 403, 404, 409, 415, 422),
)
OUTCOME = _operation(
    "decisions_outcome",
    "Report what really happened",
    tag=DECISIONS,
    request={
        "type": "object",
        "required": ["status"],
        "additionalProperties": False,
        "properties": {
            "status": {"type": "string", "enum": ["executed", "failed", "unknown"]},
            "resolved": {"type": ["boolean", "null"]},
            "detail": {"description": "Any JSON up to 64 KiB."},
        },
    },
    sent={"status": "executed", "resolved": True},
    answer=ANSWER,
    example=_CORRECTED,
    problems=(400, 401, 403, 404, 409, 415, 422),
)
INFORM = _operation(
    "decisions_information",
    "Answer a reviewer's question",
    tag=DECISIONS,
    request={
        "type": "object",
        "required": ["answer"],
        "additionalProperties": False,
        "properties": {"answer": {"description": "Any JSON."}},
    },
    sent={"answer": {"order": 8831, "lamp_price": 150.0}},
    answer=ANSWER,
    example=_PENDING,
    problems=(400, 401, 403, 404, 409, 415, 422),
)
LIST_ESCALATIONS = _operation(
    "escalations_list",
    "List escalations",
    tag=ESCALATIONS,
    answer=_page(FREE),
    example=_page_of(_ESCALATION),
    problems=(400, 401, 403),
)
LOOK_ESCALATION = _operation(
    "escalations_retrieve",
    "Everything that is needed to rule on one escalation",
    tag=ESCALATIONS,
    answer=FREE,
    example={
        **_ESCALATION,
        "input": _ASK["input"],
        "proposal": {"action": _ASK["action"]},
    },
)
TAKE_NEXT = _operation(
    "queues_take_next",
    "Claim the most urgent escalation of a queue",
    tag=ESCALATIONS,
    answer=FREE,
    example={"escalation": {**_ESCALATION, "status": "claimed", "claim": _CLAIM}},
)
CLAIM = _operation(
    "escalations_claim",
    "Claim one escalation",
    tag=ESCALATIONS,
    answer=FREE,
    example={"escalation": {**_ESCALATION, "status": "claimed", "claim": _CLAIM}},
    problems=(401, 403, 404, 409),
)
_WITH_TOKEN: dict[str, Any] = {
    "type": "object",
    "properties": {"claim_token": {"type": "string", "format": "uuid"}},
}
RELEASE = _operation(
    "escalations_release",
    "Give a claimed escalation back",
    tag=ESCALATIONS,
    request=_WITH_TOKEN,
    sent={"claim_token": _CLAIM["token"]},
    answer=FREE,
    example={"escalation": _ESCALATION},
    problems=(401, 403, 404, 409, 422),
)
RENEW = _operation(
    "escalations_renew",
    "Keep a claim for another lease",
    tag=ESCALATIONS,
    request=_WITH_TOKEN,
    sent={"claim_token": _CLAIM["token"]},
    answer=FREE,
    example={"escalation": {**_ESCALATION, "status": "claimed", "claim": _CLAIM}},
    problems=(401, 403, 404, 409, 422),
)
REASSIGN = _operation(
    "escalations_reassign",
    "Hand an escalation to a reviewer",
    tag=ESCALATIONS,
    request={
        "type": "object",
        "required": ["assignee"],
        "properties": {"assignee": {"type": "string", "format": "email"}},
    },
    sent={"assignee": "ravi@example.com"},
    answer=FREE,
    example={"escalation": {**_ESCALATION, "status": "claimed", "holder": "Ravi Anand"}},
    problems=(401, 403, 404, 409, 422),
)
RULING_BODY: dict[str, Any] = {
    "type": "object",
    "required": ["verdict", "claim_token"],
    "additionalProperties": False,
    "properties": {
        "verdict": {
            "type": "string",
            "enum": [
                "approve",
                "correct",
                "reject",
                "answer",
                "escalate",
                "need_information",
            ],
        },
        "action": ACTION,
        "output": {"description": "The corrected output: any JSON."},
        "answer": {"description": "The answer in the AI's stead: any JSON."},
        "labels": {
            "type": "array",
            "maxItems": 20,
            "items": {"type": "string", "pattern": "^[a-z0-9]+([-_][a-z0-9]+)*$"},
        },
        "reason": {"type": "string", "maxLength": 10000},
        "note": {"type": "string", "maxLength": 10000},
        "group": {
            "type": "string",
            "maxLength": 63,
            "description": "To which group `escalate` hands it.",
        },
        "claim_token": {"type": "string", "format": "uuid"},
    },
}
REVIEW = _operation(
    "escalations_review",
    "Rule on a claimed escalation",
    tag=ESCALATIONS,
    request=RULING_BODY,
    sent={
        "verdict": "correct",
        "action": {
            "name": "refund",
            "arguments": {"amount": 150.0, "customer": "C-1042"},
        },
        "labels": ["wrong-amount"],
        "note": "Only the lamp is damaged.",
        "claim_token": _CLAIM["token"],
    },
    answer=FREE,
    example={
        "review": _REVIEW,
        "escalation": {**_ESCALATION, "status": "ruled"},
        "decision": {"id": _ID, "status": "pending"},
        "undo_until": "2026-03-02T09:04:00.000Z",
    },
    parameters=[IDEMPOTENCY_OPTIONAL],
    problems=(400, 401, 403, 404, 409, 415, 422),
)
UNDO = _operation(
    "reviews_undo",
    "Take one's ruling back within the undo window",
    tag=ESCALATIONS,
    answer=FREE,
    example={
        "review": {**_REVIEW, "verdict": "undo", "correction": None, "patch": None},
        "escalation": {**_ESCALATION, "status": "claimed", "claim": _CLAIM},
        "decision": {"id": _ID, "status": "pending"},
    },
    problems=(401, 403, 404, 409),
)
LIST_QUEUES = _operation(
    "queues_list",
    "List queues",
    tag=ESCALATIONS,
    answer=_page(FREE),
    example=_page_of(
        {
            "slug": "refunds",
            "name": "Refunds",
            "undo_window_s": 5,
            "lease_s": 600,
            "respond_s": 86400,
            "groups": [],
        }
    ),
    problems=(401, 403),
)
