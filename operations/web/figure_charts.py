"""The charts of one system's page: which figures are drawn, what is said of them, and the table that stands beside each.

Every point leads to the decisions behind it: by its table, with the keyboard too, and by the drawing, with a pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from evaluations.statistics import Estimate, NotEnough
from operations.charts import Chart, Moment, Series, Slot, draw_lines, draw_stack
from operations.figure_selectors import Figures, Period, Point, Share
from operations.health_selectors import Happening
from operations.web import figure_words as words

# A week in hours is drawn in steps of six. Reviews are few: the error rate takes the shortest steps of which half can be told.
POINTS_AT_MOST, WEEK_AT_MOST = 92, 28
ERROR_POINTS = (13, 8, 5, 3)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class ChartShown:
    """A chart with its words: `summary` says what it shows, `columns` and `rows` are its table (a row's first cell is its
    head), `legend` pairs a tone with what it stands for. Without `chart` there is nothing to draw, and `summary` says why."""

    code: str
    title: str
    summary: str
    chart: Chart | None = None
    columns: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate that is drawn like the others: what is the part, what the whole, and which filter opens the part."""

    code: str
    title: str
    share: Callable[[Figures], Share]
    part: str
    whole: str
    nothing: str
    part_filter: dict[str, str]


ESCALATION = Rate(
    "escalation",
    "Escalation rate",
    lambda figures: figures.escalation,
    "sent to people",
    "decisions",
    "No decision in this time.",
    {"counted": "asked"},
)
OVERRIDE = Rate(
    "override",
    "Override rate",
    lambda figures: figures.override,
    "corrected or rejected",
    "rulings",
    "Nobody ruled on anything that was asked in this time.",
    {"counted": "overridden"},
)
FAILURE = Rate(
    "failure",
    "Failed outcomes",
    lambda figures: figures.failure,
    "failed",
    "outcomes",
    "The application reported no outcome of this time's decisions.",
    {"outcome": "failed"},
)
RESOLUTION = Rate(
    "resolution",
    "Resolution rate",
    lambda figures: figures.resolution,
    "resolved",
    "outcomes that say",
    "No outcome says whether the case was resolved.",
    {"counted": "resolved"},
)
VERDICTS = (
    ("allowed", "allow", "Allowed"),
    ("asked", "review", "Sent to people"),
    ("diverted", "other", "Diverted by the breaker"),
    ("blocked", "block", "Blocked"),
)


def decisions_url(slug: str, since: datetime, until: datetime, **filters: str) -> str:
    """The decisions of a stretch of time (in UTC, as that page reads it), with further filters of that page."""
    chosen = {"counted": "real", **{name: value for name, value in filters.items() if value}}
    return f"{_address(slug, since, until)}&{urlencode(chosen)}"


@lru_cache(maxsize=1024)
def _address(slug: str, since: datetime, until: datetime) -> str:
    """A page of charts asks for each point's address a dozen times."""
    query = {
        "system": slug,
        "created_after": f"{since:%Y-%m-%dT%H:%M}",
        "created_before": f"{until:%Y-%m-%dT%H:%M}",
    }
    return f"{reverse('decision-list')}?{urlencode(query)}"


