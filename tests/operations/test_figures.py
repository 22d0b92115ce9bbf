"""Reading the roll-ups: what may be asked for, what a page gets, and what it never gets."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import models

from evaluations.statistics import Estimate, NotEnough
from governance.errors import InvalidParameter
from governance.models import AISystem
from operations.figure_selectors import (
    COLUMNS,
    Figures,
    Period,
    Share,
    breakdown_of,
    breakdowns_of,
    figures_by_system,
    figures_of,
    latencies_by_value,
    series_of,
)
from operations.latency import bucket_of, middle_ms, quantile_ms
from operations.models import RollUp
from tests.factories import make_organization, make_system

NOW = datetime(2026, 3, 20, 14, 35, tzinfo=UTC)
TODAY = NOW.replace(hour=0, minute=0)
THIS_HOUR = NOW.replace(minute=0)


def roll(system: AISystem, starts_at: datetime, grain: str = "hour", **fields: Any) -> RollUp:
    fields = {"decisions": 1, "counted_at": NOW, **fields}
    return RollUp.objects.create(
        organization_id=system.organization_id, system=system, grain=grain, starts_at=starts_at, **fields
    )


@pytest.mark.parametrize(
    ("name", "grain", "steps", "since"),
    [
        ("24h", "hour", 24, THIS_HOUR - timedelta(hours=23)),
        ("7d", "hour", 168, THIS_HOUR - timedelta(hours=167)),
        ("30d", "day", 30, TODAY - timedelta(days=29)),
        ("90d", "day", 90, TODAY - timedelta(days=89)),
    ],
)
def test_a_range_ends_with_the_hour_or_day_that_is_running(name: str, grain: str, steps: int, since: datetime) -> None:
    period = Period.read({"range": name}, now=NOW)
    assert (period.grain, len(period.starts()), period.since, period.name) == (grain, steps, since, name)
    assert period.starts()[-1] <= NOW < period.until


def test_without_a_word_it_is_the_last_seven_days() -> None:
    assert Period.read({}, now=NOW) == Period.last("7d", now=NOW)
    assert Period.read({}, now=NOW, default="24h") == Period.last("24h", now=NOW)


def test_dates_are_included_and_short_stretches_are_in_hours() -> None:
    period = Period.read({"from": "2026-03-01", "to": "2026-03-01"}, now=NOW)
    assert (period.since, period.until, period.grain) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
        "hour",
    )
    assert Period.read({"from": "2026-03-01", "to": "2026-03-08"}, now=NOW).grain == "hour"
    assert Period.read({"from": "2026-03-01", "to": "2026-03-09"}, now=NOW).grain == "day"
    assert Period.read({"from": "2026-03-01"}, now=NOW).until == TODAY + timedelta(days=1)


def test_instants_move_outwards_to_whole_hours() -> None:
    period = Period.between(NOW, NOW + timedelta(minutes=30))
    assert (period.since, period.until) == (THIS_HOUR, THIS_HOUR + timedelta(hours=2))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"range": "1y"}, "one of: 24h, 7d, 30d, 90d"),
        ({"range": "7d", "from": "2026-03-01"}, "not both"),
        ({"to": "2026-03-01"}, "needs `from`"),
        ({"from": "yesterday"}, "a date such as"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "an earlier one"),
        ({"from": "2024-01-01", "to": "2026-03-01"}, "At most 400 days"),
        ({"from": "9999-12-31"}, "from 1970"),
        ({"from": "2026-03-01", "to": "2026-02-30"}, "a date such as"),
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(query: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        Period.read(query, now=NOW)


def test_the_previous_period_ends_where_this_one_begins() -> None:
    period = Period.read({"range": "30d"}, now=NOW)
    before = period.previous()
    assert (before.until, before.length, before.grain) == (period.since, period.length, "day")


def test_figures_have_the_columns_of_the_table() -> None:
    numbers = {
        column.name: 0.0 if isinstance(column, models.FloatField) else 0
        for column in RollUp._meta.get_fields()
        if isinstance(column, models.FloatField | models.BigIntegerField) and not column.primary_key
    }
    assert numbers.keys() == set(COLUMNS)
    empty = Figures()
    assert {name: getattr(empty, name) for name in COLUMNS} == numbers


def test_figures_add_up_with_their_histograms() -> None:
    first = Figures(decisions=2, latency_known=2, latency_buckets={1: 1, 5: 1}, counted_at=NOW)
    second = Figures(decisions=3, latency_known=1, latency_buckets={5: 1})
    both = sum([first, second], Figures())
    assert (both.decisions, dict(both.latency_buckets), both.counted_at) == (5, {1: 1, 5: 2}, NOW)


def test_without_a_whole_there_is_no_rate() -> None:
    nothing = Figures()
    for share in (nothing.escalation, nothing.override, nothing.resolution, nothing.failure, nothing.pricing):
        assert share == Share(0, 0)
        assert share.percent is None
    assert nothing.cost_per_decision_micros is None and nothing.models_per_resolved_micros is None
    assert nothing.latency_quantile_ms(0.5) is None and nothing.seconds_per_review is None
    assert nothing.error == NotEnough(reviews_needed=1, waiting=0)


def test_money_is_whole_micro_dollars() -> None:
    figures = Figures(decisions=9, priced=2, cost_micros=5, resolved=3)
    assert (figures.cost_per_decision_micros, figures.models_per_resolved_micros) == (2, 2)


def test_the_error_rate_is_the_weighted_one_and_no_naive_one_is_to_be_had() -> None:
    """evaluations.md's check: everything of low confidence and 5 % of the rest is reviewed; .144 is the truth."""
    figures = Figures(
        decisions=10_000,
        certain_selected=2_000,
        certain_ruled=2_000,
        certain_errors=600,
        sampled_population=8_000,
        sampled_selected=400,
        sampled_ruled=400,
        sampled_weight=400 * 20.0,
        sampled_weight_errors=42 * 20.0,
        sampled_spread=400 * 380.0,
        sampled_spread_errors=42 * 380.0,
    )
    error = figures.error
    assert isinstance(error, Estimate)
    assert error.rate == pytest.approx((600 + 42 * 20) / 10_000)
    assert error.low < 0.144 < error.high
    naive = (600 + 42) / 2_400
    rates = [value.percent for name in public(Figures) if isinstance(value := getattr(figures, name), Share)]
    assert not [rate for rate in rates if rate is not None and rate == pytest.approx(100 * naive)]


