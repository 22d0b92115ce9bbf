"""Policies: whose they are, the immutable texts they went through, who approved which text, and what was in force."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from governance.identifiers import new_id
from governance.models.people import Organization
from governance.models.systems import AISystem
from governance.querysets import OrganizationQuerySet, PolicyVersionQuerySet


class Policy(models.Model):
    """The rules of one AI system, under a key that its documents must bear."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="policies", db_index=False)
    system = models.OneToOneField(AISystem, models.CASCADE, related_name="policy")
    key = models.SlugField(max_length=63)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="policy_key_unique")]

    def __str__(self) -> str:
        return self.key


class PolicyVersion(models.Model):
    """One text of a policy. A draft may be edited; from submission on a database trigger holds text and hash still.

    Whether a version is active or superseded is not stored here: the ledger of activations says so.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="policy_versions", db_index=False)
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    source = models.TextField()
    canonical = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    revision = models.PositiveIntegerField(default=1)
    base = models.ForeignKey("self", models.PROTECT, related_name="successors", null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="authored_policy_versions", null=True, blank=True
    )
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="edited_policy_versions", blank=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_unique"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "submitted", "approved", "rejected", "withdrawn"]),
                name="policy_version_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "withdrawn"]) | (Q(submitted_at__isnull=False) & ~Q(sha256="")),
                name="policy_version_submitted_has_hash",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


class PolicyApproval(models.Model):
    """What one person said of one exact text; `sha256` is the hash that they saw."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approve"
        REJECT = "reject", "Reject"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="policy_approvals", db_index=False)
    version = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="approvals")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="policy_approvals")
    verdict = models.CharField(max_length=8, choices=Verdict)
    sha256 = models.CharField(max_length=64)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "approver"], name="policy_approval_once_per_person"),
            models.CheckConstraint(
                condition=Q(verdict__in=["approve", "reject"]), name="policy_approval_verdict_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver} {self.verdict} {self.version}"


class Activation(models.Model):
    """A version's going into force: an append-only ledger whose newest effective row of mode active rules."""

    class Mode(models.TextChoices):
        ACTIVE = "active", "Active"

    class Origin(models.TextChoices):
        BOOTSTRAP = "bootstrap", "First activation"
        APPROVAL = "approval", "Approved change"
        ROLLBACK = "rollback", "Rollback"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="activations", db_index=False)
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="activations", db_index=False)
    version = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="activations")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.ACTIVE)
    origin = models.CharField(max_length=10, choices=Origin)
    number = models.PositiveIntegerField()
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=254)
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two people who activate at once take the same number: one of them loses here.
            models.UniqueConstraint(fields=["policy", "number"], name="activation_number_unique"),
            models.CheckConstraint(condition=Q(mode__in=["active"]), name="activation_mode_known"),
            models.CheckConstraint(
                condition=Q(origin__in=["bootstrap", "approval", "rollback"]), name="activation_origin_known"
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
                name="activation_ends_after_it_begins",
            ),
        ]
        # Serves policy_in_force: the newest activation of a policy.
        indexes = [models.Index(fields=["policy", "-id"], name="activation_newest")]

    def __str__(self) -> str:
        return f"{self.version} from {self.effective_from:%Y-%m-%d %H:%M}"