def gather(points: Sequence[Point], at_most: int) -> list[Point]:
    """The same series in fewer points, each the sum of so many that at most `at_most` remain."""
    size = max(1, -(-len(points) // at_most))
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        Point(group[0].starts_at, group[-1].ends_at, sum((point.figures for point in group), Figures()))
        for group in groups
    ]


def gather_for_errors(points: Sequence[Point]) -> list[Point]:
    for at_most in ERROR_POINTS:
        gathered = gather(points, at_most)
        if sum(isinstance(point.figures.error, Estimate) for point in gathered) * 2 >= len(gathered):
            break
    return gathered


def when_words(since: datetime, until: datetime) -> str:
    """ "3 Nov 14:00", "3 Nov", "3 to 5 Nov": the time of a point as short as it can be said."""
    length, last = until - since, until - timedelta(microseconds=1)
    if length < DAY:
        end = f" to {until:%H:%M}" if length > timedelta(hours=1) else ""
        return f"{since.day} {since:%b} {since:%H:%M}{end}"
    if length == DAY and not since.hour:
        return f"{since.day} {since:%b}"
    return f"{since.day} {since:%b} to {last.day} {last:%b}"


def draw_charts(
    slug: str, points: Sequence[Point], total: Figures, period: Period, happenings: Sequence[Happening]
) -> list[ChartShown]:
    """All charts of a page. Those that have nothing to draw say so in words."""
    drawing = Drawing(
        slug,
        gather(points, WEEK_AT_MOST if period.length > DAY and period.grain == "hour" else POINTS_AT_MOST),
        period,
        happenings,
    )
    return [
        drawing.volume(total),
        drawing.rate(ESCALATION, total),
        drawing.rate(OVERRIDE, total),
        Drawing(slug, gather_for_errors(points), period, happenings).error(total),
        drawing.rate(FAILURE, total),
        drawing.rate(RESOLUTION, total),
        drawing.cost(total),
        drawing.cost_per_decision(total),
        drawing.latency(total),
    ]


class Drawing:
    """Charts over the same points of time, with the same marks."""

    def __init__(self, slug: str, points: Sequence[Point], period: Period, happenings: Sequence[Happening]) -> None:
        self.slug, self.points = slug, points
        self.moments = [
            Moment(
                (one.at - period.since) / period.length, one.kind, f"{when_words(one.at, one.at)}: {KINDS[one.kind]}"
            )
            for one in happenings
        ]

    def volume(self, total: Figures) -> ChartShown:
        if not total.decisions:
            return ChartShown("volume", "Volume", "No decision in this time.")
        series = [
            Series(name, tone, [getattr(point.figures, column) for point in self.points])
            for column, tone, name in VERDICTS
            if getattr(total, column)
        ]
        parts = [
            f"{words.count_words(getattr(total, column))} {name.lower()}"
            for column, _, name in VERDICTS
            if getattr(total, column)
        ]
        slots = self._slots(lambda figures: f"{words.count_words(figures.decisions)} decisions")
        rows = [
            [
                Cell(self._when(point)),
                self._link(point, point.figures.decisions),
                self._link(point, point.figures.allowed, counted="allowed"),
                self._link(point, point.figures.asked, counted="asked"),
                self._link(point, point.figures.diverted, counted="diverted"),
                self._link(point, point.figures.blocked, counted="blocked"),
            ]
            for point in self.points
        ]
        return ChartShown(
            "volume",
            "Volume by verdict",
            f"{words.count_words(total.decisions)} decisions: {', '.join(parts)}.",
            draw_stack(series, slots, write=words.short_count, moments=self.moments),
            ["Time", "Decisions", "Allowed", "Sent to people", "Diverted", "Blocked"],
            rows,
            [(one.tone, one.name) for one in series],
        )

    def rate(self, rate: Rate, total: Figures) -> ChartShown:
        whole = rate.share(total)
        if not whole.whole:
            return ChartShown(rate.code, rate.title, rate.nothing)
        shares = [rate.share(point.figures) for point in self.points]
        values = [share.part / share.whole if share.whole else None for share in shares]
        slots = self._slots(lambda figures: f"{words.share_words(rate.share(figures))} {rate.part}")
        rows = [
            [
                Cell(self._when(point)),
                Cell(words.percent_words(value)),
                self._link(point, share.part, **rate.part_filter),
                Cell(words.count_words(share.whole)),
            ]
            for point, share, value in zip(self.points, shares, values, strict=True)
        ]
        return ChartShown(
            rate.code,
            rate.title,
            f"{words.share_words(whole)} {rate.whole} {rate.part}.",
            draw_lines(
                [Series(rate.title, "", values)], slots, write=words.short_percent, moments=self.moments, at_most=1.0
            ),
            ["Time", "Rate", rate.part.capitalize(), rate.whole.capitalize()],
            rows,
        )

    def error(self, total: Figures) -> ChartShown:
        title, error = "Error rate of the whole traffic, estimated", total.error
        if isinstance(error, NotEnough):
            waiting = (
                f" Selected, and waiting for a ruling: {words.count_words(error.waiting)}." if error.waiting else ""
            )
            needed = words.needed_words(error.reviews_needed)
            text = f"Not enough reviews: {needed} to tell it.{waiting}"
            return ChartShown("error", title, text)
        errors = [point.figures.error for point in self.points]
        told = [one if isinstance(one, Estimate) else None for one in errors]
        slots = self._slots(lambda figures: words.estimate_words(figures.error))
        rows = [
            [
                Cell(self._when(point)),
                Cell(words.percent_words(one.rate) if isinstance(one, Estimate) else words.estimate_words(one)),
                Cell(
                    f"{words.percent_words(one.low)} to {words.percent_words(one.high)}"
                    if isinstance(one, Estimate)
                    else ""
                ),
                self._link(
                    point, one.reviewed if isinstance(one, Estimate) else _ruled(point.figures), counted="reviewed"
                ),
                self._link(point, point.figures.judged_wrong, counted="wrong"),
            ]
            for point, one in zip(self.points, errors, strict=True)
        ]
        return ChartShown(
            "error",
            title,
            f"{words.estimate_words(error)}, from {words.count_words(error.reviewed)} reviewed decisions, each weighted by how "
            "likely it was to be reviewed.",
            draw_lines(
                [Series(title, "", [one.rate if one else None for one in told])],
                slots,
                write=words.short_percent,
                band=[(one.low, one.high) if one else None for one in told],
                moments=self.moments,
                at_most=1.0,
            ),
            ["Time", "Estimate", "95 % interval", "Reviewed", "Wrong in samples"],
            rows,
            [("accent", "estimate"), ("band", "95 % interval")],
        )

    def cost(self, total: Figures) -> ChartShown:
        if not total.priced:
            return ChartShown("cost", "Cost", "The cost of no decision of this time is known.")
        slots = self._slots(lambda figures: words.money_words(figures.cost_micros))
        series = [Series("Cost", "part", [point.figures.cost_micros for point in self.points])]
        rows = [
            [
                Cell(self._when(point)),
                Cell(words.money_words(point.figures.cost_micros) if point.figures.priced else "not known"),
                self._link(point, point.figures.decisions),
                Cell(words.count_words(point.figures.priced)),
                Cell(words.count_words(point.figures.tokens)),
            ]
            for point in self.points
        ]
        unknown = total.decisions - total.priced
        missing = f" The cost of {words.count_words(unknown)} more is not known." if unknown else ""
        return ChartShown(
            "cost",
            "Cost",
            f"{words.money_words(total.cost_micros)} for {words.count_words(total.priced)} decisions.{missing}",
            draw_stack(series, slots, write=words.short_money, moments=self.moments),
            ["Time", "Cost", "Decisions", "of known cost", "Tokens"],
            rows,
        )

    def cost_per_decision(self, total: Figures) -> ChartShown:
        title = "Cost per decision"
        if total.cost_per_decision_micros is None:
            return ChartShown("cost-per-decision", title, "The cost of no decision of this time is known.")
        costs: list[float | None] = [point.figures.cost_per_decision_micros for point in self.points]
        slots = self._slots(lambda figures: words.money_words(figures.cost_per_decision_micros))
        resolved = total.models_per_resolved_micros
        minutes = words.minutes_words(total.review_seconds_per_resolved)
        per_case = (
            f" Models cost {words.money_words(resolved)} for each case that was resolved, and {minutes} of reviewers' time."
            if resolved is not None
            else ""
        )
        rows = [
            [
                Cell(self._when(point)),
                Cell(words.money_words(point.figures.cost_per_decision_micros)),
                Cell(words.money_words(point.figures.models_per_resolved_micros)),
                Cell(words.minutes_words(point.figures.review_seconds_per_resolved)),
                self._link(point, point.figures.decisions),
            ]
            for point in self.points
        ]
        return ChartShown(
            "cost-per-decision",
            title,
            f"{words.money_words(total.cost_per_decision_micros)} for each decision.{per_case}",
            draw_lines([Series(title, "", costs)], slots, write=words.short_money, moments=self.moments),
            ["Time", "Models per decision", "Models per resolved case", "Review per resolved case", "Decisions"],
            rows,
        )

    def latency(self, total: Figures) -> ChartShown:
        if not total.latency_known:
            return ChartShown("latency", "Latency", "The application sent no latency in this time.")
        half = [point.figures.latency_quantile_ms(0.5) for point in self.points]
        most = [point.figures.latency_quantile_ms(0.95) for point in self.points]
        slots = self._slots(_latency_words)
        rows = [
            [
                Cell(self._when(point)),
                Cell(words.latency_words(middle)),
                Cell(words.latency_words(high)),
                self._link(point, point.figures.latency_known),
            ]
            for point, middle, high in zip(self.points, half, most, strict=True)
        ]
        return ChartShown(
            "latency",
            "Latency",
            f"Of the decisions {_latency_words(total)}.",
            draw_lines(
                [Series("95 % within", "", most), Series("half within", "second", half)],
                slots,
                write=words.latency_words,
                moments=self.moments,
            ),
            ["Time", "Half within", "95 % within", "Decisions"],
            rows,
            [("accent", "95 % within"), ("second", "half within")],
        )

    def _slots(self, say: Callable[[Figures], str]) -> list[Slot]:
        return [
            Slot(
                label=f"{point.starts_at:%H:%M}" if self._is_one_day else f"{point.starts_at.day} {point.starts_at:%b}",
                title=f"{self._when(point)}: {say(point.figures)}",
                url=decisions_url(self.slug, point.starts_at, point.ends_at) if point.figures.decisions else "",
            )
            for point in self.points
        ]

    @property
    def _is_one_day(self) -> bool:
        return self.points[-1].ends_at - self.points[0].starts_at <= DAY

    def _when(self, point: Point) -> str:
        return when_words(point.starts_at, point.ends_at)

    def _link(self, point: Point, count: int, **filters: Any) -> Cell:
        url = decisions_url(self.slug, point.starts_at, point.ends_at, **filters) if count else ""
        return Cell(words.count_words(count), url)


KINDS = {
    "alarm": "an alarm",
    "incident": "an incident",
    "policy": "a policy version took effect",
    "release": "a new release",
}


def _ruled(figures: Figures) -> int:
    return figures.certain_ruled + figures.sampled_ruled


def _latency_words(figures: Figures) -> str:
    half, most = figures.latency_quantile_ms(0.5), figures.latency_quantile_ms(0.95)
    return f"half took at most {words.latency_words(half)}, 95 % at most {words.latency_words(most)}"