def public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_a_quantile_is_at_most_five_percent_off(share: float) -> None:
    chance = random.Random(8)
    values = sorted(chance.lognormvariate(5, 1.5) for _ in range(3_000))
    buckets: dict[int, int] = {}
    for value in values:
        buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + 1
    exact = values[max(round(share * len(values)), 1) - 1]
    found = quantile_ms(buckets, share)
    assert found is not None and abs(found / exact - 1) <= 0.05


def test_every_bucket_contains_its_middle() -> None:
    for latency in (0.001, 0.5, 1, 1.0999, 1.1001, 250, 1e12):
        assert abs(middle_ms(bucket_of(latency)) / latency - 1) < 0.05
    with pytest.raises(ValueError, match="from 0 to 1"):
        quantile_ms({}, 2)


@pytest.mark.django_db
def test_a_series_has_a_point_for_every_step_and_its_sum_is_the_whole(django_assert_num_queries: Any) -> None:
    system = make_system()
    roll(system, THIS_HOUR, decisions=4, failed=1, latency_buckets={"50": 3})
    roll(system, THIS_HOUR - timedelta(hours=5), decisions=2, latency_buckets={"50": 1, "-3": 1})
    roll(system, THIS_HOUR - timedelta(hours=24), decisions=100)
    roll(system, THIS_HOUR, dimension="model", value="m", decisions=1000)
    roll(system, TODAY, "day", decisions=7)
    period = Period.last("24h", now=NOW)
    with django_assert_num_queries(1):
        series = series_of(system, period)
    assert len(series) == 24
    assert [point.figures.decisions for point in series[-6:]] == [2, 0, 0, 0, 0, 4]
    assert (series[0].starts_at, series[-1].ends_at) == (period.since, period.until)
    with django_assert_num_queries(1):
        whole = figures_of(system, period)
    assert whole == sum((point.figures for point in series), Figures())
    assert dict(whole.latency_buckets) == {50: 4, -3: 1}
    assert whole.counted_at == NOW


