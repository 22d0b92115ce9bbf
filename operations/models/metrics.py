"""Roll-ups: what happened in an hour or a day, counted once, so that a page over months reads hundreds of rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from governance.models import AISystem, Organization


class RollUp(models.Model):
    """One system's real decisions (test keys excluded) that were made in one hour or UTC day, whole or cut by one dimension.

    `dimension` "" is the whole; else `value` names the release, action, model, rule or label that the row is about ("" where
    the application sent none), or action and model together (operations/model_pairs.py). Everything counts for the hour in
    which the decision was made, whenever it was ruled on or its outcome came. An hour is recounted from the decisions; a
    day is the sum of its hours.
    """

    class Grain(models.TextChoices):
        HOUR = "hour", "Hour"
        DAY = "day", "Day"

    class Dimension(models.TextChoices):
        ALL = "", "All"
        RELEASE = "release", "Release"
        ACTION = "action", "Action"
        MODEL = "model", "Model"
        RULE = "rule", "Rule"
        LABEL = "label", "Label"
        ACTION_MODEL = "action_model", "Action and model"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="roll_ups", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="roll_ups", db_index=False)
    grain = models.CharField(max_length=4, choices=Grain)
    starts_at = models.DateTimeField()
    dimension = models.CharField(max_length=12, choices=Dimension, blank=True)
    value = models.CharField(max_length=400, blank=True)

    # What policy said: these five add up to `decisions`, but for `diverted`, which the breaker sent to people.
    decisions = models.BigIntegerField(default=0)
    allowed = models.BigIntegerField(default=0)
    blocked = models.BigIntegerField(default=0)
    asked = models.BigIntegerField(default=0)
    diverted = models.BigIntegerField(default=0)
    # How those that waited ended without a ruling.
    expired = models.BigIntegerField(default=0)
    allowed_by_timeout = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    # Rulings that hold (Review.FINAL) on approvals, and on quality samples.
    ruled = models.BigIntegerField(default=0)
    overridden = models.BigIntegerField(default=0)
    answered = models.BigIntegerField(default=0)
    judged = models.BigIntegerField(default=0)
    judged_wrong = models.BigIntegerField(default=0)
    review_seconds = models.FloatField(default=0)
    # The sums of evaluations.statistics.ReviewSums, for the Hájek estimate of the whole traffic's error rate.
    certain_selected = models.BigIntegerField(default=0)
    certain_ruled = models.BigIntegerField(default=0)
    certain_errors = models.BigIntegerField(default=0)
    sampled_population = models.BigIntegerField(default=0)
    sampled_selected = models.BigIntegerField(default=0)
    sampled_ruled = models.BigIntegerField(default=0)
    sampled_weight = models.FloatField(default=0)
    sampled_weight_errors = models.FloatField(default=0)
    sampled_spread = models.FloatField(default=0)
    sampled_spread_errors = models.FloatField(default=0)
    # Decisions that went ahead and that nobody could ever have been asked about (π = 0).
    unreviewable = models.BigIntegerField(default=0)
    # The newest outcome of each decision.
    outcomes = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    resolution_known = models.BigIntegerField(default=0)
    resolved = models.BigIntegerField(default=0)
    # Cost in millionths of a US dollar over the decisions whose cost is known; tokens in disjoint buckets.
    priced = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cached_input_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    # Decisions by latency: {bucket: count}, bucket b from 1.1^b to 1.1^(b+1) milliseconds.
    latency_known = models.BigIntegerField(default=0)
    latency_buckets = models.JSONField(default=dict, blank=True)
    counted_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            # Serves every read as well: one grain and dimension of a system, by time.
            models.UniqueConstraint(
                fields=["system", "grain", "dimension", "starts_at", "value"], name="roll_up_cell_unique"
            ),
            models.CheckConstraint(condition=Q(grain__in=["hour", "day"]), name="roll_up_grain_known"),
            models.CheckConstraint(
                condition=Q(dimension__in=["", "release", "action", "model", "rule", "label", "action_model"]),
                name="roll_up_dimension_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system_id} {self.starts_at:%Y-%m-%d %H:00} {self.dimension} {self.value}"


class RollUpDue(models.Model):
    """An hour of a system that has to be recounted. `stamp` grows whenever something happens to it, so that a recount takes
    back only the request that it has seen."""

    id = models.BigAutoField(primary_key=True)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="+", db_index=False)
    starts_at = models.DateTimeField()
    stamp = models.PositiveBigIntegerField(default=1)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "starts_at"], name="roll_up_due_once")]
        indexes = [models.Index(fields=["due_at"], name="roll_up_due_next")]

    def __str__(self) -> str:
        return f"{self.system_id} {self.starts_at:%Y-%m-%d %H:00}"
