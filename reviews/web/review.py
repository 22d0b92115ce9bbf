"""The review screen: everything that is needed to rule on one escalation, and the ways to do it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.canonical import canonicalize, sha256_hex
from governance.errors import Conflict, DomainError, FieldError, Invalid, NotPermitted
from governance.models import Group, Organization, User
from governance.permissions import may
from governance.web.session import page
from reviews.errors import InvalidRuling
from reviews.models import Escalation, Review, ReviewDraft
from reviews.proposals import ABSENT
from reviews.rulings import Ruling
from reviews.services.drafts import save_draft
from reviews.services.resolution import settle_decision
from reviews.services.rulings import Submission, read_asked_of, rule, undo_ruling
from reviews.services.triage import claim, find_visible, is_requester, reassign, release, renew, take_next
from reviews.web.correction_form import PREFIX, CorrectionField, lay_out, read_back
from reviews.web.evidence import (
    describe_change,
    describe_effect,
    list_action_names,
    list_facts,
    list_rules,
    list_similar,
    list_turns,
    paths_read,
)

VERDICTS = (
    ("approve", "Approve", "a"),
    ("correct", "Correct", "e"),
    ("reject", "Reject", "d"),
    ("answer", "Answer myself", "t"),
    ("escalate", "Escalate", "u"),
    ("need_information", "Need information", "i"),
)
SUGGESTED_LABELS = ("wrong-action", "wrong-details", "missing-context", "against-policy", "unsafe")
TABS = ("conversation", "input", "context", "rules", "similar", "history", "raw")
NOTHING_NEXT = {
    "empty": "That was the last one in this queue.",
    "all_claimed": "The others in this queue are held by somebody.",
    "outside_groups": "What is left in this queue belongs to others.",
}
NEVER_DRAFTED = {"csrfmiddlewaretoken", "claim_token", "submission"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person has typed: a submission that came back, a draft, or nothing yet."""

    fields: Mapping[str, str]
    labels: tuple[str, ...] = ()
    faults: tuple[FieldError, ...] = ()
    problem: str = ""
    shows_change: bool = False


