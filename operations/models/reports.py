"""The month of one system: the report that its owner signs, and what is to become better."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models import AISystem, Organization
from governance.querysets import OrganizationQuerySet


class OwnershipReport(models.Model):
    """A frozen month. `document` is its RFC 8785 text and never changes again; `sha256` stands in the audit log too. Attested
    once, by the system's owner of that moment."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="ownership_reports", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="ownership_reports", db_index=False)
    # The first day of the month (UTC).
    month = models.DateField()
    document = models.TextField()
    sha256 = models.CharField(max_length=64)
    frozen_at = models.DateTimeField()
    frozen_by_label = models.CharField(max_length=254)
    attested_at = models.DateTimeField(null=True, blank=True)
    attested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="attested_reports", null=True, blank=True
    )
    attested_by_label = models.CharField(max_length=254, blank=True)
    # What the owner adds in their own words.
    statement = models.TextField(blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "system"]
        constraints = [
            models.UniqueConstraint(fields=["system", "month"], name="ownership_report_one_a_month"),
            models.CheckConstraint(condition=~Q(document="") & ~Q(sha256=""), name="ownership_report_not_empty"),
            models.CheckConstraint(
                condition=Q(attested_at__isnull=True, attested_by__isnull=True, attested_by_label="", statement="")
                | Q(attested_at__isnull=False, attested_by__isnull=False) & ~Q(attested_by_label=""),
                name="ownership_report_attested_by_somebody",
            ),
        ]
        indexes = [models.Index(F("organization"), F("month").desc(), name="ownership_report_newest")]

    def __str__(self) -> str:
        return f"{self.system_id} {self.month:%Y-%m}"


class ImprovementItem(models.Model):
    """Something that is to become better, decided on a month's report: by whom, until when, and which figure should be what.
    The reports that follow measure it against the month that it was decided on."""

    class Metric(models.TextChoices):
        ERROR_RATE = "error_rate", "Error rate of the whole traffic"
        ESCALATION_RATE = "escalation_rate", "Escalation rate"
        OVERRIDE_RATE = "override_rate", "Override rate"
        FAILURE_RATE = "failure_rate", "Failed outcomes"
        RESOLUTION_RATE = "resolution_rate", "Resolution rate"
        COST_PER_DECISION = "cost_per_decision", "Cost per decision"
        COST_PER_RESOLVED = "cost_per_resolved", "Cost per resolved case"
        REVIEW_SECONDS = "review_seconds", "Time per ruling"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        DROPPED = "dropped", "Dropped"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="improvement_items", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="improvement_items", db_index=False)
    # The first day of the month on whose figures it was decided: what later months are compared with.
    month = models.DateField()
    title = models.CharField(max_length=300)
    metric = models.CharField(max_length=17, choices=Metric)
    # A rate as a share (0 to 1), a cost in US dollars, a time in seconds.
    expected_value = models.FloatField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="improvement_items")
    due_on = models.DateField()
    status = models.CharField(max_length=7, choices=Status, default=Status.OPEN)
    created_by_label = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closing_note = models.TextField(blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["status", "due_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "done", "dropped"]), name="improvement_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at__isnull=True)
                | Q(status__in=["done", "dropped"], closed_at__isnull=False),
                name="improvement_closed_with_time",
            ),
            models.CheckConstraint(condition=Q(expected_value__gte=0), name="improvement_expects_no_negative"),
        ]
        indexes = [models.Index(F("system"), F("month").desc(), name="improvement_newest")]

    def __str__(self) -> str:
        return self.title
