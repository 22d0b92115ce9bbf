"""Words for durations and clocks, so that every page of the console says them alike.

`static/js/clocks.js` keeps the same words fresh in the browser; the two must stay equal.
"""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

register = template.Library()

SOON_SECONDS = 600


@register.filter
def duration_words(value: timedelta | float | int | None) -> str:
    """At most two units of a length of time, in seconds or as a timedelta: "2 h 10 min", "3 d", "40 s"."""
    if value is None:
        return ""
    total = max(0, int(value.total_seconds() if isinstance(value, timedelta) else value))
    days, hours, minutes = total // 86400, total // 3600 % 24, total // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{total} s"


@register.filter
def age_words(at: datetime | None) -> str:
    """How long ago an instant was: "41 min"; empty without one."""
    return "" if at is None else duration_words(timezone.now() - at)


@register.filter
def due_words(at: datetime | None) -> str:
    """When something is due, as seen from now: "in 38 min" or "8 min late"; empty without a deadline."""
    if at is None:
        return ""
    left = at - timezone.now()
    return f"{duration_words(-left)} late" if left <= timedelta() else f"in {duration_words(left)}"


@register.filter
def due_tone(at: datetime | None, soon_seconds: int | str = SOON_SECONDS) -> str:
    """The class of a due clock: "late", "soon" (within so many seconds) or "ok"."""
    if at is None:
        return "ok"
    left = (at - timezone.now()).total_seconds()
    if left <= 0:
        return "late"
    return "soon" if left <= int(soon_seconds) else "ok"
