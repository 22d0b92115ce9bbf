"""The endpoints of AI applications: ask, look, wait, withdraw, report, inform."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api.authentication import authenticate, authenticate_key
from governance.api.parsing import read_body
from governance.api.problems import answer_exception
from governance.canonical import canonicalize, sha256_hex
from governance.errors import (
    FieldError,
    Invalid,
    InvalidParameter,
    Malformed,
    NotAuthenticated,
)
from governance.permissions import require
from governance.selectors import actor_for_key
from reviews.api import schema
from reviews.api.answering import describe_decision, describe_policy
from reviews.api.asking import read_asked_decision
from reviews.api.filters import DecisionFilter
from reviews.api.serializers import DecisionRow
from reviews.models import Decision
from reviews.selectors import find_decision, find_open_question, find_place
from reviews.services.handover import inform
from reviews.services.intake import Submitted, submit_decision
from reviews.services.outcomes import report_outcome
from reviews.services.resolution import cancel_decision, settle_decision

LONGEST_WAIT_S = 30
LONGEST_REASON = 2_000
LARGEST_DETAIL = 64 * 1024
RETRY_AFTER_S = "1"
PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?")
# Read by what waits in front of Django (aiops_site/waiting_room.py) and never seen by a client.
WAIT_HEADER = "Countersign-Wait"


class LeanView(APIView):
    """An endpoint on the hot path: known to the schema like any other, but without the framework's request cycle."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return csrf_exempt(super().as_view(**initkwargs))

    lean_methods: ClassVar[frozenset[str]] = frozenset({"GET", "POST"})

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        method = request.method or ""
        verb = getattr(self, method.lower(), None) if method in self.lean_methods else None
        if verb is None:
            return super().dispatch(request, *args, **kwargs)
        try:
            return verb(request, *args, **kwargs)
        except Exception as error:
            response = answer_exception(error, {"request": request})
            if response is None:
                raise
            return response


class DecisionsView(LeanView, ListAPIView[Decision]):
    """POST asks; GET lists, newest first: a key sees its system's decisions, a person their organization's."""

    lean_methods = frozenset({"POST"})
    queryset = Decision.objects.none()
    serializer_class = DecisionRow
    filterset_class = DecisionFilter

    def get_queryset(self) -> QuerySet[Decision]:
        actor: Any = self.request.user
        if not isinstance(actor, Actor):
            raise NotAuthenticated("Send Authorization: Bearer <key or token>.")
        if actor.is_person:
            require(actor, "decisions.read")
        return Decision.objects.visible_to(actor).select_related("system", "policy_version__policy")

    @property
    def paginator(self) -> Any:
        paginator: Any = super().paginator
        paginator.ordering = ("-created_at", "-id")
        return paginator

    @extend_schema(**schema.LIST)
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)

    @extend_schema(**schema.ASK)
    def post(self, request: HttpRequest) -> HttpResponse:
        key = authenticate_key(request)
        idempotency_key = read_idempotency_key(request)
        body = read_body(request)
        asked = read_asked_decision(body)
        actor = actor_for_key(key)
        submitted = submit_decision(
            actor=actor,
            key=key,
            asked=asked,
            idempotency_key=idempotency_key,
            request_sha256=sha256_hex(canonicalize(body)),
        )
        response = _answer_submitted(request, actor, submitted)
        seconds = read_preferred_wait(request)
        if seconds and response.status_code == 202:
            response[WAIT_HEADER] = f"{submitted.decision.pk}; {seconds}"
        return response


def _answer_submitted(request: HttpRequest, actor: Actor, submitted: Submitted) -> HttpResponse:
    if submitted.payload is None:
        settle_decision(decision_id=submitted.decision.pk)
        decision = find_decision(actor=actor, decision_id=submitted.decision.pk)
        response = answer_decision(request, decision, status=202 if decision.is_pending else 201)
        response["Idempotent-Replayed"] = "true"
    else:
        decision, policy = submitted.decision, submitted.policy
        answer = describe_decision(
            request=request,
            decision=decision,
            payload=submitted.payload,
            escalation=submitted.escalation,
            policy={"name": policy.name, "version": policy.number} if policy else None,
        )
        response = _respond(answer, decision, 202 if decision.is_pending else 201)
    response["Location"] = f"/api/v1/decisions/{decision.pk}"
    return response


