"""Rulings: append-only rows, each with one person's words; and what follows from one that was released."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.identifiers import new_id
from governance.models import Organization
from reviews.models.decisions import Decision
from reviews.models.queues import Escalation
from reviews.querysets import ReviewQuerySet


class Review(models.Model):
    """What one person decided. Never changed: an undo is a row of its own that supersedes the one it takes back, and
    `Escalation.ruling` says which one holds."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approve"
        CORRECT = "correct", "Correct"
        REJECT = "reject", "Reject"
        ANSWER = "answer", "Answer"
        ESCALATE = "escalate", "Escalate"
        NEED_INFORMATION = "need_information", "Need information"
        UNDO = "undo", "Undo"

    # Those that end an escalation; the others send it on.
    FINAL = frozenset({Verdict.APPROVE, Verdict.CORRECT, Verdict.REJECT, Verdict.ANSWER})

    # Those that say that the AI was wrong.
    OVERRIDING = frozenset({Verdict.CORRECT, Verdict.REJECT})

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="reviews", db_index=False)
    escalation = models.ForeignKey(Escalation, models.CASCADE, related_name="reviews")
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="reviews", db_index=False)
    reviewer_label = models.CharField(max_length=254)
    verdict = models.CharField(max_length=16, choices=Verdict)
    supersedes = models.ForeignKey("self", models.PROTECT, related_name="superseded_by", null=True, blank=True)
    # RFC 8785 text: {"action": …} or {"output": …} of a correction, the answer of an answer, and the correction as an
    # RFC 6902 patch of the proposal.
    correction = models.TextField(null=True, blank=True)  # noqa: DJ001
    answer = models.TextField(null=True, blank=True)  # noqa: DJ001
    patch = models.TextField(null=True, blank=True)  # noqa: DJ001
    labels = models.JSONField(default=list, blank=True)
    reason = models.TextField(blank=True)
    note = models.TextField(blank=True)
    group_slug = models.CharField(max_length=63, blank=True)
    undo_until = models.DateTimeField(null=True, blank=True)
    held_s = models.FloatField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="review_idempotency_key_unique",
            ),
            models.UniqueConstraint(
                fields=["supersedes"],
                condition=Q(verdict="undo"),
                name="review_undone_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    verdict__in=[
                        "approve",
                        "correct",
                        "reject",
                        "answer",
                        "escalate",
                        "need_information",
                        "undo",
                    ]
                ),
                name="review_verdict_known",
            ),
            models.CheckConstraint(
                condition=Q(verdict="correct", correction__isnull=False)
                | (~Q(verdict="correct") & Q(correction__isnull=True)),
                name="review_correction_iff_corrects",
            ),
            models.CheckConstraint(
                condition=Q(verdict="answer", answer__isnull=False) | (~Q(verdict="answer") & Q(answer__isnull=True)),
                name="review_answer_iff_answers",
            ),
            models.CheckConstraint(
                condition=Q(verdict="undo", supersedes__isnull=False)
                | (~Q(verdict="undo") & Q(supersedes__isnull=True)),
                name="review_undo_supersedes",
            ),
        ]
        # Serves "my history".
        indexes = [
            models.Index(
                fields=["organization", "reviewer", "-created_at"],
                name="review_history",
            )
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_label}"


class ReviewDraft(models.Model):
    """A ruling that is not submitted yet; it survives a lost lease, a reload and someone else's update."""

    escalation = models.ForeignKey(Escalation, models.CASCADE, related_name="drafts", db_index=False)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="review_drafts")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="review_drafts", db_index=False)
    fields = models.JSONField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["escalation", "reviewer"], name="review_draft_one_per_person")]

    def __str__(self) -> str:
        return f"draft of {self.reviewer_id}"


class Correction(models.Model):
    """The follow-up of a released ruling that teaches something, an approval at its system's rate: written in the
    transaction of the release, turned into an example by `evaluations`, found by its sweep while `harvested_at` is null."""

    review = models.OneToOneField(Review, models.CASCADE, primary_key=True, related_name="teaching")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="corrections", db_index=False)
    created_at = models.DateTimeField()
    harvested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Serves the harvest's sweep.
        indexes = [
            models.Index(
                fields=["created_at"],
                name="correction_unharvested",
                condition=Q(harvested_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"correction {self.review_id}"
