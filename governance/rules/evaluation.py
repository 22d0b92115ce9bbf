"""A policy on a decision: every rule is evaluated, the strictest verdict among the hits holds, and what each rule read
is kept, so that the same policy, context, clock and draws always give the same evaluation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

from governance.rules.closures import compile_node, count_nodes
from governance.rules.document import VERDICTS, PolicyDocument, PolicyTest, Rule
from governance.rules.frames import Frame, Paths
from governance.rules.guards import admit_context
from governance.rules.limits import FUEL
from governance.rules.values import (
    EvaluationError,
    GuardBreached,
    format_timestamp,
    kind_of,
    parse_timestamp,
)

ENGINE_VERSION: Final = "rules/1"

_RANK: Final = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
_HIT: Final = {"enforce": "hit", "shadow": "shadow"}
_draw: Final[Callable[[], float]] = random.SystemRandom().random


class RuleResult(NamedTuple):
    """What one rule said of a decision. `result` is "hit", "miss", "error" or "shadow" (a shadow rule that would have
    hit); `verdict` is the rule's own, or the policy's `on_error` for an error; `inputs` maps each path that the rule
    really read to its value, long ones cut.
    """

    id: str
    result: str
    verdict: str
    error: str | None
    inputs: Mapping[str, Any]
    reason: str


class SamplingDraw(NamedTuple):
    """One entry of the policy's sampling, for a decision that it applies to."""

    queue: str | None
    probability: float
    draw: float
    is_sampled: bool


