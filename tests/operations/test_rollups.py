"""Roll-ups: equal to a count by hand, right in the hour of the decision, unharmed by repetition, and the same on both
databases."""

import math
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from governance.actors import OPERATOR
from governance.models import AISystem, AuditEntry, ReaderCursor
from governance.services.recording import record
from governance.services.sequencing import sequence_entries
from operations.counting_selectors import OTHERS, VALUES_AT_MOST
from operations.figure_selectors import Figures, Period, Share, breakdown_of, figures_of
from operations.latency import bucket_of
from operations.models import CostEntry, RollUp, RollUpDue
from operations.services.rollups import (
    BUSY_PAUSE,
    HOUR,
    PAUSE,
    READER,
    find_differences,
    read_log,
    rebuild,
    recount_day,
    recount_due,
)
from reviews.models import Decision, Outcome, Review
from tests.factories import make_decision, make_escalation, make_organization, make_queue, make_system
from tests.support.races import race

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def note(decision: Decision, type: str = "decision.created") -> None:
    """What the verb that did it writes into the audit log."""
    with transaction.atomic():
        record(
            organization_id=decision.organization_id,
            type=type,
            actor=OPERATOR,
            subject=f"decision:{decision.pk}",
            payload={},
        )


def read_on() -> int:
    while sequence_entries():
        pass
    count = 0
    while read := read_log():
        count += read
    return count


def roll_up() -> None:
    read_on()
    while recount_due(now=LATER):
        pass


def allow(system: AISystem, at: datetime = NOON, **fields: Any) -> Decision:
    fields = {"status": "allowed", "verdict": "allow", "review_probability": 0.0, **fields}
    decision = make_decision(system, created_at=at, **fields)
    note(decision)
    return decision


def ask(system: AISystem, at: datetime = NOON, **fields: Any) -> Decision:
    decision = make_decision(system, created_at=at, **fields)
    make_escalation(decision, kind="approval")
    note(decision, "decision.escalated")
    return decision


def rule(decision: Decision, verdict: str, *, labels: tuple[str, ...] = (), held_s: float | None = None) -> None:
    """A ruling that was released and holds."""
    escalation = decision.escalations.get()
    review = Review.objects.create(
        organization_id=decision.organization_id,
        escalation=escalation,
        decision=decision,
        reviewer=decision.system.owner,
        reviewer_label="x",
        verdict=verdict,
        correction="{}" if verdict == "correct" else None,
        answer='"x"' if verdict == "answer" else None,
        labels=list(labels),
        held_s=held_s,
        created_at=NOON,
    )
    type(escalation).objects.filter(pk=escalation.pk).update(
        status="closed", closed_at=NOON, closure="ruled", ruling=review
    )
    note(decision, "decision.resolved" if escalation.is_approval else "quality.judged")


def report(decision: Decision, status: str, is_resolved: bool | None = None) -> None:
    Outcome.objects.create(
        organization_id=decision.organization_id,
        decision=decision,
        status=status,
        is_resolved=is_resolved,
        reported_at=NOON,
    )
    note(decision, "decision.outcome_reported")


def day_of(system: AISystem, at: datetime = NOON) -> Figures:
    start = at.replace(hour=0)
    return figures_of(system, Period(start, start + timedelta(days=1), "day"))


def hour_of(system: AISystem, at: datetime = NOON) -> Figures:
    return figures_of(system, Period(at, at + HOUR, "hour"))


def test_what_policy_said_adds_up() -> None:
    system = make_system()
    allow(system)
    make_escalation(allow(system, review_probability=0.5, is_sampled=True))
    note(make_decision(system, status="blocked", verdict="block", created_at=NOON, review_probability=0.0))
    ask(system)
    ask(system, verdict="escalate")
    ask(system, is_diverted=True)
    roll_up()
    found = hour_of(system)
    assert (found.decisions, found.allowed, found.blocked, found.asked, found.diverted) == (6, 2, 1, 2, 1)
    assert found.escalation == Share(2, 6) and found.diversion == Share(1, 6)
    assert found.unreviewable == 1


