"""Decisions: the list with its filters, and the whole life of one, from what was asked to what became of it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.models import AuditEntry
from governance.templatetags.console import duration_words
from governance.web.session import page
from reviews.models import Decision, Escalation, InformationExchange, Outcome, Review
from reviews.proposals import ABSENT, AskedDecision, write_title
from reviews.selectors import find_decision
from reviews.web.evidence import (
    Fact,
    Piece,
    RuleTrace,
    describe_change,
    list_facts,
    list_proposal,
    list_rules,
    list_turns,
    paths_read,
    write_value,
)
from reviews.web.keyset import take_keyset_page
from reviews.web.list_filters import DecisionPageFilter, describe_applied, system_choices
from reviews.web.sentences import list_examples, tell

TABS = (("life", "Its life"), ("raw", "Raw JSON"))
# After so long without a word from the application an approval counts as never carried out.
SILENCE = timedelta(hours=24)
ENTRIES_AT_MOST = 300
REVIEWS_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a decision: a sentence, what it means, and the tone of its notice (good, warn, bad or plain)."""

    title: str
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class RulingShown:
    """One ruling as the page shows it. `changes` are (field, word diff) pairs; `patch` is RFC 6902, indented."""

    review: Review
    is_undone: bool
    holds: bool
    changes: list[tuple[str, list[Piece]]]
    patch: str
    answer: str


