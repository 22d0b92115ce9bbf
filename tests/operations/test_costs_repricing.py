"""Pricing the past anew: new entries and never a changed one, killed anywhere, doubled, and refused where it can't be meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, AuditEntry
from operations.counting_selectors import Stretch, count_hours
from operations.errors import RepricingRunning
from operations.models import CostEntry, Repricing, RollUpDue
from operations.services.costs import withdraw_price
from operations.services.repricing import reprice_requested, reprice_step, request_repricing
from reviews.models import Decision
from tests.factories import make_actor, make_decision, make_organization, make_system
from tests.operations.cost_scenes import MODEL, decide, owner_of, price_first, state
from tests.support.races import race

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def ask(system: AISystem, **fields: Any) -> Repricing:
    fields = {"since": NOON - DAY, "until": NOON + DAY, "reason": "The contract says so.", **fields}
    return request_repricing(actor=owner_of(system), system=system, **fields)


def ledger(decision: Decision) -> list[tuple[int, int, str]]:
    rows = CostEntry.objects.filter(decision=decision).order_by("sequence")
    return list(rows.values_list("sequence", "amount_micros", "source"))


def run(system: AISystem, **fields: Any) -> Repricing:
    repricing = ask(system, **fields)
    while reprice_requested():
        pass
    repricing.refresh_from_db()
    return repricing


def test_a_corrected_price_reaches_back_as_a_new_entry() -> None:
    system = make_system()
    decision = decide(system, NOON)
    unpriced_then = decide(system, NOON + timedelta(minutes=1), model="acme/new")
    CostEntry.objects.create(
        organization_id=system.organization_id,
        system=system,
        decision=decision,
        amount_micros=9000,
        source="stated",
        created_at=NOON,
    )
    before = CostEntry.objects.values().get()
    state(owner_of(system), "3")
    repricing = run(system)
    assert ledger(decision) == [(1, 9000, "stated"), (2, 3000, "stated")]
    assert ledger(unpriced_then) == [(1, 3000, "stated")]
    assert CostEntry.objects.values().get(pk=before["id"]) == before
    assert (repricing.looked_at, repricing.changed, repricing.difference_micros) == (2, 2, -3000)
    assert repricing.finished_at is not None


def test_what_changes_is_due_to_be_counted_and_then_counted_by_the_new_entry() -> None:
    system = make_system()
    decision = decide(system, NOON)
    state(owner_of(system), "3")
    run(system)
    due = RollUpDue.objects.get()
    assert (due.system_id, due.starts_at) == (system.pk, NOON.replace(minute=0))
    hours = count_hours(Stretch(system.pk, due.starts_at, due.starts_at + timedelta(hours=1)))
    cell = hours[due.starts_at]["", ""]
    assert (cell.counts["priced"], cell.counts["cost_micros"]) == (1, 3000)
    run(system)
    assert ledger(decision) == [(1, 3000, "stated")]
    assert RollUpDue.objects.get().stamp == 1, "what did not change is not counted anew"


def test_what_the_application_reported_stays() -> None:
    system = make_system()
    decision = decide(system, NOON, cost_usd_micros=42)
    price_first(decision)
    state(owner_of(system), "3")
    assert run(system).changed == 0
    assert ledger(decision) == [(1, 42, "reported")]


def test_a_price_holds_from_its_day_on() -> None:
    system = make_system()
    owner = owner_of(system)
    earlier, later = decide(system, NOON - timedelta(hours=20)), decide(system, NOON)
    state(owner, "1", since=date(2026, 1, 1))
    state(owner, "2", since=date(2026, 3, 2))
    run(system)
    assert (ledger(earlier), ledger(later)) == ([(1, 1000, "stated")], [(1, 2000, "stated")])


def test_a_withdrawn_price_is_not_applied_and_where_none_is_left_the_entry_stays() -> None:
    system = make_system()
    owner = owner_of(system)
    decision = decide(system, NOON)
    price = state(owner, "5")
    run(system)
    withdraw_price(actor=owner, price_id=price.pk)
    assert run(system).changed == 0
    assert ledger(decision) == [(1, 5000, "stated")]
    state(owner, "4")
    run(system)
    assert ledger(decision) == [(1, 5000, "stated"), (2, 4000, "stated")]


def test_prices_that_change_while_it_runs_change_nothing_of_it() -> None:
    system = make_system()
    owner = owner_of(system)
    first, second = decide(system, NOON), decide(system, NOON + timedelta(minutes=1))
    price = state(owner, "5")
    repricing = ask(system)
    assert reprice_step(repricing_id=repricing.pk, limit=1) == 1
    withdraw_price(actor=owner, price_id=price.pk)
    state(owner, "7")
    reprice_requested()
    assert ledger(first) == ledger(second) == [(1, 5000, "stated")]


def test_only_the_stretch_of_the_system_is_priced_anew() -> None:
    system = make_system()
    other = make_system(system.organization)
    state(owner_of(system), "3")
    outside = [
        decide(system, NOON - DAY - timedelta(seconds=1)),
        decide(system, NOON + DAY),
        decide(other, NOON),
        decide(system, NOON, is_test=True),
    ]
    inside = [decide(system, NOON - DAY), decide(system, NOON + DAY - timedelta(seconds=1))]
    assert run(system).looked_at == 2
    assert [len(ledger(one)) for one in [*outside, *inside]] == [0, 0, 0, 0, 1, 1]


def test_decisions_of_one_instant_are_each_looked_at_once() -> None:
    system = make_system()
    state(owner_of(system), "3")
    for _ in range(7):
        decide(system, NOON)
    repricing = ask(system)
    while reprice_step(repricing_id=repricing.pk, limit=2) is not None:
        pass
    repricing.refresh_from_db()
    assert (repricing.looked_at, repricing.changed, CostEntry.objects.count()) == (7, 7, 7)


def test_a_step_that_dies_leaves_nothing_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    system = make_system()
    state(owner_of(system), "3")
    for minute in range(5):
        decide(system, NOON + timedelta(minutes=minute))
    repricing = ask(system)
    assert reprice_step(repricing_id=repricing.pk, limit=2) == 2

    def die(**_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr("operations.services.repricing.note_due_step", die)
        with pytest.raises(KeyboardInterrupt):
            reprice_step(repricing_id=repricing.pk, limit=2)
    repricing.refresh_from_db()
    assert (repricing.looked_at, CostEntry.objects.count()) == (2, 2)
    reprice_requested()
    repricing.refresh_from_db()
    assert (repricing.looked_at, CostEntry.objects.count()) == (5, 5)
    assert repricing.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_each_step_once() -> None:
    system = make_system()
    state(owner_of(system), "3")
    for minute in range(9):
        decide(system, NOON + timedelta(minutes=minute))
    repricing = ask(system)
    for _ in range(5):
        results = race(*[lambda: reprice_step(repricing_id=repricing.pk, limit=2)] * 3)
        assert not [one for one in results if isinstance(one, Exception)], results
    repricing.refresh_from_db()
    assert (repricing.looked_at, repricing.changed, repricing.difference_micros) == (9, 9, 27_000)
    assert (CostEntry.objects.count(), repricing.finished_at is not None) == (9, True)
    assert AuditEntry.objects.filter(type="costs.repricing_finished").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_ask_at_once_one_is_told_to_wait() -> None:
    system = make_system()
    results = race(*[lambda: ask(system)] * 2)
    assert sorted(type(one).__name__ for one in results) == ["Repricing", "RepricingRunning"]


def test_a_second_one_waits_for_the_first_to_finish() -> None:
    system = make_system()
    ask(system)
    with pytest.raises(RepricingRunning):
        ask(system)
    reprice_requested()
    ask(system)
    assert Repricing.objects.count() == 2


def test_asking_and_finishing_stand_in_the_log() -> None:
    system = make_system()
    state(owner_of(system), "3")
    decide(system, NOON)
    run(system)
    entries = AuditEntry.objects.filter(type__startswith="costs.").order_by("pk").select_related("payload")
    assert [entry.type for entry in entries] == ["costs.repricing_requested", "costs.repricing_finished"]
    assert all(entry.payload.subject == f"system:{system.pk}" for entry in entries)
    assert '"reason":"The contract says so."' in entries[0].payload.payload
    assert '"difference_micros":3000' in entries[1].payload.payload


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"since": NOON, "until": NOON}, "/since"),
        ({"since": NOON, "until": NOON - DAY}, "/since"),
        ({"since": datetime(2090, 1, 1, tzinfo=UTC), "until": datetime(2091, 1, 1, tzinfo=UTC)}, "/since"),
        ({"since": NOON - 801 * DAY, "until": NOON}, "/since"),
        ({"reason": "  "}, "/reason"),
        ({"reason": "x" * 2001}, "/reason"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_pointer(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        ask(make_system(), **fields)
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]
    assert not Repricing.objects.exists() and not AuditEntry.objects.exists()


def test_what_is_still_to_come_is_cut_off() -> None:
    repricing = ask(make_system(), until=datetime(2090, 1, 1, tzinfo=UTC), since=timezone.now() - DAY)
    assert repricing.until_at <= timezone.now() + timedelta(seconds=5)


def test_only_owners_and_admins_of_the_organization_may_ask() -> None:
    system = make_system()
    stretch = {"since": NOON - DAY, "until": NOON, "reason": "x"}
    for role in ("viewer", "reviewer", "lead", "policy_author", "policy_approver", "auditor"):
        with pytest.raises(NotPermitted):
            request_repricing(actor=make_actor(system.organization, role), system=system, **stretch)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        request_repricing(actor=make_actor(make_organization(), "admin"), system=system, **stretch)  # type: ignore[arg-type]


TOKENS = st.one_of(st.none(), st.integers(0, 10**7))
USAGE = st.fixed_dictionaries(
    dict.fromkeys(("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"), TOKENS)
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(usages=st.lists(USAGE, max_size=6), prices=st.lists(st.integers(0, 50), min_size=1, max_size=4))
def test_however_often_it_is_repriced_nothing_is_negative_lost_or_counted_twice(
    usages: list[dict[str, int | None]], prices: list[int]
) -> None:
    """The sum of the entries that hold is the first sum plus all differences, and each is what its disjoint buckets cost."""
    with transaction.atomic():
        system = make_system()
        for usage in usages:
            make_decision(system, created_at=NOON, status="allowed", verdict="allow", model=MODEL, **usage)
    owner = owner_of(system)
    differences = 0
    for dollars in prices:
        state(owner, str(dollars))
        differences += run(system).difference_micros
    entries = list(CostEntry.objects.filter(system=system).order_by("decision", "sequence"))
    newest = {entry.decision_id: entry for entry in entries}
    assert sum(entry.amount_micros for entry in newest.values()) == differences
    for entry in entries:
        tokens = (
            entry.input_tokens + entry.cached_input_tokens + entry.cache_write_tokens
            + entry.output_tokens + entry.reasoning_tokens
        )  # fmt: skip
        decision = entry.decision
        at_most = max(decision.input_tokens or 0, decision.cached_input_tokens or 0)
        at_most += max(decision.output_tokens or 0, decision.reasoning_tokens or 0)
        assert entry.amount_micros >= 0 and tokens == at_most
    for entry in newest.values():
        assert entry.amount_micros == prices[-1] * (entry.input_tokens + entry.cached_input_tokens) + prices[-1] * (
            entry.output_tokens + entry.reasoning_tokens
        )
    sequences: dict[Any, list[int]] = {}
    for entry in entries:
        sequences.setdefault(entry.decision_id, []).append(entry.sequence)
    assert all(found == list(range(1, len(found) + 1)) for found in sequences.values())
