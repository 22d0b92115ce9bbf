"""Who holds what: taking the next escalation, claiming one, giving it back, keeping it, handing it to somebody.

The guard that is right on both databases is the conditional UPDATE and its row count; PostgreSQL's SKIP LOCKED only
keeps reviewers out of each other's way.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, F, QuerySet, UUIDField

from governance.actors import Actor
from governance.errors import Conflict, Invalid, NotFound
from governance.models import User
from governance.permissions import require
from governance.prepared import Bound, PreparedQuery, PreparedUpdate
from governance.services.recording import record
from reviews.errors import (
    ClaimLost,
    EscalationAlreadyClaimed,
    EscalationNotClaimable,
    OutsideGroups,
    OwnDecision,
)
from reviews.models import Escalation, Queue
from reviews.next_selectors import find_next, is_any_open
from reviews.queue_selectors import is_answerable, is_free
from reviews.services.clock import database_now

# A candidate that somebody else takes first is passed over; so many times in a row means a fault, not bad luck.
ATTEMPTS = 64
# The same for an account elsewhere as for none: it tells nobody who works in other organizations.
NO_REVIEWER = "Name a reviewer of this organization by e-mail address."
ADDRESS = re.compile(r"<([^<>]+)>\Z")


@dataclass(frozen=True, slots=True)
class Taken:
    """What take-next answers: an escalation with its claim, or why there is none and until when."""

    escalation: Escalation | None
    reason: str = ""
    until: datetime | None = None


def take_next(*, actor: Actor, queue: Queue) -> Taken:
    """Claim the most urgent escalation of a queue that nobody holds, the caller included.

    Open ones first; only where none is left, those whose lease has run out. Otherwise says `empty`, `all_claimed` (and
    until when the first lease lasts) or `outside_groups`.
    """
    require(actor, "escalations.rule")
    own: set[uuid.UUID] = set()
    for _ in range(ATTEMPTS):
        with transaction.atomic(durable=True):
            candidate = find_next(actor, queue, passed_over=own)
            if candidate is not None and is_requester(candidate.escalation, actor.user_id, actor.email):
                # Named there in a spelling that the database does not see through.
                own.add(candidate.escalation.pk)
                continue
            if candidate is not None and _claim(actor, candidate.escalation, queue, candidate.found_at):
                return Taken(_reload(candidate.escalation.pk))
            if candidate is None and not is_any_open(actor, queue, passed_over=own):
                return _explain_none(queue, actor)
    raise Conflict("Too many people are taking from this queue at once; try again.")


def claim(*, actor: Actor, escalation_id: uuid.UUID) -> Escalation:
    """Claim one escalation by name. Refuses (409 with the holder) one that somebody holds, (403) one that is another
    group's or the caller's own request."""
    require(actor, "escalations.rule")
    with transaction.atomic(durable=True):
        now = database_now()
        escalation = find_visible(actor, escalation_id)
        refuse_barred(actor, escalation)
        if _claim(actor, escalation, escalation.queue, now):
            return _reload(escalation.pk)
    current = find_visible(actor, escalation_id)
    if current.status == Escalation.Status.CLAIMED:
        raise EscalationAlreadyClaimed(f"{current.holder} holds it.", state=describe_state(current))
    raise EscalationNotClaimable(state=describe_state(current))


def release(*, actor: Actor, escalation_id: uuid.UUID, claim_token: uuid.UUID | None = None) -> Escalation:
    """Give a claimed escalation back to its queue."""
    require(actor, "escalations.rule")
    with transaction.atomic(durable=True):
        escalation = find_visible(actor, escalation_id)
        held = _held(actor, escalation_id, claim_token)
        if not held.update(**_UNCLAIMED, version=F("version") + 1):
            raise ClaimLost(state=describe_state(escalation))
        _record(actor, escalation, "escalation.released", {})
    return _reload(escalation_id)


def renew(*, actor: Actor, escalation_id: uuid.UUID, claim_token: uuid.UUID | None = None) -> Escalation:
    """Keep a claim for another lease; also one whose lease has run out, as long as nobody has taken it."""
    require(actor, "escalations.rule")
    with transaction.atomic(durable=True):
        escalation = find_visible(actor, escalation_id)
        lease_until = database_now() + timedelta(seconds=escalation.queue.lease_s)
        if not _held(actor, escalation_id, claim_token).update(lease_until=lease_until):
            raise ClaimLost(state=describe_state(escalation))
    return _reload(escalation_id)


def reassign(*, actor: Actor, escalation_id: uuid.UUID, assignee: User) -> Escalation:
    """Hand an open or claimed escalation to a reviewer of the organization. Needs `escalations.assign`."""
    require(actor, "escalations.assign")
    with transaction.atomic(durable=True):
        escalation = find_visible(actor, escalation_id)
        reviewer = assignee.memberships.filter(
            organization_id=escalation.organization_id, role__in=["reviewer", "lead"]
        )
        if not assignee.is_active or not reviewer.exists():
            raise Invalid(
                errors=[
                    {
                        "pointer": "/assignee",
                        "detail": NO_REVIEWER,
                    }
                ]
            )
        if is_requester(escalation, assignee.pk, assignee.email):
            raise OwnDecision()
        updated = Escalation.objects.filter(pk=escalation_id, status__in=["open", "claimed"]).update(
            status=Escalation.Status.CLAIMED,
            holder=assignee,
            claim_token=uuid.uuid4(),
            claimed_at=database_now(),
            lease_until=database_now() + timedelta(seconds=escalation.queue.lease_s),
            version=F("version") + 1,
        )
        if not updated:
            raise EscalationNotClaimable(state=describe_state(escalation))
        _record(
            actor,
            escalation,
            "escalation.reassigned",
            {"to": str(assignee.pk), "to_label": str(assignee)},
        )
    return _reload(escalation_id)


def find_visible(actor: Actor, escalation_id: uuid.UUID) -> Escalation:
    """The escalation with queue, decision and holder; another organization's does not exist (404)."""
    escalation = (
        Escalation.objects.visible_to(actor)
        .select_related("queue", "decision", "holder", "group", "system", "ruling")
        .filter(pk=escalation_id)
        .first()
    )
    if escalation is None:
        raise NotFound()
    return escalation


