"""One system's page: what is wrong with it and since when, then its figures over time, against the time before, and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from evaluations.statistics import Estimate, NotEnough
from governance.actors import Actor
from governance.errors import InvalidParameter, NotFound
from governance.models import AISystem
from governance.web.session import page
from operations.charts import Box, share_box
from operations.counting_selectors import OTHERS
from operations.figure_selectors import RANGES, Figures, Period, Point, Share, breakdowns_of, series_of
from operations.health_selectors import Happening, condition_of, find_watched, read_record
from operations.lag_selectors import read_lags
from operations.web import figure_words as words
from operations.web.figure_charts import KINDS, Cell, decisions_url, draw_charts

DIMENSIONS = {"release": "Release", "action": "Action", "model": "Model", "rule": "Rule"}
VALUES_SHOWN = 8
LABELS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Stat:
    """A figure of the whole time, and how it differs from the time before."""

    label: str
    value: str
    change: words.Change
    detail: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """A table of one dimension: the values with the most decisions."""

    code: str
    title: str
    rows: list[list[Cell]]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class FailureLabel:
    label: str
    count: int
    url: str
    bar: Box
    share: str
    cumulated: str


@dataclass(frozen=True, slots=True)
class HappeningShown:
    what: Happening
    kind: str
    url: str


@page("overview.read")
@require_GET
def system_health(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """A range that can't be read shows what may be asked, and no figures (422). Another organization's system is not there."""
    system = find_watched(actor=actor, slug=slug)
    if system is None:
        raise NotFound()
    now = timezone.now()
    context: dict[str, Any] = {"system": system, "ranges": list(RANGES), "lags": read_lags(now=now)}
    try:
        period = Period.read(request.GET, now=now)
    except InvalidParameter as refusal:
        trouble, _ = read_record(system, since=now, until=now)
        context |= {"trouble": trouble, "condition": condition_of(system, trouble), "refusal": refusal}
        context |= {"since": request.GET.get("from", ""), "to": request.GET.get("to", "")}
        return render(request, "operations/health.html", context, status=422)
    trouble, happenings = read_record(system, since=period.since, until=period.until)
    condition = condition_of(system, trouble)
    points, before = read_with_time_before(system, period)
    total = sum((point.figures for point in points), Figures())
    cuts = breakdowns_of(system, [*DIMENSIONS, "label"], period, LABELS_SHOWN)
    context |= {
        "trouble": trouble,
        "condition": condition,
        "period": period,
        "since": f"{period.since:%Y-%m-%d}",
        "to": f"{period.until - timedelta(microseconds=1):%Y-%m-%d}",
        "health": condition.health(decisions=total.decisions),
        "total": total,
        "stats": list_stats(slug, period, total, before),
        "charts": draw_charts(slug, points, total, period, happenings),
        "coverage": describe_coverage(slug, period, total),
        "happenings": [HappeningShown(one, KINDS[one.kind], _where(one, slug)) for one in reversed(happenings)],
        "cuts": [cut_by(slug, code, period, cuts[code]) for code in DIMENSIONS] if total.decisions else [],
        "cut_columns": CUT_COLUMNS,
        "failures": rank_failures(slug, period, cuts["label"]),
    }
    return render(request, "operations/health.html", context)


def read_with_time_before(system: AISystem, period: Period) -> tuple[list[Point], Figures]:
    """The points of the time, and the figures of as long a time before it: one question."""
    both = series_of(system, Period(period.previous().since, period.until, period.grain))
    before = sum((point.figures for point in both if point.starts_at < period.since), Figures())
    return [point for point in both if point.starts_at >= period.since], before


def list_stats(slug: str, period: Period, now: Figures, before: Figures) -> list[Stat]:
    """The whole time's figures, each beside the time before."""

    def url(**filters: str) -> str:
        return decisions_url(slug, period.since, period.until, **filters)

    def rate(label: str, share: Share, was: Share, **filters: str) -> Stat:
        value = words.percent_words(share.part / share.whole if share.whole else None)
        detail = f"{words.count_words(share.part)} of {words.count_words(share.whole)}" if share.whole else ""
        return Stat(label, value, words.compare_shares(share, was), detail, url(**filters) if share.part else "")

    error, latency = now.error, now.latency_quantile_ms(0.95)
    estimate = (
        Stat(
            "Error rate, estimated",
            "not enough reviews",
            words.Change(""),
            f"{words.count_words(error.reviews_needed)} more",
        )
        if isinstance(error, NotEnough)
        else Stat(
            "Error rate, estimated",
            words.percent_words(error.rate),
            words.compare_estimates(error, before.error),
            f"95 %: {words.percent_words(error.low)} to {words.percent_words(error.high)}",
        )
    )
    per_decision = now.cost_per_decision_micros
    return [
        Stat(
            "Decisions",
            words.count_words(now.decisions),
            words.compare_amounts(now.decisions, before.decisions),
            url=url() if now.decisions else "",
        ),
        rate("Escalated", now.escalation, before.escalation, counted="asked"),
        rate("Overridden", now.override, before.override, counted="overridden"),
        estimate,
        rate("Failed outcomes", now.failure, before.failure, outcome="failed"),
        rate("Resolved", now.resolution, before.resolution, counted="resolved"),
        Stat(
            "Cost",
            words.money_words(now.cost_micros if now.priced else None),
            words.compare_amounts(now.cost_micros if now.priced else None, before.cost_micros),
        ),
        Stat(
            "Cost per decision",
            words.money_words(per_decision),
            words.compare_amounts(per_decision, before.cost_per_decision_micros),
        ),
        Stat(
            "Latency, 95 % within",
            words.latency_words(latency),
            words.compare_amounts(latency, before.latency_quantile_ms(0.95), more="longer", less="shorter"),
        ),
    ]


