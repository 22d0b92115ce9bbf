"""What people do about an alarm, from being told to having learned from it; and the way back from an open breaker."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from evaluations.models import Example
from governance.identifiers import new_id
from governance.models import AISystem, Organization
from governance.querysets import OrganizationQuerySet


class Incident(models.Model):
    """open → acknowledged → mitigated → resolved → reviewed, by compare-and-set. Its timeline is the audit log's entries about
    `incident:<id>`. While nobody has acknowledged it, it goes from the owner to the backup to the admins (`step`)."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        MITIGATED = "mitigated", "Mitigated"
        RESOLVED = "resolved", "Resolved"
        REVIEWED = "reviewed", "Reviewed"

    class Severity(models.TextChoices):
        NOTICE = "notice", "Notice"
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    class Step(models.IntegerChoices):
        OWNER = 0, "Owner"
        BACKUP = 1, "Backup"
        ADMINS = 2, "Admins"

    UNRESOLVED = ("open", "acknowledged", "mitigated")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="incidents", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="incidents", db_index=False)
    # What makes two alarms one incident.
    fingerprint = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    status = models.CharField(max_length=12, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField()
    step = models.PositiveSmallIntegerField(choices=Step, default=Step.OWNER)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="assigned_incidents", null=True, blank=True
    )
    # When the next one is told, unless somebody acknowledges.
    next_step_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    mitigated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    is_false_alarm = models.BooleanField(default=False)
    # The review; all compulsory before `reviewed`, but for the examples, in whose place a reason may stand.
    cause = models.TextField(blank=True)
    earlier_detection = models.TextField(blank=True)
    examples = models.ManyToManyField(Example, related_name="incidents", blank=True)
    no_examples_reason = models.TextField(blank=True)
    action = models.TextField(blank=True)
    action_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="incident_actions", null=True, blank=True
    )
    action_due_on = models.DateField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "fingerprint"],
                condition=Q(status__in=["open", "acknowledged", "mitigated"]),
                name="incident_one_unresolved",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "acknowledged", "mitigated", "resolved", "reviewed"]),
                name="incident_status_known",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["notice", "warning", "critical"]), name="incident_severity_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="reviewed")
                | (
                    ~Q(cause="")
                    & ~Q(earlier_detection="")
                    & ~Q(action="")
                    & Q(action_owner__isnull=False, action_due_on__isnull=False)
                ),
                name="incident_reviewed_is_complete",
            ),
        ]
        indexes = [
            models.Index(F("organization"), F("opened_at").desc(), name="incident_newest"),
            # Serves the sweep that tells the next one.
            models.Index(fields=["next_step_at"], name="incident_unacknowledged", condition=Q(status="open")),
        ]

    def __str__(self) -> str:
        return self.title


class Recovery(models.Model):
    """The way back from an open breaker: half-open with a share that may act again, and the conditions under which it closes
    or opens once more. One at a time a system."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="recoveries", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="recoveries", db_index=False)
    incident = models.ForeignKey(Incident, models.SET_NULL, related_name="recoveries", null=True, blank=True)
    status = models.CharField(max_length=7, choices=Status, default=Status.RUNNING)
    share = models.FloatField()
    # So many rulings and outcomes of decisions since the start are wanted, with at most these rates of overrides and failures.
    wanted_rulings = models.PositiveIntegerField(default=20)
    most_overridden = models.FloatField(default=0.2)
    wanted_outcomes = models.PositiveIntegerField(default=20)
    most_failed = models.FloatField(default=0.1)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # What was counted when it ended, in words.
    finding = models.TextField(blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["system"], condition=Q(status="running"), name="recovery_one_running_a_system"
            ),
            models.CheckConstraint(condition=Q(share__gt=0) & Q(share__lte=1), name="recovery_share_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"recovery of {self.system_id}"
