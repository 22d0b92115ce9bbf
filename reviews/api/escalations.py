"""The reviewers' endpoints: list, take, claim, keep, give back, rule, undo."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.canonical import canonicalize, sha256_hex
from governance.errors import Invalid, Malformed
from governance.models import User
from governance.permissions import require
from reviews.api import schema
from reviews.api.answering import format_instant
from reviews.api.filters import EscalationFilter
from reviews.api.serializers import (
    EscalationRow,
    RulingInput,
    describe_claim,
    describe_detail,
    describe_escalation,
    describe_review,
)
from reviews.models import Escalation, Queue
from reviews.services.rulings import Submission, rule, undo_ruling
from reviews.services.triage import (
    NO_REVIEWER,
    claim,
    find_visible,
    reassign,
    release,
    renew,
    take_next,
)


def person_of(request: Request) -> Actor:
    """The person who calls; an API key is refused (403): it never rules, claims or reads queues."""
    actor: Any = request.user
    require(actor, "escalations.read")
    return actor  # type: ignore[no-any-return]


class EscalationList(ListAPIView[Escalation]):
    """Escalations of the organization, newest first."""

    queryset = Escalation.objects.none()
    serializer_class = EscalationRow
    filterset_class = EscalationFilter

    def get_queryset(self) -> QuerySet[Escalation]:
        return Escalation.objects.visible_to(person_of(self.request)).select_related(
            "queue", "system", "holder", "group", "decision"
        )

    @extend_schema(**schema.LIST_ESCALATIONS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class EscalationDetail(APIView):
    @extend_schema(**schema.LOOK_ESCALATION)
    def get(self, request: Request, escalation_id: uuid.UUID) -> Response:
        actor = person_of(request)
        escalation = find_visible(actor, escalation_id)
        detail = describe_detail(escalation)
        if escalation.holder_id == actor.user_id and escalation.claim_token is not None:
            detail["claim"] = describe_claim(escalation)["claim"]
        detail["reviews"] = {
            **detail["reviews"],
            "list": [describe_review(row) for row in escalation.reviews.all()],
        }
        return Response(detail)


class TakeNext(APIView):
    @extend_schema(**schema.TAKE_NEXT)
    def post(self, request: Request, slug: str) -> Response:
        actor = person_of(request)
        body_of(request)
        queue = Queue.objects.visible_to(actor).filter(slug=slug).first()
        if queue is None:
            raise Http404
        taken = take_next(actor=actor, queue=queue)
        if taken.escalation is None:
            return Response(
                {
                    "escalation": None,
                    "reason": taken.reason,
                    "until": format_instant(taken.until),
                }
            )
        return Response({"escalation": describe_claim(taken.escalation)})


class Claim(APIView):
    @extend_schema(**schema.CLAIM)
    def post(self, request: Request, escalation_id: uuid.UUID) -> Response:
        actor = person_of(request)
        body_of(request)
        return Response({"escalation": describe_claim(claim(actor=actor, escalation_id=escalation_id))})


class Release(APIView):
    @extend_schema(**schema.RELEASE)
    def post(self, request: Request, escalation_id: uuid.UUID) -> Response:
        escalation = release(
            actor=person_of(request),
            escalation_id=escalation_id,
            claim_token=read_claim_token(request),
        )
        return Response({"escalation": describe_escalation(escalation)})


class Renew(APIView):
    @extend_schema(**schema.RENEW)
    def post(self, request: Request, escalation_id: uuid.UUID) -> Response:
        escalation = renew(
            actor=person_of(request),
            escalation_id=escalation_id,
            claim_token=read_claim_token(request),
        )
        return Response({"escalation": describe_claim(escalation)})


class Reassign(APIView):
    @extend_schema(**schema.REASSIGN)
    def post(self, request: Request, escalation_id: uuid.UUID) -> Response:
        actor = person_of(request)
        email = body_of(request, "assignee").get("assignee")
        assignee = User.objects.filter(email=email.strip().lower()).first() if isinstance(email, str) else None
        if assignee is None:
            raise Invalid(
                errors=[
                    {
                        "pointer": "/assignee",
                        "detail": NO_REVIEWER,
                    }
                ]
            )
        escalation = reassign(actor=actor, escalation_id=escalation_id, assignee=assignee)
        return Response({"escalation": describe_escalation(escalation)})


class ReviewView(APIView):
    @extend_schema(**schema.REVIEW)
    def post(self, request: Request, escalation_id: uuid.UUID) -> Response:
        actor = person_of(request)
        ruling = RulingInput(data=request.data)
        ruling.is_valid(raise_exception=True)
        submission = Submission(
            ruling=ruling.as_ruling(),
            claim_token=ruling.validated_data["claim_token"],
            idempotency_key=read_optional_idempotency_key(request),
            request_sha256=sha256_hex(canonicalize(request.data)),
        )
        review = rule(actor=actor, escalation_id=escalation_id, submission=submission)
        return Response(describe_ruled(actor, escalation_id, review))


class UndoView(APIView):
    @extend_schema(**schema.UNDO)
    def delete(self, request: Request, review_id: uuid.UUID) -> Response:
        actor = person_of(request)
        undo = undo_ruling(actor=actor, review_id=review_id)
        escalation = find_visible(actor, undo.escalation_id)
        held = escalation.claim_token is not None and escalation.holder_id == actor.user_id
        return Response(
            {
                "review": describe_review(undo),
                "escalation": describe_claim(escalation) if held else describe_escalation(escalation),
                "decision": {
                    "id": str(escalation.decision_id),
                    "status": escalation.decision.status,
                },
            }
        )


class QueueList(APIView):
    @extend_schema(**schema.LIST_QUEUES)
    def get(self, request: Request) -> Response:
        actor = person_of(request)
        queues = Queue.objects.visible_to(actor).prefetch_related("groups").order_by("slug")[:500]
        return Response(
            {
                "next": None,
                "previous": None,
                "results": [
                    {
                        "slug": queue.slug,
                        "name": queue.name,
                        "undo_window_s": queue.undo_window_s,
                        "lease_s": queue.lease_s,
                        "respond_s": queue.respond_s,
                        "groups": [group.slug for group in queue.groups.all()],
                    }
                    for queue in queues
                ],
            }
        )


def describe_ruled(actor: Actor, escalation_id: uuid.UUID, review: Any) -> dict[str, Any]:
    escalation = find_visible(actor, escalation_id)
    return {
        "review": describe_review(review),
        "escalation": describe_escalation(escalation),
        "decision": {
            "id": str(escalation.decision_id),
            "status": escalation.decision.status,
        },
        "undo_until": format_instant(review.undo_until),
    }


def body_of(request: Request, *known: str) -> dict[str, Any]:
    """The body, which the parser lets be nothing but an object. Refuses (422) fields other than the known ones."""
    sent: Any = request.data
    body: dict[str, Any] = sent if isinstance(sent, dict) else {}
    unknown = sorted(body.keys() - set(known))
    if unknown:
        raise Invalid(errors=[{"pointer": f"/{name[:100]}", "detail": "Unknown field."} for name in unknown])
    return body


def read_claim_token(request: Request) -> uuid.UUID | None:
    """The claim that the caller means; optional, since the caller is the holder or nobody."""
    token = body_of(request, "claim_token").get("claim_token")
    if token is None:
        return None
    try:
        return uuid.UUID(str(token))
    except ValueError as error:
        raise Invalid(errors=[{"pointer": "/claim_token", "detail": "Must be a UUID."}]) from error


def read_optional_idempotency_key(request: Request) -> str:
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if len(key) > 255 or not key.isascii() or not (key == "" or key.isprintable()):
        raise Malformed("The Idempotency-Key must have 1 to 255 printable ASCII characters.")
    return key
