"""A person's own notifications: what they have read stays read."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from governance.actors import Actor
from governance.errors import NotFound
from reviews.models import Notification


def mark_read(*, actor: Actor, notification_id: int) -> Notification:
    """Mark one of one's own notifications as read; somebody else's is not there (404). Twice does no harm."""
    notification = own_notifications(actor).filter(pk=notification_id).first()
    if notification is None:
        raise NotFound()
    own_notifications(actor).filter(pk=notification_id, read_at__isnull=True).update(read_at=timezone.now())
    return notification


def mark_all_read(*, actor: Actor, up_to: int) -> int:
    """Mark all as read up to the newest one that was seen, so that what has come since stays unread; returns how many."""
    return own_notifications(actor).filter(pk__lte=up_to, read_at__isnull=True).update(read_at=timezone.now())


def own_notifications(actor: Actor) -> QuerySet[Notification]:
    return Notification.objects.filter(organization_id=actor.member_organization_id, user_id=actor.id)