class Evaluation(NamedTuple):
    """The outcome for one decision. `decisive` is the first rule among the strictest hits, None where the default or
    an error decided; `review_probability` is the probability that a person looks at the decision; `breach` names the
    guard that the decision broke.
    """

    verdict: str
    shadow_verdict: str
    rules: tuple[RuleResult, ...]
    decisive: Rule | None
    reasons: tuple[Mapping[str, str], ...]
    sampling: tuple[SamplingDraw, ...]
    review_probability: float
    fuel: int
    clock: str
    breach: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The evaluation as a JSON value, to be stored with the decision."""
        return {
            "engine": ENGINE_VERSION,
            "verdict": self.verdict,
            "shadow_verdict": self.shadow_verdict,
            "rules": [
                {
                    "id": rule_id,
                    "result": result,
                    "verdict": verdict,
                    "error": error,
                    "inputs": dict(inputs),
                    "reason": reason,
                }
                for rule_id, result, verdict, error, inputs, reason in self.rules
            ],
            "decisive": self.decisive.id if self.decisive else None,
            "reasons": [dict(reason) for reason in self.reasons],
            "sampling": [entry._asdict() for entry in self.sampling],
            "review_probability": self.review_probability,
            "fuel": self.fuel,
            "clock": self.clock,
            "breach": self.breach,
        }


class CompiledPolicy:
    """A policy document, ready to be evaluated. It holds no state of a decision: threads may share it."""

    def __init__(self, document: PolicyDocument) -> None:
        self.document = document
        self._paths = Paths()
        self._rules = tuple(
            (compile_node(rule.condition, self._paths), rule.id, rule.verdict, rule.reason, _HIT[rule.mode])
            for rule in document.rules
        )
        self._cost = sum(count_nodes(rule.condition) for rule in document.rules)

    def evaluate(
        self, context: Mapping[str, Any], *, now: datetime, draws: Sequence[float] | None = None
    ) -> Evaluation:
        """The verdict on a decision. `context` maps the readable names to JSON values, `now` is an aware datetime,
        `draws` are the random numbers of the sampling entries (0 ≤ draw < 1, one an entry; drawn here if absent).
        Never fails because of the context: what breaks a guard is an error of every rule.
        """
        if now.tzinfo is None:
            raise ValueError("now has to be an aware datetime")
        instant = now.astimezone(UTC)
        on_error = self.document.on_error
        results: list[RuleResult] = []
        append, new = results.append, tuple.__new__
        try:
            frame = Frame(admit_context(context), instant, FUEL - self._cost, self._paths)
        except GuardBreached as breach:
            return self._breached(str(breach), results, 0, instant, draws)
        try:
            for condition, rule_id, verdict, reason, hit in self._rules:
                inputs: dict[str, Any] = {}
                frame.reads = inputs
                try:
                    outcome = condition(frame)
                    if outcome is False:
                        append(new(RuleResult, (rule_id, "miss", verdict, None, inputs, reason)))
                        continue
                    if outcome is True:
                        append(new(RuleResult, (rule_id, hit, verdict, None, inputs, reason)))
                        continue
                    error = f"the condition is {kind_of(outcome)}, not a bool"
                except EvaluationError as failure:
                    error = str(failure)
                append(RuleResult(rule_id, "error", on_error, error, inputs, reason))
        except GuardBreached as breach:
            return self._breached(str(breach), results, FUEL, instant, draws)
        return self._concluded(results, FUEL - frame.fuel, instant, draws, None)

    def _breached(
        self, breach: str, before: list[RuleResult], fuel: int, now: datetime, draws: Sequence[float] | None
    ) -> Evaluation:
        """An error of every rule. One that had hit before the fuel ran out stays as strict as it was."""
        on_error = self.document.on_error
        results: list[RuleResult] = []
        for position, rule in enumerate(self.document.rules):
            verdict, inputs = on_error, {}
            if position < len(before):
                earlier = before[position]
                inputs = dict(earlier.inputs)
                if earlier.result == "hit" and _RANK[rule.verdict] > _RANK[on_error]:
                    verdict = rule.verdict
            results.append(RuleResult(rule.id, "error", verdict, breach, inputs, rule.reason))
        return self._concluded(results, fuel, now, draws, breach)

    def _concluded(
        self,
        results: list[RuleResult],
        fuel: int,
        now: datetime,
        draws: Sequence[float] | None,
        breach: str | None,
    ) -> Evaluation:
        document = self.document
        # A breach is on_error even where no rule is there to be an error.
        strictest = -1 if breach is None else _RANK[document.on_error]
        shadow_strictest = -1
        decisive: Rule | None = None
        said: list[tuple[int, RuleResult]] = []
        for position, result in enumerate(results):
            kind = result[1]
            if kind == "miss":
                continue
            rank = _RANK[result.verdict]
            if kind == "shadow":
                shadow_strictest = max(shadow_strictest, rank)
                continue
            rule = document.rules[position]
            if kind == "error" and rule.mode == "shadow":
                continue
            said.append((-rank, result))
            if rank > strictest:
                strictest, decisive = rank, None
            if rank == strictest and decisive is None and kind == "hit":
                decisive = rule
        if len(said) > 1:
            said.sort(key=itemgetter(0))
        verdict = VERDICTS[strictest] if strictest >= 0 else document.default
        shadow_strictest = max(shadow_strictest, strictest)
        sampling = self._sampled(verdict, draws) if document.sampling else ()
        return Evaluation(
            verdict,
            VERDICTS[shadow_strictest] if shadow_strictest >= 0 else document.default,
            tuple(results),
            decisive,
            tuple([_reason(result) for _, result in said]),
            sampling,
            _review_probability(verdict, sampling),
            fuel,
            format_timestamp(now),
            breach,
        )

    def _sampled(self, verdict: str, draws: Sequence[float] | None) -> tuple[SamplingDraw, ...]:
        entries = self.document.sampling
        if draws is not None and len(draws) < len(entries):
            raise ValueError(f"the policy has {len(entries)} sampling entries, {len(draws)} draws were given")
        drawn: list[SamplingDraw] = []
        for position, entry in enumerate(entries):
            if entry.of == verdict:
                draw = _draw() if draws is None else float(draws[position])
                drawn.append(SamplingDraw(entry.queue, entry.rate, draw, draw < entry.rate))
        return tuple(drawn)


def compile_policy(document: PolicyDocument) -> CompiledPolicy:
    """The closures of a loaded document; loading has checked everything, so nothing is refused here."""
    return CompiledPolicy(document)


def _reason(result: RuleResult) -> dict[str, str]:
    if result.result == "error":
        text = f"This rule could not be evaluated: {result.error}"
    else:
        text = result.reason or f"Rule {result.id} applies"
    return {"rule": result.id, "text": text}


def _review_probability(verdict: str, sampling: tuple[SamplingDraw, ...]) -> float:
    if verdict in ("review", "escalate"):
        return 1.0
    drawn = 0.0
    for entry in sampling:
        # Not 1 - (1 - p): the log shall say 0.05 where the policy does, not 0.050000000000000044.
        drawn += entry.probability - drawn * entry.probability
    return drawn


# Tests of a document ------------------------------------------------------------------------------------------------

TEST_CLOCK: Final = "2026-01-01T00:00:00Z"  # what `now` is in a test that doesn't set it


@dataclass(frozen=True, slots=True)
class TestResult:
    """One of the document's own tests: `expected` and `got` are `{"verdict", "rules"}`, rules in document order."""

    __test__ = False  # not a test class, whatever its name suggests to a test runner

    name: str
    passed: bool
    expected: Mapping[str, Any]
    got: Mapping[str, Any]


def run_tests(document: PolicyDocument) -> list[TestResult]:
    """Every test of the document against the document. Shadow rules are not counted as hits."""
    policy = compile_policy(document)
    return [_run_test(policy, test) for test in document.tests]


def _run_test(policy: CompiledPolicy, test: PolicyTest) -> TestResult:
    now = parse_timestamp(test.context.get("now", TEST_CLOCK))
    evaluation = policy.evaluate(test.context, now=now, draws=[1.0] * len(policy.document.sampling))
    hits = [result.id for result in evaluation.rules if result.result == "hit"]
    expected: dict[str, Any] = {"verdict": test.expect_verdict}
    got: dict[str, Any] = {"verdict": evaluation.verdict, "rules": hits}
    errors = {result.id: result.error for result in evaluation.rules if result.result == "error"}
    if errors:
        got["errors"] = errors
    passed = evaluation.verdict == test.expect_verdict
    if test.expect_rules is not None:
        expected["rules"] = sorted(test.expect_rules, key=[rule.id for rule in policy.document.rules].index)
        passed = passed and expected["rules"] == hits
    return TestResult(test.name, passed, expected, got)
