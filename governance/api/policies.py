"""Policies for people and their scripts: read what is in force, draft, submit, rule, activate, roll back, try out.

Drafts carry an ETag; a save needs `If-Match`, so that two editors can't overwrite each other (412).
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import OuterRef, Subquery
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actors import Actor
from governance.api import policy_shapes as shapes
from governance.api.pagination import KeysetPagination
from governance.errors import Invalid, InvalidParameter, Malformed, NotFound
from governance.models import Activation, AISystem, Policy, PolicyVersion
from governance.permissions import require
from governance.policy_selectors import find_policy, find_version, newest_activation
from governance.rules.document import export_yaml
from governance.services.policy_activation import activate_version, roll_back
from governance.services.policy_checking import describe_evaluation, evaluate_text, load_or_refuse
from governance.services.policy_life import (
    approve_version,
    draft_version,
    edit_draft,
    open_policy,
    reject_version,
    submit_version,
    withdraw_version,
)
from governance.services.policy_refusals import DraftChanged

TAGS = ["policies"]
PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, description="Problem details (RFC 9457)")
IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The ETag that you have read.")
_ETAG = re.compile(r'"(\d{1,9})(?:-[a-z]+)?"')


class ByKey(KeysetPagination):
    ordering = "key"


class ByNumber(KeysetPagination):
    ordering = "-number"


class PolicyFilter(django_filters.FilterSet):
    key = django_filters.CharFilter("key")
    system = django_filters.CharFilter("system__slug", label="The system's slug")


class VersionFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=PolicyVersion.Status.choices)


class PolicyList(ListAPIView[Policy]):
    """Every policy of the organization, by key, with what is in force."""

    serializer_class = shapes.PolicyOutput
    pagination_class = ByKey
    filterset_class = PolicyFilter
    queryset = Policy.objects.none()

    def get_queryset(self) -> Any:
        newest = Activation.objects.filter(policy=OuterRef("pk")).order_by("-number").values("pk")[:1]
        policies = Policy.objects.visible_to(_reader(self.request)).select_related("system")
        return policies.annotate(newest_id=Subquery(newest))

    def paginate_queryset(self, queryset: Any) -> Any:
        rows: Any = super().paginate_queryset(queryset)
        activations = Activation.objects.select_related("version").in_bulk(
            [row.newest_id for row in rows if row.newest_id]
        )
        for row in rows:
            row.in_force = activations.get(row.newest_id)
        return rows

    @extend_schema(operation_id="list_policies", tags=TAGS, examples=[shapes.POLICY])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_policy",
        tags=TAGS,
        filters=False,
        request=shapes.NewPolicy,
        responses={201: shapes.VersionOutput, 409: PROBLEM, 422: PROBLEM},
        examples=[shapes.ask("A first policy", {"system": "refund-bot", "document": shapes.DOCUMENT}), shapes.VERSION],
    )
    def post(self, request: Request) -> Response:
        """A policy for a system that has none; answers its first draft."""
        actor, body = _reader(request), _read(request, shapes.NewPolicy)
        system = AISystem.objects.visible_to(actor).filter(slug=body["system"]).first()
        if system is None:
            detail = "There is no system of this slug."
            raise Invalid(detail, errors=[{"pointer": "/system", "detail": detail}])
        version = open_policy(actor=actor, system=system, key=body["key"], source=_text(body.get("document")))
        return _answer(actor, version, status=201)


class PolicyDetail(APIView):
    @extend_schema(operation_id="read_policy", tags=TAGS, responses=shapes.PolicyOutput, examples=[shapes.POLICY])
    def get(self, request: Request, policy_id: uuid.UUID) -> Response:
        """One policy, with what is in force."""
        policy: Any = find_policy(actor=_reader(request), policy_id=policy_id)
        _refuse_parameters(request)
        policy.in_force = newest_activation(policy.pk)
        return Response(shapes.PolicyOutput(policy).data)


class ActivationList(ListAPIView[Activation]):
    """The policy's ledger: every activation, newest first."""

    serializer_class = shapes.ActivationOutput
    pagination_class = ByNumber
    queryset = Activation.objects.none()

    def get_queryset(self) -> Any:
        policy = find_policy(actor=_reader(self.request), policy_id=self.kwargs["policy_id"])
        return policy.activations.select_related("version").defer("version__source", "version__canonical")

    @extend_schema(operation_id="list_policy_activations", tags=TAGS, examples=[shapes.ACTIVATION])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class VersionList(ListAPIView[PolicyVersion]):
    """The policy's versions, newest first, without their texts."""

    serializer_class = shapes.VersionRow
    pagination_class = ByNumber
    filterset_class = VersionFilter
    queryset = PolicyVersion.objects.none()

    def get_queryset(self) -> Any:
        policy = find_policy(actor=_reader(self.request), policy_id=self.kwargs["policy_id"])
        texts = ("source", "canonical", "base__source", "base__canonical")
        return policy.versions.select_related("author", "base").defer(*texts)

    @extend_schema(operation_id="list_policy_versions", tags=TAGS, examples=[shapes.VERSION_LINE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="draft_policy_version",
        tags=TAGS,
        filters=False,
        request=shapes.NewVersion,
        responses={201: shapes.VersionOutput, 409: PROBLEM, 422: PROBLEM},
        examples=[shapes.ask("A new text", {"document": shapes.DOCUMENT}), shapes.VERSION],
    )
    def post(self, request: Request, policy_id: uuid.UUID) -> Response:
        """A draft on top of the version in force."""
        actor, body = _reader(request), _read(request, shapes.NewVersion)
        draft = draft_version(
            actor=actor,
            policy_id=policy_id,
            source=_text(body.get("document")),
            copy_of=body.get("copy_of"),
            base_id=body.get("base"),
        )
        return _answer(actor, draft, status=201)


class VersionDetail(APIView):
    @extend_schema(
        operation_id="read_policy_version", tags=TAGS, responses=shapes.VersionOutput, examples=[shapes.VERSION]
    )
    def get(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """One version with its text, and who said what of it."""
        actor = _reader(request)
        _refuse_parameters(request)
        return _answer(actor, _version(actor, policy_id, version_id))

    @extend_schema(
        operation_id="save_policy_draft",
        tags=TAGS,
        parameters=[IF_MATCH],
        request=shapes.DraftText,
        responses={200: shapes.VersionOutput, 409: PROBLEM, 412: PROBLEM, 422: PROBLEM},
        examples=[shapes.ask("The whole text", {"document": shapes.DOCUMENT}), shapes.VERSION],
    )
    def put(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """Save a draft's text over the one that `If-Match` names; 412 where somebody saved in between."""
        actor = _reader(request)
        version = _version(actor, policy_id, version_id)
        revision = _seen_revision(request)
        if revision is None:
            raise Malformed("Send If-Match with the ETag of the draft that you have read.")
        source = _text(_read(request, shapes.DraftText)["document"])
        saved = edit_draft(actor=actor, version_id=version.pk, source=source or "", revision=revision)
        return _answer(actor, saved)


class _Verb(APIView):
    """One step of a version's life: the version by its address, the body by its shape."""

    def begin(self, request: Request, shape: type[shapes.Body]) -> tuple[Actor, PolicyVersion, Mapping[str, Any]]:
        actor = _reader(request)
        version = _version(actor, self.kwargs["policy_id"], self.kwargs["version_id"])
        return actor, version, _read(request, shape)


class SubmitVersion(_Verb):
    @extend_schema(
        operation_id="submit_policy_version",
        tags=TAGS,
        parameters=[IF_MATCH],
        request=shapes.Submission,
        responses={200: shapes.VersionOutput, 409: PROBLEM, 412: PROBLEM, 422: PROBLEM},
        examples=[shapes.ask("Why", {"reason": "Finance asked for it"}), shapes.VERSION],
    )
    def post(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """Ask others to approve a draft; its text stands still from here on, and its own tests must pass."""
        actor, version, body = self.begin(request, shapes.Submission)
        revision = _seen_revision(request)
        return _answer(
            actor, submit_version(actor=actor, version_id=version.pk, reason=body["reason"], revision=revision)
        )


class ApproveVersion(_Verb):
    @extend_schema(
        operation_id="approve_policy_version",
        tags=TAGS,
        request=shapes.Approval,
        responses={200: shapes.VersionOutput, 403: PROBLEM, 409: PROBLEM},
        examples=[shapes.ask("This text", {"sha256": shapes.SHA256}), shapes.VERSION],
    )
    def post(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """Approve exactly the text of this hash; whoever wrote a part of it can't (403)."""
        actor, version, body = self.begin(request, shapes.Approval)
        return _answer(actor, approve_version(actor=actor, version_id=version.pk, **body))


class RejectVersion(_Verb):
    @extend_schema(
        operation_id="reject_policy_version",
        tags=TAGS,
        request=shapes.Rejection,
        responses={200: shapes.VersionOutput, 403: PROBLEM, 409: PROBLEM},
        examples=[shapes.ask("Why not", {"sha256": shapes.SHA256, "reason": "Too lax"}), shapes.VERSION],
    )
    def post(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """Reject exactly the text of this hash, with a reason for its authors."""
        actor, version, body = self.begin(request, shapes.Rejection)
        return _answer(actor, reject_version(actor=actor, version_id=version.pk, **body))


class WithdrawVersion(_Verb):
    @extend_schema(
        operation_id="withdraw_policy_version",
        tags=TAGS,
        request=shapes.OptionalReason,
        responses={200: shapes.VersionOutput, 409: PROBLEM},
        examples=[shapes.ask("Why", {"reason": "Finance changed its mind"}), shapes.VERSION],
    )
    def post(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """Take a version back before it is in force."""
        actor, version, body = self.begin(request, shapes.OptionalReason)
        return _answer(actor, withdraw_version(actor=actor, version_id=version.pk, **body))


class ActivateVersion(_Verb):
    @extend_schema(
        operation_id="activate_policy_version",
        tags=TAGS,
        request=shapes.OptionalReason,
        responses={200: shapes.ActivationOutput, 409: PROBLEM},
        examples=[shapes.ask("Now", {}), shapes.ACTIVATION],
    )
    def post(self, request: Request, policy_id: uuid.UUID, version_id: uuid.UUID) -> Response:
        """Put an approved version into force; 409 where it was made from another version than today's."""
        actor, version, body = self.begin(request, shapes.OptionalReason)
        activation = activate_version(actor=actor, version_id=version.pk, **body)
        return Response(shapes.ActivationOutput(activation).data)


class RollBack(APIView):
    @extend_schema(
        operation_id="roll_back_policy",
        tags=TAGS,
        request=shapes.Rollback,
        responses={200: shapes.ActivationOutput, 409: PROBLEM},
        examples=[shapes.ask("One step", {"reason": "It blocks everything", "activation": 7}), shapes.ACTIVATION],
    )
    def post(self, request: Request, policy_id: uuid.UUID) -> Response:
        """Bring back the version that was in force just before: one step, no second person."""
        actor, body = _reader(request), _read(request, shapes.Rollback)
        return Response(shapes.ActivationOutput(roll_back(actor=actor, policy_id=policy_id, **body)).data)


class EvaluatePolicy(APIView):
    @extend_schema(
        operation_id="evaluate_policy",
        tags=TAGS,
        request=shapes.Trial,
        responses={200: shapes.TrialOutput, 422: PROBLEM},
        examples=shapes.TRIAL,
    )
    def post(self, request: Request) -> Response:
        """What a document would say of a context. Nothing is recorded."""
        actor, body = _reader(request), _read(request, shapes.Trial)
        evaluation = evaluate_text(actor=actor, document=body["document"], context=body["context"])
        return Response(describe_evaluation(evaluation))


def _reader(request: Request) -> Actor:
    """The person who calls; refuses (403) keys, and whoever may not read policies."""
    actor: Any = request.user
    require(actor, "policies.read")
    return actor  # type: ignore[no-any-return]


def _read(request: Request, shape: type[shapes.Body]) -> dict[str, Any]:
    _refuse_parameters(request)
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _refuse_parameters(request: Request) -> None:
    if request.query_params:
        raise InvalidParameter("This address takes no query parameters.")


def _text(document: str | Mapping[str, Any] | None) -> str | None:
    """A document as the text that is kept. One that comes as JSON has to be valid; text may still be wrong."""
    if document is None or isinstance(document, str):
        return document
    return export_yaml(load_or_refuse(document))


def _version(actor: Actor, policy_id: uuid.UUID, version_id: uuid.UUID) -> PolicyVersion:
    version = find_version(actor=actor, version_id=version_id)
    if version.policy_id != policy_id:
        raise NotFound()
    return version


def _seen_revision(request: Request) -> int | None:
    """The revision that `If-Match` names, or None without the header. Refuses (DraftChanged) a tag that is none of
    ours: it can't match what stands there."""
    header = request.headers.get("If-Match")
    if header is None:
        return None
    tag = _ETAG.fullmatch(header.strip())
    if tag is None:
        raise DraftChanged("If-Match takes the one ETag that the draft was read with.")
    return int(tag[1])


def _answer(actor: Actor, version: PolicyVersion, *, status: int = 200) -> Response:
    shown = (
        PolicyVersion.objects.visible_to(actor)
        .select_related("author", "base")
        .prefetch_related("editors", "approvals__approver")
        .get(pk=version.pk)
    )
    headers = {"ETag": f'"{shown.revision}-{shown.status}"'}
    if status == 201:
        headers["Location"] = f"/api/v1/policies/{shown.policy_id}/versions/{shown.pk}"
    return Response(shapes.VersionOutput(shown).data, status=status, headers=headers)