@pytest.mark.django_db
def test_months_are_read_from_days() -> None:
    system = make_system()
    roll(system, TODAY, "day", decisions=7)
    roll(system, THIS_HOUR, decisions=1)
    assert figures_of(system, Period.last("90d", now=NOW)).decisions == 7


@pytest.mark.django_db
def test_many_systems_are_one_question(django_assert_num_queries: Any) -> None:
    organization = make_organization()
    systems = [make_system(organization) for _ in range(12)]
    for number, system in enumerate(systems[:-1]):
        roll(system, THIS_HOUR, decisions=number, sampled_weight=0.5)
        roll(system, THIS_HOUR - timedelta(hours=1), decisions=1)
    with django_assert_num_queries(1):
        found = figures_by_system(systems, Period.last("7d", now=NOW))
    assert [found[system.pk].decisions for system in systems] == [*range(1, 12), 0]
    assert found[systems[3].pk].sampled_weight == 0.5
    assert found[systems[-1].pk] == Figures()
    assert figures_by_system([], Period.last("7d", now=NOW)) == {}


@pytest.mark.django_db
def test_a_breakdown_names_the_most_frequent_first(django_assert_num_queries: Any) -> None:
    system, other = make_system(), make_system()
    for value, decisions in (("b", 3), ("a", 3), ("c", 9), ("", 1)):
        roll(system, THIS_HOUR, dimension="model", value=value, decisions=decisions, latency_buckets={"1": decisions})
    roll(system, THIS_HOUR - timedelta(hours=1), dimension="model", value="a", decisions=4, latency_known=1)
    roll(other, THIS_HOUR, dimension="model", value="z", decisions=50)
    period = Period.last("24h", now=NOW)
    with django_assert_num_queries(1):
        found = breakdown_of(system, "model", period, limit=3)
    assert [(value, figures.decisions) for value, figures in found] == [("c", 9), ("a", 7), ("b", 3)]
    with pytest.raises(ValueError, match="weather"):
        breakdown_of(system, "weather", period)


@pytest.mark.django_db
def test_several_breakdowns_are_one_question(django_assert_num_queries: Any) -> None:
    system = make_system()
    for hours in (0, 1):
        for number in range(5):
            for dimension in ("model", "release", "rule"):
                at = THIS_HOUR - timedelta(hours=hours)
                roll(system, at, dimension=dimension, value=f"{dimension}-{number}", decisions=number + 1)
    period = Period.last("24h", now=NOW)
    with django_assert_num_queries(1):
        found = breakdowns_of(system, ["release", "model", "label"], period, limit=2)
    assert {name: [(value, figures.decisions) for value, figures in rows] for name, rows in found.items()} == {
        "release": [("release-4", 10), ("release-3", 8)],
        "model": [("model-4", 10), ("model-3", 8)],
        "label": [],
    }
    assert found["model"] == breakdown_of(system, "model", period, limit=2)


@pytest.mark.django_db
def test_latencies_by_value_are_one_question(django_assert_num_queries: Any) -> None:
    system = make_system()
    for hours in (0, 1):
        roll(
            system,
            THIS_HOUR - timedelta(hours=hours),
            dimension="release",
            value="r1",
            latency_known=2,
            latency_buckets={"7": 2},
        )
    with django_assert_num_queries(1):
        found = latencies_by_value(system, "release", Period.last("24h", now=NOW), ["r1", "r2"])
    assert found == {"r1": {7: 4}, "r2": {}}


def test_points_and_periods_do_not_change() -> None:
    period = Period.last("24h", now=NOW)
    with pytest.raises(dataclasses.FrozenInstanceError):
        period.grain = "day"  # type: ignore[misc]
