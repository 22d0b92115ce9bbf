"""A policy on a decision: which verdict holds, what is recorded, and what a hostile decision can't do."""

import json
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from governance.rules.document import load_policy_document
from governance.rules.evaluation import compile_policy, run_tests
from tests.governance.rules.support import NOW, policy, policy_value

HIT, MISS, FAILS = "true", "false", "action.arguments.missing == 1"
ACTION = {"action": {"name": "refund", "arguments": {"amount": 5}}}


def rule(when: str, verdict: str = "review", **others: Any) -> dict[str, Any]:
    return {"when": when, "verdict": verdict, **others}


@pytest.mark.parametrize(
    ("verdicts", "strictest"),
    [
        (["allow", "review"], "review"),
        (["escalate", "review"], "escalate"),
        (["block", "escalate", "allow"], "block"),
        (["allow"], "allow"),
    ],
)
def test_the_strictest_verdict_of_the_hits_holds(verdicts: list[str], strictest: str) -> None:
    evaluation = policy(*[rule(HIT, verdict) for verdict in verdicts], default="block").evaluate({}, now=NOW)
    assert evaluation.verdict == strictest
    assert evaluation.decisive is not None
    assert evaluation.decisive.id == f"r{verdicts.index(strictest) + 1}"
    assert [result.result for result in evaluation.rules] == ["hit"] * len(verdicts)


def test_the_default_holds_where_no_rule_hits() -> None:
    evaluation = policy(MISS, default="escalate").evaluate({}, now=NOW)
    assert (evaluation.verdict, evaluation.decisive, evaluation.reasons) == ("escalate", None, ())
    assert evaluation.rules[0].verdict == "review"


def test_a_hit_that_allows_beats_a_stricter_default() -> None:
    assert policy(rule(HIT, "allow"), default="block").evaluate({}, now=NOW).verdict == "allow"


def test_a_rule_that_errs_counts_as_on_error_and_the_others_are_still_evaluated() -> None:
    evaluation = policy(FAILS, rule(HIT, "allow"), on_error="escalate").evaluate(ACTION, now=NOW)
    first, second = evaluation.rules
    assert evaluation.verdict == "escalate"
    assert evaluation.decisive is None
    assert (first.result, first.verdict, first.error) == (
        "error",
        "escalate",
        "no such field: action.arguments.missing",
    )
    assert second.result == "hit"
    assert evaluation.reasons[0]["text"].startswith("This rule could not be evaluated: no such field")


def test_an_error_is_review_where_the_policy_does_not_say() -> None:
    assert policy(rule(FAILS, "block")).evaluate(ACTION, now=NOW).verdict == "review"


def test_a_condition_that_turns_out_not_to_be_a_bool_is_an_error() -> None:
    (result,) = policy("input.flag").evaluate({"input": {"flag": "yes"}}, now=NOW).rules
    assert (result.result, result.error) == ("error", "the condition is string, not a bool")


def test_a_shadow_rule_is_recorded_and_not_enforced() -> None:
    evaluation = policy(rule(HIT, "block", mode="shadow"), rule(HIT, "review")).evaluate({}, now=NOW)
    assert (evaluation.verdict, evaluation.shadow_verdict) == ("review", "block")
    assert [result.result for result in evaluation.rules] == ["shadow", "hit"]
    assert [reason["rule"] for reason in evaluation.reasons] == ["r2"]
    assert evaluation.decisive is not None and evaluation.decisive.id == "r2"


def test_a_shadow_rule_alone_leaves_the_default() -> None:
    evaluation = policy(rule(HIT, "block", mode="shadow"), rule(MISS, mode="shadow")).evaluate({}, now=NOW)
    assert (evaluation.verdict, evaluation.shadow_verdict) == ("allow", "block")
    assert [result.result for result in evaluation.rules] == ["shadow", "miss"]


def test_an_error_of_a_shadow_rule_changes_no_verdict() -> None:
    evaluation = policy(rule(FAILS, "block", mode="shadow")).evaluate(ACTION, now=NOW)
    assert (evaluation.verdict, evaluation.shadow_verdict, evaluation.rules[0].result) == (
        "allow",
        "allow",
        "error",
    )
    assert evaluation.reasons == ()


