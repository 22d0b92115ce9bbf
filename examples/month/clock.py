"""The clock that the story sets.

The product reads one clock, `django.utils.timezone.now`; a test holds it to that. So a process of this example that puts
another function in its place sees the whole product at another time, and the product has no switch for it.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class TravellingClock:
    """Runs on from the instant that it was set to, as fast as any clock; can be set ahead and never back."""

    def __init__(self, at: datetime) -> None:
        self._lock = threading.Lock()
        self._at = at
        self._since = time.monotonic()

    def now(self) -> datetime:
        """The present instant of this clock, UTC."""
        with self._lock:
            return self._at + timedelta(seconds=time.monotonic() - self._since)

    def travel(self, to: datetime) -> datetime:
        """Set it to an instant; one that has passed changes nothing. Returns what it shows then."""
        with self._lock:
            passed = self._at + timedelta(seconds=time.monotonic() - self._since)
            self._at, self._since = max(to, passed), time.monotonic()
            return self._at


def keep_time_by(clock: TravellingClock) -> None:
    """From here on this process's Django reads that clock."""
    from django.utils import timezone

    timezone.now = clock.now


def instant_of(text: str) -> datetime:
    """Raises ValueError for what names no instant with its zone."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError(f"{text} names no zone.")
    return at.astimezone(UTC)