def test_a_hand_made_month_gives_the_sums_of_the_estimate() -> None:
    """Ten asked, eight ruled, of these two wrong; sampled with π = .25 and π = .5. The weighted sums by hand."""
    system = make_system()
    queue = make_queue(system.organization)
    days = [NOON + timedelta(days=number) for number in range(28)]
    asked = [ask(system, days[number]) for number in range(10)]
    for number, verdict in enumerate(["approve"] * 5 + ["answer", "correct", "reject"]):
        rule(asked[number], verdict)
    for number in range(12):
        allow(system, days[number], review_probability=0.25)
    for verdict in ("approve", "approve", "reject", None):
        sample = allow(system, days[20], review_probability=0.25, is_sampled=True)
        make_escalation(sample, kind="quality", queue=queue)
        if verdict:
            rule(sample, verdict)
    sample = allow(system, days[21], review_probability=0.5, is_sampled=True)
    make_escalation(sample, kind="quality", queue=queue)
    rule(sample, "correct")
    allow(system, days[22])
    roll_up()
    found = figures_of(system, Period(NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=28), "day"))
    assert (found.certain_selected, found.certain_ruled, found.certain_errors) == (10, 8, 2)
    assert (found.sampled_population, found.sampled_selected, found.sampled_ruled) == (17, 5, 4)
    # Σ 1/π = 4+4+4+2; of errors 4+2; Σ (1-π)/π² = 3 · .75/.0625 + .5/.25; of errors one of each.
    assert (found.sampled_weight, found.sampled_weight_errors) == (14.0, 6.0)
    assert (found.sampled_spread, found.sampled_spread_errors) == (3 * 12.0 + 2.0, 12.0 + 2.0)
    assert found.unreviewable == 1
    assert (found.ruled, found.overridden, found.answered, found.judged, found.judged_wrong) == (8, 2, 1, 4, 2)


def test_a_half_open_breaker_makes_a_sample_of_what_it_sends_to_people() -> None:
    system = make_system()
    rule(ask(system, is_diverted=True, review_probability=0.75), "reject")
    roll_up()
    found = hour_of(system)
    assert (found.certain_selected, found.sampled_selected, found.sampled_population) == (0, 1, 1)
    assert found.sampled_weight_errors == pytest.approx(4 / 3)


def test_what_was_blocked_is_no_part_of_what_could_be_sampled() -> None:
    system = make_system()
    note(make_decision(system, status="blocked", verdict="block", created_at=NOON, review_probability=0.5))
    roll_up()
    assert (hour_of(system).sampled_population, hour_of(system).unreviewable) == (0, 0)


def test_a_held_ruling_does_not_count_until_it_is_released() -> None:
    system = make_system()
    decision = ask(system)
    escalation = decision.escalations.get()
    rule(decision, "reject")
    type(escalation).objects.filter(pk=escalation.pk).update(
        status="ruled", closed_at=None, closure="", release_at=NOON
    )
    roll_up()
    assert (hour_of(system).ruled, hour_of(system).certain_ruled) == (0, 0)


def test_a_ruling_weeks_later_moves_the_hour_of_its_decision_and_no_other() -> None:
    system = make_system()
    decision = ask(system)
    allow(system, NOON + timedelta(days=20))
    roll_up()
    untouched = RollUp.objects.filter(starts_at__gt=NOON + timedelta(days=2)).values_list("pk", flat=True)
    before = set(untouched)
    rule(decision, "correct")
    assert read_on() == 1
    assert [due.starts_at for due in RollUpDue.objects.all()] == [NOON]
    roll_up()
    assert hour_of(system).override == Share(1, 1) and day_of(system).override == Share(1, 1)
    assert set(untouched) == before


@pytest.mark.parametrize(
    ("ending", "fields"),
    [
        ("expired", {"status": "expired", "decided_by_kind": "timeout"}),
        ("allowed_by_timeout", {"status": "allowed", "decided_by_kind": "timeout"}),
        ("cancelled", {"status": "cancelled", "decided_by_kind": "application"}),
    ],
)
def test_what_ended_without_a_ruling_is_counted_by_how(ending: str, fields: dict[str, str]) -> None:
    system = make_system()
    decision = ask(system)
    roll_up()
    Decision.objects.filter(pk=decision.pk).update(decided_at=NOON, **fields)
    note(decision, f"decision.{ending}")
    roll_up()
    found = hour_of(system)
    assert {name: getattr(found, name) for name in ("expired", "allowed_by_timeout", "cancelled")} == {
        name: int(name == ending) for name in ("expired", "allowed_by_timeout", "cancelled")
    }
    assert (found.certain_selected, found.certain_ruled, found.asked) == (1, 0, 1)


