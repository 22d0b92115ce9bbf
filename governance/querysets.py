"""Questions to the ground floor's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import models

from governance.actors import Actor

if TYPE_CHECKING:
    from governance.models import AISystem, AuditEntry, PolicyVersion  # noqa: F401 (named in annotations)


class OrganizationQuerySet(models.QuerySet[Any]):
    """Rows that belong to one organization."""

    def visible_to(self, actor: Actor) -> Self:
        """What the actor's organization holds; nothing where the actor has none."""
        if actor.organization_id is None:
            return self.none()
        return self.filter(organization_id=actor.organization_id)


class SystemQuerySet(models.QuerySet["AISystem"]):
    def visible_to(self, actor: Actor) -> Self:
        """A person sees the systems of their organization, a key its own."""
        if actor.organization_id is None:
            return self.none()
        systems = self.filter(organization_id=actor.organization_id)
        return systems.filter(pk=actor.system_id) if actor.kind == "api_key" else systems


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def awaiting_approval(self) -> Self:
        return self.filter(status="submitted")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def unsequenced(self) -> Self:
        return self.filter(leaf_index__isnull=True)

    def about(self, subject: str) -> Self:
        """Entries on one thing (`kind:id`), oldest first."""
        return self.filter(payload__subject=subject).order_by("id")
