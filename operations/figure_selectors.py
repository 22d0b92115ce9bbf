"""Reading the roll-ups: the figures of a system over a stretch of time, as a whole, over time and cut by one dimension.

A page over months reads hundreds of rows here, whatever the number of decisions behind them. Rates have their whole beside
them (`Share`); the error rate is only ever the weighted one, with its interval, or what is missing for it. What happened in
the last seconds may not be counted yet: `Figures.counted_at` says when it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Max, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from evaluations.statistics import Estimate, NotEnough, ReviewSums, estimate_error_rate
from governance.errors import InvalidParameter
from governance.models import AISystem
from operations.latency import quantile_ms
from operations.models import RollUp

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What `?range=` may say, with the step of its points.
RANGES: Final[Mapping[str, tuple[timedelta, str]]] = {
    "24h": (timedelta(hours=24), "hour"),
    "7d": (timedelta(days=7), "hour"),
    "30d": (timedelta(days=30), "day"),
    "90d": (timedelta(days=90), "day"),
}
LONGEST_IN_HOURS = timedelta(days=8)
LONGEST = timedelta(days=400)
STEPS: Final = {"hour": HOUR, "day": DAY}


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole; without a whole there is no rate, and none is made up."""

    part: int = 0
    whole: int = 0

    @property
    def percent(self) -> float | None:
        return 100 * self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to, not including, `until` (UTC), in steps of `grain` ("hour" or "day"). `name` is the range that was
    asked for ("24h", "7d", "30d", "90d"), "" for dates."""

    since: datetime
    until: datetime
    grain: str
    name: str = ""

    @classmethod
    def last(cls, name: str, *, now: datetime) -> Period:
        """One of RANGES; the hour or day that is still running is its last."""
        length, grain = RANGES[name]
        until = floor_to(now, grain) + STEPS[grain]
        return cls(until - length, until, grain, name)

    @classmethod
    def between(cls, since: datetime, until: datetime) -> Period:
        """Whole hours up to eight days, whole UTC days beyond; the edges move outwards to the next whole one."""
        grain = "hour" if until - since <= LONGEST_IN_HOURS else "day"
        end = floor_to(until, grain)
        return cls(floor_to(since, grain), end if end == until else end + STEPS[grain], grain)

    @classmethod
    def read(cls, query: Mapping[str, str], *, now: datetime, default: str = "7d") -> Period:
        """`?range=24h|7d|30d|90d`, or `?from=2026-01-01&to=2026-01-31` (ISO dates of UTC, both included; `to` defaults to
        today). Refuses (InvalidParameter) anything else, both at once, and more than 400 days."""
        name, first, last = (query.get(key, "") for key in ("range", "from", "to"))
        if not first and not last:
            if (name or default) not in RANGES:
                raise InvalidParameter(f"`range` is one of: {', '.join(RANGES)}.")
            return cls.last(name or default, now=now)
        if name:
            raise InvalidParameter("Give `range`, or `from` and `to`; not both.")
        if not first:
            raise InvalidParameter("`to` needs `from`.")
        since = _read_date("from", first)
        until = (_read_date("to", last) if last else floor_to(now, "day")) + DAY
        if until <= since:
            raise InvalidParameter("`from` has to be the same day as `to`, or an earlier one.")
        if until - since > LONGEST:
            raise InvalidParameter(f"At most {LONGEST.days} days at a time.")
        return cls.between(since, until)

    @property
    def step(self) -> timedelta:
        return STEPS[self.grain]

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def previous(self) -> Period:
        """As long a stretch, just before this one."""
        return Period(self.since - self.length, self.since, self.grain, self.name)

    def starts(self) -> list[datetime]:
        """When each of its hours or days begins."""
        return [self.since + number * self.step for number in range(self.length // self.step)]


def floor_to(instant: datetime, grain: str) -> datetime:
    """When the UTC hour or day ("hour", "day") of an instant began."""
    whole = instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole if grain == "hour" else whole.replace(hour=0)


def _read_date(name: str, text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidParameter(f"`{name}` is a date such as 2026-01-31.") from None
    if not 1970 <= day.year <= 9000:
        raise InvalidParameter(f"`{name}` is a date from 1970 on.")
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of roll-ups (each as its column in operations.models.RollUp says) and what follows from them. They add up:
    `first + second`, `sum(list, Figures())`. `latency_buckets` is {bucket: count}, empty where it was not read."""

    decisions: int = 0
    allowed: int = 0
    blocked: int = 0
    asked: int = 0
    diverted: int = 0
    expired: int = 0
    allowed_by_timeout: int = 0
    cancelled: int = 0
    ruled: int = 0
    overridden: int = 0
    answered: int = 0
    judged: int = 0
    judged_wrong: int = 0
    review_seconds: float = 0.0
    certain_selected: int = 0
    certain_ruled: int = 0
    certain_errors: int = 0
    sampled_population: int = 0
    sampled_selected: int = 0
    sampled_ruled: int = 0
    sampled_weight: float = 0.0
    sampled_weight_errors: float = 0.0
    sampled_spread: float = 0.0
    sampled_spread_errors: float = 0.0
    unreviewable: int = 0
    outcomes: int = 0
    failed: int = 0
    resolution_known: int = 0
    resolved: int = 0
    priced: int = 0
    cost_micros: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    latency_known: int = 0
    latency_buckets: Mapping[int, int] = field(default_factory=dict)
    counted_at: datetime | None = None

    def __add__(self, other: Figures) -> Figures:
        buckets = dict(self.latency_buckets)
        for bucket, count in other.latency_buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        return Figures(
            **{name: getattr(self, name) + getattr(other, name) for name in COLUMNS},
            latency_buckets=buckets,
            counted_at=max(filter(None, (self.counted_at, other.counted_at)), default=None),
        )

    @property
    def escalation(self) -> Share:
        """Decisions that policy sent to people, of all. What the breaker diverted is not among them."""
        return Share(self.asked, self.decisions)

    @property
    def diversion(self) -> Share:
        """Decisions that the breaker kept from acting although policy would have let them, of all."""
        return Share(self.diverted, self.decisions)

    @property
    def override(self) -> Share:
        """Rulings that corrected or rejected, of the rulings on what had been asked. Not a quality of the whole traffic."""
        return Share(self.overridden, self.ruled)

    @property
    def resolution(self) -> Share:
        """Cases that the application reports as resolved, of those of which it says either."""
        return Share(self.resolved, self.resolution_known)

    @property
    def failure(self) -> Share:
        """Decisions whose newest outcome is `failed`, of those with an outcome."""
        return Share(self.failed, self.outcomes)

    @property
    def error(self) -> Estimate | NotEnough:
        """The error rate of the whole traffic that could be reviewed: the Hájek estimate with its interval, or how many
        reviews are missing. `unreviewable` decisions are not in it."""
        return estimate_error_rate(ReviewSums(**{name: getattr(self, name) for name in REVIEW_SUMS}))

    @property
    def tokens(self) -> int:
        """All tokens; the five buckets are disjoint."""
        return (
            self.input_tokens
            + self.cached_input_tokens
            + self.cache_write_tokens
            + self.output_tokens
            + self.reasoning_tokens
        )

    @property
    def cost_per_decision_micros(self) -> int | None:
        """Millionths of a dollar a decision, over those whose cost is known."""
        return round(self.cost_micros / self.priced) if self.priced else None

    @property
    def models_per_resolved_micros(self) -> int | None:
        """What the models cost, whatever for, over the cases that are reported as resolved. Reviewers' time is not in it; its
        rate may change from day to day, so cost_selectors.MonthCosts has the sum."""
        return round(self.cost_micros / self.resolved) if self.resolved and self.priced else None

    @property
    def review_seconds_per_resolved(self) -> float | None:
        return self.review_seconds / self.resolved if self.resolved else None

    @property
    def pricing(self) -> Share:
        """Decisions whose cost is known, of all."""
        return Share(self.priced, self.decisions)

    @property
    def seconds_per_review(self) -> float | None:
        reviews = self.ruled + self.judged
        return self.review_seconds / reviews if reviews else None

    def latency_quantile_ms(self, share: float) -> float | None:
        """The latency that this share of the decisions did not exceed, at most 5 % off; None where none is known."""
        return quantile_ms(self.latency_buckets, share)


