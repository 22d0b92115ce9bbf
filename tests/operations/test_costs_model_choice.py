"""Which model a task is given to: by its evidence, and by nothing where the evidence is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.statistics import Estimate, NotEnough
from governance.models import AISystem
from operations.figure_selectors import Period
from operations.model_choice import MARGIN, ModelEvidence, choose, choose_models, subtract_errors
from operations.model_pairs import join_pair, split_pair
from operations.models import CostEntry
from operations.services.rollups import rebuild
from tests.factories import make_decision, make_escalation, make_queue, make_system
from tests.operations.cost_scenes import rate
from tests.operations.figure_scenes import rule

PERIOD = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "day")
NOON = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


def seen(model: str, cost: float | None, error: float | None, *, spread: float = 0.01, lacks: int = 9) -> ModelEvidence:
    estimate = (
        NotEnough(lacks, 0)
        if error is None
        else Estimate(error, max(0.0, error - spread), min(1.0, error + spread), 500, 1000, 0)
    )
    return ModelEvidence(model, 1000, 1000 if cost is not None else 0, cost, cost, 1.0, estimate)


def test_the_cheapest_that_is_not_worse_is_named() -> None:
    choice = choose("reply", [seen("large", 90, 0.03), seen("small", 10, 0.031, spread=0.005)], PERIOD)
    assert (choice.chosen, choice.present) == ("small", "large")
    assert "the cheapest that is not worse than the best" in choice.reason


def test_a_cheap_one_whose_difference_may_be_above_the_margin_is_not_named() -> None:
    choice = choose("reply", [seen("small", 10, 0.045), seen("large", 90, 0.03)], PERIOD)
    assert (choice.chosen, choice.present) == ("large", "small")
    small = choice.models[0]
    assert small.difference is not None and small.difference.high > MARGIN and not small.is_not_worse


def test_wide_intervals_name_the_best_although_the_cheap_one_looks_as_good() -> None:
    choice = choose("reply", [seen("small", 10, 0.05, spread=0.04), seen("large", 90, 0.05, spread=0.01)], PERIOD)
    assert choice.chosen == "small", "of two with the same rate the cheaper is the best"
    choice = choose("reply", [seen("small", 10, 0.051, spread=0.04), seen("large", 90, 0.05, spread=0.01)], PERIOD)
    assert choice.chosen == "large"


def test_without_enough_reviews_it_says_how_many_are_missing() -> None:
    choice = choose("reply", [seen("small", 10, None, lacks=31), seen("large", 90, 0.03)], PERIOD)
    assert choice.chosen is None
    assert choice.reason == "No model can be named: small lacks 31 reviews."


def test_a_cheaper_one_that_cannot_be_judged_is_mentioned() -> None:
    choice = choose(
        "reply", [seen("large", 90, 0.03), seen("middle", 40, 0.03), seen("tiny", 1, None, lacks=1)], PERIOD
    )
    assert choice.chosen == "middle"
    assert choice.reason.endswith("A cheaper one can't be judged yet: tiny lacks 1 review.")


def test_a_model_of_unknown_cost_is_never_named() -> None:
    choice = choose("reply", [seen("a", None, 0.02), seen("b", 50, 0.021, spread=0.002)], PERIOD)
    assert choice.chosen == "b"
    assert choose("reply", [seen("a", None, 0.02), seen("b", None, 0.02)], PERIOD).chosen is None


def test_one_model_alone_is_compared_with_nothing() -> None:
    choice = choose("reply", [seen("only", 10, 0.01)], PERIOD)
    assert choice.chosen is None and choice.reason == "Only one model did this: there is nothing to compare."


# Costs, and rates and half widths in thousandths.
EVIDENCE = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 100)), st.one_of(st.none(), st.integers(0, 1000)), st.integers(0, 300)
    ),
    min_size=1,
    max_size=6,
)


@given(EVIDENCE)
def test_whatever_is_named_is_not_worse_than_the_margin_and_nothing_not_worse_is_cheaper(rows: Any) -> None:
    models = [
        seen(f"m{n}", cost, None if error is None else error / 1000, spread=spread / 1000)
        for n, (cost, error, spread) in enumerate(rows)
    ]
    choice = choose("x", models, PERIOD)
    if choice.chosen is None:
        return
    named = next(one for one in choice.models if one.model == choice.chosen)
    assert named.cost_micros is not None and isinstance(named.error, Estimate)
    lowest = min(one.error.rate for one in choice.models if isinstance(one.error, Estimate))
    assert named.error.rate - lowest <= MARGIN + 1e-9
    assert all(
        one.cost_micros is None or one.cost_micros >= named.cost_micros for one in choice.models if one.is_not_worse
    )


def test_a_difference_is_as_wide_as_both_intervals_together() -> None:
    first, second = Estimate(0.10, 0.07, 0.14, 1, 1, 0), Estimate(0.06, 0.03, 0.10, 1, 1, 0)
    interval = subtract_errors(first, second)
    assert interval.low == pytest.approx(0.04 - (0.03**2 + 0.04**2) ** 0.5)
    assert interval.high == pytest.approx(0.04 + (0.04**2 + 0.03**2) ** 0.5)


@given(st.text(max_size=100), st.text(max_size=255))
def test_a_pair_is_read_back_as_it_was_written(action: str, model: str) -> None:
    assert split_pair(join_pair(action, model)) == (action, model)
    assert len(join_pair(action, model)) <= 400


@pytest.mark.parametrize("value", ["", "(others)", "9:short", "x:y", "-1:y", "²:ab"])
def test_what_is_no_pair_is_none(value: str) -> None:
    assert split_pair(value) is None


def play(system: AISystem, model: str, action: str, *, wrong: int, right: int, cost: int) -> None:
    """Decisions that were all reviewed, each held for a minute."""
    queue = make_queue(system.organization)
    for number in range(wrong + right):
        decision = make_decision(
            system, created_at=NOON, model=model, action={"name": action, "arguments": {}}, review_probability=1.0
        )
        verdict = "reject" if number < wrong else "approve"
        rule(make_escalation(decision, queue=queue), verdict, held_s=60.0)
        CostEntry.objects.create(
            organization_id=system.organization_id,
            system=system,
            decision=decision,
            amount_micros=cost,
            source="reported",
            created_at=NOON,
        )


@pytest.mark.django_db
def test_the_figures_of_each_task_come_from_the_roll_ups() -> None:
    system = make_system()
    play(system, "acme/small", "reply", wrong=0, right=30, cost=10)
    play(system, "acme/large", "reply", wrong=0, right=20, cost=90)
    play(system, "acme/small", "refund", wrong=30, right=10, cost=10)
    play(system, "acme/large", "refund", wrong=0, right=30, cost=90)
    make_decision(system, created_at=NOON, model="", action={"name": "reply", "arguments": {}})
    rebuild(system=system)
    choices = {choice.action: choice for choice in choose_models(system, PERIOD)}
    assert {name: one.chosen for name, one in choices.items()} == {"reply": "acme/small", "refund": "acme/large"}
    small, large = choices["reply"].models
    assert (small.model, small.decisions, small.models_micros, small.review_seconds) == ("acme/small", 30, 10, 60)
    assert (large.cost_micros, choices["reply"].present) == (90, "acme/small")
    assert choices["refund"].models[0].error.rate == 0.75  # type: ignore[union-attr]
    rate(system, 60, since=date(2026, 3, 1))
    (reply,) = [one for one in choose_models(system, PERIOD) if one.action == "reply"]
    assert reply.models[0].cost_micros == 10 + 1_000_000, "a minute of review at sixty dollars an hour"


@pytest.mark.django_db
def test_other_months_and_systems_count_for_nothing() -> None:
    system, other = make_system(), make_system()
    play(other, "acme/small", "reply", wrong=0, right=3, cost=10)
    make_decision(system, created_at=NOON + timedelta(days=40), model="acme/small")
    for one in (system, other):
        rebuild(system=one)
    assert choose_models(system, PERIOD) == []