@require_GET
@page("decisions.read")
def show_list(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    """Decisions newest first. A filter that can't be read shows what is wrong with it, and no rows."""
    filtered: Any = DecisionPageFilter(
        request.GET,
        queryset=Decision.objects.visible_to(actor),
        request=request,
        systems=system_choices(actor),
    )
    is_valid = filtered.form.is_valid()
    rows = filtered.qs if is_valid else Decision.objects.none()
    title = Escalation.objects.filter(decision=OuterRef("pk")).order_by("kind").values("title")[:1]
    listed = take_keyset_page(
        request, rows.select_related("system").annotate(title=Subquery(title)), ("-created_at", "-id")
    )
    applied = describe_applied(request, filtered.form)
    return render(
        request,
        "reviews/decision_list.html",
        {
            "form": filtered.form,
            "applied": applied,
            "clear_url": reverse("decision-list"),
            "page": listed,
            "is_valid": is_valid,
        },
        status=200 if is_valid else 422,
    )


@require_GET
@page("decisions.read")
def show_one(request: HttpRequest, actor: Actor, decision_id: uuid.UUID) -> HttpResponseBase:
    """One decision's whole life; another organization's does not exist (404)."""
    decision = find_decision(actor=actor, decision_id=decision_id)
    tab = "raw" if request.GET.get("show") == "raw" else "life"
    context = {
        "decision": decision,
        "title": write_decision_title(decision),
        "tabs": [(code, label, f"?show={code}") for code, label in TABS],
        "tab": tab,
        "is_over": not decision.is_pending,
        "has_happened": has_happened_alone(decision),
    }
    if tab == "raw":
        return render(request, "reviews/decision.html", {**context, "raw": list_raw(decision)})
    outcomes = list(Outcome.objects.filter(decision=decision).order_by("-id")[:REVIEWS_AT_MOST])
    entries = list(
        AuditEntry.objects.visible_to(actor)
        .about(f"decision:{decision.pk}")
        .filter(payload__organization_id=decision.organization_id)
        .select_related("payload")[:ENTRIES_AT_MOST]
    )
    escalations = list(
        Escalation.objects.filter(decision=decision).select_related("queue", "holder", "group").order_by("opened_at")
    )
    return render(
        request,
        "reviews/decision.html",
        {
            **context,
            **describe_evidence(decision),
            "escalations": escalations,
            "rulings": list_rulings(decision, escalations),
            "exchanges": list(InformationExchange.objects.filter(decision=decision)[:REVIEWS_AT_MOST]),
            "outcomes": outcomes,
            "ending": say_ending(decision, outcomes[0] if outcomes else None, timezone.now()),
            "details": list_details(decision),
            "moments": tell(entries),
            "examples": list_examples(entries),
            "are_entries_cut": len(entries) == ENTRIES_AT_MOST,
        },
    )


def write_decision_title(decision: Decision) -> str:
    """One line in plain words, as queues show it."""
    proposal = json.loads(decision.payload.proposal)
    context = decision.payload.context
    asked = AskedDecision(
        input=None,
        action=proposal.get("action"),
        output=proposal.get("output", ABSENT),
        context=json.loads(context) if context is not None else ABSENT,
    )
    return write_title(system=decision.system.name, asked=asked, has_happened=has_happened_alone(decision))


def has_happened_alone(decision: Decision) -> bool:
    """Whether the AI did it without asking a person; whatever people ruled on stays a proposal."""
    return decision.status in {Decision.Status.ALLOWED, Decision.Status.OBSERVED}


def describe_evidence(decision: Decision) -> dict[str, Any]:
    """What was proposed, from what, what policy read and said, and what may run in its place."""
    payload = decision.payload
    evaluation = json.loads(payload.evaluation)
    rules: list[RuleTrace] = list_rules(evaluation)
    read = paths_read(rules)
    proposal = json.loads(payload.proposal)
    kind, proposed = next(iter(proposal.items()))
    is_action = kind == "action"
    input_value = json.loads(payload.input)
    context_value = json.loads(payload.context) if payload.context is not None else None
    turns = list_turns(context_value, input_value)
    if turns:
        # The conversation stands in its own place, and need not be read twice.
        is_in_context = bool(list_turns(context_value))
        context_value = _without_turns(context_value) if is_in_context else context_value
        input_value = input_value if is_in_context else _without_turns(input_value)
    has_output = is_action and payload.output is not None
    effective = json.loads(payload.effective) if payload.effective else {}
    return {
        "proposal_facts": list_proposal(proposal, read),
        "turns": turns,
        "input_facts": list_facts(input_value, path="input", read=read) if input_value != {} else [],
        "context_facts": list_facts(context_value, path="context", read=read) if context_value else [],
        "output_facts": list_facts(json.loads(payload.output or "null"), path="output", read=read)
        if has_output
        else [],
        "rules": rules,
        "reasons": evaluation.get("reasons", []),
        "breach": evaluation.get("breach") or "",
        "sampling": evaluation.get("sampling", []),
        "is_confidence_read": "confidence" in read,
        "changes": describe_change(proposed, effective[kind]) if kind in effective else [],
        "answer": write_value(effective["answer"]) if "answer" in effective else "",
    }


def _without_turns(value: Any) -> Any:
    return {name: member for name, member in value.items() if name != "messages"} if isinstance(value, dict) else {}


def list_rulings(decision: Decision, escalations: list[Escalation]) -> list[RulingShown]:
    """All rulings, those that were taken back as well, oldest first."""
    reviews = list(Review.objects.filter(decision=decision).order_by("created_at", "id")[:REVIEWS_AT_MOST])
    undone = {review.supersedes_id for review in reviews if review.verdict == Review.Verdict.UNDO}
    holding = {escalation.ruling_id for escalation in escalations}
    proposal = json.loads(decision.payload.proposal)
    kind = next(iter(proposal))
    return [
        RulingShown(
            review=review,
            is_undone=review.pk in undone,
            holds=review.pk in holding,
            changes=describe_change(proposal[kind], json.loads(review.correction)[kind]) if review.correction else [],
            patch=_indent(review.patch) if review.patch else "",
            answer=write_value(json.loads(review.answer)) if review.answer is not None else "",
        )
        for review in reviews
        if review.verdict != Review.Verdict.UNDO
    ]


def say_ending(decision: Decision, outcome: Outcome | None, now: datetime) -> Ending | None:
    """What became of it, plainly: what policy and people let through is not yet what happened."""
    if decision.is_pending or decision.is_test or decision.status == Decision.Status.OBSERVED:
        return None
    ran = outcome.status if outcome is not None else None
    if not decision.does_proceed:
        if ran == Outcome.Status.EXECUTED:
            return Ending(
                "It ran, though it was not allowed to.", "The application reports that it carried this out.", "bad"
            )
        return None
    let_through = decision.get_status_display()
    match ran:
        case Outcome.Status.EXECUTED:
            return Ending(f"{let_through}, and it ran.", "The application reports that it was carried out.", "good")
        case Outcome.Status.FAILED:
            return Ending(f"{let_through}, but it failed when it ran.", "The application reports a failure.", "bad")
        case Outcome.Status.UNKNOWN:
            return Ending(f"{let_through}, and nobody knows whether it ran.", "The application can't tell.", "warn")
    waited = now - (decision.decided_at or decision.created_at)
    if waited > SILENCE:
        text = f"The application has reported nothing for {duration_words(waited)}."
        return Ending(f"{let_through} but never run, as far as anybody knows.", text, "warn")
    return Ending(f"{let_through}.", "The application has not reported yet whether it ran.", "plain")


def list_details(decision: Decision) -> list[Fact]:
    """What identifies and measures a decision; what was not sent is left out."""
    cost = (
        ""
        if decision.cost_usd_micros is None
        else f"{decision.cost_usd_micros / 1_000_000:.6f}".rstrip("0").rstrip(".")
    )
    pairs: list[tuple[str, Any]] = [
        ("Digest", f"sha256:{decision.proposal_sha256}"),
        ("Digest of what may run", f"sha256:{decision.effective_sha256}" if decision.effective_sha256 else ""),
        ("Subject", decision.subject),
        ("On behalf of", decision.actor),
        ("Model", decision.model),
        ("Release", decision.release),
        ("Trace", decision.trace_id),
        ("Session", decision.session_id),
        ("External id", decision.external_id),
        ("Idempotency key", decision.idempotency_key),
        ("Tokens in", decision.input_tokens),
        ("of these cached", decision.cached_input_tokens),
        ("of these written to the cache", decision.cache_write_tokens),
        ("Tokens out", decision.output_tokens),
        ("of these reasoning", decision.reasoning_tokens),
        ("Cost in US dollars", cost),
        ("Latency in ms", decision.latency_ms),
    ]
    return [Fact(label=label, value=f"{value}", is_mono=True) for label, value in pairs if value not in ("", None)]


def list_raw(decision: Decision) -> list[tuple[str, str]]:
    """Every stored JSON text, indented, under its name."""
    payload = decision.payload
    texts = {
        "Proposal": payload.proposal,
        "Input": payload.input,
        "Context": payload.context,
        "Output": payload.output,
        "Review options": payload.review_options,
        "Evaluation": payload.evaluation,
        "What may run": payload.effective,
    }
    return [(name, _indent(text)) for name, text in texts.items() if text is not None]


def _indent(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