def test_of_several_outcomes_the_newest_counts() -> None:
    system = make_system()
    first, second = allow(system), allow(system)
    report(first, "failed", False)
    report(first, "executed", True)
    report(second, "executed")
    report(second, "failed")
    roll_up()
    found = hour_of(system)
    assert found.failure == Share(1, 2)
    assert found.resolution == Share(1, 1)


def test_each_dimension_cuts_the_same_decisions() -> None:
    system = make_system()
    allow(system, model="a/1", release="r1", rule="x", action={"name": "send", "arguments": {}})
    allow(system, model="a/2", release="r1", rule="", action={"name": "send", "arguments": {}})
    allow(system, model="a/2", release="", rule="x", output="words")
    roll_up()
    period = Period(NOON, NOON + HOUR, "hour")
    counts = {
        dimension: {value: figures.decisions for value, figures in breakdown_of(system, dimension, period)}
        for dimension in ("release", "action", "model", "rule", "label")
    }
    assert counts == {
        "release": {"r1": 2, "": 1},
        "action": {"send": 2, "": 1},
        "model": {"a/2": 2, "a/1": 1},
        "rule": {"x": 2, "": 1},
        "label": {},
    }


def test_a_decision_counts_once_for_every_label_of_the_ruling_that_holds() -> None:
    system = make_system()
    rule(ask(system, model="m"), "reject", labels=("wrong-date", "rude"), held_s=30.5)
    rule(ask(system), "correct", labels=("wrong-date",))
    rule(ask(system), "approve")
    roll_up()
    found = dict(breakdown_of(system, "label", Period(NOON, NOON + HOUR, "hour")))
    assert {label: (figures.decisions, figures.overridden) for label, figures in found.items()} == {
        "wrong-date": (2, 2),
        "rude": (1, 1),
    }
    assert found["rude"].review_seconds == 30.5
    assert hour_of(system).decisions == 3


def test_what_an_application_names_without_end_does_not_grow_the_table_without_end() -> None:
    system = make_system()
    Decision.objects.bulk_create(
        Decision(
            organization_id=system.organization_id,
            system=system,
            idempotency_key=uuid.uuid4().hex,
            request_sha256="",
            proposal_sha256="",
            status="allowed",
            verdict="allow",
            review_probability=0,
            release=f"build-{number:04}",
            created_at=NOON,
            decided_at=NOON,
            decided_by_kind="policy",
        )
        for number in range(VALUES_AT_MOST + 50)
    )
    rebuild(system=system)
    kept = {row.value: row.decisions for row in RollUp.objects.filter(grain="hour", dimension="release")}
    assert len(kept) == VALUES_AT_MOST + 1
    assert kept[OTHERS] == 50


def test_latencies_fall_into_the_same_buckets_as_in_the_pure_function() -> None:
    system = make_system()
    values = [0.0, 0.0004, 0.5, 1.0, 3.7, 99.0, 1234.5, 60_000.0, 1e11]
    for latency in values:
        allow(system, latency_ms=latency)
    allow(system)
    roll_up()
    found = hour_of(system)
    expected: dict[int, int] = {}
    for latency in values:
        expected[bucket_of(latency)] = expected.get(bucket_of(latency), 0) + 1
    assert dict(found.latency_buckets) == expected
    assert (found.latency_known, found.decisions) == (9, 10)


def test_tokens_stand_in_disjoint_buckets_and_none_is_negative() -> None:
    system = make_system()
    allow(system, input_tokens=100, cached_input_tokens=30, cache_write_tokens=20, output_tokens=10, reasoning_tokens=4)
    allow(system, input_tokens=None, cached_input_tokens=7, output_tokens=1, reasoning_tokens=5)
    allow(system)
    roll_up()
    found = hour_of(system)
    assert (found.input_tokens, found.cached_input_tokens, found.cache_write_tokens) == (50, 37, 20)
    assert (found.output_tokens, found.reasoning_tokens) == (6, 9)


def test_a_cost_is_written_once_and_the_newest_entry_counts() -> None:
    system = make_system()
    decision = allow(system, cost_usd_micros=1500)
    allow(system)
    roll_up()
    ReaderCursor.objects.update(next_index=0)
    roll_up()
    (entry,) = CostEntry.objects.all()
    assert (entry.decision_id, entry.amount_micros, entry.source) == (decision.pk, 1500, "reported")
    CostEntry.objects.create(
        organization_id=system.organization_id,
        system=system,
        decision=decision,
        sequence=2,
        amount_micros=900,
        source="stated",
        created_at=NOON,
    )
    rebuild(system=system)
    assert (hour_of(system).priced, hour_of(system).cost_micros) == (1, 900)
    assert hour_of(system).cost_per_decision_micros == 900


