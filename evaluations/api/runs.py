"""Evaluation runs for people's pipelines: open one, fetch what to answer, send answers, close it, read the gate."""

from __future__ import annotations

import json
import uuid
from typing import IO, Any

import django_filters
from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluations.api import run_shapes as shapes
from evaluations.models import EvaluationRun, Example
from evaluations.models.runs import ALL
from evaluations.results import read_lines
from evaluations.run_selectors import find_run, find_teachers, runs_of, unanswered
from evaluations.services.gating import Plan, add_results, close_run, open_run
from evaluations.version_selectors import find_version
from governance.actors import Actor
from governance.api.pagination import KeysetPagination
from governance.api.parsing import refuse_coding
from governance.api.policy_shapes import Body, ask
from governance.errors import InvalidParameter, TooLarge
from governance.permissions import require

TAGS = ["evaluation runs"]
PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 9457 problem details")
REFUSALS = {403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM}
# Of each kind of flip so many are answered with their rulings.
FLIPS_SHOWN = 100


class NewestId(KeysetPagination):
    ordering = "-id"


class OldestId(KeysetPagination):
    ordering = "id"


class RunFilter(django_filters.FilterSet):
    """`system` (slug), `candidate` (release), `status`, `verdict`."""

    system = django_filters.CharFilter(field_name="system__slug")
    candidate = django_filters.CharFilter(field_name="candidate__name")
    status = django_filters.ChoiceFilter(choices=EvaluationRun.Status.choices)
    verdict = django_filters.ChoiceFilter(choices=[one for one in EvaluationRun.Verdict.choices if one[0]])

    class Meta:
        model = EvaluationRun
        fields: list[str] = []


class RunList(ListAPIView[EvaluationRun]):
    """Runs of the organization's systems, newest first."""

    serializer_class = shapes.RunOutput
    pagination_class = NewestId
    filterset_class = RunFilter
    queryset = EvaluationRun.objects.none()

    def get_queryset(self) -> Any:
        return runs_of(_person(self.request, "datasets.read"))

    @extend_schema(operation_id="list_evaluation_runs", tags=TAGS, examples=[shapes.RUN])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="open_evaluation_run",
        tags=TAGS,
        request=shapes.NewRun,
        responses={201: shapes.RunOutput, **REFUSALS},
        examples=[ask("A run", shapes.ASKED), shapes.RUN],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Begin a run of a release on a sealed version of a dataset."""
        actor = _person(request, "evaluations.run")
        asked = _read(shapes.NewRun, request)
        version = find_version(actor=actor, dataset_id=asked["dataset"], number=asked["version"])
        plan = Plan(
            candidate=asked["candidate"],
            split="" if asked["split"] == ALL else asked["split"],
            baseline_id=asked.get("baseline"),
            goal=asked["goal"],
            scorer=asked["scorer"],
            repeats=asked["repeats"],
            demands=asked["demands"],
        )
        run = open_run(actor=actor, version=version, plan=plan)
        return Response(shapes.RunOutput(run).data, status=201)


class RunDetail(APIView):
    @extend_schema(operation_id="read_evaluation_run", tags=TAGS, responses=shapes.RunOutput, examples=[shapes.RUN])
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        """One run."""
        run = find_run(actor=_person(request, "datasets.read"), run_id=run_id)
        _refuse_parameters(request)
        return Response(shapes.RunOutput(run).data)


class RunExamples(ListAPIView[Example]):
    """What the candidate has still to answer, oldest first; a run that was interrupted goes on from here."""

    serializer_class = shapes.QuestionOutput
    pagination_class = OldestId
    queryset = Example.objects.none()

    def get_queryset(self) -> Any:
        return unanswered(find_run(actor=_person(self.request, "datasets.read"), run_id=self.kwargs["run_id"]))

    @extend_schema(operation_id="list_unanswered_examples", tags=TAGS, examples=[shapes.QUESTION])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class JsonLinesParser(BaseParser):
    """A body of JSON lines of at most 1 MiB, as bytes under `lines`: each line is read strictly by evaluations/results.py."""

    media_type = "application/jsonl"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> dict[str, bytes]:
        refuse_coding((parser_context or {})["request"].META.get("HTTP_CONTENT_ENCODING", ""))
        body = stream.read(settings.LARGEST_BODY + 1)
        if len(body) > settings.LARGEST_BODY:
            raise TooLarge(f"The body may have {settings.LARGEST_BODY:,} bytes at the most; send several.")
        return {"lines": body}


class RunResults(APIView):
    parser_classes = (JsonLinesParser,)

    @extend_schema(
        operation_id="add_evaluation_results",
        tags=TAGS,
        request={"application/jsonl": OpenApiTypes.STR},
        responses={200: shapes.TakenOutput, **REFUSALS},
        examples=[
            OpenApiExample(
                "A line", value=json.dumps(shapes.LINE) + "\n", request_only=True, media_type="application/jsonl"
            ),
            shapes.TAKEN,
        ],
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Add answers, at most 1,000 lines and 1 MiB a request, all or none. Sent again they change nothing."""
        actor = _person(request, "evaluations.run")
        run = find_run(actor=actor, run_id=run_id)
        body: Any = request.data
        taken = add_results(actor=actor, run=run, results=read_lines(body.get("lines", b"")))
        return Response({"added": taken.added, "repeated": taken.repeated})


class RunClose(APIView):
    @extend_schema(
        operation_id="close_evaluation_run",
        tags=TAGS,
        request=Body,
        responses={200: shapes.GateOutput, **REFUSALS},
        examples=[shapes.GATE],
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Take no further answer, and judge: the gate's answer, which never changes again."""
        actor = _person(request, "evaluations.run")
        run = find_run(actor=actor, run_id=run_id)
        _read(Body, request)
        return Response(describe_gate(actor, close_run(actor=actor, run=run)))


class RunGate(APIView):
    @extend_schema(operation_id="read_gate", tags=TAGS, responses=shapes.GateOutput, examples=[shapes.GATE])
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        """The gate's answer with the examples that changed sides and the ruling behind each; no verdict while open."""
        actor = _person(request, "datasets.read")
        run = find_run(actor=actor, run_id=run_id)
        _refuse_parameters(request)
        return Response(describe_gate(actor, run))


def describe_gate(actor: Actor, run: EvaluationRun) -> dict[str, Any]:
    if run.status == EvaluationRun.Status.OPEN:
        return {"run": str(run.pk), "status": run.status, "verdict": None, "evidence": None, "flips": []}
    evidence = json.loads(run.evidence)
    changed = [(change, key) for change in ("broken", "fixed") for key in evidence[change][:FLIPS_SHOWN]]
    teachers = find_teachers(actor, [uuid.UUID(key) for _, key in changed])
    return {
        "run": str(run.pk),
        "status": run.status,
        "verdict": run.verdict,
        "evidence": evidence,
        "evidence_sha256": f"sha256:{run.evidence_sha256}",
        "flips": [
            {"example": key, "change": change, "ruling": shapes.describe_ruling(teachers.get(uuid.UUID(key)))}
            for change, key in changed
        ],
    }


def _read(shape: type[Body], request: Request) -> Any:
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data


def _refuse_parameters(request: Request) -> None:
    if request.query_params:
        raise InvalidParameter("This address takes no query parameters.")


def _person(request: Request, capability: str) -> Actor:
    """The person who calls; refuses (403) keys."""
    actor: Any = request.user
    require(actor, capability)
    return actor  # type: ignore[no-any-return]
