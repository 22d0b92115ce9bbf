"""Datasets, their examples, and where each example comes from."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from evaluations.querysets import DatasetQuerySet, ExampleQuerySet
from governance.identifiers import new_id
from governance.models import AISystem, Organization


class Dataset(models.Model):
    """Evaluation data; a system's default dataset bears its slug and comes into being with its first correction."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="datasets", db_index=False)
    system = models.ForeignKey(AISystem, models.PROTECT, related_name="datasets")
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=200)
    # Secret salt of the train/test split, so that nobody can choose on which side a subject falls.
    split_salt = models.CharField(max_length=64)
    # Of a hundred subjects so many go to the test split, for ever: what its system said when the dataset began.
    held_out_percent = models.PositiveSmallIntegerField(default=20)
    # When it is sealed by itself: so many days after its newest version, or once so many examples have come and gone since.
    # Either, both or none (null).
    seal_every_days = models.PositiveSmallIntegerField(null=True, blank=True)
    seal_after_changes = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="dataset_slug_unique"),
            models.CheckConstraint(
                condition=Q(seal_every_days__isnull=True) | Q(seal_every_days__gte=1, seal_every_days__lte=366),
                name="dataset_sealed_within_a_year",
            ),
            models.CheckConstraint(
                condition=Q(seal_after_changes__isnull=True) | Q(seal_after_changes__gte=1),
                name="dataset_sealed_after_some_changes",
            ),
            models.CheckConstraint(
                condition=Q(held_out_percent__gte=1, held_out_percent__lte=100), name="dataset_held_out_of_a_hundred"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Example(models.Model):
    """One input with its expected output. Identity is the hash of {input, expected, scorer}; provenance stands apart."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        DISPUTED = "disputed", "Disputed"
        RETIRED = "retired", "Retired"

    class Split(models.TextChoices):
        TRAIN = "train", "Train"
        TEST = "test", "Test"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="examples", db_index=False)
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="examples", db_index=False)
    content_sha256 = models.CharField(max_length=64)
    input_sha256 = models.CharField(max_length=64)
    input = models.TextField()
    expected = models.TextField()
    scorer = models.CharField(max_length=63, default="exact")
    labels = models.JSONField(default=list, blank=True)
    split = models.CharField(max_length=5, choices=Split)
    status = models.CharField(max_length=8, choices=Status, default=Status.ACTIVE)
    # Why it is out for good, in the words of whoever decided.
    retired_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    objects = ExampleQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "content_sha256"], name="example_content_unique"),
            models.CheckConstraint(
                condition=Q(status__in=["active", "disputed", "retired"]),
                name="example_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="retired") | Q(retired_reason=""),
                name="example_reason_only_if_retired",
            ),
            models.CheckConstraint(condition=Q(split__in=["train", "test"]), name="example_split_known"),
        ]
        indexes = [
            # Serves the dispute check: other answers to the same input.
            models.Index(fields=["dataset", "input_sha256"], name="example_by_input"),
            # Serves the export and the list, in the order of ids.
            models.Index(fields=["dataset", "id"], name="example_in_order"),
            # Serves the disputes of a dataset, which are few among many.
            models.Index(fields=["dataset", "input_sha256"], name="example_disputed", condition=Q(status="disputed")),
        ]

    def __str__(self) -> str:
        return f"example {self.id}"


class ExampleSource(models.Model):
    """A ruling from which an example comes. One ruling teaches one example, whatever runs twice."""

    example = models.ForeignKey(Example, models.CASCADE, related_name="sources")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="example_sources", db_index=False)
    # Plain ids: provenance outlives what it points to.
    decision_id = models.UUIDField()
    review_id = models.UUIDField()
    policy_version_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["review_id"], name="example_source_once_per_review")]
        indexes = [models.Index(fields=["decision_id"], name="example_source_of_decision")]

    def __str__(self) -> str:
        return f"{self.example_id} from {self.review_id}"
