"""The triage list: what waits, for whom, until when; and the way to the next one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.errors import NotFound
from governance.permissions import may
from governance.web.session import page
from reviews.models import Escalation, Queue
from reviews.queue_selectors import (
    COUNT_CAP,
    TRIAGE_ORDER,
    VIEWS,
    cap_words,
    claimable_ids,
    count_capped,
    escalations_in,
    is_free,
    most_urgent_queue,
    next_to_lapse,
    opened_since,
    with_last_labels,
)
from reviews.services.triage import Taken, take_next
from reviews.web.keyset import take_keyset_page
from reviews.web.list_filters import QueuePageFilter, describe_applied, queue_choices, system_choices
from reviews.web.undoing import offer_undo

VIEW_WORDS = {
    "unclaimed": "Most urgent first; nobody works on these.",
    "mine": "What you have claimed.",
    "breaching": "Due within 10 minutes, or late.",
    "waiting": "The application was asked something and has not replied yet.",
    "quality": "Sampled from what the AI did alone: these have already happened.",
    "all": "Everything that is not closed, whoever holds it.",
}
NOTHING_HERE = {
    "unclaimed": ("Nothing waits", "Every escalation is ruled on or in somebody's hands. New ones show up here."),
    "mine": (
        "You hold nothing",
        "Take the next one, or claim a row under Unclaimed. A claim that ran out has gone back there; its draft is kept.",
    ),
    "breaching": ("Nothing is late", "No deadline ends within the next 10 minutes."),
    "waiting": (
        "No application is being asked",
        "What a reviewer sends back with a question waits here for the reply.",
    ),
    "quality": ("No sample waits", "A share of what the AI does alone is drawn for review, as its policy says."),
    "all": ("Nothing is open", "No AI system waits for a person."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; `is_claimable` by the person who looks."""

    escalation: Escalation
    is_claimable: bool
    is_mine: bool
    is_held: bool


@require_GET
@page("escalations.read")
def show(request: HttpRequest, actor: Actor, view: str) -> HttpResponseBase:
    """One view of the queue, filtered, a page at a time."""
    if view not in VIEWS:
        raise NotFound()
    now = timezone.now()
    filtered = _filter(request, actor, view, now)
    applied = describe_applied(request, filtered.form)
    rows: QuerySet[Escalation] = filtered.qs if filtered.form.is_valid() else Escalation.objects.none()
    listed = take_keyset_page(
        request,
        with_last_labels(rows.select_related("decision", "queue", "system", "holder", "group")),
        TRIAGE_ORDER,
    )
    counts = _count(actor, view, rows, now)
    return render(
        request,
        "reviews/queue.html",
        {
            "view": view,
            "views": [(code, label, reverse("queue", args=[code])) for code, label in VIEWS.items()],
            "view_title": VIEWS[view],
            "view_words": VIEW_WORDS[view],
            "form": filtered.form,
            "applied": applied,
            "clear_url": reverse("queue", args=[view]),
            "rows": describe_rows(listed.rows, actor=actor, now=now),
            "page": listed,
            "count": cap_words(counts["shown"]),
            "outside": _say_outside(counts),
            "empty": None if listed.rows else _explain_empty(actor, view, is_filtered=bool(applied), counts=counts),
            "fresh_url": _fresh_url(request, view, now),
            "may_rule": may(actor, "escalations.rule"),
            "undo": offer_undo(actor) if may(actor, "escalations.rule") else None,
            "queue_slug": filtered.form["queue"].value() or "",
        },
        status=200 if filtered.form.is_valid() else 422,
    )


@require_GET
@page("escalations.read")
def count_new(request: HttpRequest, actor: Actor, view: str) -> HttpResponseBase:
    """`{"new": 3}`: what came into a view since the page was drawn; "500+" where it is more than is worth counting."""
    since = _read_instant(request.GET.get("since", ""))
    if view not in VIEWS or since is None:
        raise Http404
    filtered = _filter(request, actor, view, timezone.now())
    if not filtered.form.is_valid():
        return JsonResponse({"new": 0})
    count = count_capped(new=opened_since(filtered.qs, since))["new"]
    return JsonResponse({"new": count if count <= COUNT_CAP else cap_words(count)})


