"""What a person ruled, what came of it, and the way back while there is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.web.session import page
from reviews.models import Decision, Escalation, Outcome, Review
from reviews.web.keyset import take_keyset_page


@dataclass(frozen=True, slots=True)
class Ruled:
    """One of a person's rulings. `came_of_it` says in plain words how it went on, in `tone`; `seconds_left` to undo it."""

    review: Review
    is_undone: bool
    is_undoable: bool
    came_of_it: str
    tone: str
    said: str
    seconds_left: float


@require_GET
@page("escalations.read")
def show(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    now = timezone.now()
    listed = take_keyset_page(request, rulings_of(actor), ("-created_at", "-id"))
    rulings = [describe(review, now) for review in listed.rows]
    return render(request, "reviews/history.html", {"page": listed, "rulings": rulings})


def rulings_of(actor: Actor) -> QuerySet[Review]:
    """A person's rulings, each with `is_undone` and the latest `outcome` that the application reported."""
    undo = Review.objects.filter(supersedes=OuterRef("pk"), verdict=Review.Verdict.UNDO)
    newest = Outcome.objects.filter(decision=OuterRef("decision_id")).order_by("-id")
    return (
        Review.objects.visible_to(actor)
        .filter(reviewer_id=actor.user_id)
        .exclude(verdict=Review.Verdict.UNDO)
        .select_related("escalation", "decision")
        .annotate(is_undone=Exists(undo), outcome=Subquery(newest.values("status")[:1]))
    )


def describe(review: Any, now: datetime) -> Ruled:
    escalation = review.escalation
    is_held = escalation.status == Escalation.Status.RULED and escalation.ruling_id == review.pk
    is_undoable = is_held and escalation.release_at is not None and escalation.release_at > now
    left = (escalation.release_at - now).total_seconds() if is_undoable else 0.0
    came_of_it, tone = _say_what_came(review, escalation, is_held=is_held)
    return Ruled(
        review, review.is_undone, is_undoable, came_of_it, tone, said=review.reason or review.note, seconds_left=left
    )


def _say_what_came(review: Any, escalation: Escalation, *, is_held: bool) -> tuple[str, str]:
    if review.is_undone:
        return "taken back", ""
    if is_held:
        return "held, so that you can undo it", ""
    if review.verdict == Review.Verdict.ESCALATE:
        return f"handed to {review.group_slug}", "escalate"
    if review.verdict == Review.Verdict.NEED_INFORMATION:
        return ("the application is asked", "review") if escalation.status == "waiting" else ("asked", "")
    if escalation.ruling_id != review.pk:
        return "did not count: another ruling holds", ""
    if not escalation.is_approval:
        return "noted; it had already happened", ""
    return say_outcome(review.decision, review.outcome)


def say_outcome(decision: Decision, outcome: str | None) -> tuple[str, str]:
    """What became of an answered decision, in a few words and a tone."""
    if not decision.does_proceed:
        if outcome == Outcome.Status.EXECUTED:
            return f"{decision.get_status_display().lower()}, yet it ran", "block"
        return decision.get_status_display().lower(), "block" if decision.status == "rejected" else ""
    match outcome:
        case Outcome.Status.EXECUTED:
            return "executed", "allow"
        case Outcome.Status.FAILED:
            return "failed when it ran", "block"
        case Outcome.Status.UNKNOWN:
            return "unknown whether it ran", "review"
        case _:
            return "not reported yet", ""
