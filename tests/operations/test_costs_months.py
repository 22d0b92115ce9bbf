"""A month's costs: models, reviewers' time, resolved cases, the budget that held, and what it will come to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from governance.models import AISystem
from operations.budget_selectors import ReviewRates, price_review
from operations.cost_selectors import MonthCosts, month_costs, month_costs_of, months_to_show
from operations.figure_selectors import Figures, Share
from operations.forecasting import NotEnoughDays, Projection
from operations.models import Budget, CostEntry
from operations.services.budgets import withdraw_review_rate
from operations.services.rollups import rebuild
from tests.factories import make_escalation, make_queue, make_system
from tests.operations.cost_scenes import (
    DOLLAR,
    budget,
    decide,
    owner_of,
    price_first,
    rate,
    state,
    write_day,
    write_days,
)
from tests.operations.figure_scenes import report, rule

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)
AFTER = datetime(2026, 4, 20, 9, tzinfo=UTC)
WITHIN = datetime(2026, 3, 10, 9, tzinfo=UTC)


def costs(system: AISystem, *, month: date = MARCH, now: datetime = AFTER) -> MonthCosts:
    return month_costs(system, month, now=now)


def test_a_month_is_counted_from_its_first_to_its_last_instant() -> None:
    system = make_system()
    for at in (
        datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    ):
        decision = decide(system, at, cost_usd_micros=int(f"{at:%m}") * 100 + at.day)
        price_first(decision)
    rebuild(system=system)
    found = costs(system)
    assert (found.decisions, found.spent_micros) == (2, 301 + 331)
    assert [day.models_micros for day in found.days if day.models_micros] == [301, 331] and len(found.days) == 31


def test_reviewers_minutes_stand_in_the_cost_of_a_resolved_case() -> None:
    system = make_system()
    queue = make_queue(system.organization)
    for number in range(4):
        decision = decide(system, datetime(2026, 3, 5, 10, number, tzinfo=UTC), cost_usd_micros=1000)
        price_first(decision)
        if number < 2:
            rule(make_escalation(decision, queue=queue), "approve", held_s=90.0)
        report(decision, "executed", is_resolved=number != 3)
    rebuild(system=system)
    without = costs(system)
    assert (without.review_seconds, without.review_micros, without.resolved) == (180, None, 3)
    assert without.per_resolved_micros == round(4000 / 3), "without a rate minutes are shown and cost nothing"
    assert without.review_seconds_per_resolved == 60 and without.unrated_seconds == 180
    rate(system, 60, since=MARCH)
    found = costs(system)
    assert (found.review_micros, found.total_micros) == (3 * DOLLAR, 3 * DOLLAR + 4000)
    assert found.per_resolved_micros == round((3 * DOLLAR + 4000) / 3)
    assert found.per_decision_micros == 1000, "a decision's own cost is the model's"


def test_what_is_not_known_is_not_nothing() -> None:
    system = make_system()
    write_day(system, MARCH, decisions=10, priced=0, resolved=3)
    unknown = costs(system)
    assert unknown.per_resolved_micros is None and unknown.per_decision_micros is None
    rate(system, 60)
    assert costs(system).per_resolved_micros is None, "review time alone is not what a case costs"
    assert unknown.priced == Share(0, 10)
    write_day(system, MARCH, decisions=10, priced=4, cost_micros=400, resolved=0)
    assert (costs(system).per_resolved_micros, costs(system).per_decision_micros) == (None, 100)


def test_each_day_has_the_rate_that_had_begun() -> None:
    system = make_system()
    write_days(system, MARCH, 31, review_seconds=3600.0)
    rate(system, 30, since=date(2026, 3, 11))
    last = rate(system, 60, since=date(2026, 3, 21))
    found = costs(system)
    assert found.review_micros == 10 * 30 * DOLLAR + 11 * 60 * DOLLAR
    assert found.unrated_seconds == 10 * 3600
    withdraw_review_rate(actor=owner_of(system), rate_id=last.pk)
    assert costs(system).review_micros == 21 * 30 * DOLLAR


def test_another_organizations_rate_prices_nothing() -> None:
    system, other = make_system(), make_system()
    rate(other, 60)
    write_day(system, MARCH, review_seconds=3600.0)
    assert costs(system).review_micros is None


def test_a_repriced_decision_is_counted_once_by_its_newest_entry() -> None:
    system = make_system()
    decision = decide(system, datetime(2026, 3, 5, tzinfo=UTC))
    for sequence, amount in enumerate((500, 300, 400), 1):
        CostEntry.objects.create(
            organization_id=system.organization_id,
            system=system,
            decision=decision,
            sequence=sequence,
            amount_micros=amount,
            source="stated",
            created_at=timezone.now(),
        )
    rebuild(system=system)
    assert (costs(system).spent_micros, costs(system).priced) == (400, Share(1, 1))


def test_the_budget_is_the_one_that_stood_at_the_months_end() -> None:
    system = make_system()
    write_day(system, MARCH, priced=10, cost_micros=40 * DOLLAR)
    for created, withdrawn, dollars in (
        (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC), 100),
        (datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC), 80),
        (datetime(2026, 4, 2, tzinfo=UTC), None, 10),
    ):
        Budget.objects.create(
            organization_id=system.organization_id,
            system=system,
            monthly_micros=dollars * DOLLAR,
            stated_by_label="x",
            created_at=created,
            withdrawn_at=withdrawn,
        )
    found = costs(system)
    assert (found.budget_micros, found.share_of_budget) == (80 * DOLLAR, 0.5)
    assert costs(system, month=date(2026, 4, 1)).budget_micros == 10 * DOLLAR
    assert costs(system, month=date(2026, 1, 1)).budget_micros is None


def test_what_counts_against_a_budget_is_what_it_says() -> None:
    system = make_system()
    rate(system, 60, since=MARCH)
    now = timezone.now()
    month = now.date().replace(day=1)
    write_day(system, month, priced=10, cost_micros=10 * DOLLAR, review_seconds=3600.0)
    assert costs(system, month=month, now=now).counted_micros == 70 * DOLLAR
    budget(system, 100, includes_review=False)
    found = costs(system, month=month, now=now)
    assert (found.counted_micros, found.share_of_budget, found.total_micros) == (10 * DOLLAR, 0.1, 70 * DOLLAR)
    budget(system, 100)
    assert costs(system, month=month, now=now).share_of_budget == 0.7


def test_a_running_month_is_forecast_and_one_that_is_over_is_not() -> None:
    system = make_system()
    write_days(system, date(2026, 1, 1), 69, priced=1, cost_micros=1000, review_seconds=60.0)  # until 10 March
    rate(system, 60)
    found = costs(system, now=WITHIN)
    assert found.forecast is not None
    models, review = found.forecast.models, found.forecast.review_seconds
    assert isinstance(models, Projection) and isinstance(review, Projection)
    assert (models.expected, models.so_far, models.days_behind, models.days_ahead) == (31_000, 10_000, 28, 22)
    assert review.expected == 31 * 60
    assert isinstance(found.forecast.cost, Projection) and found.forecast.cost.expected == 31 * (1000 + DOLLAR)
    assert costs(system).forecast is None


def test_days_without_a_decision_are_zeros_and_not_gaps() -> None:
    system = make_system()
    write_day(system, date(2026, 1, 5), priced=1, cost_micros=5)
    write_day(system, date(2026, 3, 4), priced=1, cost_micros=2800)
    models = costs(system, now=WITHIN).forecast.models  # type: ignore[union-attr]
    assert isinstance(models, Projection) and models.days_behind == 28
    assert models.expected == 2800 + 3 * 700, "three more Wednesdays of a quarter of it"


def test_a_young_system_is_forecast_from_its_second_day_on() -> None:
    system = make_system()
    write_days(system, date(2026, 2, 24), 15, priced=1, cost_micros=1000)
    # The first day began somewhere in the middle; thirteen complete ones are left on the tenth.
    assert costs(system, now=WITHIN).forecast.models == NotEnoughDays(13, 1)  # type: ignore[union-attr]
    write_day(system, date(2026, 2, 23), priced=1, cost_micros=400)
    models = costs(system, now=WITHIN).forecast.models  # type: ignore[union-attr]
    assert isinstance(models, Projection) and models.days_behind == 14 and models.low == models.high == 31_000


def test_a_system_that_never_decided_has_a_month_of_nothing() -> None:
    found = costs(make_system(), now=WITHIN)
    assert (found.total_micros, found.decisions, found.priced) == (0, 0, Share(0, 0))
    assert found.forecast is not None and found.forecast.models == NotEnoughDays(0, 14)


def test_many_systems_take_as_many_questions_as_one(django_assert_max_num_queries: Any) -> None:
    systems = [make_system() for _ in range(4)]
    for system in systems:
        write_days(system, MARCH, 5, priced=1, cost_micros=10)
        rate(system, 10)
    with django_assert_max_num_queries(5):
        found = month_costs_of(systems, MARCH, now=WITHIN)
    assert [found[system.pk].spent_micros for system in systems] == [50] * 4


def test_months_are_listed_down_to_the_first_decision() -> None:
    system = make_system()
    assert months_to_show(system, now=WITHIN) == [MARCH]
    write_day(system, date(2025, 12, 31))
    listed = months_to_show(system, now=WITHIN)
    assert listed == [MARCH, date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1)]


def test_a_corrected_price_shows_in_the_month_when_its_hours_are_counted() -> None:
    from operations.services.repricing import reprice_requested, request_repricing
    from operations.services.rollups import recount_due

    system = make_system()
    decision = decide(system, datetime(2026, 3, 5, 10, tzinfo=UTC))
    rebuild(system=system)
    assert decision.cost_usd_micros is None and costs(system).priced == Share(0, 1)
    owner = owner_of(system)
    state(owner, "3")
    april = datetime(2026, 4, 1, tzinfo=UTC)
    request_repricing(actor=owner, system=system, since=april - timedelta(days=31), until=april, reason="late contract")
    reprice_requested()
    while recount_due(now=datetime(2100, 1, 1, tzinfo=UTC)):
        pass
    assert (costs(system).spent_micros, costs(system).priced) == (3000, Share(1, 1))


@given(st.integers(0, 10**12), st.integers(0, 10**10))
def test_review_time_never_costs_less_than_nothing(milliseconds: int, hour_micros: int) -> None:
    assert price_review(milliseconds / 1000, hour_micros) >= 0
    assert price_review(3600.0, hour_micros) == hour_micros


def test_before_the_first_rate_there_is_none() -> None:
    rates = ReviewRates(((date(2026, 3, 5), 7), (date(2026, 1, 1), 3)))
    assert [rates.on(day) for day in (date(2025, 12, 31), date(2026, 3, 4), date(2026, 3, 5))] == [None, 3, 7]


def test_the_figures_of_any_time_say_what_is_in_them() -> None:
    figures = Figures(decisions=10, priced=5, cost_micros=600, resolved=3, review_seconds=90.0)
    assert figures.models_per_resolved_micros == 200
    assert figures.review_seconds_per_resolved == 30
