"""What a person is told: copies of audit entries, made by a reader of the log, never by the verb that made the change."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from governance.models import Organization


class Notification(models.Model):
    """One entry, told to one person; mailed once where they want mail."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="notifications", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="notifications",
        db_index=False,
    )
    entry_id = models.BigIntegerField()
    type = models.CharField(max_length=64)
    title = models.CharField(max_length=300)
    path = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "entry_id"], name="notification_once_per_entry")]
        indexes = [
            models.Index(F("organization"), F("user"), F("id").desc(), name="notification_newest"),
            models.Index(
                fields=["mail_due_at"],
                name="notification_unmailed",
                condition=Q(mailed_at__isnull=True) & Q(mail_due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title
