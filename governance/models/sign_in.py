"""How often signing in failed lately: one bounded row a guesser can touch, shared by every web process."""

from django.db import models


class SignInFailures(models.Model):
    """Consecutive failures under one key (a keyed hash of account and address; no address or account is readable here).

    Rows that were quiet for a day are swept by whoever fails next (governance/services/sign_in.py).
    """

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Serves the sweep.
        indexes = [models.Index(fields=["failed_at"], name="sign_in_failures_quiet")]

    def __str__(self) -> str:
        return f"{self.failures} failures"
