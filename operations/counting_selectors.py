"""Counting what happened in some hours, from the decisions themselves: what every roll-up is made of and held to.

The database counts, in a handful of grouped queries whatever the number of decisions; rows come here only where a floating
sum must not depend on their order (rulings; `math.fsum` rounds once) or where a decision bears several labels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Exists, F, FilteredRelation, FloatField, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Floor, Greatest, Ln, TruncHour

from evaluations.statistics import ReviewSums
from operations.latency import GROWTH, LEAST_MS
from operations.model_pairs import join_pair
from operations.models import CostEntry
from reviews.models import Decision, Escalation, Outcome, Review

HOUR = timedelta(hours=1)
# Of what an application names at will an hour keeps so many values a dimension; the others are one.
VALUES_AT_MOST = 200
OTHERS = "(others)"

# A dimension (RollUp.Dimension) and its value.
Place = tuple[str, str]
FLOATS: Final = (
    "review_seconds",
    "sampled_weight",
    "sampled_weight_errors",
    "sampled_spread",
    "sampled_spread_errors",
)


@dataclass(slots=True)
class Cell:
    """What is counted of one hour or day, for one value of a dimension; its names are RollUp's columns. Floating sums are
    kept as their parts, so that cells may be merged in any order."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    parts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    buckets: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def merge(self, other: Cell) -> None:
        for name, count in other.counts.items():
            self.counts[name] += count
        for name, parts in other.parts.items():
            self.parts[name] += parts
        for bucket, count in other.buckets.items():
            self.buckets[bucket] += count

    def columns(self) -> dict[str, Any]:
        """The values of a row: counts, each floating sum rounded once, the histogram with its keys as JSON has them."""
        return {
            **{name: count for name, count in self.counts.items() if count},
            **{name: math.fsum(parts) for name, parts in self.parts.items()},
            "latency_buckets": {str(bucket): self.buckets[bucket] for bucket in sorted(self.buckets)},
        }


