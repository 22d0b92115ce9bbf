"""What running processes tell each other through the database: who leads, who is alive, how far a reader has read."""

from django.db import models


class Lease(models.Model):
    """A named right that one process holds until `expires_at`."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When a component last said that it works."""

    component = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.component


class ReaderCursor(models.Model):
    """How far a reader of the audit log has read: the next leaf index that it will look at."""

    reader = models.CharField(max_length=64, primary_key=True)
    next_index = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.reader
