"""What a system may cost in a month, that it came near to it, and what an hour of review is worth."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models import AISystem, Organization
from governance.querysets import OrganizationQuerySet


class ReviewRate(models.Model):
    """What an hour of its reviewers costs an organization, from a day on (midnight, UTC). Never changed: the newest row that is
    not withdrawn holds among those that have begun. Where there is none, review time is shown in minutes and costs nothing."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="review_rates", db_index=False)
    hour_micros = models.BigIntegerField()
    effective_from = models.DateField()
    note = models.CharField(max_length=300, blank=True)
    stated_by_label = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-effective_from", "-id"]
        constraints = [models.CheckConstraint(condition=Q(hour_micros__gte=0), name="review_rate_not_negative")]
        indexes = [models.Index(F("organization"), F("effective_from").desc(), name="review_rate_newest")]

    def __str__(self) -> str:
        return f"{self.hour_micros} µ$ an hour from {self.effective_from}"


class Budget(models.Model):
    """What a system may cost in a calendar month (UTC). Never changed: a newer one takes its place and warns anew."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="budgets", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="budgets", db_index=False)
    monthly_micros = models.BigIntegerField()
    # Whether the time of reviewers, at the organization's rate, counts beside the models' cost.
    includes_review = models.BooleanField(default=True)
    note = models.CharField(max_length=300, blank=True)
    stated_by_label = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["system", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["system"], condition=Q(withdrawn_at__isnull=True), name="budget_one_standing"
            ),
            models.CheckConstraint(condition=Q(monthly_micros__gt=0), name="budget_is_more_than_nothing"),
        ]
        indexes = [models.Index(F("system"), F("created_at").desc(), name="budget_newest")]

    def __str__(self) -> str:
        return f"{self.monthly_micros} µ$ a month for {self.system_id}"


class BudgetWarning(models.Model):
    """That a system has reached a share of its budget in a month, told once."""

    THRESHOLDS = (50, 80, 100)

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="budget_warnings", db_index=False)
    budget = models.ForeignKey(Budget, models.CASCADE, related_name="warnings", db_index=False)
    # The first day of the month.
    month = models.DateField()
    threshold = models.PositiveSmallIntegerField()
    spent_micros = models.BigIntegerField()
    warned_at = models.DateTimeField()

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-warned_at", "-threshold"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "month", "threshold"], name="budget_warning_once"),
            models.CheckConstraint(condition=Q(threshold__in=[50, 80, 100]), name="budget_warning_threshold_known"),
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % in {self.month:%Y-%m}"


class Repricing(models.Model):
    """That decisions of a stretch of time are priced anew, because a price was wrong. Works through them in the order in which
    they were made, from `after_decision` on, so that killed it goes on where it was; what changes gets a new entry in the
    ledger."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="repricings", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="repricings", db_index=False)
    since_at = models.DateTimeField()
    until_at = models.DateTimeField()
    reason = models.TextField()
    requested_by_label = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    after_decision = models.UUIDField(null=True, blank=True)
    looked_at = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    difference_micros = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["system"], condition=Q(finished_at__isnull=True), name="repricing_one_running_a_system"
            ),
            models.CheckConstraint(condition=Q(until_at__gt=F("since_at")) & ~Q(reason=""), name="repricing_is_stated"),
        ]
        indexes = [models.Index(F("organization"), F("created_at").desc(), name="repricing_newest")]

    def __str__(self) -> str:
        return f"repricing of {self.system_id}"