Cells = dict[Place, Cell]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The real decisions of one system that were made from `since` up to, not including, `until` (whole hours)."""

    system_id: UUID
    since: datetime
    until: datetime

    def of(self, queryset: QuerySet[Any], prefix: str = "") -> QuerySet[Any]:
        """Rows about these decisions; `prefix` leads to the decision."""
        return queryset.order_by().filter(
            **{
                f"{prefix}system_id": self.system_id,
                f"{prefix}created_at__gte": self.since,
                f"{prefix}created_at__lt": self.until,
                f"{prefix}is_test": False,
            }
        )


@dataclass(frozen=True, slots=True)
class _Cut:
    """How rows are grouped, and which places a group counts for."""

    fields: tuple[str, ...]
    places: Callable[[Sequence[Any]], Iterable[Place]]
    narrow: Callable[[QuerySet[Any], str], QuerySet[Any]]


def count_hours(stretch: Stretch) -> dict[datetime, Cells]:
    """The cells of every hour in which there was a decision."""
    hours: dict[datetime, Cells] = defaultdict(lambda: defaultdict(Cell))
    _count(stretch, _BY_DIMENSION, hours)
    labels = _find_labels(stretch)
    if labels:
        _count(stretch, _by_label(labels), hours)
    return {hour: _fold_rare(cells) for hour, cells in hours.items()}


def _count(stretch: Stretch, cut: _Cut, hours: dict[datetime, Cells]) -> None:
    for counting in (_count_decisions, _count_outcomes, _count_costs):
        for hour, keys, counts in counting(stretch, cut):
            for place in cut.places(keys):
                cell = hours[hour][place].counts
                for name, count in counts.items():
                    cell[name] += count
    for hour, keys, bucket, count in _count_latencies(stretch, cut):
        for place in cut.places(keys):
            hours[hour][place].buckets[bucket] += count
            hours[hour][place].counts["latency_known"] += count
    for hour, keys, parts in _read_rulings(stretch, cut):
        for place in cut.places(keys):
            for name, part in parts.items():
                hours[hour][place].parts[name].append(part)


def _places_of(keys: Sequence[Any]) -> Iterable[Place]:
    release, action, model, rule = keys
    return (
        ("", ""),
        ("release", release),
        ("action", action),
        ("model", model),
        ("rule", rule),
        ("action_model", join_pair(action, model)),
    )


_BY_DIMENSION: Final = _Cut(("release", "action_name", "model", "rule"), _places_of, lambda rows, prefix: rows)


def _by_label(labels: Mapping[UUID, set[str]]) -> _Cut:
    def places(keys: Sequence[Any]) -> Iterable[Place]:
        return [("label", label) for label in labels.get(keys[0], ())]

    def narrow(rows: QuerySet[Any], prefix: str) -> QuerySet[Any]:
        return rows.filter(Exists(_LABELLED.filter(decision_id=OuterRef(f"{prefix}id"))))

    return _Cut(("id",), places, narrow)


_LABELLED: Final = Escalation.objects.filter(closure=Escalation.Closure.RULED).exclude(ruling__labels=[])


def _find_labels(stretch: Stretch) -> dict[UUID, set[str]]:
    """The labels of the rulings that hold, by decision."""
    found: dict[UUID, set[str]] = defaultdict(set)
    for decision_id, labels in stretch.of(_LABELLED, "decision__").values_list("decision_id", "ruling__labels"):
        found[decision_id].update(label for label in labels if label)
    return found


def _grouped(
    stretch: Stretch, cut: _Cut, rows: QuerySet[Any], prefix: str, counts: Mapping[str, Any], *also: str
) -> Iterator[tuple[datetime, Sequence[Any], Sequence[Any]]]:
    """Hour, keys, and what was aggregated (led by the fields that were grouped by as well)."""
    keys = [*(f"{prefix}{name}" for name in cut.fields), *also]
    narrowed = cut.narrow(stretch.of(rows, prefix), prefix)
    is_one_hour = stretch.until - stretch.since == HOUR
    if not is_one_hour:
        narrowed = narrowed.annotate(hour=TruncHour(f"{prefix}created_at", tzinfo=UTC))
        keys.insert(0, "hour")
    width = len(cut.fields)
    for row in narrowed.values(*keys).annotate(**counts).values_list(*keys, *counts):
        hour, values = (stretch.since, row) if is_one_hour else (row[0], row[1:])
        yield hour, values[:width], values[width:]


def _named(
    stretch: Stretch, cut: _Cut, rows: QuerySet[Any], prefix: str, counts: Mapping[str, Any]
) -> Iterator[tuple[datetime, Sequence[Any], dict[str, int]]]:
    aliased = {f"{name}_count": aggregate for name, aggregate in counts.items()}
    for hour, keys, values in _grouped(stretch, cut, rows, prefix, aliased):
        yield hour, keys, dict(zip(counts, values, strict=True))


# Decisions -----------------------------------------------------------------------------------------------------------

# Of each kind a decision has one escalation at the most (escalation_one_of_a_kind), so no row is doubled.
_APPROVED = Q(approval__closure="ruled")
_JUDGED = Q(quality__closure="ruled")
_RULED = _APPROVED | _JUDGED
_WRONG = (_APPROVED & Q(approval__ruling__verdict__in=Review.OVERRIDING)) | (
    _JUDGED & Q(quality__ruling__verdict__in=Review.OVERRIDING)
)
_SELECTED = Q(approval__isnull=False) | Q(quality__isnull=False)
_CERTAIN = Q(review_probability=1)
_SAMPLED = Q(review_probability__gt=0, review_probability__lt=1)
_OWN = Q(is_diverted=False)


def _many(condition: Q) -> Count:
    return Count("id", filter=condition)


def _tokens(name: str) -> Coalesce:
    return Coalesce(F(name), Value(0))


_DECISION_COUNTS: Final[Mapping[str, Any]] = {
    "decisions": Count("id"),
    "allowed": _many(_OWN & Q(verdict="allow")),
    "blocked": _many(_OWN & Q(verdict="block")),
    "asked": _many(_OWN & Q(verdict__in=Decision.ASKING)),
    "diverted": _many(Q(is_diverted=True)),
    "expired": _many(Q(status="expired")),
    "allowed_by_timeout": _many(Q(status="allowed", decided_by_kind="timeout")),
    "cancelled": _many(Q(status="cancelled")),
    "ruled": _many(_APPROVED),
    "overridden": _many(_APPROVED & Q(approval__ruling__verdict__in=Review.OVERRIDING)),
    "answered": _many(_APPROVED & Q(approval__ruling__verdict=Review.Verdict.ANSWER)),
    "judged": _many(_JUDGED),
    "judged_wrong": _many(_JUDGED & Q(quality__ruling__verdict__in=Review.OVERRIDING)),
    "certain_selected": _many(_CERTAIN & _SELECTED),
    "certain_ruled": _many(_CERTAIN & _RULED),
    "certain_errors": _many(_CERTAIN & _WRONG),
    # What policy blocked can't have been sampled: it did not happen, and there is nothing to look at.
    "sampled_population": _many(_SAMPLED & (Q(verdict="allow") | _SELECTED)),
    "sampled_selected": _many(_SAMPLED & _SELECTED),
    "sampled_ruled": _many(_SAMPLED & _RULED),
    "unreviewable": _many(Q(review_probability=0, status__in=["allowed", "observed"])),
    # As operations.pricing.split_usage does.
    "input_tokens": Sum(
        Greatest(
            _tokens("input_tokens") - _tokens("cached_input_tokens") - _tokens("cache_write_tokens"),
            Value(0),
        )
    ),
    "cached_input_tokens": Sum(_tokens("cached_input_tokens")),
    "cache_write_tokens": Sum(_tokens("cache_write_tokens")),
    "output_tokens": Sum(Greatest(_tokens("output_tokens") - _tokens("reasoning_tokens"), Value(0))),
    "reasoning_tokens": Sum(_tokens("reasoning_tokens")),
}


def _count_decisions(stretch: Stretch, cut: _Cut) -> Iterator[tuple[datetime, Sequence[Any], dict[str, int]]]:
    rows = Decision.objects.annotate(
        approval=FilteredRelation("escalations", condition=Q(escalations__kind="approval")),
        quality=FilteredRelation("escalations", condition=Q(escalations__kind="quality")),
    )
    return _named(stretch, cut, rows, "", _DECISION_COUNTS)


def _count_latencies(stretch: Stretch, cut: _Cut) -> Iterator[tuple[datetime, Sequence[Any], int, int]]:
    """The histogram of operations.latency, counted by the database."""
    bucket = Floor(Ln(Greatest(F("latency_ms"), Value(LEAST_MS), output_field=FloatField())) / Value(math.log(GROWTH)))
    rows = Decision.objects.filter(latency_ms__isnull=False).annotate(bucket=bucket)
    for hour, keys, (number, count) in _grouped(stretch, cut, rows, "", {"known": Count("id")}, "bucket"):
        yield hour, keys, int(number), count


# What came later ---------------------------------------------------------------------------------------------------


def _count_outcomes(stretch: Stretch, cut: _Cut) -> Iterator[tuple[datetime, Sequence[Any], dict[str, int]]]:
    newer = Outcome.objects.filter(decision_id=OuterRef("decision_id"), pk__gt=OuterRef("pk"))
    counts = {
        "outcomes": Count("id"),
        "failed": _many(Q(status="failed")),
        "resolution_known": _many(Q(is_resolved__isnull=False)),
        "resolved": _many(Q(is_resolved=True)),
    }
    return _named(stretch, cut, Outcome.objects.filter(~Exists(newer)), "decision__", counts)


def _count_costs(stretch: Stretch, cut: _Cut) -> Iterator[tuple[datetime, Sequence[Any], dict[str, int]]]:
    newer = CostEntry.objects.filter(decision_id=OuterRef("decision_id"), sequence__gt=OuterRef("sequence"))
    counts = {"priced": Count("id"), "cost_micros": Sum("amount_micros")}
    return _named(stretch, cut, CostEntry.objects.filter(~Exists(newer)), "decision__", counts)


def _read_rulings(stretch: Stretch, cut: _Cut) -> Iterator[tuple[datetime, Sequence[Any], dict[str, float]]]:
    """The floating parts of each decision on which a ruling holds; of two rulings either may find it wrong."""
    fields = [f"decision__{name}" for name in cut.fields]
    rows = (
        cut.narrow(stretch.of(Escalation.objects.filter(closure="ruled"), "decision__"), "decision__")
        .order_by("decision_id", "kind")
        .values_list(
            "decision_id",
            "decision__created_at",
            "decision__review_probability",
            "ruling__verdict",
            "ruling__held_s",
            *fields,
        )
    )
    ruled: dict[UUID, tuple[datetime, float, bool, float, Sequence[Any]]] = {}
    for decision_id, created_at, probability, verdict, held_s, *keys in rows:
        _, _, is_wrong, seconds, _ = ruled.get(decision_id, (None, None, False, 0.0, None))
        ruled[decision_id] = (
            created_at,
            probability,
            is_wrong or verdict in Review.OVERRIDING,
            seconds + (held_s or 0.0),
            keys,
        )
    for created_at, probability, is_wrong, seconds, keys in ruled.values():
        parts = {"review_seconds": seconds} if seconds else {}
        if 0 < probability < 1:
            sums = ReviewSums.of_decision(probability, selected=True, ruled=True, error=is_wrong)
            parts |= {name: part for name in FLOATS[1:] if (part := getattr(sums, name))}
        if parts:
            yield created_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0), keys, parts


def _fold_rare(cells: Cells) -> Cells:
    """At most VALUES_AT_MOST values of each dimension, those with the most decisions; the rest as one."""
    kept: Cells = {}
    by_dimension: dict[str, list[str]] = defaultdict(list)
    for dimension, value in cells:
        by_dimension[dimension].append(value)
    for dimension, values in by_dimension.items():
        values.sort(key=lambda value: (-cells[dimension, value].counts["decisions"], value))
        for value in values[:VALUES_AT_MOST]:
            kept[dimension, value] = cells[dimension, value]
        for value in values[VALUES_AT_MOST:]:
            kept.setdefault((dimension, OTHERS), Cell()).merge(cells[dimension, value])
    return kept
