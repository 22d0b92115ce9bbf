"""The reviewer's lists: which escalations stand in which view, which of them this person may take, who holds the rest.

Every count stops at a cap, so that no page counts a large table.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Expression, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from governance.actors import Actor
from governance.models import Organization
from governance.permissions import may
from reviews.models import Escalation, Queue, Review
from reviews.querysets import EscalationQuerySet

COUNT_CAP = 500
# Within this time of its deadline an escalation stands in the view of those that breach.
BREACHING_WITHIN = timedelta(minutes=10)
VIEWS = {
    "unclaimed": "Unclaimed",
    "mine": "Mine",
    "breaching": "Breaching",
    "waiting": "Waiting on the app",
    "quality": "Quality samples",
    "all": "All open",
}
TRIAGE_ORDER = ("-priority", "due_at", "id")
# UUIDv7 begins with 48 bits of milliseconds (RFC 9562, 5.7). Ids are made a little before the row's own instant.
_CLOCK_SLACK = timedelta(minutes=5)


class CappedCount(Subquery):
    """How many rows a query finds, looking at no more than its slice."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS capped)"
    output_field = IntegerField()


def is_free(now: datetime | Expression) -> Q:
    """Nobody holds it: open, or held under a lease that has run out."""
    return Q(status=Escalation.Status.OPEN) | Q(status=Escalation.Status.CLAIMED, lease_until__lte=now)


def is_answerable(now: datetime | Expression) -> Q:
    """Nobody starts on an approval whose time has passed; the deadline's sweep is about to close it."""
    return Q(kind=Escalation.Kind.QUALITY) | Q(expires_at__gt=now)


def escalations_in(view: str, *, actor: Actor, now: datetime) -> EscalationQuerySet:
    """What stands in one of VIEWS for a person. Who may rule finds in `unclaimed` only what they may take."""
    escalations = Escalation.objects.visible_to(actor)
    match view:
        case "unclaimed":
            free = escalations.filter(is_free(now))
            return takeable(free, actor=actor) if may(actor, "escalations.rule") else free
        case "mine":
            return escalations.held_by(actor).filter(lease_until__gt=now)
        case "breaching":
            return escalations.filter(due_at__lte=now + BREACHING_WITHIN, status__in=["open", "claimed"])
        case "waiting":
            return escalations.filter(status=Escalation.Status.WAITING)
        case "quality":
            return escalations.filter(kind=Escalation.Kind.QUALITY, status__in=["open", "claimed"])
        case _:
            return escalations.unresolved()


def takeable(escalations: EscalationQuerySet, *, actor: Actor) -> EscalationQuerySet:
    """Those that `claim` would not refuse because of who asks: own requests, other groups, closed queues."""
    open_queues = Queue.objects.open_to(actor).values("pk")
    open_to_them = escalations.filter(Q(group__isnull=False) | Q(queue__in=open_queues))
    return open_to_them.takeable_by(actor)


def claimable_ids(escalations: list[Escalation], *, actor: Actor, now: datetime) -> set[uuid.UUID]:
    """Which of these the person could claim at this moment."""
    if not escalations or not may(actor, "escalations.rule"):
        return set()
    shown = Escalation.objects.filter(pk__in=[one.pk for one in escalations])
    startable = shown.filter(is_free(now)).filter(is_answerable(now))
    return set(takeable(startable, actor=actor).values_list("pk", flat=True))


def with_last_labels(escalations: QuerySet[Escalation]) -> QuerySet[Escalation]:
    """Each with `last_labels`: what the latest ruling that bears labels said, though it was sent on or taken back."""
    labelled = Review.objects.filter(escalation=OuterRef("pk")).exclude(labels=[]).order_by("-created_at")
    return escalations.annotate(last_labels=Subquery(labelled.values("labels")[:1]))


def count_capped(**counted: QuerySet[Any]) -> dict[str, int]:
    """How many rows each query finds, COUNT_CAP + 1 at most, all in one query."""
    slices = {name: CappedCount(rows.order_by().values("pk")[: COUNT_CAP + 1]) for name, rows in counted.items()}
    row = Organization.objects.order_by().values_list(*slices.values())[:1].get()
    return {name: count or 0 for name, count in zip(slices, row, strict=True)}


def cap_words(count: int) -> str:
    """ "38", or "500+" above the cap."""
    return f"{COUNT_CAP}+" if count > COUNT_CAP else str(count)


def opened_since(escalations: QuerySet[Escalation], since: datetime) -> QuerySet[Escalation]:
    """Those that were opened after an instant. Ids are ordered by time, so only the newest end of the index is read."""
    floor = max(int((since - _CLOCK_SLACK).timestamp() * 1000), 0)
    return escalations.filter(opened_at__gt=since, id__gte=uuid.UUID(int=floor << 80))


def most_urgent_queue(*, actor: Actor, passed_over: set[uuid.UUID]) -> Queue | None:
    """The queue whose next escalation is the most urgent that this person may take."""
    now = timezone.now()
    candidates = (
        Escalation.objects.visible_to(actor)
        .filter(is_free(now))
        .filter(Q(group__isnull=False) | Q(queue__in=Queue.objects.open_to(actor).values("pk")))
        .filter(is_answerable(now))
        .exclude(queue__in=passed_over)
        .takeable_by(actor)
        .order_by(*TRIAGE_ORDER)
    )
    first = candidates.select_related("queue").first()
    return first.queue if first else None


def next_to_lapse(*, actor: Actor, queue: Queue | None = None) -> Escalation | None:
    """Of what others hold and this person could take, the one whose lease ends first, with its holder."""
    held = Escalation.objects.visible_to(actor).filter(status=Escalation.Status.CLAIMED, lease_until__gt=timezone.now())
    if queue is not None:
        held = held.filter(queue=queue)
    others = takeable(held.exclude(holder_id=actor.user_id), actor=actor)
    return others.select_related("holder", "queue").order_by("lease_until").first()
