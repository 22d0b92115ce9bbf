"""The AI systems under governance and the keys with which they ask."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.identifiers import new_id
from governance.models.people import Organization
from governance.querysets import SystemQuerySet


class AISystem(models.Model):
    """An AI application or agent; it has exactly one owner."""

    class RiskTier(models.TextChoices):
        MINIMAL = "minimal", "Minimal"
        LIMITED = "limited", "Limited"
        HIGH = "high", "High"

    class Breaker(models.TextChoices):
        CLOSED = "closed", "Closed"
        HALF_OPEN = "half_open", "Half open"
        OPEN = "open", "Open"

    class FallbackVerdict(models.TextChoices):
        REVIEW = "review", "People decide"
        BLOCK = "block", "Nothing proceeds"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="systems", db_index=False)
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=200)
    purpose = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_systems")
    backup = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="backed_up_systems", null=True, blank=True
    )
    risk_tier = models.CharField(max_length=10, choices=RiskTier, default=RiskTier.LIMITED)
    # What holds while the breaker is open: what users are told, whether people decide or nothing proceeds, which queue.
    fallback_message = models.TextField(blank=True)
    fallback_verdict = models.CharField(max_length=6, choices=FallbackVerdict, default=FallbackVerdict.REVIEW)
    fallback_queue = models.SlugField(max_length=63, blank=True)
    breaker = models.CharField(max_length=10, choices=Breaker, default=Breaker.CLOSED)
    # Of a half-open breaker: the share of decisions that policy may judge again.
    breaker_share = models.FloatField(default=0)
    breaker_reason = models.TextField(blank=True)
    breaker_changed_at = models.DateTimeField(null=True, blank=True)
    # JSON Schemas (2020-12) of the arguments by action name, and of outputs under "": they bind corrections where
    # the request brings none.
    schemas = models.JSONField(default=dict, blank=True)
    # Of a hundred rulings that approve so many become examples: without them a test of a release sees what it mends, and
    # hardly what it breaks.
    approvals_taught_percent = models.PositiveSmallIntegerField(default=10)
    # Of a hundred subjects so many are held out: releases are tested on their examples, and none may learn from them. Fixed
    # (`is_split_fixed`) once there are examples, because a subject that changed sides would have been learned from.
    held_out_percent = models.PositiveSmallIntegerField(default=20)
    is_split_fixed = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SystemQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="system_slug_unique"),
            models.CheckConstraint(
                condition=Q(risk_tier__in=["minimal", "limited", "high"]), name="system_risk_tier_known"
            ),
            models.CheckConstraint(
                condition=Q(breaker__in=["closed", "half_open", "open"]), name="system_breaker_known"
            ),
            models.CheckConstraint(
                condition=Q(fallback_verdict__in=["review", "block"]), name="system_fallback_verdict_known"
            ),
            models.CheckConstraint(
                condition=Q(breaker_share__gte=0) & Q(breaker_share__lte=1), name="system_breaker_share_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(approvals_taught_percent__lte=100), name="system_approvals_taught_of_a_hundred"
            ),
            models.CheckConstraint(
                condition=Q(held_out_percent__gte=1) & Q(held_out_percent__lte=100),
                name="system_held_out_of_a_hundred",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A key with which one AI system asks. Shown once, stored as SHA-256; the prefix stays readable.

    A secret has 256 random bits, so a plain hash is enough: there is nothing to guess (NIST SP 800-63B, 5.1.2.2).
    """

    class Kind(models.TextChoices):
        LIVE = "live", "Live"
        TEST = "test", "Test"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_keys", db_index=False)
    system = models.ForeignKey(AISystem, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=4, choices=Kind, default=Kind.LIVE)
    prefix = models.CharField(max_length=16)
    secret_sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, related_name="created_api_keys", null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["secret_sha256"], name="api_key_secret_unique"),
            models.CheckConstraint(condition=Q(kind__in=["live", "test"]), name="api_key_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"

    @property
    def is_test(self) -> bool:
        return self.kind == self.Kind.TEST
