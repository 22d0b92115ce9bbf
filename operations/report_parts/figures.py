"""A month's figures, read from its days' roll-ups: volume and mix, quality, handling, failures, latency."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

from django.db.models import Sum

from governance.models import AISystem
from operations.cost_selectors import MonthCosts, forecast_month_after
from operations.counting_selectors import FLOATS
from operations.figure_selectors import Figures, Period, Point, Share, series_of
from operations.forecasting import NotEnoughDays, Projection
from operations.models import RollUp
from operations.months import end_of_month, month_after, name_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.plain import NAMED_AT_MOST, Json

Dimension = RollUp.Dimension
CUT_BY: Final = (Dimension.RELEASE, Dimension.ACTION, Dimension.MODEL, Dimension.LABEL)
# What is summed up of each value of a dimension: whole numbers alone, which every database adds alike.
SUMMED: Final = (
    "decisions",
    "asked",
    "ruled",
    "overridden",
    "judged_wrong",
    "outcomes",
    "failed",
    "priced",
    "cost_micros",
)


@dataclass(frozen=True)
class Month:
    """One system's month: the sums of its days, each floating sum rounded once."""

    system: AISystem
    month: date

    @cached_property
    def points(self) -> list[Point]:
        return series_of(self.system, Period(start_of_month(self.month), end_of_month(self.month), "day"))

    @cached_property
    def total(self) -> Figures:
        whole = sum((point.figures for point in self.points), Figures())
        exact: dict[str, Any] = {
            name: math.fsum(getattr(point.figures, name) for point in self.points) for name in FLOATS
        }
        return replace(whole, **exact)

    @cached_property
    def cuts(self) -> Mapping[str, Sequence[tuple[str, Mapping[str, int]]]]:
        """The values of each dimension with their sums, the most decisions first, then by name: one query."""
        rows: Any = (
            RollUp.objects.filter(
                system=self.system,
                grain=RollUp.Grain.DAY,
                dimension__in=CUT_BY,
                starts_at__gte=start_of_month(self.month),
                starts_at__lt=end_of_month(self.month),
            )
            .order_by()
            .values("dimension", "value")
            .annotate(**{f"{name}_sum": Sum(name) for name in SUMMED})
        )
        cuts: dict[str, list[tuple[str, Mapping[str, int]]]] = {name: [] for name in CUT_BY}
        for row in rows:
            cuts[row["dimension"]].append((row["value"], {name: row[f"{name}_sum"] for name in SUMMED}))
        for found in cuts.values():
            found.sort(key=lambda one: (-one[1]["decisions"], one[0]))
        return cuts


def say_volume(month: Month) -> Json:
    total = month.total
    return {
        "decisions": total.decisions,
        "days": [
            {
                "day": f"{point.starts_at:%Y-%m-%d}",
                "decisions": point.figures.decisions,
                **{name: getattr(point.figures, name) for name in MIX},
            }
            for point in month.points
        ],
        "mix": {name: plain.share(Share(getattr(total, name), total.decisions)) for name in MIX},
        "actions": _name_values(month, Dimension.ACTION),
        "models": _name_values(month, Dimension.MODEL),
        "releases": _name_values(month, Dimension.RELEASE),
    }


MIX: Final = ("allowed", "asked", "blocked", "diverted")


def _name_values(month: Month, dimension: str) -> Json:
    """The values with the most decisions; "" is what was sent without one."""
    found = month.cuts[dimension]
    named = found[:NAMED_AT_MOST]
    rest = sum(sums["decisions"] for _, sums in found[NAMED_AT_MOST:])
    return {
        "named": [
            {
                "name": name,
                "decisions": sums["decisions"],
                "share": plain.places(sums["decisions"] / month.total.decisions) if month.total.decisions else None,
                "override": plain.share(Share(sums["overridden"], sums["ruled"])),
                "cost_micros": sums["cost_micros"] if sums["priced"] else None,
            }
            for name, sums in named
        ],
        "others": {"values": len(found) - len(named), "decisions": rest},
    }