def describe_coverage(slug: str, period: Period, total: Figures) -> dict[str, Any]:
    """What the estimate speaks for, what it can't speak for, and what of it still waits for a ruling."""
    selected = total.certain_selected + total.sampled_selected
    ruled = total.certain_ruled + total.sampled_ruled
    return {
        "error": total.error,
        "is_estimate": isinstance(total.error, Estimate),
        "selected": selected,
        "waiting": max(0, selected - ruled),
        "unreviewable": total.unreviewable,
        "unreviewable_share": words.percent_words(total.unreviewable / total.decisions if total.decisions else None),
        "unreviewable_url": decisions_url(slug, period.since, period.until, counted="unreviewable"),
    }


CUT_COLUMNS = (
    "Decisions",
    "Escalated",
    "Overridden",
    "Error rate, estimated",
    "Failed outcomes",
    "Resolved",
    "Cost",
    "per decision",
)


def cut_by(slug: str, code: str, period: Period, found: Sequence[tuple[str, Figures]]) -> Cut:
    """The same figures for each value of a dimension; what was not sent, and what is summed up as others, can't be opened."""
    rows = []
    for value, figures in found[:VALUES_SHOWN]:
        url = decisions_url(slug, period.since, period.until, **{code: value}) if value not in {"", OTHERS} else ""
        shares = (figures.escalation, figures.override)
        after = (figures.failure, figures.resolution)
        rows.append(
            [
                Cell(value or "(none)", url),
                Cell(words.count_words(figures.decisions)),
                *(Cell(_rate(share)) for share in shares),
                Cell(words.estimate_words(figures.error)),
                *(Cell(_rate(share)) for share in after),
                Cell(words.money_words(figures.cost_micros) if figures.priced else "not known"),
                Cell(words.money_words(figures.cost_per_decision_micros)),
            ]
        )
    return Cut(code, DIMENSIONS[code], rows, is_cut=len(found) > VALUES_SHOWN)


def rank_failures(slug: str, period: Period, found: Sequence[tuple[str, Figures]]) -> list[FailureLabel]:
    """Labels of rulings, the most frequent first, each with its share and the share of all down to it."""
    labels = [(label, figures.decisions) for label, figures in found if label]
    whole, most, sum_to_here = sum(count for _, count in labels), max((count for _, count in labels), default=0), 0
    ranked = []
    for label, count in labels:
        sum_to_here += count
        ranked.append(
            FailureLabel(
                label=label,
                count=count,
                url=decisions_url(slug, period.since, period.until, label=label),
                bar=share_box(count / most),
                share=words.percent_words(count / whole),
                cumulated=words.percent_words(sum_to_here / whole),
            )
        )
    return ranked


def _rate(share: Share) -> str:
    if not share.whole:
        return "–"
    return f"{words.percent_words(share.part / share.whole)} of {words.count_words(share.whole)}"


def _where(happening: Happening, slug: str) -> str:
    """The page of what happened; the decisions of a release."""
    thing = happening.thing
    match happening.kind:
        case "alarm":
            return reverse("incident-detail", args=[thing.incident_id]) if thing.incident_id else ""
        case "incident":
            return reverse("incident-detail", args=[thing.pk])
        case "policy":
            return reverse("policy-version", args=thing)
    return f"{reverse('decision-list')}?{urlencode({'system': slug, 'release': happening.title})}"
