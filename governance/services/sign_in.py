"""Guessing passwords is slowed down: by account and address, and more patiently by account alone.

An attempt is counted before the password is looked at, by a conditional UPDATE, so that a hundred guesses at once
pass no more often than one after the other. Counters are rows, shared by all web processes. What is counted is what
was typed, whether an account has that address or not: the answer tells nobody which accounts exist. NIST SP 800-63B
(5.2.2) asks for at most 100 consecutive failures on an account; a password reset by mail lifts the limit for its
owner.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from governance.errors import DomainError
from governance.models import SignInFailures

QUIET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` attempts go through; each further failure doubles the pause, from `first_pause` up to `longest_pause`."""

    free: int
    first_pause: timedelta
    longest_pause: timedelta

    def pause_after(self, failures: int) -> timedelta:
        beyond = failures - self.free
        if beyond < 0:
            return timedelta()
        doublings: int = 2 ** min(beyond, 16)
        return min(self.first_pause * doublings, self.longest_pause)


BY_ADDRESS = Limit(free=5, first_pause=timedelta(seconds=30), longest_pause=timedelta(hours=1))
BY_ACCOUNT = Limit(free=50, first_pause=timedelta(minutes=1), longest_pause=timedelta(hours=1))
RESETS = Limit(free=3, first_pause=timedelta(minutes=10), longest_pause=timedelta(hours=6))


class TooManyAttempts(DomainError):
    """`until` is when the next attempt is looked at."""

    code, status, title = "too-many-attempts", 429, "Too many attempts"

    def __init__(self, until: datetime) -> None:
        minutes = max(1, -(-int((until - timezone.now()).total_seconds()) // 60))
        super().__init__(
            f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}, or reset your password."
        )
        self.until = until


def admit_attempt(*, email: str, address: str) -> None:
    """Count one attempt to sign in as `email` from `address`; `forgive_attempts` takes it back when it succeeds.
    Refuses (TooManyAttempts) while a pause lasts."""
    _count(_key("pair", email, address), BY_ADDRESS)
    _count(_key("account", email), BY_ACCOUNT)


def admit_reset(*, email: str, address: str) -> None:
    """Count one request for a password link, so that nobody's mailbox can be flooded. Refuses (TooManyAttempts)."""
    _count(_key("reset", email, address), RESETS)
    _count(_key("reset account", email), RESETS)


def forgive_attempts(*, email: str, address: str) -> None:
    """Someone signed in: what was counted against them from this address is forgotten, and this attempt elsewhere."""
    SignInFailures.objects.filter(key=_key("pair", email, address)).delete()
    SignInFailures.objects.filter(key=_key("account", email), failures__gt=0).update(failures=F("failures") - 1)


def forgive_account(*, email: str) -> None:
    """The owner proved by mail who they are: nothing is held against the account any more."""
    SignInFailures.objects.filter(key=_key("account", email)).delete()


def _count(key: str, limit: Limit) -> None:
    now = timezone.now()
    with transaction.atomic(durable=True):
        quiet = SignInFailures.objects.filter(failed_at__lt=now - QUIET_AFTER)
        quiet.delete()
        SignInFailures.objects.get_or_create(key=key, defaults={"failed_at": now})
        admitted = SignInFailures.objects.filter(Q(blocked_until__isnull=True) | Q(blocked_until__lte=now), key=key)
        if admitted.update(failures=F("failures") + 1, failed_at=now):
            row = SignInFailures.objects.get(key=key)
            pause = limit.pause_after(row.failures)
            if pause:
                SignInFailures.objects.filter(key=key).update(blocked_until=now + pause)
            return
        until = SignInFailures.objects.values_list("blocked_until", flat=True).get(key=key)
    raise TooManyAttempts(until or now)


def _key(scope: str, *parts: str) -> str:
    """A keyed hash, so that the table names neither people nor addresses."""
    return salted_hmac(
        "countersign.sign-in", "\0".join([scope, *(part.strip().lower() for part in parts)]), algorithm="sha256"
    ).hexdigest()
