"""Reports and improvements for people and their scripts: what was frozen, in its exact bytes, and who signed it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api.policy_shapes import ask
from governance.errors import Invalid, InvalidParameter, NotFound
from governance.models import AISystem, User
from operations.api import report_shapes as shapes
from operations.api.watching import ById, Newest, reader_of, refuse_parameters
from operations.models import ImprovementItem, OwnershipReport
from operations.months import name_month, read_month
from operations.report_files import answer_document
from operations.report_selectors import find_improvement, find_report, improvements_of, reports_of
from operations.services.improving import Intention, close_improvement, decide_improvement
from operations.services.reporting import attest_report, freeze_report

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")
REFUSALS = {403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM}


class ReportList(ListAPIView[OwnershipReport]):
    """Frozen reports of the organization, the newest first."""

    serializer_class = shapes.ReportOutput
    pagination_class = Newest
    filterset_class = shapes.ReportFilter
    queryset = OwnershipReport.objects.none()

    def get_queryset(self) -> Any:
        return reports_of(reader_of(self.request, "reports.read"))

    @extend_schema(operation_id="list_reports", tags=["reports"], examples=[shapes.REPORT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class ReportDetail(APIView):
    @extend_schema(
        operation_id="read_report", tags=["reports"], responses=shapes.ReportOutput, examples=[shapes.REPORT]
    )
    def get(self, request: Request, report_id: uuid.UUID) -> Response:
        """One report: its hash, and who signed it."""
        report = find_report(actor=reader_of(request, "reports.read"), report_id=report_id)
        refuse_parameters(request)
        return Response(shapes.ReportOutput(report).data)


class ReportDocument(APIView):
    @extend_schema(
        operation_id="read_report_document",
        tags=["reports"],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="The document's bytes, as they were hashed")},
        examples=[shapes.DOCUMENT],
    )
    def get(self, request: Request, report_id: uuid.UUID) -> HttpResponse:
        """The frozen document in its exact bytes (RFC 8785); `Repr-Digest` (RFC 9530) and `ETag` hold their SHA-256."""
        report = find_report(actor=reader_of(request, "reports.read"), report_id=report_id)
        refuse_parameters(request)
        name = f"{report.system.slug}-{name_month(report.month)}.json"
        return answer_document(report.document, report.sha256, name)


class ReportAttest(APIView):
    @extend_schema(
        operation_id="attest_report",
        tags=["reports"],
        request=shapes.AttestBody,
        responses={200: shapes.ReportOutput, **REFUSALS},
        examples=[ask("A statement", {"statement": "Read, and the open points are mine."}), shapes.REPORT],
    )
    def post(self, request: Request, report_id: uuid.UUID) -> Response:
        """The signature of the system's owner, once. The backup signs only where the owner's account is closed."""
        actor = reader_of(request, "reports.read")
        report = find_report(actor=actor, report_id=report_id)
        body = _read(request, shapes.AttestBody)
        return Response(
            shapes.ReportOutput(attest_report(actor=actor, report=report, statement=body["statement"])).data
        )


class SystemReports(APIView):
    @extend_schema(
        operation_id="freeze_report",
        tags=["reports"],
        request=shapes.FreezeBody,
        responses={200: shapes.ReportOutput, 201: shapes.ReportOutput, **REFUSALS},
        examples=[ask("A month", {"month": "2026-10"}), shapes.REPORT],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Freeze a month that is over. Asked again, the same report is answered (200)."""
        actor = reader_of(request, "reports.read")
        system = _find_system(actor, slug)
        body = _read(request, shapes.FreezeBody)
        month = _read_month(body["month"])
        was_frozen = OwnershipReport.objects.filter(system=system, month=month).exists()
        report = freeze_report(actor=actor, system=system, month=month)
        return Response(shapes.ReportOutput(report).data, status=200 if was_frozen else 201)


class ImprovementList(ListAPIView[ImprovementItem]):
    """What is to become better, oldest first."""

    serializer_class = shapes.ImprovementOutput
    pagination_class = ById
    filterset_class = shapes.ImprovementFilter
    queryset = ImprovementItem.objects.none()

    def get_queryset(self) -> Any:
        return improvements_of(reader_of(self.request, "reports.read"))

    @extend_schema(operation_id="list_improvements", tags=["reports"], examples=[shapes.IMPROVEMENT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="decide_improvement",
        tags=["reports"],
        request=shapes.ImprovementBody,
        responses={201: shapes.ImprovementOutput, **REFUSALS},
        examples=[
            ask(
                "An intention",
                {
                    "system": "booking-agent",
                    "month": "2026-10",
                    "title": "Run the calendar's contract test every hour",
                    "metric": "failure_rate",
                    "expected_value": 0.01,
                    "owner": "ann@example.com",
                    "due_on": "2026-11-20",
                },
            ),
            shapes.IMPROVEMENT,
        ],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Decide on an improvement. The reports that follow measure its figure against this month's."""
        actor = reader_of(request, "reports.read")
        body = _read(request, shapes.ImprovementBody)
        system = _find_system(actor, body.pop("system"))
        # Whether somebody has an account elsewhere is nobody's business here.
        here = User.objects.filter(memberships__organization_id=actor.member_organization_id, is_active=True)
        owner = here.filter(email=body.pop("owner").strip().lower()).first()
        if owner is None:
            raise Invalid(errors=[{"pointer": "/owner", "detail": "Nobody here has this address."}])
        intention = Intention(**{**body, "month": _read_month(body["month"])}, owner_id=owner.pk)
        item = decide_improvement(actor=actor, system=system, intention=intention)
        return Response(shapes.ImprovementOutput(item).data, status=201)


class ImprovementClose(APIView):
    @extend_schema(
        operation_id="close_improvement",
        tags=["reports"],
        request=shapes.CloseBody,
        responses={200: shapes.ImprovementOutput, **REFUSALS},
        examples=[ask("What came of it", {"status": "done", "note": "It runs every hour."}), shapes.IMPROVEMENT],
    )
    def post(self, request: Request, item_id: uuid.UUID) -> Response:
        """Done or dropped, with a note."""
        actor = reader_of(request, "reports.read")
        item = find_improvement(actor=actor, item_id=item_id)
        body = _read(request, shapes.CloseBody)
        closed = close_improvement(actor=actor, item=item, status=body["status"], note=body["note"])
        return Response(shapes.ImprovementOutput(closed).data)


def _find_system(actor: Actor, slug: str) -> AISystem:
    system = AISystem.objects.visible_to(actor).select_related("organization", "owner", "backup").filter(slug=slug)
    found = system.first()
    if found is None:
        raise NotFound()
    return found


def _read(request: Request, shape: Any) -> dict[str, Any]:
    refuse_parameters(request)
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _read_month(text: str) -> date:
    try:
        return read_month(text)
    except InvalidParameter as error:
        raise Invalid(errors=[{"pointer": "/month", "detail": "This is a month such as 2026-11."}]) from error