def test_test_keys_count_nowhere() -> None:
    system = make_system()
    decision = allow(system, is_test=True, cost_usd_micros=5)
    report(decision, "failed")
    rule(ask(system, is_test=True), "reject", labels=("x",))
    roll_up()
    rebuild(system=system, since=NOON, until=NOON + HOUR)
    assert not RollUp.objects.exists() and not CostEntry.objects.exists() and not RollUpDue.objects.exists()


def test_a_day_is_the_sum_of_its_hours() -> None:
    system = make_system()
    for hour in range(24):
        for _ in range(hour % 3 + 1):
            allow(system, NOON.replace(hour=hour), latency_ms=10.0 * hour + 1, release=f"r{hour % 2}")
    roll_up()
    hours = figures_of(system, Period(NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1), "hour"))
    day = day_of(system)
    assert day.decisions == 48
    assert {**vars_of(day), "counted_at": 0} == {**vars_of(hours), "counted_at": 0}


def vars_of(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in Figures.__dataclass_fields__}


def test_an_hour_that_emptied_leaves_no_row() -> None:
    system = make_system()
    decision = allow(system)
    roll_up()
    assert RollUp.objects.exists()
    CostEntry.objects.all().delete()
    decision.payload.delete()
    decision.delete()
    rebuild(system=system)
    assert not RollUp.objects.exists()


def test_reading_again_and_counting_again_changes_nothing() -> None:
    system = make_system()
    busy_month(system, seed=3)
    roll_up()
    first = snapshot(system)
    ReaderCursor.objects.filter(reader=READER).update(next_index=0)
    roll_up()
    assert snapshot(system) == first
    assert find_differences(system=system) == []


def snapshot(system: AISystem) -> list[dict[str, Any]]:
    rows = RollUp.objects.filter(system=system).order_by("grain", "starts_at", "dimension", "value").values()
    return [{name: value for name, value in row.items() if name not in {"id", "counted_at"}} for row in rows]


def busy_month(system: AISystem, *, seed: int, decisions: int = 120) -> None:
    """Some of everything that can happen to a decision, over two days."""
    chance = random.Random(seed)
    queue = make_queue(system.organization)
    for _ in range(decisions):
        at = NOON + timedelta(seconds=chance.randrange(48 * 3600))
        fields = {
            "model": chance.choice(["", "a/1", "a/2"]),
            "release": chance.choice(["r1", "r2"]),
            "latency_ms": chance.choice([None, chance.lognormvariate(5, 1)]),
            "input_tokens": chance.choice([None, 1000]),
            "cost_usd_micros": chance.choice([None, chance.randrange(10_000)]),
        }
        kind = chance.random()
        if kind < 0.4:
            decision = ask(system, at, **fields)
        elif kind < 0.7:
            decision = allow(system, at, review_probability=0.3, is_sampled=True, **fields)
            make_escalation(decision, kind="quality", queue=queue)
        else:
            decision = allow(system, at, review_probability=chance.choice([0.3, 0.0]), **fields)
            report(decision, chance.choice(["executed", "failed"]), chance.choice([True, False, None]))
            continue
        if chance.random() < 0.7:
            verdict = chance.choice(["approve", "correct", "reject", "answer"])
            labels = tuple(chance.sample(["a", "b", "c"], chance.randrange(3)))
            rule(decision, verdict, labels=labels, held_s=chance.random() * 100)


def test_the_order_in_which_things_are_counted_does_not_matter() -> None:
    system = make_system()
    busy_month(system, seed=5)
    roll_up()
    first = snapshot(system)
    RollUp.objects.all().delete()
    rebuild(system=system)
    assert snapshot(system) == first
    weights = [row["sampled_weight"] for row in first if row["grain"] == "hour" and row["dimension"] == ""]
    day_weights = [row["sampled_weight"] for row in first if row["grain"] == "day" and row["dimension"] == ""]
    assert math.fsum(weights) == pytest.approx(math.fsum(day_weights)) and sum(weights) > 0


