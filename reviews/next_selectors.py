"""Which escalation of a queue comes next for a person: asked at every "take next", so the questions are kept prepared."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import CharField, Exists, Expression, Q, UUIDField
from django.utils import timezone

from governance.actors import Actor
from governance.prepared import Bound, DatabaseClock, PreparedQuery
from reviews.models import Escalation, Queue
from reviews.querysets import EscalationQuerySet
from reviews.queue_selectors import TRIAGE_ORDER, is_answerable

# What a claim needs to know of its escalation, and who asked for it.
_FIELDS = ("id", "organization_id", "queue_id", "decision_id", "status", "title")
_FOUND_AT = "found_at"
_ASKER = ("decision__actor", "decision__requested_by_id")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What comes next, and the database's clock when it was found (UTC)."""

    escalation: Escalation
    found_at: datetime


def find_next(actor: Actor, queue: Queue, *, passed_over: Iterable[uuid.UUID] = ()) -> Candidate | None:
    """The most urgent one that nobody holds and this person may take, else the most urgent whose lease has run out.

    Locked where the database can (PostgreSQL), past what others have locked; so it wants a transaction.
    """
    values = {
        "queue_id": queue.pk,
        "organization_id": queue.organization_id,
        "user_id": actor.user_id,
        "email": actor.email.lower(),
        "person": str(actor.user_id),
        "now": timezone.now(),
    }
    skipped = list(passed_over)
    for question, write in ((_NEXT_OPEN, _write_open), (_NEXT_LAPSED, _write_lapsed)):
        # Rare, and another text for every number of them: not worth keeping.
        asked = PreparedQuery(partial(_write_past, write, skipped)) if skipped else question
        found = asked.first(**values)
        if found is not None:
            return Candidate(found, getattr(found, _FOUND_AT))
    return None


def _write_past(write: Callable[[], EscalationQuerySet], skipped: list[uuid.UUID]) -> EscalationQuerySet:
    return write().exclude(pk__in=skipped)


def is_any_open(actor: Actor, queue: Queue, *, passed_over: Iterable[uuid.UUID] = ()) -> bool:
    """Whether one that this person may take is open, though perhaps locked by somebody who is about to claim it."""
    open_ones = Escalation.objects.filter(queue=queue, status=Escalation.Status.OPEN)
    reachable = open_ones.filter(_is_reachable(queue.pk, queue.organization_id, actor.user_id))
    return reachable.filter(is_answerable(timezone.now())).exclude(pk__in=passed_over).takeable_by(actor).exists()


def _is_reachable(queue_id: Any, organization_id: Any, user_id: Any) -> Q:
    """A queue of other groups gives this person what was handed to a group of theirs, and nothing else."""
    queues = Queue.objects.filter(pk=queue_id, organization_id=organization_id).open_to_person(user_id)
    return Q(group__isnull=False) | Q(Exists(queues.order_by()))


def _write(now: Expression) -> EscalationQuerySet:
    user_id = Bound("user_id", UUIDField())
    queue_id = Bound("queue_id", UUIDField())
    names = [Bound("email", CharField()), Bound("person", CharField())]
    candidates = (
        Escalation.objects.filter(is_answerable(now), queue_id=queue_id)
        .filter(_is_reachable(queue_id, Bound("organization_id", UUIDField()), user_id))
        .takeable_by_person(user_id, names)
        .annotate(**{_FOUND_AT: now})
        .select_related("decision")
        .only(*_FIELDS, *_ASKER)
        .order_by(*TRIAGE_ORDER)
    )
    if connection.features.has_select_for_update_skip_locked:
        candidates = candidates.select_for_update(skip_locked=True, of=("self",))
    return candidates


def _write_open() -> EscalationQuerySet:
    return _write(DatabaseClock()).filter(status=Escalation.Status.OPEN)


def _write_lapsed() -> EscalationQuerySet:
    now = DatabaseClock()
    return _write(now).filter(status=Escalation.Status.CLAIMED, lease_until__lte=now)


_NEXT_OPEN = PreparedQuery(_write_open)
_NEXT_LAPSED = PreparedQuery(_write_lapsed)
