"""What is to become better: the items decided on a month, and the measured effect of those decided on earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime

from django.db.models import Q

from operations.models import ImprovementItem
from operations.months import end_of_month, month_after, name_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.measures import UNITS, Both, measure, say_difference, say_whether_reached
from operations.report_parts.plain import Json

Status = ImprovementItem.Status


def say_improvements(month: Month, measure_month: Callable[[date], Both]) -> Json:
    """`decided`: on this month's figures. `measured`: decided on an earlier month, and open in this one, closed in it or since, or
    closed in the month before, of which this is the first whole month; each against the month it was decided on."""
    since, until = start_of_month(month_after(month.month, -1)), end_of_month(month.month)
    items = ImprovementItem.objects.filter(system=month.system).select_related("owner")
    decided = items.filter(month=month.month)
    earlier = items.filter(month__lt=month.month, created_at__lt=until)
    earlier = earlier.filter(Q(closed_at__isnull=True) | Q(closed_at__gte=since))
    now = measure_month(month.month)
    return {
        "decided": [_say_item(item, until) for item in _in_order(decided)],
        "measured": [
            {**_say_item(item, until), **_say_effect(item, now, measure_month(item.month))}
            for item in _in_order(earlier)
        ],
    }


def _in_order(items: Iterable[ImprovementItem]) -> list[ImprovementItem]:
    return sorted(items, key=lambda item: (item.month, item.due_on, item.pk))


def _say_item(item: ImprovementItem, until: datetime) -> Json:
    """What was closed after the month's end was still open in it, as far as its report is concerned."""
    is_closed = item.closed_at is not None and item.closed_at < until
    return {
        "id": str(item.pk),
        "month": name_month(item.month),
        "title": item.title,
        "metric": item.metric,
        "unit": UNITS[item.metric],
        "expected": plain.significant(item.expected_value, 6),
        "owner": item.owner.get_short_name(),
        "due_on": f"{item.due_on:%Y-%m-%d}",
        "status": item.status if is_closed else Status.OPEN.value,
        "closing_note": item.closing_note if is_closed else "",
    }


def _say_effect(item: ImprovementItem, now: Both, then: Both) -> Json:
    measured, before = measure(item.metric, now), measure(item.metric, then)
    effect = say_difference(item.metric, measured, before)
    return {
        "effect": effect,
        "now_low": plain.places(measured.low),
        "now_high": plain.places(measured.high),
        "outcome": say_whether_reached(item.metric, item.expected_value, measured, before),
    }
