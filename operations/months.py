"""Calendar months of UTC: what budgets, reports and improvements are counted by. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

from governance.errors import InvalidParameter

_NAME = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)


def month_of(instant: datetime) -> date:
    """The first day of the month in which an instant lies."""
    return instant.astimezone(UTC).date().replace(day=1)


def month_after(month: date, count: int = 1) -> date:
    """The month so many later, or earlier where `count` is negative."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def start_of_month(month: date) -> datetime:
    return datetime.combine(month, time(), UTC)


def end_of_month(month: date) -> datetime:
    """The first instant that is not in it."""
    return start_of_month(month_after(month))


def name_month(month: date) -> str:
    """ "2026-11", as URLs, the API and documents name it."""
    return f"{month.year:04}-{month.month:02}"


def read_month(text: str, *, field: str = "month") -> date:
    """Refuses (InvalidParameter) what is no month such as 2026-11, from 1970 on."""
    if _NAME.fullmatch(text) and 1970 <= int(text[:4]) <= 9000 and 1 <= int(text[5:]) <= 12:
        return date(int(text[:4]), int(text[5:]), 1)
    raise InvalidParameter(f"`{field}` is a month such as 2026-11.")
