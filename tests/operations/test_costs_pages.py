"""The pages of costs: what they show, what they say where there is nothing, what they refuse beside which field."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import AISystem
from operations.models import Budget, ModelPrice, Repricing, ReviewRate
from operations.months import month_of, name_month
from operations.services.warning import warn_of_budgets
from tests.factories import make_organization, make_person, make_system
from tests.operations.cost_scenes import DOLLAR, budget, owner_of, rate, state, write_day, write_days
from tests.operations.test_costs_model_choice import play

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert(1)</script>" onload=x'


@pytest.fixture
def system(client: Client) -> AISystem:
    made = make_system(make_organization(), name="Triage")
    client.force_login(made.owner)
    return made


def words(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def look(client: Client, name: str, *args: str, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return words(answer)


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def spend(system: AISystem, dollars: float, **columns: Any) -> None:
    write_day(system, today(), priced=10, cost_micros=round(dollars * DOLLAR), **columns)


def test_the_list_shows_each_system_with_its_share_of_the_budget(client: Client, system: AISystem) -> None:
    other = make_system(system.organization, name="Booking")
    spend(system, 415, review_seconds=600.0, resolved=5)
    budget(system, 500)
    shown = look(client, "cost-list")
    assert "83 % $415.00 of $500.00" in shown
    assert "Triage" in shown and "Booking" in shown and "none stated" in shown
    assert "models alone; and 2.0 min of review each; 5 cases resolved" in shown
    assert "not enough days" in shown and "No rate is stated" in shown
    assert other.name in shown


def test_a_resolved_case_costs_models_and_review(client: Client, system: AISystem) -> None:
    rate(system, 60, since=today())
    spend(system, 4, review_seconds=360.0, resolved=5)
    shown = look(client, "system-costs", system.slug)
    assert "A resolved case $2.00 models and review time; 5 cases resolved" in shown
    assert "Spent $10.00 models $4.00; review $6.00 for 6.0 min" in shown


def test_the_budget_its_warnings_and_the_forecast_are_told(client: Client, system: AISystem) -> None:
    start = month_of(timezone.now()) - timedelta(days=40)
    write_days(system, start, (today() - start).days + 1, priced=10, cost_micros=DOLLAR)
    budget(system, 10_000)
    shown = look(client, "system-costs", system.slug)
    assert "The forecast's whole interval lies within the budget." in shown and "No threshold is reached" in shown
    spend(system, 9000)
    warn_of_budgets()
    shown = look(client, "system-costs", system.slug)
    assert re.search(r"50 % told on .* 80 % told on", shown) and "100 % told" not in shown


def test_a_system_without_anything_says_so(client: Client, system: AISystem) -> None:
    shown = look(client, "system-costs", system.slug)
    for said in (
        "No decision in this month",
        "No budget is stated",
        "No decision of this month named",
        "None was asked",
    ):
        assert said in shown


def test_where_no_cost_is_known_there_is_no_empty_chart_and_no_sum(client: Client, system: AISystem) -> None:
    write_day(system, today(), priced=0, cost_micros=0, decisions=14)
    answer = client.get(reverse("system-costs", args=[system.slug]))
    assert answer.context["charts"][0].chart is None
    assert "What models cost is not known" in words(answer) and "in all:" not in words(answer)
    assert "in all, as far as it is known" not in look(client, "cost-list")
    spend(system, 2.5)
    assert client.get(reverse("system-costs", args=[system.slug])).context["charts"][0].chart is not None
    assert "in all, as far as it is known" in look(client, "cost-list")


def test_an_organization_without_a_system_says_what_to_do(client: Client) -> None:
    organization = make_organization()
    client.force_login(make_person(organization, "viewer"))
    assert "An administrator of your organization registers the first one." in look(client, "cost-list")
    client.force_login(make_person(organization, "admin"))
    assert "Add a system" in look(client, "cost-list")


def test_a_month_is_chosen_and_one_to_come_or_none_is_refused(client: Client, system: AISystem) -> None:
    march = date(2026, 3, 4)
    write_day(system, march, priced=10, cost_micros=7 * DOLLAR)
    shown = look(client, "system-costs", system.slug, month="2026-03")
    assert "$7.00" in shown and "To the month's end" not in shown and "No budget stood at the end" in shown
    after = name_month(month_of(timezone.now() + timedelta(days=40)))
    for month in ("2026-13", "x", after, "9999-12"):
        for address in (reverse("cost-list"), reverse("system-costs", args=[system.slug])):
            assert client.get(address, {"month": month}).status_code == 400, (month, address)


def test_a_budget_is_stated_and_its_refusal_stands_at_its_field(client: Client, system: AISystem) -> None:
    address = reverse("budget-state", args=[system.slug])
    answer = client.post(address, {"monthly_micros": "12.50", "note": "plan"})
    assert answer.status_code == 302
    stated = Budget.objects.get()
    assert (stated.monthly_micros, stated.includes_review, stated.note) == (12_500_000, False, "plan")
    for wrong in ("0", "-3", "x", "1e30", ""):
        answer = client.post(address, {"monthly_micros": wrong})
        assert answer.status_code == 422 and 'aria-invalid="true"' in answer.content.decode()
    assert Budget.objects.count() == 1


def test_withdrawing_a_budget_asks_first(client: Client, system: AISystem) -> None:
    stated = budget(system, 100)
    address = reverse("budget-withdraw", args=[system.slug])
    asked = client.get(address).content.decode()
    assert "Withdraw this budget?" in asked and str(stated.pk) in asked
    assert Budget.objects.filter(withdrawn_at__isnull=True).exists()
    assert client.post(address, {"budget": str(stated.pk)}).status_code == 302
    assert not Budget.objects.filter(withdrawn_at__isnull=True).exists()
    assert client.post(address, {"budget": str(stated.pk)}).status_code == 409
    assert client.get(address).status_code == 404
    assert client.post(address, {"budget": "x"}).status_code == 404


def test_a_rate_is_stated_and_withdrawn_after_a_question(client: Client, system: AISystem) -> None:
    answer = client.post(reverse("review-rate-state"), {"hour_micros": "48.5", "effective_from": "2026-03-01"})
    assert answer.status_code == 302
    stated = ReviewRate.objects.get()
    assert stated.hour_micros == 48_500_000
    assert "$48.50 from 1 Mar 2026" in look(client, "cost-list")
    refused = client.post(reverse("review-rate-state"), {"hour_micros": "x", "effective_from": "1999-01-01"})
    assert refused.status_code == 422 and "Enter a number" in refused.content.decode()
    refused = client.post(reverse("review-rate-state"), {"hour_micros": "1", "effective_from": "1999-01-01"})
    assert refused.status_code == 422 and "Must be a day from 2000" in refused.content.decode()
    address = reverse("review-rate-withdraw", args=[stated.pk])
    assert "Withdraw this rate?" in words(client.get(address))
    assert client.post(address).status_code == 302
    assert ReviewRate.objects.get().withdrawn_at is not None


def test_withdrawing_a_price_asks_first(client: Client, system: AISystem) -> None:
    price = state(owner_of(system), "3")
    address = reverse("price-withdraw", args=[price.pk])
    asked = words(client.get(address))
    assert "Withdraw this price?" in asked and "acme/* from 1 Jan 2026: $3.00" in asked
    assert ModelPrice.objects.get().withdrawn_at is None
    assert client.post(address).status_code == 302
    assert client.get(address).status_code == 409


def test_a_repricing_is_asked_for_and_its_progress_shown(client: Client, system: AISystem) -> None:
    address = reverse("repricing-request", args=[system.slug])
    asked = {"since": "2026-03-01", "until": "2026-03-31", "reason": "The contract."}
    assert client.post(address, asked).status_code == 302
    made = Repricing.objects.get()
    assert (made.since_at, made.until_at) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    write_day(system, date(2026, 3, 5), decisions=400)
    Repricing.objects.update(looked_at=100, changed=90, difference_micros=-1_500_000)
    shown = look(client, "system-costs", system.slug)
    assert "100 of about 400 looked at 90 −$1.50" in shown
    answer = client.post(address, asked)
    assert answer.status_code == 409 and "still running" in words(answer)
    Repricing.objects.update(finished_at=timezone.now())
    for change in ({"since": "2026-04-05"}, {"reason": " "}, {"until": "x"}, {"since": "1000-01-01"}):
        assert client.post(address, {**asked, **change}).status_code == 422
    assert Repricing.objects.count() == 1


def test_the_models_of_each_task_stand_with_their_evidence(client: Client, system: AISystem) -> None:
    from operations.services.rollups import rebuild

    play(system, "acme/small", "reply", wrong=0, right=30, cost=10)
    play(system, HOSTILE, "reply", wrong=20, right=10, cost=1)
    rebuild(system=system)
    answer = client.get(reverse("system-costs", args=[system.slug]), {"month": "2026-03"})
    shown, body = words(answer), answer.content.decode()
    assert (
        "acme/small: it has the lowest estimated error rate, and no cheaper one can be told not to be worse." in shown
    )
    assert "named" in shown and "may be worse" in shown and "<script>alert" not in body


def test_readers_see_the_figures_and_no_form(client: Client, system: AISystem) -> None:
    budget(system, 100)
    for role in ("viewer", "reviewer", "lead", "policy_author", "policy_approver", "auditor"):
        client.force_login(make_person(system.organization, role))
        for answer in (client.get(reverse("cost-list")), client.get(reverse("system-costs", args=[system.slug]))):
            body = answer.content.decode()
            assert answer.status_code == 200 and '<form class="body form"' not in body and "Withdraw" not in body


def test_what_people_wrote_stays_text(client: Client, system: AISystem) -> None:
    spend(system, 1)
    budget(system, 100, note=HOSTILE)
    Repricing.objects.create(
        organization=system.organization,
        system=system,
        since_at=timezone.now() - timedelta(days=1),
        until_at=timezone.now(),
        reason=HOSTILE,
        requested_by_label=HOSTILE,
        created_at=timezone.now(),
    )
    body = client.get(reverse("system-costs", args=[system.slug])).content.decode()
    assert "<script>alert" not in body and body.count("&lt;script&gt;alert") >= 3


def test_the_pages_take_as_many_questions_however_many_systems(
    client: Client, system: AISystem, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        one = make_system(system.organization)
        write_days(one, today() - timedelta(days=20), 20, priced=1, cost_micros=10)
        budget(one, 5)
    with django_assert_max_num_queries(14):
        client.get(reverse("cost-list"))
    with django_assert_max_num_queries(18):
        client.get(reverse("system-costs", args=[system.slug]))


def test_another_organizations_costs_are_not_there(client: Client, system: AISystem) -> None:
    other = make_system(make_organization(), name="Stranger")
    rate(other, 77)
    assert client.get(reverse("system-costs", args=[other.slug])).status_code == 404
    shown = look(client, "cost-list")
    assert "Stranger" not in shown and "$77" not in shown
