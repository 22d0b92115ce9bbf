"""Sealed versions of a dataset, and which examples each of them holds."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from evaluations.models.datasets import Dataset, Example
from evaluations.querysets import DatasetVersionQuerySet
from governance.identifiers import new_id
from governance.models import Organization


class DatasetVersion(models.Model):
    """A numbered state of a dataset that never changes again. `root_sha256` is the Merkle root (RFC 6962) over the content
    hashes of its examples in their order, so that whoever holds it can tell whether a copy is this version."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="dataset_versions", db_index=False)
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    root_sha256 = models.CharField(max_length=64)
    # How many it holds, and by how much it differs from the version before.
    examples = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    reason = models.TextField()
    sealed_by_label = models.CharField(max_length=254)
    sealed_at = models.DateTimeField()

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering = ["dataset", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number_unique"),
            models.CheckConstraint(condition=Q(number__gte=1) & Q(examples__gte=1), name="dataset_version_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} v{self.number}"


class ExampleMembership(models.Model):
    """That an example is in every version from `added_in` on, up to but not in `removed_in`. One that comes back gets a row
    of its own, so a version's examples, and the difference of two versions, are questions of ranges."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="example_memberships", db_index=False)
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="memberships", db_index=False)
    example = models.ForeignKey(Example, models.PROTECT, related_name="memberships")
    added_in = models.PositiveIntegerField()
    removed_in = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["example", "added_in"], name="membership_added_once"),
            models.UniqueConstraint(
                fields=["example"], condition=Q(removed_in__isnull=True), name="membership_one_standing"
            ),
            models.CheckConstraint(
                condition=Q(removed_in__isnull=True) | Q(removed_in__gt=F("added_in")), name="membership_ends_later"
            ),
        ]
        indexes = [
            models.Index(fields=["dataset", "added_in", "example"], name="membership_by_added"),
            models.Index(
                fields=["dataset", "removed_in"], name="membership_by_removed", condition=Q(removed_in__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.example_id} from v{self.added_in}"
