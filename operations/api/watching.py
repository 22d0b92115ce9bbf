"""Monitors and incidents for people and their scripts: what is watched, what changed, who has it."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.api.policy_shapes import ask
from governance.errors import InvalidParameter
from governance.permissions import require
from operations.api import bodies, shapes
from operations.models import Incident, Monitor
from operations.services.baselines import change_monitor
from operations.watch_selectors import find_incident, find_monitor, incidents_of, monitors_of

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")


class Newest(KeysetPagination):
    # UUIDv7 keys are in the order in which incidents were opened.
    ordering = "-id"


class ById(KeysetPagination):
    ordering = "id"


class MonitorList(ListAPIView[Monitor]):
    """Every monitor of the organization, oldest first."""

    serializer_class = shapes.MonitorLine
    pagination_class = ById
    filterset_class = shapes.MonitorFilter
    queryset = Monitor.objects.none()

    def get_queryset(self) -> Any:
        return monitors_of(reader_of(self.request, "monitors.read")).defer("baseline", "state")

    @extend_schema(operation_id="list_monitors", tags=["monitors"], examples=[shapes.MONITOR_LINE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class MonitorDetail(APIView):
    @extend_schema(
        operation_id="read_monitor", tags=["monitors"], responses=shapes.MonitorOutput, examples=[shapes.MONITOR]
    )
    def get(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """One monitor: what it compares with, and how often it is wrong."""
        monitor = find_monitor(actor=reader_of(request, "monitors.read"), monitor_id=monitor_id)
        refuse_parameters(request)
        return Response(shapes.MonitorOutput(monitor).data)

    @extend_schema(
        operation_id="change_monitor",
        tags=["monitors"],
        request=bodies.MonitorBody,
        responses={200: shapes.MonitorOutput, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM},
        examples=[
            ask("Let it open the breaker", {"version": 2, "trips_breaker": True}),
            ask("Fewer false alarms", {"version": 2, "settings": {"arl0": 50000, "cooldown_s": None}}),
            shapes.MONITOR,
        ],
    )
    def patch(self, request: Request, monitor_id: uuid.UUID) -> Response:
        """Set a monitor: its numbers, on or off, whether it may open the breaker. Other numbers design its detector anew from
        the baseline that it has, and it begins again. 409 where its version is not the one that was read."""
        actor = reader_of(request, "monitors.manage")
        monitor = find_monitor(actor=actor, monitor_id=monitor_id)
        refuse_parameters(request)
        body = bodies.MonitorBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        if "settings" in wanted:
            given = {**monitor.settings, **wanted["settings"]}
            wanted["settings"] = {name: value for name, value in given.items() if value is not None}
        change_monitor(actor=actor, monitor_id=monitor_id, if_version=wanted.pop("version"), **wanted)
        return Response(shapes.MonitorOutput(find_monitor(actor=actor, monitor_id=monitor_id)).data)


class IncidentList(ListAPIView[Incident]):
    """Incidents of the organization, newest first."""

    serializer_class = shapes.IncidentOutput
    pagination_class = Newest
    filterset_class = shapes.IncidentFilter
    queryset = Incident.objects.none()

    def get_queryset(self) -> Any:
        return incidents_of(reader_of(self.request, "incidents.read"))

    @extend_schema(operation_id="list_incidents", tags=["incidents"], examples=[shapes.INCIDENT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class IncidentDetail(APIView):
    @extend_schema(
        operation_id="read_incident",
        tags=["incidents"],
        responses=shapes.IncidentDetailOutput,
        examples=[shapes.INCIDENT_DETAIL],
    )
    def get(self, request: Request, incident_id: uuid.UUID) -> Response:
        """One incident with its alarms, and what was learned once it is reviewed."""
        actor = reader_of(request, "incidents.read")
        answer = answer_incident(actor, incident_id)
        refuse_parameters(request)
        return answer


def answer_incident(actor: Actor, incident_id: uuid.UUID) -> Response:
    return Response(shapes.IncidentDetailOutput(find_incident(actor=actor, incident_id=incident_id)).data)


def reader_of(request: Request, capability: str) -> Actor:
    """The person who calls; refuses (403) keys: an application asks, it does not watch itself."""
    actor: Any = request.user
    require(actor, capability)
    return actor  # type: ignore[no-any-return]


def refuse_parameters(request: Request) -> None:
    if request.query_params:
        raise InvalidParameter("This address takes no query parameters.")