class DecisionView(LeanView):
    """GET is authoritative; with `?wait=` it answers as soon as the decision has ended."""

    @extend_schema(**schema.LOOK)
    def get(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        actor = authenticate_reader(request)
        seconds = read_wait(request)
        decision = find_decision(actor=actor, decision_id=decision_id)
        if decision.is_pending:
            settle_decision(decision_id=decision_id)
            decision = find_decision(actor=actor, decision_id=decision_id)
        response = answer_decision(request, decision)
        if seconds and decision.is_pending:
            response[WAIT_HEADER] = f"{decision.pk}; {seconds}"
        return response


class CancelView(LeanView):
    @extend_schema(**schema.CANCEL)
    def post(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        actor = actor_for_key(authenticate_key(request))
        body = read_fields(request, {"reason"})
        reason = body.get("reason", "")
        if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
            raise Invalid(
                errors=[
                    {
                        "pointer": "/reason",
                        "detail": f"A string of at most {LONGEST_REASON} characters.",
                    }
                ]
            )
        settle_decision(decision_id=find_decision(actor=actor, decision_id=decision_id).pk)
        cancel_decision(actor=actor, decision_id=decision_id, reason=reason)
        return answer_decision(request, find_decision(actor=actor, decision_id=decision_id))


class OutcomeView(LeanView):
    @extend_schema(**schema.OUTCOME)
    def post(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        actor = actor_for_key(authenticate_key(request))
        body = read_fields(request, {"status", "resolved", "detail"})
        faults: list[FieldError] = []
        if body.get("status") not in ("executed", "failed", "unknown"):
            faults.append(
                {
                    "pointer": "/status",
                    "detail": "Must be one of: executed, failed, unknown.",
                }
            )
        if not isinstance(body.get("resolved"), (bool, type(None))):
            faults.append({"pointer": "/resolved", "detail": "Must be true or false."})
        if len(canonicalize(body.get("detail"))) > LARGEST_DETAIL:
            faults.append({"pointer": "/detail", "detail": "At most 64 KiB."})
        if faults:
            raise Invalid(errors=faults)
        report_outcome(
            actor=actor,
            decision_id=decision_id,
            status=body["status"],
            is_resolved=body.get("resolved"),
            detail=body.get("detail"),
        )
        return answer_decision(request, find_decision(actor=actor, decision_id=decision_id))


class InformationView(LeanView):
    @extend_schema(**schema.INFORM)
    def post(self, request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
        actor = actor_for_key(authenticate_key(request))
        body = read_fields(request, {"answer"})
        if "answer" not in body:
            raise Invalid(errors=[{"pointer": "/answer", "detail": "This field is required."}])
        settle_decision(decision_id=find_decision(actor=actor, decision_id=decision_id).pk)
        inform(actor=actor, decision_id=decision_id, answer=body["answer"])
        return answer_decision(request, find_decision(actor=actor, decision_id=decision_id))


def authenticate_reader(request: HttpRequest) -> Actor:
    """A key reads its own system's decisions, a person what their roles let them."""
    actor = authenticate(request)
    if actor.is_person:
        require(actor, "decisions.read")
    return actor


def answer_decision(request: HttpRequest, decision: Decision, *, status: int = 200) -> HttpResponse:
    needs_place = decision.is_pending or decision.verdict in {"review", "escalate"} or decision.is_sampled
    answer = describe_decision(
        request=request,
        decision=decision,
        payload=decision.payload,
        escalation=find_place(decision) if needs_place else None,
        policy=describe_policy(decision),
        question=find_open_question(decision) if decision.is_pending else None,
    )
    return _respond(answer, decision, status)


def _respond(answer: dict[str, Any], decision: Decision, status: int) -> HttpResponse:
    response = HttpResponse(json.dumps(answer), status=status, content_type="application/json")
    if decision.is_pending:
        response["Retry-After"] = RETRY_AFTER_S
    response["Cache-Control"] = "no-store"
    return response


def read_idempotency_key(request: HttpRequest) -> str:
    """Refuses (400) a request without the header, or with one over 255 characters or outside printable ASCII."""
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise Malformed("The header Idempotency-Key is required, so that a repeat asks nothing twice.")
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise Malformed("The Idempotency-Key must have 1 to 255 printable ASCII characters.")
    return key


def read_preferred_wait(request: HttpRequest) -> int:
    """Seconds of `Prefer: wait=N` (RFC 7240, 4.3), capped; 0 where the caller prefers nothing."""
    match = PREFER_WAIT.search(request.META.get("HTTP_PREFER", "").lower())
    return min(int(match[1]), LONGEST_WAIT_S) if match else 0


def read_wait(request: HttpRequest) -> int:
    """Seconds of `?wait=`, capped at 30. Refuses (400) other parameters and what is not a whole number."""
    unknown = sorted(set(request.GET) - {"wait"})
    if unknown:
        raise InvalidParameter(f"Unknown query parameter: {unknown[0][:80]}. Known here: wait.")
    text = request.GET.get("wait", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise InvalidParameter("wait must be a whole number of seconds.")
    return min(int(text), LONGEST_WAIT_S)


def read_fields(request: HttpRequest, known: set[str]) -> dict[str, Any]:
    """An object with no other fields than the known ones; an empty body is an empty object."""
    if not request.body and not request.META.get("CONTENT_TYPE"):
        return {}
    body = read_body(request)
    if not isinstance(body, dict):
        raise Invalid(errors=[{"pointer": "", "detail": "The body must be a JSON object."}])
    unknown = sorted(body.keys() - known)
    if unknown:
        raise Invalid(errors=[{"pointer": f"/{name[:100]}", "detail": "Unknown field."} for name in unknown])
    return body
