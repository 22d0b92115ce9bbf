"""Decisions: what an AI did or proposes to do, what policy said of it, and how it ended.

The row is narrow and hot; whatever is long stands in the payload, so that lists and claims never read it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models import AISystem, Organization, PolicyVersion
from reviews.querysets import DecisionQuerySet


class Decision(models.Model):
    """One decision. Statuses are terminal but for `pending`, which is left exactly once, by compare-and-set."""

    class Status(models.TextChoices):
        ALLOWED = "allowed", "Allowed"
        BLOCKED = "blocked", "Blocked"
        OBSERVED = "observed", "Observed"
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        CORRECTED = "corrected", "Corrected"
        REJECTED = "rejected", "Rejected"
        ANSWERED = "answered", "Answered"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"
        SUPERSEDED = "superseded", "Superseded"

    class Verdict(models.TextChoices):
        ALLOW = "allow", "Allow"
        REVIEW = "review", "Review"
        ESCALATE = "escalate", "Escalate"
        BLOCK = "block", "Block"

    class Mode(models.TextChoices):
        ENFORCE = "enforce", "Enforce"
        OBSERVE = "observe", "Observe"

    class OnTimeout(models.TextChoices):
        BLOCK = "block", "Block"
        ESCALATE = "escalate", "Escalate"
        ALLOW = "allow", "Allow"

    class DeciderKind(models.TextChoices):
        NONE = "", "Not decided"
        POLICY = "policy", "Policy"
        PERSON = "person", "Person"
        TIMEOUT = "timeout", "Timeout"
        APPLICATION = "application", "Application"

    # The verdicts that send a decision to people.
    ASKING = frozenset({Verdict.REVIEW, Verdict.ESCALATE})
    PROCEEDING = frozenset({Status.ALLOWED, Status.APPROVED, Status.CORRECTED})

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="decisions", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="decisions", db_index=False)
    idempotency_key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    mode = models.CharField(max_length=7, choices=Mode, default=Mode.ENFORCE)
    is_test = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status)
    verdict = models.CharField(max_length=8, choices=Verdict)
    action_name = models.CharField(max_length=100, blank=True)
    proposal_sha256 = models.CharField(max_length=64)
    effective_sha256 = models.CharField(max_length=64, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    actor = models.CharField(max_length=255, blank=True)
    trace_id = models.CharField(max_length=255, blank=True)
    session_id = models.CharField(max_length=255, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    model = models.CharField(max_length=255, blank=True)
    release = models.CharField(max_length=255, blank=True)
    input_tokens = models.BigIntegerField(null=True, blank=True)
    output_tokens = models.BigIntegerField(null=True, blank=True)
    cached_input_tokens = models.BigIntegerField(null=True, blank=True)
    cache_write_tokens = models.BigIntegerField(null=True, blank=True)
    # Part of the output, as providers count it.
    reasoning_tokens = models.BigIntegerField(null=True, blank=True)
    cost_usd_micros = models.BigIntegerField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    policy_version = models.ForeignKey(
        PolicyVersion,
        models.PROTECT,
        related_name="decisions",
        null=True,
        blank=True,
        db_index=False,
    )
    activation_id = models.BigIntegerField(null=True, blank=True)
    # The decisive rule, for lists and roll-ups; all matched rules stand in the payload's evaluation.
    rule = models.CharField(max_length=63, blank=True)
    # π: the probability with which this decision came before a person, known when it was made.
    review_probability = models.FloatField()
    is_sampled = models.BooleanField(default=False)
    # Sent to people, or blocked, by the system's breaker though policy would have let it act.
    is_diverted = models.BooleanField(default=False)
    # Who made the key: may not rule on what it asked.
    requested_by_id = models.UUIDField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by_kind = models.CharField(max_length=11, choices=DeciderKind, default=DeciderKind.NONE, blank=True)
    decided_by_label = models.CharField(max_length=254, blank=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "idempotency_key"],
                name="decision_idempotency_key_unique",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "allowed",
                        "blocked",
                        "observed",
                        "pending",
                        "approved",
                        "corrected",
                        "rejected",
                        "answered",
                        "expired",
                        "cancelled",
                        "superseded",
                    ]
                ),
                name="decision_status_known",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["allow", "review", "escalate", "block"]),
                name="decision_verdict_known",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="pending", decided_at__isnull=True, decided_by_kind="")
                    | (~Q(status="pending") & Q(decided_at__isnull=False) & ~Q(decided_by_kind=""))
                ),
                name="decision_decided_unless_pending",
            ),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | (Q(confidence__gte=0) & Q(confidence__lte=1)),
                name="decision_confidence_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(review_probability__gte=0) & Q(review_probability__lte=1),
                name="decision_review_probability_is_a_share",
            ),
        ]
        indexes = [
            # Serve the lists: newest first, of an organization and of one system.
            models.Index(
                F("organization"),
                F("created_at").desc(),
                F("id").desc(),
                name="decision_newest",
            ),
            models.Index(
                F("system"),
                F("created_at").desc(),
                F("id").desc(),
                name="decision_newest_of_system",
            ),
            models.Index(
                F("organization"),
                F("subject"),
                F("created_at").desc(),
                name="decision_by_subject",
                condition=~Q(subject=""),
            ),
            # Serve the search for an identifier (reviews/search.py), each only where it was sent.
            models.Index(
                fields=["organization", "external_id"], name="decision_by_external_id", condition=~Q(external_id="")
            ),
            models.Index(fields=["organization", "trace_id"], name="decision_by_trace", condition=~Q(trace_id="")),
            models.Index(
                fields=["organization", "session_id"], name="decision_by_session", condition=~Q(session_id="")
            ),
            models.Index(
                fields=["organization", "action_name"], name="decision_by_action", condition=~Q(action_name="")
            ),
            # Serves the filters for what still waits.
            models.Index(
                F("organization"),
                F("created_at").desc(),
                name="decision_pending",
                condition=Q(status="pending"),
            ),
            # Serves the filters for how people ended a decision; intake writes none of these and pays nothing.
            models.Index(
                F("organization"),
                F("status"),
                F("created_at").desc(),
                F("id").desc(),
                name="decision_ended",
                condition=Q(
                    status__in=["approved", "corrected", "rejected", "answered", "expired", "cancelled", "superseded"]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action_name or 'output'} {self.id}"

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def does_proceed(self) -> bool:
        return self.status in self.PROCEEDING


class DecisionPayload(models.Model):
    """What was asked and answered, as RFC 8785 text (jsonb would change numbers); null where nothing was sent."""

    decision = models.OneToOneField(Decision, models.CASCADE, primary_key=True, related_name="payload")
    input = models.TextField()
    # The proposal that people rule on: {"action": {name, arguments}} or {"output": any}.
    proposal = models.TextField()
    output = models.TextField(null=True, blank=True)  # noqa: DJ001 (null: not sent; "null" is a sent JSON null)
    context = models.TextField(null=True, blank=True)  # noqa: DJ001
    review_options = models.TextField(null=True, blank=True)  # noqa: DJ001
    # Verdict, every rule's result with what it read, fuel, draws, clock: enough for a bit-identical replay.
    evaluation = models.TextField()
    # {"action": …} or {"output": …} that may run; {"answer": …} that a person gave in the AI's stead.
    effective = models.TextField(null=True, blank=True)  # noqa: DJ001
    message = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"payload of {self.decision_id}"


class Outcome(models.Model):
    """What really happened after the answer, as the application reports it; the newest report counts."""

    class Status(models.TextChoices):
        EXECUTED = "executed", "Executed"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Unknown"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="outcomes", db_index=False)
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="outcomes")
    status = models.CharField(max_length=8, choices=Status)
    is_resolved = models.BooleanField(null=True, blank=True)
    detail = models.TextField(null=True, blank=True)  # noqa: DJ001
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["executed", "failed", "unknown"]),
                name="outcome_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.decision_id}"


class InformationExchange(models.Model):
    """A reviewer's question to the application and its reply."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization,
        models.CASCADE,
        related_name="information_exchanges",
        db_index=False,
    )
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="information_exchanges")
    question = models.TextField()
    asked_by_label = models.CharField(max_length=254)
    asked_at = models.DateTimeField()
    answer = models.TextField(null=True, blank=True)  # noqa: DJ001
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            # One open question at a time: the application must know which one it answers.
            models.UniqueConstraint(
                fields=["decision"],
                condition=Q(answered_at__isnull=True),
                name="information_one_open_question",
            ),
            models.CheckConstraint(
                condition=Q(answer__isnull=True, answered_at__isnull=True)
                | Q(answer__isnull=False, answered_at__isnull=False),
                name="information_answered_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.question[:80]
