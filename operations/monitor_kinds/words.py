"""The words of alarms and promises: plain, with every number beside what it is compared with."""

from __future__ import annotations

import math
from datetime import datetime

LONGEST_NAME = 80


def percent(share: float) -> str:
    """ "31 %", "4.2 %", "0.05 %": two significant digits, whole from ten on."""
    value = 100 * share
    if value >= 10 or value == int(value):
        return f"{value:.0f} %"
    return f"{value:.2g} %"


def count(number: float) -> str:
    return f"{number:,.0f}"


def amount(value: float, unit: str) -> str:
    """A number in its unit, at three significant digits."""
    if unit == "share":
        return percent(value)
    if unit == "usd":
        return f"${value:,.2f}" if abs(value) >= 1 else f"${value:.3g}"
    if unit == "ms":
        return f"{_digits(value / 1000)} s" if value >= 1000 else f"{_digits(value)} ms"
    if unit == "seconds":
        return duration(value)
    if unit == "per_hour":
        return f"{_digits(value)} an hour"
    return f"{_digits(value)} {unit}".strip()


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 h", "9 days"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.2g} h"
    return f"{seconds / 86_400:.0f} days"


def moment(at: datetime) -> str:
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def moved(now: float, before: float) -> str:
    """ "doubled", "tripled", "halved", "rose" or "fell"."""
    if before > 0 and now > 0:
        ratio = now / before
        for low, high, word in ((1.85, 2.2, "doubled"), (2.75, 3.3, "tripled"), (0.45, 0.55, "halved")):
            if low <= ratio <= high:
                return word
    return "rose" if now >= before else "fell"


def name(text: str) -> str:
    """What an application called something, cut to a readable length."""
    plain = " ".join(text.split()) or "(none)"
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"


def falseness(interval: float, unit: str) -> str:
    """How often such an alarm is false."""
    if unit == "seconds":
        return f"Where nothing has changed, such an alarm comes about once in {duration(interval)}."
    return f"Where nothing has changed, such an alarm comes about once in {count(interval)} {unit}."


def promise(effect: str, expected_delay: float, delay_within: float, unit: str) -> str:
    """How soon a change is noticed."""
    return (
        f"{effect[:1].upper()}{effect[1:]} is noticed after about {count(math.ceil(expected_delay))} {unit}, in 95 of 100 "
        f"cases within {count(math.ceil(delay_within))}."
    )
