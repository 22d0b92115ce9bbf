"""Questions to datasets and their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import connection, models
from django.db.models import Q

from governance.actors import Actor
from governance.canonical import canonicalize

if TYPE_CHECKING:
    from evaluations.models import (  # noqa: F401 (named in annotations)
        Dataset,
        DatasetVersion,
        EvaluationRun,
        Example,
        Release,
    )


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def sealed_by_themselves(self) -> Self:
        return self.filter(Q(seal_every_days__isnull=False) | Q(seal_after_changes__isnull=False))


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
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

    def disputed(self) -> Self:
        return self.filter(status="disputed")

    def labelled(self, label: str) -> Self:
        """Those with a ruling that bore the label."""
        if connection.vendor == "postgresql":
            return self.filter(labels__contains=[label])
        return self.filter(labels__icontains=canonicalize(label))

    def containing(self, words: str) -> Self:
        """Those whose input or expected text contains the words as one piece, whatever their case."""
        # The texts are JSON: a quotation mark or a line end stands in them as JSON writes it.
        written = canonicalize(words)[1:-1]
        return self.filter(Q(input__icontains=written) | Q(expected__icontains=written))


class ReleaseQuerySet(models.QuerySet["Release"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)


class EvaluationRunQuerySet(models.QuerySet["EvaluationRun"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.organization_id is None or not actor.is_person:
            return self.none()
        return self.filter(organization_id=actor.organization_id)

    def passing(self) -> Self:
        """Those by which a release may answer users: `EvaluationRun.is_passing`."""
        return self.filter(verdict="pass")