def test_reasons_come_strictest_first() -> None:
    evaluation = policy(rule(HIT, reason="one"), rule(HIT, "block", reason="two"), HIT).evaluate({}, now=NOW)
    assert evaluation.reasons == (
        {"rule": "r2", "text": "two"},
        {"rule": "r1", "text": "one"},
        {"rule": "r3", "text": "Rule r3 applies"},
    )


def test_the_trace_holds_what_each_rule_really_read() -> None:
    conditions = [
        'action.name == "x" && confidence < 0.5',
        "has(action.arguments.note) || action.arguments.amount > 1.0",
        HIT,
    ]
    evaluation = policy(*conditions).evaluate({**ACTION, "confidence": 0.1}, now=NOW)
    assert [result.inputs for result in evaluation.rules] == [
        {"action.name": "refund"},
        {"has(action.arguments.note)": False, "action.arguments.amount": 5.0},
        {},
    ]


def test_the_trace_cuts_large_values_with_a_marker() -> None:
    context = {
        "input": "x" * 1000,
        "output": {"deep": {"er": {"est": {"too": 1}}}},
        "context": {"l": list(range(100))},
    }
    evaluation = policy("input == 'a'", "output == 1 || size(context.l) > 5").evaluate(context, now=NOW)
    text = evaluation.rules[0].inputs["input"]
    assert text == "x" * 256 + "… (1,000 characters)"
    assert evaluation.rules[1].inputs == {
        "output": {"deep": {"er": {"est": "… (1 entries)"}}},
        "context.l": [*range(16), "… (100 items)"],
    }


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "breach"),
    [
        ("x" * (64 * 1024 + 1), "a string of the context is longer than 65,536 characters"),
        ([0] * 1001, "a list of the context is longer than 1,000"),
        (nested(31), None),
        (nested(32), "the context is nested deeper than 32"),
        (nested(100_000), "the context is nested deeper than 32"),
        (["x" * 60_000] * 5, "the context is larger than 262,144 characters"),
        ({"k" * 300_000: 1}, "the context is larger than 262,144 characters"),
        ([[0] * 1000] * 40, "the context is larger than 262,144 characters"),
        (float("nan"), "a number of the context is not finite"),
        (float("-inf"), "a number of the context is not finite"),
        (2**63 - 1, None),
        (-(2**63), None),
        (2**63, "an integer of the context is beyond 64 bits"),
        (10**400, "an integer of the context is beyond 64 bits"),
        ({1: 2}, "a key of the context is not a string"),
        ((1, 2), "a value of the context is not JSON"),
        (NOW, "a value of the context is not JSON"),
    ],
)
def test_a_decision_beyond_a_guard_is_an_error_of_every_rule(value: Any, breach: str | None) -> None:
    evaluation = policy(rule(MISS, "allow"), rule(MISS, "block"), on_error="escalate").evaluate(
        {"input": value}, now=NOW
    )
    assert evaluation.breach == breach
    if breach is None:
        assert evaluation.verdict == "allow"
        return
    assert evaluation.verdict == "escalate"
    assert [(result.result, result.error, result.verdict) for result in evaluation.rules] == [
        ("error", breach, "escalate")
    ] * 2


def test_a_breach_is_on_error_even_for_a_policy_without_rules() -> None:
    assert policy(default="allow").evaluate({"input": (1,)}, now=NOW).verdict == "review"


EXPENSIVE = [
    f"input.l.all(x, {' && '.join(['x == x'] * 17)})",
    "input.l.map(x, input.l) != input.l.map(x, input.l)",
    "input.l.all(x, input.t == output.t)",
    "size(input.l.map(x, input.t + input.t)) > 1",
    "size(input.l.map(x, input.l + input.l)) > 1",
    "input.l.all(x, !input.t.matches('a*b'))",
    "input.l.all(x, !input.t.contains('b'))",
    "input.l.all(x, input.t.lowerAscii() != 'b')",
    "input.l.all(x, !('q' in input.s))",
    "input.l.all(x, !(input.t in input.s))",
    "input.l.all(x, !(5.0 in input.l))",
]


