"""Queues and the escalations that wait in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models import AISystem, Group, Organization
from reviews.models.decisions import Decision
from reviews.querysets import EscalationQuerySet, QueueQuerySet


class Queue(models.Model):
    """Where people rule on one sort of decision; it exists from the first mention in a policy.

    `undo_window_s`: how long a ruling is held before it is released. `lease_s`: how long a claim lasts. `respond_s`:
    the time to answer where the rule names none. Where groups are named, only their members may take from it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="queues", db_index=False)
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=200)
    undo_window_s = models.PositiveIntegerField(default=5)
    lease_s = models.PositiveIntegerField(default=600)
    respond_s = models.PositiveIntegerField(default=24 * 3600)
    groups = models.ManyToManyField(Group, related_name="queues", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = QueueQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="queue_slug_unique"),
            models.CheckConstraint(
                condition=Q(undo_window_s__lte=3600),
                name="queue_undo_window_within_an_hour",
            ),
            models.CheckConstraint(
                condition=Q(lease_s__gte=30) & Q(lease_s__lte=86400),
                name="queue_lease_sensible",
            ),
            models.CheckConstraint(condition=Q(respond_s__gte=1), name="queue_respond_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Escalation(models.Model):
    """A decision's place in a queue. open → claimed → ruled → closed, with waiting (for information) beside open.

    `ruling` is the authoritative one among its reviews; it is set and taken back by compare-and-set alone. `due_at` is
    when `on_timeout` is carried out (for kind quality: when it counts as late); `expires_at` ends it all.
    """

    class Kind(models.TextChoices):
        APPROVAL = "approval", "Approval"
        QUALITY = "quality", "Quality"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        CLAIMED = "claimed", "Claimed"
        WAITING = "waiting", "Waiting for information"
        RULED = "ruled", "Ruled"
        CLOSED = "closed", "Closed"

    # Somebody has yet to rule, or the application to answer.
    WAITING = ("open", "claimed", "waiting")

    class Priority(models.IntegerChoices):
        LOW = 0, "low"
        NORMAL = 1, "normal"
        HIGH = 2, "high"
        URGENT = 3, "urgent"

    class Closure(models.TextChoices):
        NONE = "", "Not closed"
        RULED = "ruled", "Ruled on"
        EXPIRED = "expired", "Nobody answered in time"
        TIMEOUT = "timeout", "Allowed by timeout"
        CANCELLED = "cancelled", "Cancelled by the application"
        SUPERSEDED = "superseded", "Superseded by a later decision"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="escalations", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="escalations", db_index=False)
    queue = models.ForeignKey(Queue, models.PROTECT, related_name="escalations", db_index=False)
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="escalations")
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    title = models.CharField(max_length=200)
    rule = models.CharField(max_length=63, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    # Handed to a named group: only its members may take it.
    group = models.ForeignKey(
        Group,
        models.PROTECT,
        related_name="escalations",
        null=True,
        blank=True,
        db_index=False,
    )
    # Slugs of the groups that come next when nobody answers.
    chain = models.JSONField(default=list, blank=True)
    on_timeout = models.CharField(max_length=8, choices=Decision.OnTimeout, default=Decision.OnTimeout.BLOCK)
    respond_s = models.PositiveIntegerField()
    does_pause = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    warned_at = models.DateTimeField(null=True, blank=True)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="held_escalations",
        null=True,
        blank=True,
    )
    claim_token = models.UUIDField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    question = models.TextField(blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    ruling = models.ForeignKey("reviews.Review", models.PROTECT, related_name="+", null=True, blank=True)
    release_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closure = models.CharField(max_length=10, choices=Closure, default=Closure.NONE, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "due_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "kind"], name="escalation_one_of_a_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=["approval", "quality"]),
                name="escalation_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "claimed", "waiting", "ruled", "closed"]),
                name="escalation_status_known",
            ),
            models.CheckConstraint(
                condition=(
                    Q(
                        status="claimed",
                        holder__isnull=False,
                        claim_token__isnull=False,
                        lease_until__isnull=False,
                    )
                    | (~Q(status="claimed") & Q(claim_token__isnull=True, lease_until__isnull=True))
                ),
                name="escalation_claimed_has_holder",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="ruled", ruling__isnull=False, release_at__isnull=False)
                    | (~Q(status="ruled") & Q(release_at__isnull=True))
                ),
                name="escalation_ruled_has_ruling",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="closed", closed_at__isnull=False) & ~Q(closure="")
                    | (~Q(status="closed") & Q(closed_at__isnull=True, closure=""))
                ),
                name="escalation_closed_has_closure",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gte=F("due_at")),
                name="escalation_expires_after_due",
            ),
        ]
        indexes = [
            # Serves take-next: the most urgent open escalation of a queue.
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("due_at"),
                F("id"),
                name="escalation_next",
                condition=Q(status="open"),
            ),
            # Serves the triage list over all queues of an organization.
            models.Index(
                F("organization"),
                F("priority").desc(),
                F("due_at"),
                F("id"),
                name="escalation_triage",
                condition=~Q(status="closed"),
            ),
            # Serves the preview of a monitor: what was opened in a stretch of time, by system.
            models.Index(fields=["system", "opened_at"], name="escalation_opened"),
            # Serves the overview: the oldest that waits, and how many do, by system.
            models.Index(
                fields=["system", "opened_at"],
                name="escalation_waiting_for",
                condition=Q(status__in=["open", "claimed", "waiting"]),
            ),
            # Serve: who holds what and expired leases; deadlines; rulings to release.
            models.Index(
                fields=["queue", "lease_until"],
                name="escalation_leases",
                condition=Q(status="claimed"),
            ),
            models.Index(
                fields=["due_at"],
                name="escalation_deadlines",
                condition=Q(kind="approval") & Q(status__in=["open", "claimed", "waiting"]),
            ),
            models.Index(
                fields=["release_at"],
                name="escalation_releases",
                condition=Q(status="ruled"),
            ),
            models.Index(
                fields=["due_at"],
                name="escalation_unwarned",
                condition=Q(warned_at__isnull=True) & Q(status__in=["open", "claimed"]),
            ),
            # Serve the views of what breaches, of what waits for the application, and of quality samples.
            models.Index(
                fields=["organization", "due_at"],
                name="escalation_breaching",
                condition=Q(status__in=["open", "claimed"]),
            ),
            models.Index(
                F("organization"),
                F("priority").desc(),
                F("due_at"),
                F("id"),
                name="escalation_waiting",
                condition=Q(status="waiting"),
            ),
            models.Index(
                F("organization"),
                F("priority").desc(),
                F("due_at"),
                F("id"),
                name="escalation_quality",
                condition=Q(kind="quality") & Q(status__in=["open", "claimed"]),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_approval(self) -> bool:
        return self.kind == self.Kind.APPROVAL
