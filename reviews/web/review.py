"""The review screen: everything that is needed to rule on one escalation, and the ways to do it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.errors import Conflict, DomainError, FieldError, Invalid, NotPermitted
from governance.models import User
from governance.permissions import may
from governance.web.session import page
from reviews.errors import InvalidRuling
from reviews.models import Escalation, Review
from reviews.services.drafts import save_draft
from reviews.services.resolution import settle_decision
from reviews.services.rulings import read_asked_of, rule, undo_ruling
from reviews.services.triage import (
    claim,
    find_visible,
    is_outside_groups,
    is_requester,
    reassign,
    release,
    renew,
    take_next,
)
from reviews.web.evidence import (
    describe_effect,
    list_facts,
    list_proposal,
    list_rules,
    list_similar,
    list_turns,
    paths_read,
)
from reviews.web.ruling_form import (
    Attempt,
    describe_form,
    drafted,
    read_attempt,
    read_correction,
    read_draft,
    read_submission,
    read_uuids,
    with_faults,
    with_problem,
)
from reviews.web.undoing import offer_undo

TABS = ("conversation", "input", "context", "rules", "similar", "history", "raw")
RULED_AS = {
    Review.Verdict.APPROVE: "Approved",
    Review.Verdict.CORRECT: "Corrected",
    Review.Verdict.REJECT: "Rejected",
    Review.Verdict.ANSWER: "Answered",
}
NOTHING_NEXT = {
    "empty": "That was the last one in this queue.",
    "all_claimed": "The others in this queue are held by somebody.",
    "outside_groups": "What is left in this queue belongs to others.",
}


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
            "is_outside": not is_mine and is_outside_groups(actor, escalation),
            "handed_over": find_handover(escalation, reviews),
            "ruled_as": RULED_AS.get(Review.Verdict(escalation.ruling.verdict), "") if escalation.ruling else "",
            "proposal_facts": list_proposal(proposal, read),
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


def confirm(review: Review) -> str:
    """What just happened, in our own words."""
    words = {"escalate": "Handed over.", "need_information": "The application is asked."}
    final = "Ruled. You can take it back until it goes out." if review.escalation.queue.undo_window_s else "Ruled."
    return words.get(review.verdict, final)


def find_handover(escalation: Escalation, reviews: list[Review]) -> Review | None:
    """The ruling that handed it to the group that it is with; None where a rule or a deadline did."""
    if escalation.group is None:
        return None
    slug = escalation.group.slug
    handed = [one for one in reviews if one.verdict == Review.Verdict.ESCALATE and one.group_slug == slug]
    return max(handed, key=lambda one: one.created_at, default=None)


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
