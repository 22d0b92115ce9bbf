"""Budgets and rates: stated, replaced, taken back; and warnings at 50, 80 and 100 percent, once each."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, AuditEntry, Membership
from governance.services.sequencing import sequence_entries
from operations.errors import BudgetWithdrawn, ReviewRateWithdrawn
from operations.models import Budget, BudgetWarning, Delivery, ReviewRate
from operations.services.budgets import state_budget, state_review_rate, withdraw_budget, withdraw_review_rate
from operations.services.delivering import write_deliveries
from operations.services.warning import find_thresholds, warn_of_budgets, write_title
from reviews.models import Notification
from reviews.services.notifying import mail_notifications, notify_from_log
from tests.factories import make_actor, make_organization, make_person, make_system
from tests.operations.cost_scenes import DOLLAR, budget, owner_of, rate, write_day
from tests.operations.watch_scenes import make_channel
from tests.support.races import race

pytestmark = pytest.mark.django_db
# Budgets are stated now, so the months that they hold for are the present one and those to come.
NOW = datetime.now(UTC)
MONTH = NOW.date().replace(day=1)
OTHER_ROLES = ("viewer", "reviewer", "lead", "policy_author", "policy_approver", "auditor")


def spend(system: AISystem, dollars: float, day: date = MONTH, **columns: Any) -> None:
    write_day(system, day, priced=10, cost_micros=round(dollars * DOLLAR), **columns)


def thresholds(which: Budget, month: date = MONTH) -> list[int]:
    rows = BudgetWarning.objects.filter(budget=which, month=month)
    return list(rows.order_by("threshold").values_list("threshold", flat=True))


def told() -> list[dict[str, Any]]:
    entries = AuditEntry.objects.filter(type="budget.warned").order_by("pk").select_related("payload")
    return [json.loads(entry.payload.payload) for entry in entries]


@pytest.mark.parametrize(
    ("spent", "wanted"),
    [
        (0, set()),
        (49_999_999, set()),
        (50_000_000, {50}),
        (79_999_999, {50}),
        (80_000_000, {50, 80}),
        (99_999_999, {50, 80}),
        (100_000_000, {50, 80, 100}),
        (250_000_000, {50, 80, 100}),
    ],
)
def test_a_threshold_is_reached_at_its_share_and_above(spent: int, wanted: set[int]) -> None:
    assert find_thresholds(spent_micros=spent, monthly_micros=100_000_000) == wanted


@given(spent=st.integers(0, 10**15), monthly=st.integers(1, 10**15), more=st.integers(0, 10**15))
def test_who_spends_more_is_never_told_less(spent: int, monthly: int, more: int) -> None:
    few, many = (find_thresholds(spent_micros=one, monthly_micros=monthly) for one in (spent, spent + more))
    assert few <= many and (100 in few) == (spent >= monthly)


def test_each_threshold_is_told_once_to_owner_and_backup() -> None:
    system = make_system(name="Triage")
    stated = budget(system, 100)
    for spent, wanted in ((49.99, []), (50, [50]), (79, [50]), (80, [50, 80]), (130, [50, 80, 100])):
        spend(system, spent)
        warn_of_budgets(now=NOW)
        warn_of_budgets(now=NOW)
        assert thresholds(stated) == wanted
    entries = told()
    assert [entry["threshold"] for entry in entries] == [50, 80, 100]
    assert entries[2]["to"] == [str(system.owner_id), str(system.backup_id)]
    assert entries[2]["title"] == f"Triage has used 130 % of its budget for {MONTH:%B %Y}: $130.00 of $100.00"
    assert entries[2]["path"] == f"/systems/{system.slug}/costs/?month={MONTH:%Y-%m}"


def test_a_jump_past_several_writes_all_and_tells_of_the_highest() -> None:
    system = make_system()
    stated = budget(system, 100)
    spend(system, 101)
    assert warn_of_budgets(now=NOW) == 1
    assert thresholds(stated) == [50, 80, 100]
    assert [entry["threshold"] for entry in told()] == [100]


def test_the_console_mail_and_channels_tell_it() -> None:
    system = make_system(name="Triage")
    make_channel(system.organization)
    budget(system, 100)
    spend(system, 80)
    warn_of_budgets(now=datetime.now(UTC))
    while sequence_entries():
        pass
    while notify_from_log():
        pass
    write_deliveries()
    mail_notifications()
    notifications = Notification.objects.filter(type="budget.warned")
    assert {one.user_id for one in notifications} == {system.owner_id, system.backup_id}
    assert sorted(message.to for message in mail.outbox) == sorted([[system.owner.email], [system.backup.email]])  # type: ignore[union-attr]
    assert "80 % of its budget" in mail.outbox[0].body
    assert Delivery.objects.get().title.startswith("Triage has used 80 %")


def test_where_owner_and_backup_are_gone_the_admins_are_told() -> None:
    system = make_system(backup=None)
    budget(system, 1)
    admin = make_person(system.organization, "admin")
    Membership.objects.filter(user_id=system.owner_id).delete()
    spend(system, 1)
    warn_of_budgets(now=NOW)
    assert told()[0]["to"] == [str(admin.pk)]


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_warn_once() -> None:
    system = make_system()
    stated = budget(system, 100)
    spend(system, 100)
    results = race(*[lambda: warn_of_budgets(now=NOW)] * 3)
    assert sum(results) == 1
    assert thresholds(stated) == [50, 80, 100] and len(told()) == 1


def test_review_time_counts_where_the_budget_says_so() -> None:
    with_review, without = make_system(), None
    without = make_system(with_review.organization)
    rate(with_review, 60)
    counted, models_only = budget(with_review, 100), budget(without, 100, includes_review=False)
    for system in (with_review, without):
        spend(system, 20, review_seconds=1800.0)
    warn_of_budgets(now=NOW)
    assert (thresholds(counted), thresholds(models_only)) == ([50], [])


def test_a_month_begins_and_ends_at_midnight_utc() -> None:
    system = make_system()
    stated = budget(system, 100)
    following = (MONTH + timedelta(days=40)).replace(day=1)
    spend(system, 100, day=MONTH - timedelta(days=1))
    spend(system, 49, day=MONTH)
    spend(system, 1, day=following - timedelta(days=1))
    spend(system, 79, day=following)
    late = datetime.combine(following, datetime.min.time(), UTC) + timedelta(hours=2)
    warn_of_budgets(now=late)
    assert thresholds(stated, MONTH) == [50], "the month that has just ended is looked at as well"
    assert thresholds(stated, following) == [50]
    assert thresholds(stated, MONTH - timedelta(days=MONTH.day)) == []


def test_a_newer_budget_takes_the_place_of_the_older_and_warns_anew() -> None:
    system = make_system()
    spend(system, 100)
    first = budget(system, 100)
    warn_of_budgets(now=NOW)
    second = budget(system, 200)
    warn_of_budgets(now=NOW)
    first.refresh_from_db()
    assert first.withdrawn_at is not None and thresholds(second) == [50]
    assert Budget.objects.filter(system=system, withdrawn_at__isnull=True).get() == second


def test_the_same_budget_said_again_stays_as_it_is() -> None:
    system = make_system()
    assert budget(system, 100, note="plan") == budget(system, 100, note=" plan ")
    assert AuditEntry.objects.filter(type="budget.stated").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_state_at_once_one_stands() -> None:
    system = make_system()
    actor = owner_of(system)
    race(*[lambda n=n: state_budget(actor=actor, system=system, monthly_micros=n * DOLLAR) for n in (5, 6)])  # type: ignore[misc]
    assert Budget.objects.count() == 2
    assert Budget.objects.filter(withdrawn_at__isnull=True).count() == 1


def test_a_withdrawn_budget_warns_of_nothing_and_is_withdrawn_once() -> None:
    system = make_system()
    stated = budget(system, 1)
    actor = owner_of(system)
    withdraw_budget(actor=actor, system=system, budget_id=stated.pk)
    spend(system, 5)
    assert warn_of_budgets(now=NOW) == 0
    with pytest.raises(BudgetWithdrawn):
        withdraw_budget(actor=actor, system=system, budget_id=stated.pk)
    assert AuditEntry.objects.filter(type="budget.withdrawn").count() == 1


@pytest.mark.parametrize("micros", [0, -1, 10**15 + 1])
def test_an_amount_that_cannot_be_a_budget_is_refused(micros: int) -> None:
    system = make_system()
    with pytest.raises(Invalid) as refusal:
        state_budget(actor=owner_of(system), system=system, monthly_micros=micros)
    assert [error["pointer"] for error in refusal.value.errors] == ["/monthly_micros"]
    assert not Budget.objects.exists() and not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"hour_micros": -1}, "/hour_micros"),
        ({"hour_micros": 10**10 + 1}, "/hour_micros"),
        ({"effective_from": date(1999, 1, 1)}, "/effective_from"),
        ({"note": "x" * 301}, "/note"),
    ],
)
def test_what_can_be_no_rate_is_refused(fields: dict[str, Any], pointer: str) -> None:
    fields = {"hour_micros": DOLLAR, "effective_from": date(2026, 1, 1), **fields}
    with pytest.raises(Invalid) as refusal:
        state_review_rate(actor=make_actor(make_organization(), "owner"), **fields)
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]
    assert not ReviewRate.objects.exists()


def test_the_same_rate_said_again_stays_as_it_is() -> None:
    system = make_system()
    first = rate(system, 60)
    assert rate(system, 60) == first
    assert rate(system, 70) != first
    assert rate(system, 60) != first
    assert AuditEntry.objects.filter(type="review_rate.stated").count() == 3


def test_a_rate_is_withdrawn_once() -> None:
    system = make_system()
    stated = rate(system, 60)
    actor = owner_of(system)
    withdraw_review_rate(actor=actor, rate_id=stated.pk)
    with pytest.raises(ReviewRateWithdrawn):
        withdraw_review_rate(actor=actor, rate_id=stated.pk)
    entries = AuditEntry.objects.filter(type__startswith="review_rate.").order_by("pk")
    assert [entry.type for entry in entries] == ["review_rate.stated", "review_rate.withdrawn"]


def test_only_owners_and_admins_say_what_money_there_is() -> None:
    system = make_system()
    stated, hour = budget(system, 1), rate(system, 1)
    for role in OTHER_ROLES:
        actor = make_actor(system.organization, role)
        with pytest.raises(NotPermitted):
            state_budget(actor=actor, system=system, monthly_micros=1)
        with pytest.raises(NotPermitted):
            withdraw_budget(actor=actor, system=system, budget_id=stated.pk)
        with pytest.raises(NotPermitted):
            state_review_rate(actor=actor, hour_micros=1, effective_from=MONTH)
        with pytest.raises(NotPermitted):
            withdraw_review_rate(actor=actor, rate_id=hour.pk)


def test_what_belongs_to_others_is_not_there() -> None:
    system = make_system()
    stated, hour = budget(system, 1), rate(system, 1)
    stranger = make_actor(make_organization(), "admin", "owner")
    with pytest.raises(NotFound):
        state_budget(actor=stranger, system=system, monthly_micros=1)
    with pytest.raises(NotFound):
        withdraw_budget(actor=stranger, system=system, budget_id=stated.pk)
    with pytest.raises(NotFound):
        withdraw_review_rate(actor=stranger, rate_id=hour.pk)


def test_a_budget_is_withdrawn_from_its_own_system_alone() -> None:
    system = make_system()
    other = make_system(system.organization)
    stated = budget(system, 1)
    with pytest.raises(NotFound):
        withdraw_budget(actor=owner_of(system), system=other, budget_id=stated.pk)
    assert Budget.objects.filter(withdrawn_at__isnull=True).count() == 1


def test_the_title_never_rounds_up_to_a_threshold() -> None:
    assert "has used 79 % of" in write_title("X", MONTH, 79_999_999, 100_000_000)