@require_POST
@page("escalations.rule")
def take(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    """Claim the most urgent escalation and open it; of one queue where the form names one."""
    slug = request.POST.get("queue", "")
    queue = Queue.objects.visible_to(actor).filter(slug=slug).first() if slug else None
    if slug and queue is None:
        raise NotFound()
    taken = take_next(actor=actor, queue=queue) if queue else _take_most_urgent(actor)
    if taken.escalation is not None:
        return redirect("review", escalation_id=taken.escalation.pk)
    messages.info(request, _say_why_none(actor, queue, taken))
    return redirect(_way_back(request))


def describe_rows(escalations: list[Escalation], *, actor: Actor, now: datetime) -> list[Row]:
    """The lines of a list, whatever their number, for one more query."""
    claimable = claimable_ids(escalations, actor=actor, now=now)
    return [
        Row(
            escalation=one,
            is_claimable=one.pk in claimable,
            is_mine=one.holder_id is not None and one.holder_id == actor.user_id,
            is_held=one.status == Escalation.Status.CLAIMED and one.lease_until is not None and one.lease_until > now,
        )
        for one in escalations
    ]


def _filter(request: HttpRequest, actor: Actor, view: str, now: datetime) -> Any:
    return QueuePageFilter(
        request.GET,
        queryset=escalations_in(view, actor=actor, now=now),
        request=request,
        queues=queue_choices(actor),
        systems=system_choices(actor),
    )


def _count(actor: Actor, view: str, rows: QuerySet[Escalation], now: datetime) -> dict[str, int]:
    """How many rows the view has; for `unclaimed` also how many are free at all, so that the difference says how many of
    them this person may not take: to look for those one by one would read the whole queue."""
    if view != "unclaimed" or not may(actor, "escalations.rule"):
        return {**count_capped(shown=rows), "mine": 0, "free": 0, "held": 0}
    visible = Escalation.objects.visible_to(actor)
    return count_capped(
        shown=rows,
        mine=escalations_in(view, actor=actor, now=now),
        free=visible.filter(is_free(now)),
        held=visible.filter(status=Escalation.Status.CLAIMED, lease_until__gt=now).exclude(holder_id=actor.user_id),
    )


def _say_outside(counts: dict[str, int]) -> str:
    """How many are free that this person may not take: "12", "at least" as "12+", or nothing where there are none."""
    outside = counts["free"] - counts["mine"]
    if outside <= 0:
        return ""
    return f"{outside - 1}+" if counts["free"] > COUNT_CAP else str(outside)


def _explain_empty(actor: Actor, view: str, *, is_filtered: bool, counts: dict[str, int]) -> dict[str, str]:
    """Which of the four empty states this is, in its own words."""
    if is_filtered:
        return {
            "kind": "filtered",
            "title": "Nothing matches this filter",
            "text": f"There may be more under {VIEWS[view]} without it.",
            "action_url": reverse("queue", args=[view]),
            "action_label": "Clear the filter",
        }
    held = next_to_lapse(actor=actor) if counts["held"] else None
    if held is not None and held.lease_until is not None:
        return {
            "kind": "claimed",
            "title": "Everything here is taken",
            "text": f"The next claim to end is {held.holder}'s, at {held.lease_until:%H:%M} UTC.",
            "action_url": reverse("queue", args=["all"]),
            "action_label": "See who holds what",
        }
    outside = _say_outside(counts)
    if outside:
        return {
            "kind": "outside",
            "title": "Nothing that you may take",
            "text": f"{outside} wait for other groups, or are your own requests.",
            "action_url": reverse("queue", args=["all"]),
            "action_label": "See what waits",
        }
    title, text = NOTHING_HERE[view]
    return {"kind": "done", "title": title, "text": text, "action_url": "", "action_label": ""}


def _take_most_urgent(actor: Actor) -> Taken:
    """From the queue with the most urgent escalation; from the next one where somebody was faster there."""
    passed_over: set[uuid.UUID] = set()
    while queue := most_urgent_queue(actor=actor, passed_over=passed_over):
        taken = take_next(actor=actor, queue=queue)
        if taken.escalation is not None:
            return taken
        passed_over.add(queue.pk)
    return Taken(None)


def _say_why_none(actor: Actor, queue: Queue | None, taken: Taken) -> str:
    """Why nothing was taken: nothing there, all in others' hands (whose, until when), or outside this person's groups."""
    where = f"in {queue.name}" if queue else "in any of your queues"
    if taken.reason != "outside_groups":
        held = next_to_lapse(actor=actor, queue=queue)
        if held is not None and held.lease_until is not None:
            until = f"{held.lease_until:%H:%M} UTC"
            return f"Everything {where} is taken. The next claim to end is {held.holder}'s, at {until}."
        mine = Escalation.objects.held_by(actor).filter(**({"queue": queue} if queue else {}))
        if mine.filter(lease_until__gt=timezone.now()).exists():
            return f"You hold all that waits {where}."
    visible = Escalation.objects.visible_to(actor).filter(is_free(timezone.now()))
    if (visible.filter(queue=queue) if queue else visible).exists():
        return f"What waits {where if queue else 'at the moment'} is for other groups, or your own request."
    return f"Nothing waits {where}."


def _way_back(request: HttpRequest) -> str:
    address = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/queue/")
    return address if is_ours else reverse("queue", args=["unclaimed"])


def _fresh_url(request: HttpRequest, view: str, now: datetime) -> str:
    parameters = request.GET.copy()
    for name in ("after", "before"):
        parameters.pop(name, None)
    parameters["since"] = now.isoformat()
    return f"{reverse('queue-new', args=[view])}?{parameters.urlencode()}"


def _read_instant(text: str) -> datetime | None:
    """The instant of a page that was drawn in this product's days, or None."""
    try:
        instant = parse_datetime(text)
        if instant is None or instant.tzinfo is None:
            return None
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant if 2020 <= instant.year < 2200 else None