@pytest.mark.parametrize("source", EXPENSIVE)
def test_a_decision_that_costs_too_much_runs_out_of_fuel(source: str) -> None:
    text = "a" * 60_000
    context = {"input": {"l": [7.0] * 1000, "t": text, "s": ["p"] * 1000}, "output": {"t": (text + "b")[:-1]}}
    evaluation = policy(source, MISS).evaluate(context, now=NOW)
    assert evaluation.breach == "the rules need more than 50,000 steps for this decision"
    assert [result.result for result in evaluation.rules] == ["error", "error"]
    assert evaluation.verdict == "review"


def test_fuel_that_runs_out_is_not_absorbed() -> None:
    context = {"input": [1.0] * 1000}
    source = "input.all(x, input == input) || true"
    assert policy(source).evaluate(context, now=NOW).breach is not None


def test_running_out_of_fuel_never_loosens_what_had_already_hit() -> None:
    context = {"input": [1.0] * 1000}
    evaluation = policy(rule(HIT, "block"), "input.all(x, input == input)").evaluate(context, now=NOW)
    assert evaluation.verdict == "block"
    assert [result.result for result in evaluation.rules] == ["error", "error"]
    assert [result.verdict for result in evaluation.rules] == ["block", "review"]


def test_the_fuel_used_is_recorded_and_the_same_each_time() -> None:
    compiled = policy("input.exists(x, x == 3.0)", "1 + 1 == 2")
    first = compiled.evaluate({"input": [1.0, 2.0, 3.0]}, now=NOW)
    assert first.fuel == 5 + 5 + 3 * 3
    assert compiled.evaluate({"input": [3.0, 1.0, 1.0]}, now=NOW).fuel == first.fuel


def test_sampling_is_drawn_for_allowed_decisions_only() -> None:
    sampling = [{"rate": 0.5, "of": "allow", "queue": "quality"}, {"rate": 0.2, "of": "allow"}]
    compiled = policy("confidence < 0.5", sampling=sampling)
    allowed = compiled.evaluate({"confidence": 0.9}, now=NOW, draws=[0.49, 0.2])
    assert [tuple(entry) for entry in allowed.sampling] == [
        ("quality", 0.5, 0.49, True),
        (None, 0.2, 0.2, False),
    ]
    assert allowed.review_probability == pytest.approx(1 - 0.5 * 0.8)
    asked = compiled.evaluate({"confidence": 0.1}, now=NOW, draws=[0.0, 0.0])
    assert (asked.sampling, asked.review_probability) == ((), 1.0)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.01, 0.07])
def test_a_single_rate_is_recorded_as_the_policy_says_it(rate: float) -> None:
    compiled = policy(MISS, sampling=[{"rate": rate, "of": "allow"}])
    assert compiled.evaluate({}, now=NOW, draws=[0.99]).review_probability == rate


def test_a_blocked_decision_is_reviewed_with_probability_zero() -> None:
    assert policy(rule(HIT, "block")).evaluate({}, now=NOW).review_probability == 0.0
    assert policy(MISS).evaluate({}, now=NOW).review_probability == 0.0


def test_draws_are_made_where_none_are_given() -> None:
    compiled = policy(MISS, sampling=[{"rate": 1, "of": "allow"}])
    (entry,) = compiled.evaluate({}, now=NOW).sampling
    assert 0 <= entry.draw < 1
    assert entry.is_sampled