def refuse_barred(actor: Actor, escalation: Escalation) -> None:
    """Refuses whoever requested the decision (OwnDecision) and whoever is outside its group or queue (OutsideGroups)."""
    if is_requester(escalation, actor.user_id, actor.email):
        raise OwnDecision()
    if is_outside_groups(actor, escalation):
        if escalation.group is not None:
            raise OutsideGroups(f"It was handed to the group {escalation.group}.")
        raise OutsideGroups(f"The queue {escalation.queue} is open to its groups only.")


def is_outside_groups(actor: Actor, escalation: Escalation) -> bool:
    """Whether it was handed to a group that the person is not in, or else waits in a queue that others take from."""
    if escalation.group is not None:
        return not escalation.group.members.filter(pk=actor.user_id).exists()
    return not Queue.objects.open_to(actor).filter(pk=escalation.queue_id).exists()


def is_requester(escalation: Escalation, user_id: uuid.UUID | None, email: str) -> bool:
    """Whether a person made the key that asked, or is the one on whose behalf it asked."""
    decision = escalation.decision
    if decision.requested_by_id is not None and decision.requested_by_id == user_id:
        return True
    named = _fold(decision.actor)
    return named != "" and named in {_fold(email), str(user_id)}


def _fold(name: str) -> str:
    """A name in one spelling: compatibility forms and case folded, invisible characters and spaces gone, the address
    alone where it stands in angle brackets or after `mailto:`."""
    plain = unicodedata.normalize("NFKC", name)
    visible = "".join(sign for sign in plain if unicodedata.category(sign) not in {"Cf", "Cc", "Zs", "Zl", "Zp"})
    address = ADDRESS.search(visible)
    return unicodedata.normalize("NFKC", (address[1] if address else visible).casefold().removeprefix("mailto:"))