@require_GET
@page("escalations.read")
def show(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    escalation = find_visible(actor, escalation_id)
    if escalation.is_approval and escalation.decision.is_pending:
        settle_decision(decision_id=escalation.decision_id)
        escalation = find_visible(actor, escalation_id)
    return render_review(request, actor, escalation, read_draft(actor, escalation))


@require_POST
@page("escalations.rule")
def submit(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    escalation = find_visible(actor, escalation_id)
    attempt = read_attempt(request)
    try:
        review = rule(actor=actor, escalation_id=escalation_id, submission=read_submission(request, escalation))
    except (InvalidRuling, Invalid) as refusal:
        faults = tuple(FieldError(pointer=error["pointer"], detail=error["detail"]) for error in refusal.errors)
        return render_review(request, actor, escalation, with_faults(attempt, faults), status=422)
    except (Conflict, NotPermitted) as refusal:
        # Whatever was typed survives that somebody was faster.
        save_draft(actor=actor, escalation=escalation, fields=drafted(request))
        current = find_visible(actor, escalation_id)
        problem = f"{refusal.title}. {refusal.detail} What you typed is kept as a draft."
        return render_review(request, actor, current, with_problem(attempt, problem), status=refusal.status)
    messages.success(request, confirm(review))
    if request.POST.get("then") == "next":
        return go_on(request, actor, escalation)
    return redirect("review", escalation_id=escalation_id)


def go_on(request: HttpRequest, actor: Actor, escalation: Escalation) -> HttpResponseBase:
    """Claim the next one of the same queue and open it; back to the list where there is none."""
    taken = take_next(actor=actor, queue=escalation.queue)
    if taken.escalation is not None:
        return redirect("review", escalation_id=taken.escalation.pk)
    messages.info(request, NOTHING_NEXT[taken.reason])
    return redirect("queue", view="unclaimed")


@require_POST
@page("escalations.rule")
def preview(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    """The page again, with what the correction changes; nothing is recorded but the draft."""
    escalation = find_visible(actor, escalation_id)
    save_draft(actor=actor, escalation=escalation, fields=drafted(request))
    attempt = read_attempt(request)
    _, faults = read_correction(request.POST, escalation)
    shown = Attempt(attempt.fields, attempt.labels, tuple(faults), shows_change=True)
    return render_review(request, actor, escalation, shown, status=422 if faults else 200)


@require_POST
@page("escalations.rule")
def draft(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    saved = save_draft(actor=actor, escalation=find_visible(actor, escalation_id), fields=drafted(request))
    if request.headers.get("X-Requested-With") or "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"saved_at": saved.saved_at.isoformat()})
    messages.info(request, "Your draft is saved.")
    return redirect("review", escalation_id=escalation_id)


@require_POST
@page("escalations.rule")
def take(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    try:
        claim(actor=actor, escalation_id=escalation_id)
    except (Conflict, NotPermitted) as refusal:
        messages.error(request, f"{refusal.title}. {refusal.detail}")
    return redirect("review", escalation_id=escalation_id)


@require_POST
@page("escalations.rule")
def give_back(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    try:
        release(actor=actor, escalation_id=escalation_id)
    except Conflict as refusal:
        messages.error(request, refusal.title)
        return redirect("review", escalation_id=escalation_id)
    messages.info(request, "Given back to its queue.")
    return redirect("queue", view="unclaimed")


@require_POST
@page("escalations.rule")
def extend(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        escalation = renew(actor=actor, escalation_id=escalation_id)
    except Conflict as refusal:
        if wants_json:
            return JsonResponse({"detail": refusal.title}, status=409)
        messages.error(request, refusal.title)
        return redirect("review", escalation_id=escalation_id)
    if wants_json and escalation.lease_until is not None:
        return JsonResponse({"lease_expires_at": escalation.lease_until.isoformat()})
    return redirect("review", escalation_id=escalation_id)


@require_POST
@page("escalations.assign")
def assign(request: HttpRequest, actor: Actor, escalation_id: uuid.UUID) -> HttpResponseBase:
    escalation = find_visible(actor, escalation_id)
    assignee = list_reviewers(actor).filter(pk__in=read_uuids(request.POST.get("assignee", ""))).first()
    if assignee is None:
        messages.error(request, "Choose a reviewer.")
        return redirect("review", escalation_id=escalation.pk)
    try:
        reassign(actor=actor, escalation_id=escalation_id, assignee=assignee)
        messages.success(request, "Assigned.")
    except DomainError as refusal:
        messages.error(request, f"{refusal.title}. {refusal.detail}")
    return redirect("review", escalation_id=escalation_id)


@require_POST
@page("escalations.rule")
def undo(request: HttpRequest, actor: Actor, review_id: uuid.UUID) -> HttpResponseBase:
    try:
        taken_back = undo_ruling(actor=actor, review_id=review_id)
    except Conflict as refusal:
        messages.error(request, refusal.title)
        return redirect("history")
    messages.success(request, "Taken back. It is yours again, and nothing has gone out.")
    return redirect("review", escalation_id=taken_back.escalation_id)


def render_review(
    request: HttpRequest, actor: Actor, escalation: Escalation, attempt: Attempt, *, status: int = 200
) -> HttpResponse:
    """The whole screen: evidence to the left, the verdict to the right."""
    decision = escalation.decision
    payload = decision.payload
    asked = read_asked_of(escalation)
    evaluation = json.loads(payload.evaluation)
    rules = list_rules(evaluation)
    read = paths_read(rules)
    input_value = json.loads(payload.input)
    context_value = json.loads(payload.context) if payload.context is not None else None
    proposal = asked.proposal
    kind, proposed = next(iter(proposal.items()))
    turns = list_turns(context_value, input_value)
    reviews = list(escalation.reviews.select_related("supersedes"))
    tab = request.GET.get("tab", "") if request.GET.get("tab") in TABS else ("conversation" if turns else "input")
    is_mine = escalation.status == Escalation.Status.CLAIMED and escalation.holder_id == actor.user_id
    return render(
        request,
        "reviews/review.html",
        {
            "escalation": escalation,
            "decision": decision,
            "payload": payload,
            "is_mine": is_mine,
            "is_own_request": is_requester(escalation, actor.user_id, actor.email),
            "may_rule": may(actor, "escalations.rule"),
            "is_claimable": is_claimable(escalation),
            "proposal_kind": kind,
            "action_name": proposed["name"] if kind == "action" else "",
            "proposal_facts": list_facts(
                proposed["arguments"] if kind == "action" else proposed,
                path="action.arguments" if kind == "action" else "output",
                read=read,
            ),
            "effect": describe_effect(decision, proposal),
            "confidence_read": "confidence" in read,
            "rules": rules,
            "reasons": evaluation.get("reasons", []),
            "policy_version": decision.policy_version,
            "turns": turns,
            "tab": tab,
            "tabs": [(name, name.capitalize()) for name in TABS if name != "conversation" or turns],
            "input_facts": list_facts(input_value, path="input", read=read),
            "context_facts": list_facts(context_value, path="context", read=read) if context_value else [],
            "similar": list_similar(escalation) if tab == "similar" else [],
            "raw": write_raw(escalation) if tab == "raw" else "",
            "reviews": reviews,
            "exchanges": list(decision.information_exchanges.all()),
            "undo": offer_undo(actor),
            "attempt": attempt,
            **(describe_form(escalation, attempt) if is_mine else {}),
            "reviewers": list_reviewers(actor) if may(actor, "escalations.assign") else [],
            "now": timezone.now(),
        },
        status=status,
    )


def describe_form(escalation: Escalation, attempt: Attempt) -> dict[str, Any]:
    """The right-hand side: verdicts, correction fields, labels, groups; with what was typed and what was wrong with it."""
    asked = read_asked_of(escalation)
    kind, proposed = next(iter(asked.proposal.items()))
    submitted = attempt.fields if any(name.startswith(PREFIX) for name in attempt.fields) else None
    fields = lay_out(
        value=proposed["arguments"] if kind == "action" else proposed, schema=asked.schema, submitted=submitted
    )
    summary = place_faults(fields, attempt.faults, kind)
    organization = Organization.objects.get(pk=escalation.organization_id)
    known = list(dict.fromkeys([*organization.labels, *(() if organization.labels else SUGGESTED_LABELS)]))[:9]
    change: list[Any] = []
    if attempt.shows_change:
        corrected, faults = read_correction(attempt.fields, escalation)
        change = [] if faults else describe_change(asked.proposal, corrected)
    open_verdicts = {*asked.allowed, "escalate", *(() if asked.has_happened else ("need_information",))}
    return {
        "verdicts": [(value, label, key) for value, label, key in VERDICTS if value in open_verdicts],
        "chosen": attempt.fields.get("verdict", ""),
        "correction_fields": fields,
        "action_names": list_action_names(escalation.decision) if kind == "action" else [],
        "fixed_action": attempt.fields.get("action_name", escalation.decision.action_name),
        "known_labels": [(label, label in attempt.labels, str(index)) for index, label in enumerate(known, 1)],
        "other_labels": ", ".join(label for label in attempt.labels if label not in known),
        "groups": Group.objects.filter(organization_id=escalation.organization_id),
        "summary": summary,
        "change": change,
        "claim_token": escalation.claim_token,
        "submission": attempt.fields.get("submission") or uuid.uuid4().hex,
    }


def place_faults(fields: list[CorrectionField], faults: tuple[FieldError, ...], kind: str) -> list[dict[str, str]]:
    """Put each fault on its field; the error summary's lines, each with the field that it leads to."""
    root = "/action/arguments" if kind == "action" else "/output"
    known = {root + entry.pointer: entry for entry in fields}
    anchors = {"/labels": "other-labels", "/reason": "reason", "/note": "note", "/answer": "answer", "/group": "group"}
    anchors |= {"/verdict": "verdict", "/action": "action-name"}
    summary = []
    for fault in faults:
        entry = known.get(fault["pointer"]) or known.get(fault["pointer"].rsplit("/", 1)[0])
        if entry is not None:
            entry.error = fault["detail"]
            summary.append({"anchor": entry.html_id, "label": entry.label, "text": fault["detail"]})
        else:
            base = "/" + fault["pointer"].split("/")[1] if "/" in fault["pointer"] else ""
            summary.append({"anchor": anchors.get(base, "ruling"), "label": "", "text": fault["detail"]})
    return summary


def read_submission(request: HttpRequest, escalation: Escalation) -> Submission:
    """The posted form as a ruling. Refuses (InvalidRuling) fields that don't parse, before anything is recorded."""
    form = request.POST
    verdict = form.get("verdict", "")
    if verdict not in {value for value, _, _ in VERDICTS}:
        raise InvalidRuling(errors=[{"pointer": "/verdict", "detail": "Choose a verdict."}])
    fields: dict[str, Any] = {}
    if verdict == "correct":
        corrected, faults = read_correction(form, escalation)
        if faults:
            raise InvalidRuling(errors=faults)
        fields = corrected
    tokens = read_uuids(form.get("claim_token", ""))
    return Submission(
        ruling=Ruling(
            verdict=verdict,
            action=fields.get("action"),
            output=fields.get("output", ABSENT),
            answer=form.get("answer", "").strip() or ABSENT,
            labels=read_labels(request),
            reason=form.get("reason", ""),
            note=form.get("note", ""),
            group=form.get("group", ""),
        ),
        claim_token=tokens[0] if tokens else uuid.UUID(int=0),
        idempotency_key=form.get("submission", "")[:64],
        request_sha256=sha256_hex(canonicalize({"verdict": verdict, **drafted(request)})),
    )


def read_correction(form: Mapping[str, str], escalation: Escalation) -> tuple[dict[str, Any], list[FieldError]]:
    """The corrected proposal and the faults of its fields, as pointers of the API."""
    asked = read_asked_of(escalation)
    kind, proposed = next(iter(asked.proposal.items()))
    if kind == "output":
        corrected, faults = read_back(value=proposed, schema=asked.schema, submitted=form)
        return {"output": corrected}, [{**fault, "pointer": f"/output{fault['pointer']}"} for fault in faults]
    arguments, faults = read_back(value=proposed["arguments"], schema=asked.schema, submitted=form)
    name = form.get("action_name", proposed["name"]).strip()
    located: list[FieldError] = [{**fault, "pointer": f"/action/arguments{fault['pointer']}"} for fault in faults]
    if not 1 <= len(name) <= 100:
        located.append({"pointer": "/action", "detail": "The action needs a name of 1 to 100 characters."})
    return {"action": {"name": name, "arguments": arguments}}, located


def read_attempt(request: HttpRequest) -> Attempt:
    fields = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    return Attempt(fields=fields, labels=read_labels(request))


def read_labels(request: HttpRequest) -> tuple[str, ...]:
    typed = request.POST.get("other_labels", "").replace(";", ",").split(",")
    labels = [*request.POST.getlist("labels"), *("-".join(label.lower().split()) for label in typed)]
    return tuple(dict.fromkeys(label for label in labels if label))


def drafted(request: HttpRequest) -> dict[str, Any]:
    """What a draft keeps of a form: all but tokens."""
    fields = {name: value for name, value in request.POST.items() if name not in NEVER_DRAFTED}
    return {**fields, "labels": list(read_labels(request))}


def read_draft(actor: Actor, escalation: Escalation) -> Attempt:
    saved = ReviewDraft.objects.filter(escalation=escalation, reviewer_id=actor.user_id).first()
    if saved is None:
        return Attempt(fields={})
    fields = {name: value for name, value in saved.fields.items() if isinstance(value, str)}
    return Attempt(
        fields={**fields, "saved_at": saved.saved_at.isoformat()}, labels=tuple(saved.fields.get("labels", ()))
    )


def with_faults(attempt: Attempt, faults: tuple[FieldError, ...]) -> Attempt:
    return Attempt(attempt.fields, attempt.labels, faults)


def with_problem(attempt: Attempt, problem: str) -> Attempt:
    return Attempt(attempt.fields, attempt.labels, problem=problem)


def confirm(review: Review) -> str:
    """What just happened, in our own words."""
    return {
        "escalate": "Handed over.",
        "need_information": "The application is asked.",
    }.get(review.verdict, "Ruled. You can take it back until it goes out.")


def offer_undo(actor: Actor) -> dict[str, Any] | None:
    """The undo bar, while the newest of one's own rulings is held: also on the screen of the next escalation."""
    held = (
        Escalation.objects.visible_to(actor)
        .filter(status=Escalation.Status.RULED, ruling__reviewer_id=actor.user_id, release_at__gt=timezone.now())
        .select_related("ruling")
        .order_by("-release_at")
        .first()
    )
    if held is None or held.ruling is None:
        return None
    return {
        "url": reverse("review-undo", args=[held.ruling.pk]),
        "label": f"You ruled: {held.ruling.get_verdict_display().lower()}. It goes out when the time is up.",
        "until": held.release_at,
        "fields": [],
    }


def is_claimable(escalation: Escalation) -> bool:
    if escalation.status == Escalation.Status.OPEN:
        return True
    lapsed = escalation.lease_until is not None and escalation.lease_until <= timezone.now()
    return escalation.status == Escalation.Status.CLAIMED and lapsed


def list_reviewers(actor: Actor) -> Any:
    return (
        User.objects.filter(
            memberships__organization_id=actor.member_organization_id,
            memberships__role__in=["reviewer", "lead"],
            is_active=True,
        )
        .distinct()
        .order_by("name")
    )


def read_uuids(text: str) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []


def write_raw(escalation: Escalation) -> str:
    payload = escalation.decision.payload
    parts = {
        "input": payload.input,
        "proposal": payload.proposal,
        "output": payload.output,
        "context": payload.context,
        "review": payload.review_options,
        "evaluation": payload.evaluation,
    }
    return json.dumps({name: json.loads(text) for name, text in parts.items() if text}, ensure_ascii=False, indent=2)