def test_too_few_draws_and_a_naive_clock_are_refused() -> None:
    compiled = policy(MISS, sampling=[{"rate": 0.5, "of": "allow"}])
    with pytest.raises(ValueError, match="1 sampling entries, 0 draws"):
        compiled.evaluate({}, now=NOW, draws=[])
    with pytest.raises(ValueError, match="aware"):
        compiled.evaluate({}, now=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_replay_with_the_same_clock_and_draws_is_equal() -> None:
    compiled = policy("input.at != null && timestamp(input.at) < now", FAILS, sampling=[{"rate": 0.5, "of": "allow"}])
    context = {**ACTION, "input": {"at": "2027-01-01T00:00:00Z"}}
    first = compiled.evaluate(context, now=NOW, draws=[0.3])
    again = compile_policy(load_policy_document(json.loads(compiled.document.canonical)))
    replayed = again.evaluate(json.loads(json.dumps(context)), now=NOW, draws=[0.3])
    assert replayed == first
    assert json.dumps(replayed.as_json()) == json.dumps(first.as_json())


def test_the_clock_is_recorded_in_utc() -> None:
    local = datetime(2026, 3, 1, 13, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=1)))
    assert policy(MISS).evaluate({}, now=local).clock == "2026-03-01T12:00:00.5Z"
    assert policy(MISS).evaluate({}, now=NOW).clock == "2026-03-01T12:00:00Z"


def test_the_stored_form_is_plain_json_and_complete() -> None:
    compiled = policy("confidence > 0.5", rule(FAILS, mode="shadow"), sampling=[{"rate": 0.5, "of": "allow"}])
    stored = compiled.evaluate({**ACTION, "confidence": 0.9}, now=NOW).as_json()
    assert json.loads(json.dumps(stored)) == stored
    assert stored == {
        "engine": "rules/1",
        "verdict": "review",
        "shadow_verdict": "review",
        "rules": [
            {
                "id": "r1",
                "result": "hit",
                "verdict": "review",
                "error": None,
                "inputs": {"confidence": 0.9},
                "reason": "",
            },
            {
                "id": "r2",
                "result": "error",
                "verdict": "review",
                "error": "no such field: action.arguments.missing",
                "inputs": {},
                "reason": "",
            },
        ],
        "decisive": "r1",
        "reasons": [{"rule": "r1", "text": "Rule r1 applies"}],
        "sampling": [],
        "review_probability": 1.0,
        "fuel": 8,
        "clock": "2026-03-01T12:00:00Z",
        "breach": None,
    }  # fmt: skip


def test_threads_share_a_policy_without_mixing_decisions() -> None:
    compiled = policy("input.n == input.m", "input.l.all(x, x == input.n)")
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(300):
            evaluation = compiled.evaluate({"input": {"n": number, "m": number, "l": [number] * 5}}, now=NOW)
            if [result.inputs.get("input.n") for result in evaluation.rules] != [number, number]:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_tests_of_a_document_pass_or_say_what_came_instead() -> None:
    good = {"name": "asks", "context": {"confidence": 0.1}, "expect": {"verdict": "review", "rules": ["r1"]}}
    bad = {"name": "blocks", "context": {"confidence": 0.1}, "expect": {"verdict": "block"}}
    extra = {"name": "none", "context": {"confidence": 0.1}, "expect": {"verdict": "review", "rules": []}}
    errs = {"name": "errs", "context": {}, "expect": {"verdict": "review", "rules": []}}
    document = load_policy_document(policy_value("confidence < 0.5", tests=[good, bad, extra, errs]))
    results = run_tests(document)
    assert [(result.name, result.passed) for result in results] == [
        ("asks", True),
        ("blocks", False),
        ("none", False),
        ("errs", True),
    ]
    assert results[1].expected == {"verdict": "block"}
    assert results[1].got == {"verdict": "review", "rules": ["r1"]}
    assert "errors" in results[3].got


def test_a_test_of_a_document_may_set_the_clock() -> None:
    case = {"name": "n", "context": {"now": "2030-01-01T00:00:00Z"}, "expect": {"verdict": "review"}}
    early = {"name": "early", "context": {}, "expect": {"verdict": "allow"}}
    source = "now > timestamp('2029-01-01T00:00:00Z')"
    document = load_policy_document(policy_value(source, tests=[case, early]))
    assert [result.passed for result in run_tests(document)] == [True, True]


def test_the_clock_is_never_that_of_the_context() -> None:
    evaluation = policy("now == timestamp('2026-03-01T12:00:00Z')").evaluate({"now": "1999-01-01T00:00:00Z"}, now=NOW)
    assert evaluation.verdict == "review"
    assert datetime(2026, 3, 1, 12, tzinfo=UTC) == NOW
