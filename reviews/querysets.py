"""Questions to the tables of decisions, queues and rulings."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Trim

from governance.actors import Actor

if TYPE_CHECKING:
    from reviews.models import Decision, Escalation, Queue, Review  # noqa: F401 (named in annotations)


class DecisionQuerySet(models.QuerySet["Decision"]):
    def visible_to(self, actor: Actor) -> Self:
        """A person sees the decisions of their organization, a key those of its system."""
        if actor.organization_id is None:
            return self.none()
        if actor.kind == "api_key":
            return self.filter(system_id=actor.system_id)
        return self.filter(organization_id=actor.organization_id)

    def pending(self) -> Self:
        return self.filter(status="pending")

    def real(self) -> Self:
        """Without the decisions of test keys, which stay out of every figure."""
        return self.filter(is_test=False)


class QueueQuerySet(models.QuerySet["Queue"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def open_to(self, actor: Actor) -> Self:
        """Queues from which a person may take: those without groups, and those of their groups."""
        return self.visible_to(actor).open_to_person(actor.user_id).distinct()

    def open_to_person(self, user_id: Any) -> Self:
        """The same for an id or an expression that stands for one; a queue may come several times."""
        return self.filter(Q(groups__isnull=True) | Q(groups__members=user_id))


class EscalationQuerySet(models.QuerySet["Escalation"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def unresolved(self) -> Self:
        return self.exclude(status="closed")

    def open(self) -> Self:
        return self.filter(status="open")

    def held_by(self, actor: Actor) -> Self:
        return self.filter(status="claimed", holder_id=actor.user_id)

    def takeable_by(self, actor: Actor) -> Self:
        """Those that no group rule and no involvement of their own keeps this person from ruling on: not handed to
        a group of others, in a queue that is open to them, and not requested by them or on their behalf."""
        return self.takeable_by_person(actor.user_id, [actor.email.lower(), str(actor.user_id)])

    def takeable_by_person(self, user_id: Any, names: list[Any]) -> Self:
        """The same for an id or an expression that stands for one, and the names (lower case) that mean that person."""
        return (
            self.filter(Q(group__isnull=True) | Q(group__members=user_id))
            .exclude(decision__requested_by_id=user_id)
            .alias(named=Lower(Trim("decision__actor")))
            .exclude(named__in=names)
        )

    def overdue(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now, status__in=["open", "claimed", "waiting"])


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)
