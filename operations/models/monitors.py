"""What is watched, and that it changed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models import AISystem, Organization
from governance.querysets import OrganizationQuerySet


class Monitor(models.Model):
    """One thing that is watched about one system. It learns a baseline, seals it, and compares what follows with it.

    `state` is the detector's own between two readings; it moves in the transaction that moves the reader's cursor, so nothing
    is looked at twice or passed over. `stated`: what the monitor promises (false-alarm interval, expected delay, unit).
    """

    class Kind(models.TextChoices):
        SILENCE = "silence", "Silence"
        VOLUME = "volume", "Volume"
        ESCALATION_RATE = "escalation_rate", "Escalation rate"
        OVERRIDE_RATE = "override_rate", "Override rate"
        CORRECTIONS = "corrections", "Corrections"
        SAMPLED_ERRORS = "sampled_errors", "Errors in quality samples"
        ACTION_MIX = "action_mix", "Action mix"
        CONFIDENCE = "confidence", "Confidence"
        INPUT_SHIFT = "input_shift", "Inputs"
        MODEL = "model", "Model"
        RELEASE = "release", "Release"
        LATENCY = "latency", "Latency"
        COST = "cost", "Cost"
        FAILED_OUTCOMES = "failed_outcomes", "Failed outcomes"
        MISSING_OUTCOMES = "missing_outcomes", "Missing outcomes"
        QUEUE_AGE = "queue_age", "Queue age"
        OWNER = "owner", "Owner"
        UNGATED_RELEASE = "ungated_release", "Release without a gate"
        REPORT_OVERDUE = "report_overdue", "Unattested report"

    class Status(models.TextChoices):
        LEARNING = "learning", "Learning"
        WATCHING = "watching", "Watching"
        ALARMED = "alarmed", "Alarmed"
        OFF = "off", "Off"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="monitors", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="monitors", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.LEARNING)
    settings = models.JSONField(default=dict, blank=True)
    # Whether an alarm opens the system's breaker by itself.
    trips_breaker = models.BooleanField(default=False)
    baseline = models.JSONField(null=True, blank=True)
    baseline_sealed_at = models.DateTimeField(null=True, blank=True)
    state = models.JSONField(default=dict, blank=True)
    stated = models.JSONField(default=dict, blank=True)
    observations = models.BigIntegerField(default=0)
    # Leaf index of the audit log from which this monitor's present run counts (since it was made, sealed anew or re-armed).
    since_index = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    # Grows with every change but that of `state` and `observations`, so that who reads the log and who changes the monitor
    # at the same moment notice each other.
    version = models.PositiveIntegerField(default=1)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["system", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["system", "kind"], name="monitor_one_of_a_kind"),
            models.CheckConstraint(
                condition=Q(status__in=["learning", "watching", "alarmed", "off"]), name="monitor_status_known"
            ),
        ]
        indexes = [models.Index(fields=["organization", "status"], name="monitor_by_status")]

    def __str__(self) -> str:
        return self.get_kind_display()


class Alarm(models.Model):
    """That something changed: what, since when, by how much, where, on which evidence, and how often such an alarm is false.

    `detected_index` is the leaf index of the audit entry at which the detector signalled (for monitors of the clock: the
    newest entry that it had seen), so that a second reading of the same entries makes no second alarm.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="alarms", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="alarms", db_index=False)
    monitor = models.ForeignKey(Monitor, models.CASCADE, related_name="alarms", db_index=False)
    incident = models.ForeignKey("operations.Incident", models.SET_NULL, related_name="alarms", null=True, blank=True)
    # Where: "" for the whole system, else `action=refund`, `dependency=calendar`, `path=/language` …
    segment = models.CharField(max_length=300, blank=True)
    direction = models.CharField(max_length=7, blank=True)
    title = models.CharField(max_length=300)
    summary = models.TextField()
    # What it was in the baseline and what it is now, in `unit` ("share", "ms", "usd", "per_hour", "seconds", "psi", "ks", "").
    baseline_value = models.FloatField(null=True, blank=True)
    observed_value = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    # Since when by the detector's estimate, and how many observations it took from there.
    since_at = models.DateTimeField()
    detected_at = models.DateTimeField()
    delay_observations = models.BigIntegerField(default=0)
    detected_index = models.BigIntegerField()
    # Ids of decisions that show it, newest first.
    evidence = models.JSONField(default=list, blank=True)
    stated = models.JSONField(default=dict, blank=True)
    # Set when somebody has judged: True for a false alarm.
    is_false = models.BooleanField(null=True, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-detected_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["monitor", "segment", "detected_index"], name="alarm_once_per_entry")
        ]
        indexes = [
            models.Index(F("organization"), F("detected_at").desc(), name="alarm_newest"),
            models.Index(F("system"), F("detected_at").desc(), name="alarm_newest_of_system"),
        ]

    def __str__(self) -> str:
        return self.title
