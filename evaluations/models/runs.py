"""Releases, and the runs that test them on what people taught."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from evaluations.models.datasets import Example
from evaluations.models.versions import DatasetVersion
from evaluations.querysets import EvaluationRunQuerySet, ReleaseQuerySet
from governance.identifiers import new_id
from governance.models import AISystem, Organization

# What a run without a split is about.
ALL = "all"


class Release(models.Model):
    """A version of an AI application: stated by whoever ships it, or seen in traffic, or both. Traffic of one that no gate
    has passed raises an alarm."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="releases", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="releases", db_index=False)
    name = models.CharField(max_length=255)
    # Why it changes, in the words of whoever states it; empty where it was only seen.
    reason = models.TextField(blank=True)
    stated_by_label = models.CharField(max_length=254, blank=True)
    stated_at = models.DateTimeField(null=True, blank=True)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["system", "name"], name="release_name_unique"),
            models.CheckConstraint(
                condition=Q(stated_at__isnull=False) | Q(first_seen_at__isnull=False), name="release_stated_or_seen"
            ),
            models.CheckConstraint(
                condition=Q(stated_at__isnull=True) | (~Q(reason="") & ~Q(stated_by_label="")),
                name="release_stated_with_reason",
            ),
        ]
        indexes = [models.Index(F("system"), F("created_at").desc(), name="release_newest")]

    def __str__(self) -> str:
        return self.name


class EvaluationRun(models.Model):
    """A candidate's answers to the examples of one sealed version, and what the gate said of them.

    Open while results come; closed once, with the verdict and its evidence, which never change again.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    class Goal(models.TextChoices):
        NOT_WORSE = "not_worse", "Not worse than the baseline"
        BETTER = "better", "Better than the baseline"

    class Verdict(models.TextChoices):
        NONE = "", "Not judged"
        PASS = "pass", "Pass"
        FAIL = "fail", "Fail"
        INCONCLUSIVE = "inconclusive", "Inconclusive"
        NOT_EVALUATED = "not_evaluated", "Could not be evaluated"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="evaluation_runs", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="evaluation_runs", db_index=False)
    version = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="runs")
    # "" for all examples of the version, else one part of them.
    split = models.CharField(max_length=5, choices=Example.Split, blank=True)
    candidate = models.ForeignKey(Release, models.PROTECT, related_name="runs")
    # The run whose results the candidate's are paired with; without one the gate judges the candidate alone.
    baseline = models.ForeignKey("self", models.PROTECT, related_name="challengers", null=True, blank=True)
    goal = models.CharField(max_length=9, choices=Goal, default=Goal.NOT_WORSE)
    scorer = models.CharField(max_length=63, default="exact")
    repeats = models.PositiveSmallIntegerField(default=1)
    # Margin, confidence, ceilings of cost and latency, labels of critical examples: what the gate demands.
    demands = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=6, choices=Status, default=Status.OPEN)
    verdict = models.CharField(max_length=13, choices=Verdict, default=Verdict.NONE, blank=True)
    # RFC 8785 text: counts, interval, p-value, flips, in the gate's words.
    evidence = models.TextField(blank=True)
    evidence_sha256 = models.CharField(max_length=64, blank=True)
    created_by_label = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=["open", "closed"]), name="run_status_known"),
            models.CheckConstraint(condition=Q(goal__in=["not_worse", "better"]), name="run_goal_known"),
            models.CheckConstraint(
                condition=Q(verdict__in=["", "pass", "fail", "inconclusive", "not_evaluated"]),
                name="run_verdict_known",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="closed", closed_at__isnull=False) & ~Q(verdict="") & ~Q(evidence="")
                    | Q(status="open", closed_at__isnull=True, verdict="", evidence="")
                ),
                name="run_closed_with_verdict",
            ),
            models.CheckConstraint(condition=Q(repeats__gte=1) & Q(repeats__lte=100), name="run_repeats_sensible"),
        ]
        indexes = [
            models.Index(F("organization"), F("created_at").desc(), name="run_newest"),
            models.Index(F("system"), F("created_at").desc(), name="run_newest_of_system"),
        ]

    def __str__(self) -> str:
        return f"{self.candidate_id} on {self.version_id}"

    @property
    def is_passing(self) -> bool:
        """Whether by this run the release may answer users."""
        return self.verdict == self.Verdict.PASS

    @property
    def part(self) -> str:
        """Which examples it is about: `test`, `train` or `all`."""
        return self.split or ALL


class RunResult(models.Model):
    """What the candidate answered to one example, once for every repeat. Sent twice it is one; sent otherwise it is refused."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="run_results", db_index=False)
    run = models.ForeignKey(EvaluationRun, models.CASCADE, related_name="results", db_index=False)
    example = models.ForeignKey(Example, models.PROTECT, related_name="results")
    repeat = models.PositiveSmallIntegerField(default=1)
    # RFC 8785 text of the answer; null where the candidate failed to give one, and `error` says why.
    output = models.TextField(null=True, blank=True)  # noqa: DJ001
    error = models.CharField(max_length=500, blank=True)
    score = models.FloatField()
    cost_micros = models.BigIntegerField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    request_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "example", "repeat"], name="run_result_once"),
            models.CheckConstraint(condition=Q(score__gte=0) & Q(score__lte=1), name="run_result_score_is_a_share"),
            models.CheckConstraint(
                condition=Q(cost_micros__isnull=True) | Q(cost_micros__gte=0), name="run_result_cost_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.example_id} #{self.repeat}"