def test_a_difference_is_found_and_named() -> None:
    system = make_system()
    allow(system)
    roll_up()
    RollUp.objects.filter(grain="hour", dimension="").update(allowed=7)
    (difference,) = find_differences(system=system)
    assert (difference.column, difference.stored, difference.counted) == ("allowed", 7, 1)


def test_what_happens_while_an_hour_is_counted_leaves_it_due() -> None:
    system = make_system()
    allow(system)
    read_on()
    (due,) = RollUpDue.objects.all()
    allow(system)
    read_on()
    assert recount_day(due=[due]) == 1
    still = RollUpDue.objects.get()
    assert still.stamp == due.stamp + 1
    assert still.due_at > due.due_at
    roll_up()
    assert not RollUpDue.objects.exists() and hour_of(system).decisions == 2


def test_a_count_that_began_before_a_finished_one_writes_nothing() -> None:
    system = make_system()
    allow(system)
    read_on()
    (stale,) = RollUpDue.objects.all()
    roll_up()
    RollUp.objects.update(allowed=99)
    assert recount_day(due=[stale]) == 0
    assert set(RollUp.objects.values_list("allowed", flat=True)) == {99}


def test_a_running_hour_shows_its_first_change_at_once_and_then_pauses() -> None:
    system = make_system()
    allow(system)
    read_on()
    assert recount_due() == 1
    allow(system)
    read_on()
    counted_at = RollUp.objects.get(grain="hour", dimension="").counted_at
    assert RollUpDue.objects.get().due_at == counted_at + PAUSE
    assert recount_due(now=counted_at + PAUSE / 2) == 0
    assert recount_due(now=counted_at + PAUSE) == 1
    RollUp.objects.update(decisions=5_000)
    allow(system)
    read_on()
    counted_at = RollUp.objects.get(grain="hour", dimension="").counted_at
    assert RollUpDue.objects.get().due_at == counted_at + BUSY_PAUSE


def test_an_entry_about_nothing_that_is_there_is_passed_over() -> None:
    system = make_system()
    with transaction.atomic():
        for subject in (f"decision:{uuid.uuid4()}", "system:x"):
            record(
                organization_id=system.organization_id,
                type="decision.created",
                actor=OPERATOR,
                subject=subject,
                payload={},
            )
    assert read_on() == 2
    assert not RollUpDue.objects.exists()


def test_each_system_has_its_own_roll_ups() -> None:
    organization = make_organization()
    one, other = make_system(organization), make_system(organization)
    allow(one)
    allow(other)
    allow(other)
    roll_up()
    assert (hour_of(one).decisions, hour_of(other).decisions) == (1, 2)


def test_a_recount_asks_no_more_for_more_decisions(django_assert_max_num_queries: Any) -> None:
    system = make_system()
    for _ in range(30):
        rule(ask(system, release=uuid.uuid4().hex), "reject", labels=("a", "b"))
    read_on()
    # Five counts of all, labels, five counts of these; lock, standing rows, replaced hour and day, what is taken back.
    with django_assert_max_num_queries(28):
        assert recount_due(now=LATER) == 1


@pytest.mark.django_db(transaction=True)
def test_two_readers_at_once_have_each_effect_once() -> None:
    system = make_system()
    for _ in range(40):
        allow(system, cost_usd_micros=10)
    while sequence_entries():
        pass
    for _ in range(4):
        results = race(lambda: read_log(limit=10), lambda: read_log(limit=10))
        assert not [result for result in results if isinstance(result, BaseException)], results
    read_on()
    assert ReaderCursor.objects.get(reader=READER).next_index == AuditEntry.objects.count()
    assert CostEntry.objects.count() == 40
    roll_up()
    assert hour_of(system).decisions == 40 and find_differences(system=system) == []


@pytest.mark.django_db(transaction=True)
def test_two_recounts_of_one_day_at_once_leave_the_sum_of_all_its_hours() -> None:
    system = make_system()
    for round in range(6):
        for hour in range(6):
            allow(system, NOON + hour * HOUR)
        read_on()
        due = list(RollUpDue.objects.order_by("starts_at"))
        results = race(
            lambda due=due: recount_day(due=due[:3]),
            lambda due=due: recount_day(due=due[3:]),
            lambda due=due: recount_day(due=due),
        )
        assert not [result for result in results if isinstance(result, BaseException)], results
        assert day_of(system).decisions == 6 * (round + 1)
        assert find_differences(system=system) == []
