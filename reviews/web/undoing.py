"""The undo bar: it follows its ruling to whatever page of the queue comes next, also to the list when nothing is left."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone

from governance.actors import Actor
from reviews.models import Escalation


def offer_undo(actor: Actor) -> dict[str, Any] | None:
    """The bar, while the newest of one's own rulings is held; None where there is nothing to take back."""
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
