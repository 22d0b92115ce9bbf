"""The verbs of incidents and of the breaker, for people's scripts; each answers how it stands then."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api.policy_shapes import Body, ask
from governance.errors import Invalid, NotFound
from governance.models import AISystem, User
from operations.api import bodies, shapes
from operations.api.watching import PROBLEM, answer_incident, reader_of, refuse_parameters
from operations.services.breaker import Conditions, close_breaker, half_open_breaker, open_breaker
from operations.services.incidents import (
    Lesson,
    acknowledge_incident,
    comment_on_incident,
    find_handled,
    mitigate_incident,
    resolve_incident,
    review_incident,
)

TAGS = ["incidents"]
ANSWERS = {200: shapes.IncidentDetailOutput, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM}
LESSON = {
    "cause": "The calendar renamed two fields and still answered 200.",
    "earlier_detection": "A contract test of the calendar's answers.",
    "example_ids": ["0199c1f3-9999-7c44-b0de-9e2f7a6c5b4d"],
    "action": "Run the contract test every hour.",
    "action_owner": "ann@example.com",
    "action_due_on": "2026-03-21",
}


class Acknowledge(APIView):
    @extend_schema(
        operation_id="acknowledge_incident",
        tags=TAGS,
        request=bodies.Nothing,
        responses=ANSWERS,
        examples=[shapes.INCIDENT_DETAIL],
    )
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Take an incident: it is the caller's, and nobody further is told."""
        actor, _ = begin(request, incident_id, bodies.Nothing)
        acknowledge_incident(actor=actor, incident_id=incident_id)
        return answer_incident(actor, incident_id)


class Comments(APIView):
    @extend_schema(
        operation_id="comment_on_incident",
        tags=TAGS,
        request=bodies.Comment,
        responses=ANSWERS,
        examples=[ask("A comment", {"text": "The calendar's answers look different."}), shapes.INCIDENT_DETAIL],
    )
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Put a note into the timeline."""
        actor, body = begin(request, incident_id, bodies.Comment)
        comment_on_incident(actor=actor, incident_id=incident_id, text=body["text"])
        return answer_incident(actor, incident_id)


class Mitigate(APIView):
    @extend_schema(
        operation_id="mitigate_incident",
        tags=TAGS,
        request=bodies.Mitigation,
        responses=ANSWERS,
        examples=[ask("How", {"note": "The breaker is open; people book by hand."}), shapes.INCIDENT_DETAIL],
    )
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Say that it does no more harm, and what keeps it from that."""
        actor, body = begin(request, incident_id, bodies.Mitigation)
        mitigate_incident(actor=actor, incident_id=incident_id, note=body["note"])
        return answer_incident(actor, incident_id)


class Resolve(APIView):
    @extend_schema(
        operation_id="resolve_incident",
        tags=TAGS,
        request=bodies.Resolution,
        responses=ANSWERS,
        examples=[ask("Why", {"note": "The agent reads the new fields."}), shapes.INCIDENT_DETAIL],
    )
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Say that it is over; its monitors watch again."""
        actor, body = begin(request, incident_id, bodies.Resolution)
        resolve_incident(
            actor=actor,
            incident_id=incident_id,
            note=body["note"],
            is_false_alarm=body["is_false_alarm"],
            judged={one["id"]: one["is_false"] for one in body["alarms"]},
        )
        return answer_incident(actor, incident_id)


class Review(APIView):
    @extend_schema(
        operation_id="review_incident",
        tags=TAGS,
        request=bodies.ReviewBody,
        responses=ANSWERS,
        examples=[ask("A review", LESSON), shapes.INCIDENT_DETAIL],
    )
    def post(self, request: Request, incident_id: uuid.UUID) -> Response:
        """Write down what was learned from a resolved incident. Without examples, say why there are none."""
        actor, body = begin(request, incident_id, bodies.ReviewBody)
        # Whether somebody has an account elsewhere is nobody's business here.
        here = User.objects.filter(memberships__organization_id=actor.member_organization_id, is_active=True)
        owner = here.filter(email=body.pop("action_owner").strip().lower()).first()
        if owner is None:
            raise Invalid(errors=[{"pointer": "/action_owner", "detail": "Nobody here has this address."}])
        review_incident(actor=actor, incident_id=incident_id, lesson=Lesson(**body, action_owner_id=owner.pk))
        return answer_incident(actor, incident_id)


class Breaker(APIView):
    @extend_schema(
        operation_id="set_breaker",
        tags=["systems"],
        request=bodies.BreakerBody,
        responses={200: shapes.BreakerOutput, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM},
        examples=[
            ask("Stop the system", {"state": "open", "reason": "It books nothing."}),
            ask("Try again", {"state": "half_open", "reason": "It is mended.", "share": 0.1}),
            OpenApiExample(
                "The breaker",
                value={
                    "system": "booking-agent",
                    "breaker": "open",
                    "share": 0.0,
                    "reason": "It books nothing.",
                    "changed_at": "2026-03-14T10:45:00Z",
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Open, half-open or close the breaker of a system. Half-opening starts the way back with its conditions."""
        actor = reader_of(request, "systems.read")
        system = AISystem.objects.visible_to(actor).filter(slug=slug).first()
        if system is None:
            raise NotFound()
        refuse_parameters(request)
        body = bodies.BreakerBody(data=request.data)
        body.is_valid(raise_exception=True)
        match body.validated_data["state"]:
            case AISystem.Breaker.OPEN:
                open_breaker(actor=actor, system=system, reason=body.validated_data["reason"])
            case AISystem.Breaker.CLOSED:
                close_breaker(actor=actor, system=system, reason=body.validated_data["reason"])
            case _:
                conditions, reason = Conditions(**body.conditions()), body.validated_data["reason"]
                half_open_breaker(actor=actor, system=system, conditions=conditions, reason=reason)
        system.refresh_from_db()
        return Response(shapes.BreakerOutput(system).data)


def begin(request: Request, incident_id: uuid.UUID, shape: type[Body]) -> tuple[Actor, dict[str, Any]]:
    """The caller and the body. Whether they may is looked at first, so that a refusal tells nothing else."""
    actor = reader_of(request, "incidents.read")
    find_handled(actor, incident_id)
    refuse_parameters(request)
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return actor, dict(body.validated_data)