def describe_state(escalation: Escalation) -> dict[str, str | int | None]:
    """The current state, as every 409 on an escalation carries it."""
    is_held = escalation.status in {Escalation.Status.CLAIMED, Escalation.Status.RULED}
    return {
        "id": str(escalation.pk),
        "status": escalation.status,
        "holder": str(escalation.holder) if is_held and escalation.holder else None,
        "lease_until": escalation.lease_until.isoformat() if escalation.lease_until else None,
        "verdict": escalation.ruling.verdict if escalation.ruling else None,
        "decision": escalation.decision.status,
        "version": escalation.version,
    }


_UNCLAIMED = {
    "status": Escalation.Status.OPEN,
    "holder": None,
    "claim_token": None,
    "claimed_at": None,
    "lease_until": None,
}


def _claim(actor: Actor, escalation: Escalation, queue: Queue, now: datetime) -> bool:
    """The compare-and-set: open, or held under a lease that has run out."""
    claimed = _CLAIM.run(
        id=escalation.pk,
        now=now,
        holder_id=actor.user_id,
        claim_token=uuid.uuid4(),
        lease_until=now + timedelta(seconds=queue.lease_s),
    )
    if claimed:
        _record(actor, escalation, "escalation.claimed", {"queue": queue.slug})
    return bool(claimed)


def _write_claim() -> tuple[QuerySet[Escalation], dict[str, Any]]:
    now = Bound("now", DateTimeField())
    claimable = Escalation.objects.filter(is_free(now), is_answerable(now), pk=Bound("id", UUIDField()))
    return claimable, {
        "status": Escalation.Status.CLAIMED,
        "holder_id": Bound("holder_id", UUIDField()),
        "claim_token": Bound("claim_token", UUIDField()),
        "claimed_at": now,
        "lease_until": Bound("lease_until", DateTimeField()),
        "version": F("version") + 1,
    }


_CLAIM = PreparedUpdate(_write_claim)


def _held(actor: Actor, escalation_id: uuid.UUID, claim_token: uuid.UUID | None) -> QuerySet[Escalation]:
    held = Escalation.objects.filter(pk=escalation_id, status=Escalation.Status.CLAIMED, holder_id=actor.user_id)
    return held if claim_token is None else held.filter(claim_token=claim_token)


def _explain_none(queue: Queue, actor: Actor) -> Taken:
    now = database_now()
    is_closed = not Queue.objects.open_to(actor).filter(pk=queue.pk).exists()
    waiting = Escalation.objects.filter(is_answerable(now), queue=queue, status__in=["open", "claimed"])
    held = waiting.filter(status="claimed", lease_until__gt=now).takeable_by(actor)
    if is_closed:
        held = held.exclude(group=None)
    first = held.order_by("lease_until").first()
    if first is not None:
        return Taken(None, reason="all_claimed", until=first.lease_until)
    return Taken(None, reason="outside_groups" if is_closed or waiting.exists() else "empty")


_WITH_ALL = PreparedQuery(
    lambda: (
        Escalation.objects.filter(pk=Bound("id", UUIDField()))
        .select_related("queue", "decision", "holder", "group", "system", "ruling")
        .order_by()
    )
)


def _reload(escalation_id: uuid.UUID) -> Escalation:
    escalation = _WITH_ALL.first(id=escalation_id)
    if escalation is None:
        raise NotFound()
    return escalation


def _record(actor: Actor, escalation: Escalation, type: str, payload: dict[str, str]) -> None:
    record(
        organization_id=escalation.organization_id,
        type=type,
        actor=actor,
        subject=f"decision:{escalation.decision_id}",
        payload={"escalation": str(escalation.pk), **payload},
    )
