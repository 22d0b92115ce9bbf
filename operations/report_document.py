"""The ownership report of one system and month as a document: assembled from its parts, as canonical text with its hash.

The same rows give the same bytes, on either database and after roll-ups are rebuilt; that is what makes a frozen report worth
its signature. What is said in it of incidents and alarms is all that is known when it is built, what is said of releases,
gates, items and monitors is as it stood at the month's end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from governance.canonical import canonicalize, sha256_hex
from governance.models import AISystem
from operations.cost_selectors import month_costs
from operations.months import end_of_month, month_after, name_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.changes import say_changes
from operations.report_parts.events import say_alarms, say_incidents
from operations.report_parts.figures import (
    Month,
    say_cost,
    say_failures,
    say_forecast,
    say_handling,
    say_latency,
    say_quality,
    say_volume,
)
from operations.report_parts.improving import say_improvements
from operations.report_parts.learning import say_learning
from operations.report_parts.measures import Both, compare_months
from operations.report_parts.sight import expect_false_alarms, look_at_monitors, say_sight, say_tripwires

FORMAT: Final = "countersign.ownership-report/2"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BuiltReport:
    """A document with its RFC 8785 text and the SHA-256 of that."""

    document: Json
    text: str
    sha256: str


def build_report(system: AISystem, month: date, *, now: datetime | None = None) -> BuiltReport:
    """The document in the bytes that are frozen, where the month is over; with `now`, of a running one too."""
    document = build_report_document(system, month, now=now)
    text = canonicalize(document)
    return BuiltReport(document, text, sha256_hex(text))


def build_report_document(system: AISystem, month: date, *, now: datetime | None = None) -> Json:
    """All that the month's rows say. `now`: of a running month, for its forecast; one that is over forecasts the month after it,
    and its document depends on the rows alone."""
    until = end_of_month(month)
    instant = now if now is not None and now < until else until

    @cache
    def measured(one: date) -> Both:
        return Both(Month(system, one), month_costs(system, one, now=instant if one == month else end_of_month(one)))

    both = measured(month)
    figures, costs = both.month, both.costs
    watched = look_at_monitors(figures, instant)
    cost = say_cost(costs)
    return {
        "format": FORMAT,
        "month": name_month(month),
        "since": plain.at(start_of_month(month)),
        "until": plain.at(until),
        "is_complete": instant == until,
        "system": _say_system(system),
        "volume": say_volume(figures),
        "quality": say_quality(figures),
        "handling": say_handling(figures),
        "failures": say_failures(figures),
        "latency": say_latency(figures),
        "comparison": compare_months(both, measured(month_after(month, -1))),
        "changes": say_changes(figures),
        "alarms": say_alarms(figures, expect_false_alarms(watched)),
        "incidents": say_incidents(figures),
        "cost": cost,
        "forecast": say_forecast(costs),
        "learning": say_learning(figures),
        "sight": say_sight(watched, figures),
        "improvements": say_improvements(figures, measured),
        "tripwires": say_tripwires(watched, figures, cost["budget"]),
    }


def _say_system(system: AISystem) -> Json:
    return {
        "organization": system.organization.name,
        "slug": system.slug,
        "name": system.name,
        "purpose": system.purpose,
        "risk_tier": system.risk_tier,
        "owner": system.owner.get_short_name(),
        "backup": system.backup.get_short_name() if system.backup else None,
        "fallback": {"verdict": system.fallback_verdict, "message": system.fallback_message},
    }


def find_changed_sections(frozen: str, fresh: Json) -> list[str]:
    """The sections of a frozen document that the rows would fill otherwise by now."""
    kept: Json = json.loads(frozen)
    current: Json = json.loads(canonicalize(fresh))
    return sorted(name for name in kept.keys() | current.keys() if kept.get(name) != current.get(name))
