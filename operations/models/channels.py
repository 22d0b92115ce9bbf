"""Ways to reach people outside the console and their mail: Slack, Teams, PagerDuty, webhooks … through Apprise."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from governance.identifiers import new_id
from governance.models import Organization
from governance.querysets import OrganizationQuerySet


class Channel(models.Model):
    """One address that incidents are told to. The address holds secrets, so it is stored encrypted and never shown again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="channels", db_index=False)
    name = models.CharField(max_length=100)
    # The service's scheme ("slack", "msteams"), shown in the address's place.
    scheme = models.CharField(max_length=40)
    sealed_url = models.TextField()
    is_on = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    last_delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="channel_name_unique")]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One entry of the audit log, told to one channel; tried again with growing pauses, then given up."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="deliveries", db_index=False)
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries", db_index=False)
    entry_id = models.BigIntegerField()
    title = models.CharField(max_length=300)
    body = models.TextField()
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["channel", "entry_id"], name="delivery_once_per_entry")]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title
