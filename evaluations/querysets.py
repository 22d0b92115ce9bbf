"""Questions to datasets and their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from governance.actors import Actor

if TYPE_CHECKING:
    from evaluations.models import Dataset, Example  # noqa: F401 (named in annotations)


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)


class ExampleQuerySet(models.QuerySet["Example"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def active(self) -> Self:
        """Those that count: a disputed one is out until somebody has adjudicated."""
        return self.filter(status="active")
