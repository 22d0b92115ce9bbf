"""Keeping what a reviewer has typed: on the server, so that it survives a lost lease, a reload and a faster colleague."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from governance.actors import Actor
from governance.errors import TooLarge
from governance.permissions import require
from reviews.models import Escalation, ReviewDraft

LARGEST_DRAFT = 256 * 1024


def save_draft(*, actor: Actor, escalation: Escalation, fields: dict[str, Any]) -> ReviewDraft:
    """One draft a person and escalation; the newest replaces the one before. Nothing of it is a fact, so the audit log
    has no entry for it."""
    require(actor, "escalations.rule")
    if sum(len(str(value)) for value in fields.values()) > LARGEST_DRAFT:
        raise TooLarge("A draft may have 256 KiB at the most.")
    with transaction.atomic(durable=True):
        draft, _ = ReviewDraft.objects.update_or_create(
            escalation=escalation,
            reviewer_id=actor.user_id,
            defaults={"organization_id": escalation.organization_id, "fields": fields, "saved_at": timezone.now()},
        )
    return draft