COLUMNS: Final = tuple(
    column.name for column in fields(Figures) if column.name not in {"latency_buckets", "counted_at"}
)
REVIEW_SUMS: Final = tuple(name for name in COLUMNS if name.startswith(("certain_", "sampled_")))


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a series: what was decided from `starts_at` up to, not including, `ends_at`."""

    starts_at: datetime
    ends_at: datetime
    figures: Figures


def figures_of(system: AISystem, period: Period) -> Figures:
    """The whole period in one: one query."""
    return sum((point.figures for point in _read(system, period)), Figures())


def series_of(system: AISystem, period: Period) -> list[Point]:
    """A point for every hour or day of the period, those without a decision too: one query. `figures_of` is their sum."""
    read = {point.starts_at: point for point in _read(system, period)}
    return [
        read.get(starts_at) or Point(starts_at, starts_at + period.step, Figures()) for starts_at in period.starts()
    ]


def figures_by_system(systems: Sequence[AISystem], period: Period) -> dict[UUID, Figures]:
    """The figures of each system by its id, without latencies: one query, however many systems."""
    found = (
        _rows(period, RollUp.Dimension.ALL)
        .filter(system__in=systems)
        .values("system_id")
        .annotate(**_SUMS, counted=Max("counted_at"))
    )
    figures = {row["system_id"]: _figures(row) for row in found}
    return {system.pk: figures.get(system.pk, Figures()) for system in systems}


def breakdown_of(system: AISystem, dimension: str, period: Period, limit: int = 10) -> list[tuple[str, Figures]]:
    """The values of a dimension (RollUp.Dimension) with the most decisions, most first, without latencies: one query.
    "" stands for what was sent without one."""
    return breakdowns_of(system, [dimension], period, limit)[dimension]


def breakdowns_of(
    system: AISystem, dimensions: Iterable[str], period: Period, limit: int = 10
) -> dict[str, list[tuple[str, Figures]]]:
    """The same for several dimensions at once, each with at most `limit` values: one query."""
    wanted: dict[str, list[tuple[str, Figures]]] = {RollUp.Dimension(name).value: [] for name in dimensions}
    place = Window(RowNumber(), partition_by=F("dimension"), order_by=[F("decisions_sum").desc(), F("value").asc()])
    found = (
        _rows(period, *wanted)
        .filter(system=system)
        .values("dimension", "value")
        .annotate(**_SUMS, counted=Max("counted_at"))
        .annotate(place=place)
        .filter(place__lte=limit)
        .order_by("dimension", "place")
    )
    for row in found:
        wanted[row["dimension"]].append((row["value"], _figures(row)))
    return wanted


def latencies_by_value(
    system: AISystem, dimension: str, period: Period, values: Iterable[str]
) -> dict[str, Mapping[int, int]]:
    """Latency buckets of some values of a dimension, for `operations.latency.quantile_ms`: one query."""
    merged: dict[str, dict[int, int]] = {value: {} for value in values}
    rows = _rows(period, RollUp.Dimension(dimension)).filter(system=system, value__in=merged, latency_known__gt=0)
    for value, buckets in rows.values_list("value", "latency_buckets"):
        for bucket, count in buckets.items():
            merged[value][int(bucket)] = merged[value].get(int(bucket), 0) + count
    return dict(merged)


_SUMS: Final = {f"{name}_sum": Sum(name) for name in COLUMNS}


def _rows(period: Period, *dimensions: str) -> QuerySet[RollUp]:
    return RollUp.objects.order_by().filter(
        grain=period.grain, dimension__in=dimensions, starts_at__gte=period.since, starts_at__lt=period.until
    )


def _read(system: AISystem, period: Period) -> list[Point]:
    rows = (
        _rows(period, RollUp.Dimension.ALL)
        .filter(system=system)
        .order_by("starts_at")
        .values("starts_at", "counted_at", "latency_buckets", *COLUMNS)
    )
    return [
        Point(
            row["starts_at"],
            row["starts_at"] + period.step,
            Figures(
                **{name: row[name] for name in COLUMNS},
                latency_buckets={int(bucket): count for bucket, count in row["latency_buckets"].items()},
                counted_at=row["counted_at"],
            ),
        )
        for row in rows
    ]


def _figures(row: Mapping[str, Any]) -> Figures:
    return Figures(**{name: row[f"{name}_sum"] for name in COLUMNS}, counted_at=row["counted"])