def say_quality(month: Month) -> Json:
    """The error rate of the whole traffic, weighted; and which part of it nobody could ever have been asked about."""
    total = month.total
    selected = total.certain_selected + total.sampled_selected
    return {
        **plain.estimate(total.error),
        "selected": selected,
        "ruled": total.certain_ruled + total.sampled_ruled,
        "unreviewable": plain.share(Share(total.unreviewable, total.decisions)),
    }


def say_handling(month: Month) -> Json:
    total = month.total
    return {
        "escalation": plain.share(total.escalation),
        "diversion": plain.share(total.diversion),
        "override": plain.share(total.override),
        "failure": plain.share(total.failure),
        "resolution": plain.share(total.resolution),
        "expired": total.expired,
        "allowed_by_timeout": total.allowed_by_timeout,
        "cancelled": total.cancelled,
        "rulings": total.ruled + total.judged,
        "review_seconds": plain.places(total.review_seconds, 1),
        "seconds_per_ruling": plain.places(total.seconds_per_review, 1),
    }


def say_failures(month: Month) -> Json:
    """What people found wrong, by label, the most frequent first (Pareto). A decision with two labels counts under both; what was
    labelled and approved was not wrong."""
    found = [(name, sums["overridden"] + sums["judged_wrong"]) for name, sums in month.cuts[Dimension.LABEL] if name]
    labels = sorted(((name, wrong) for name, wrong in found if wrong), key=lambda one: (-one[1], one[0]))
    whole = sum(count for _, count in labels)
    ranked: list[Json] = []
    so_far = 0
    for name, count in labels[:NAMED_AT_MOST]:
        so_far += count
        ranked.append(
            {
                "label": name,
                "decisions": count,
                "share": plain.places(count / whole),
                "cumulated": plain.places(so_far / whole),
            }
        )
    return {
        "labels": ranked,
        "others": {"labels": len(labels) - len(ranked), "decisions": whole - so_far},
        "labelled": whole,
    }


def say_latency(month: Month) -> Json:
    """Quantiles of a histogram whose buckets grow by a tenth: at most 5 % off, hence three significant digits."""
    total = month.total
    quantiles = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    return {
        "known": total.latency_known,
        **{name: plain.significant(total.latency_quantile_ms(share), 3) for name, share in quantiles.items()},
    }


def say_cost(costs: MonthCosts) -> Json:
    """Amounts in millionths of a US dollar, null where they are not known."""
    budget = costs.budget
    return {
        "models_micros": costs.spent_micros if costs.priced.part else None,
        "review_micros": costs.review_micros,
        "total_micros": costs.total_micros if costs.priced.part else None,
        "per_decision_micros": costs.per_decision_micros,
        "per_resolved_micros": costs.per_resolved_micros,
        "review_seconds_per_resolved": plain.places(costs.review_seconds_per_resolved, 1),
        "resolved": costs.resolved,
        "priced": plain.share(costs.priced),
        "unrated_seconds": plain.places(costs.unrated_seconds, 1),
        "days": [
            {"day": f"{day.day:%Y-%m-%d}", "models_micros": day.models_micros, "review_micros": day.review_micros}
            for day in costs.days
        ],
        "budget": None
        if budget is None
        else {
            "monthly_micros": budget.monthly_micros,
            "includes_review": budget.includes_review,
            "counted_micros": costs.counted_micros,
            "share": plain.places(costs.share_of_budget),
            "warnings": [
                {"threshold": threshold, "warned_at": plain.at(warned_at)} for threshold, warned_at in costs.warnings
            ],
        },
    }


def say_forecast(costs: MonthCosts) -> Json:
    """What a running month will come to, or the month after one that is over."""
    forecast = costs.forecast or forecast_month_after(costs.system, costs.month)
    return {
        "month": name_month(costs.month if costs.forecast else month_after(costs.month, 1)),
        "models_micros": _say_projection(forecast.models),
        "cost_micros": _say_projection(forecast.cost),
        "review_seconds": _say_projection(forecast.review_seconds),
        "method": forecast.method,
    }


def _say_projection(one: Projection | NotEnoughDays) -> Json:
    if isinstance(one, NotEnoughDays):
        return {"days": one.days, "more_days": one.more, "expected": None, "low": None, "high": None}
    ends = {name: plain.places(getattr(one, name), 0) for name in ("expected", "low", "high")}
    return {"days": one.days_behind, "more_days": 0, **ends}
