"""B5: what a decision costs under twenty rules, here and in the engines that other people use.

Ours is timed as the product calls it: every guard, every rule with its own error, the trace, the verdict, and once more
with the JSON that is stored. A peer evaluates the same twenty rules on the same decision and answers true or false; it
is given whatever it may keep between decisions (parsed rules, an environment), and its own quickest way in. Peers that
can't be imported are left out.

Two sets of twenty: "plain" holds only what all five languages can say (comparisons, membership, parts of text); "mixed"
is what policies look like (some patterns, lists, presence) and is put to the engines that read CEL. Run
`python -m tests.benchmarks.rules_peers [--json]`.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, NamedTuple

from governance.rules.document import load_policy_document
from governance.rules.evaluation import CompiledPolicy, compile_policy


class PeerRule(NamedTuple):
    """One rule as each language writes it. Cedar has no fractions: its numbers are hundredths."""

    cel: str
    cedar: str
    zen: str


PLAIN = (
    PeerRule(
        'action.name == "refund" && action.arguments.amount > 200.0',
        'context.action.name == "refund" && context.action.arguments.amount > 20000',
        'action.name == "refund" and action.arguments.amount > 200',
    ),
    PeerRule(
        'action.name == "refund" && action.arguments.amount > 5000.0',
        'context.action.name == "refund" && context.action.arguments.amount > 500000',
        'action.name == "refund" and action.arguments.amount > 5000',
    ),
    PeerRule("confidence < 0.8", "context.confidence < 80", "confidence < 0.8"),
    PeerRule("confidence < 0.99", "context.confidence < 99", "confidence < 0.99"),
    PeerRule(
        'action.name in ["delete_account", "close_account", "export_all"]',
        '["delete_account", "close_account", "export_all"].contains(context.action.name)',
        'action.name in ["delete_account", "close_account", "export_all"]',
    ),
    PeerRule(
        'input.text.contains("lawyer")',
        'context.input.text like "*lawyer*"',
        'contains(input.text, "lawyer")',
    ),
    PeerRule(
        'input.text.contains("regulator")',
        'context.input.text like "*regulator*"',
        'contains(input.text, "regulator")',
    ),
    PeerRule(
        'input.subject.startsWith("URGENT")',
        'context.input.subject like "URGENT*"',
        'startsWith(input.subject, "URGENT")',
    ),
    PeerRule(
        'action.arguments.currency != "EUR" && action.arguments.amount > 100.0',
        'context.action.arguments.currency != "EUR" && context.action.arguments.amount > 10000',
        'action.arguments.currency != "EUR" and action.arguments.amount > 100',
    ),
    PeerRule(
        'context.customer.country in ["IR", "KP", "SY"]',
        '["IR", "KP", "SY"].contains(context.context.customer.country)',
        'context.customer.country in ["IR", "KP", "SY"]',
    ),
    PeerRule(
        'context.customer.tier == "gold" && action.arguments.amount > 1000.0',
        'context.context.customer.tier == "gold" && context.action.arguments.amount > 100000',
        'context.customer.tier == "gold" and action.arguments.amount > 1000',
    ),
    PeerRule(
        "context.customer.age_days < 30.0 && action.arguments.amount > 50.0",
        "context.context.customer.age_days < 3000 && context.action.arguments.amount > 5000",
        "context.customer.age_days < 30 and action.arguments.amount > 50",
    ),
    PeerRule(
        "context.customer.refunds_90d > 3.0 || context.customer.chargebacks > 0.0",
        "context.context.customer.refunds_90d > 300 || context.context.customer.chargebacks > 0",
        "context.customer.refunds_90d > 3 or context.customer.chargebacks > 0",
    ),
    PeerRule(
        "context.customer.is_vulnerable",
        "context.context.customer.is_vulnerable",
        "context.customer.is_vulnerable",
    ),
    PeerRule(
        'model == "acme/triage-2" && confidence < 0.95',
        'context.model == "acme/triage-2" && context.confidence < 95',
        'model == "acme/triage-2" and confidence < 0.95',
    ),
    PeerRule("latency_ms > 8000.0", "context.latency_ms > 800000", "latency_ms > 8000"),
    PeerRule(
        "usage.output_tokens > 4000.0 || usage.input_tokens > 100000.0",
        "context.usage.output_tokens > 400000 || context.usage.input_tokens > 10000000",
        "usage.output_tokens > 4000 or usage.input_tokens > 100000",
    ),
    PeerRule(
        '!("verified" in context.flags) && action.arguments.amount > 20.0',
        '!(context.context.flags.contains("verified")) && context.action.arguments.amount > 2000',
        'not("verified" in context.flags) and action.arguments.amount > 20',
    ),
    PeerRule(
        'action.arguments.destination.kind == "iban" && action.arguments.destination.country != "DE"',
        'context.action.arguments.destination.kind == "iban" && context.action.arguments.destination.country != "DE"',
        'action.arguments.destination.kind == "iban" and action.arguments.destination.country != "DE"',
    ),
    PeerRule(
        'action.name == "refund" && (action.arguments.amount > 800.0 || confidence < 0.5'
        ' || context.customer.tier == "new")',
        'context.action.name == "refund" && (context.action.arguments.amount > 80000 || context.confidence < 50'
        ' || context.context.customer.tier == "new")',
        'action.name == "refund" and (action.arguments.amount > 800 or confidence < 0.5'
        ' or context.customer.tier == "new")',
    ),
)

# The first ten of the plain rules and ten of what only CEL says.
MIXED = (
    *(rule.cel for rule in PLAIN[:10]),
    'input.text.matches("(?i)\\\\b(lawyer|solicitor|court)\\\\b")',
    'input.text.matches("[A-Z]{2}[0-9]{2}( ?[0-9]{4}){4,5}")',
    'input.subject.matches("(?i)^(urgent|final notice)")',
    'action.arguments.order.matches("^A-20[0-9]{2}-[0-9]+$")',
    'context.documents.exists(d, d.title == "Secret")',
    'context.flags.exists(f, f.startsWith("fraud"))',
    "has(context.customer.blocked) && context.customer.blocked",
    "!has(action.arguments.order) && action.arguments.amount > 20.0",
    "size(context.documents) > 8",
    'context.rationale.contains("customer has asked") && confidence < 0.5',
)


_MESSAGE = (
    "Hello, I ordered the walking boots on the third of March and they arrived with the left sole half detached. I "
    "have worn them once, indoors. Your colleague asked me for photographs, which I sent twice, and since then I have "
    "heard nothing. I would like my money back, to the account that I paid from. "
)

DECISION: dict[str, Any] = {
    "action": {
        "name": "refund",
        "arguments": {
            "amount": 900.0,
            "currency": "EUR",
            "order": "A-2026-118204",
            "reason": "defective on arrival, photographs supplied",
            "destination": {"kind": "iban", "country": "DE", "account": "DE02 1203 0000 0000 2020 51"},
        },
    },
    "input": {"channel": "mail", "subject": "Boots, third message", "text": _MESSAGE * 3},
    "confidence": 0.97,
    "subject": "customer-48121",
    "actor": "agent-7",
    "model": "acme/triage-2",
    "release": "2026-11-02",
    "usage": {"input_tokens": 1840.0, "output_tokens": 212.0, "cached_input_tokens": 1024.0},
    "latency_ms": 1310.5,
    "context": {
        "rationale": "The order is inside the 30-day window and the photographs show a manufacturing fault; the policy"
        " refunds such orders in full, and the customer has asked for it three times.",
        "customer": {
            "tier": "gold",
            "country": "DE",
            "age_days": 1520.0,
            "refunds_90d": 1.0,
            "chargebacks": 0.0,
            "is_vulnerable": False,
        },
        "flags": ["verified", "repeat-contact"],
        "documents": [
            {
                "title": "Refund policy",
                "version": "7",
                "section": "defective goods",
                "url": "kb://refunds/7#defects",
            },
            {"title": "Order", "version": "1", "section": "lines", "url": "orders://A-2026-118204"},
        ],
    },
}

_CLOCK = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _ours_policy(rules: tuple[str, ...]) -> CompiledPolicy:
    document = {
        "apiVersion": "governance/v1",
        "kind": "Policy",
        "metadata": {"key": "benchmark"},
        "default": "allow",
        "rules": [{"id": f"rule-{number}", "when": rule, "verdict": "review"} for number, rule in enumerate(rules)],
        "sampling": [{"rate": 0.02, "of": "allow", "queue": "quality"}],
    }
    return compile_policy(load_policy_document(document))


def _ours(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    policy = _ours_policy(rules)
    return lambda: [rule.result == "hit" for rule in policy.evaluate(DECISION, now=_CLOCK).rules]


def _ours_stored(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    policy = _ours_policy(rules)

    def run() -> list[bool]:
        stored = policy.evaluate(DECISION, now=_CLOCK).as_json()
        json.dumps(stored)
        return [rule["result"] == "hit" for rule in stored["rules"]]

    return run


def _cel_expr_python(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    from cel_expr_python import cel

    environment = cel.NewEnv(variables=dict.fromkeys(DECISION, cel.Type.DYN))
    expressions = [environment.compile(rule) for rule in rules]

    def run() -> list[bool]:
        activation = environment.Activation(DECISION)
        return [expression.eval(activation).value() for expression in expressions]

    return run


def _common_expression_language(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    import cel

    programs = [cel.compile(rule) for rule in rules]

    def run() -> list[bool]:
        context = cel.Context(variables=DECISION)
        return [program.execute(context) for program in programs]

    return run


def _zen_engine(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    import zen

    expressions = [zen.compile_expression(rule.zen) for rule in PLAIN]
    return lambda: [bool(expression.evaluate(DECISION)) for expression in expressions]


def _cedarpy(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    import cedarpy

    # A rule is a policy that permits; one call tells which of them did. That is kinder than twenty calls.
    text = "\n".join(
        f'@id("{number}")\npermit(principal, action, resource) when {{ {rule.cedar} }};'
        for number, rule in enumerate(PLAIN)
    )
    policies = cedarpy.PolicySet.from_str(text)
    entities = cedarpy.Entities.from_json_str("[]") if hasattr(cedarpy.Entities, "from_json_str") else []
    request = {
        "principal": {"type": "Agent", "id": "a"},
        "action": {"type": "Action", "id": "ask"},
        "resource": {"type": "System", "id": "s"},
        "context": _in_hundredths(DECISION),
    }

    def run() -> list[bool]:
        result = cedarpy.is_authorized(request, policies, entities)
        hits = {int(reason.removeprefix("policy")) for reason in result.diagnostics.reasons}
        return [number in hits for number in range(len(PLAIN))]

    return run


def _cel_python(rules: tuple[str, ...]) -> Callable[[], list[bool]]:
    import celpy

    environment = celpy.Environment()
    programs = [environment.program(environment.compile(rule)) for rule in rules]

    def run() -> list[bool]:
        activation = celpy.json_to_cel(DECISION)
        return [bool(program.evaluate(activation)) for program in programs]

    return run


def _in_hundredths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_hundredths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_hundredths(item) for item in value]
    return round(value * 100) if isinstance(value, float) else copy.copy(value)


OURS = "countersign"
ENGINES: dict[str, Callable[[tuple[str, ...]], Callable[[], list[bool]]]] = {
    OURS: _ours,
    "countersign, with the JSON that is stored": _ours_stored,
    "cel-expr-python": _cel_expr_python,
    "common-expression-language": _common_expression_language,
    "zen-engine": _zen_engine,
    "cedarpy": _cedarpy,
    "cel-python": _cel_python,
}
ONLY_PLAIN = ("zen-engine", "cedarpy")
SETS = {"plain": tuple(rule.cel for rule in PLAIN), "mixed": MIXED}


def median_us(run: Callable[[], object], *, seconds: float = 1.5) -> float:
    """The median time of one run in microseconds, over batches of at least a millisecond."""
    run()
    started = time.perf_counter()
    run()
    once = max(time.perf_counter() - started, 1e-7)
    batch = max(1, int(0.002 / once))
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples) < 7:
        started = time.perf_counter()
        for _ in range(batch):
            run()
        samples.append((time.perf_counter() - started) / batch)
    return statistics.median(samples) * 1e6


def measure_set(name: str, *, seconds: float) -> dict[str, Any]:
    """Medians of every engine that can be imported. Refuses (SystemExit) a peer that disagrees on any rule."""
    rules = SETS[name]
    expected = _ours(rules)()
    medians: dict[str, float] = {}
    missing: list[str] = []
    for engine, prepare in ENGINES.items():
        if name != "plain" and engine in ONLY_PLAIN:
            continue
        try:
            run = prepare(rules)
        except ImportError:
            missing.append(engine)
            continue
        answers = run()
        if answers != expected:
            wrong = [number for number, pair in enumerate(zip(expected, answers, strict=True)) if pair[0] != pair[1]]
            raise SystemExit(f"{engine} disagrees on rules {wrong} of the {name} set")
        medians[engine] = round(median_us(run, seconds=seconds), 2)
    peers = {engine: median for engine, median in medians.items() if not engine.startswith(OURS)}
    fastest = min(peers, key=lambda engine: peers[engine]) if peers else None
    return {
        "rules": len(rules),
        "hits": sum(expected),
        "medians": medians,
        "missing": missing,
        "fastest_peer": fastest,
        "times_faster": round(peers[fastest] / medians[OURS], 2) if fastest else None,
    }


def measure(*, seconds: float = 1.5) -> dict[str, Any]:
    """Both sets, and what they were measured with."""
    sets = {name: measure_set(name, seconds=seconds) for name in SETS}
    engines = [engine for engine in sets["plain"]["medians"] if not engine.startswith(OURS)]
    return {
        "benchmark": "B5",
        "unit": "microseconds per decision, median",
        "decision_bytes": len(json.dumps(DECISION, separators=(",", ":"))),
        "python": platform.python_version(),
        "versions": {engine: metadata.version(engine) for engine in engines},
        "sets": sets,
    }


def main() -> int:
    """Prints the medians, as tables or (`--json`) as one JSON object."""
    parser = argparse.ArgumentParser(description="B5: twenty rules over a decision of 2 KB, and the peers.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long to measure each engine")
    arguments = parser.parse_args()
    report = measure(seconds=arguments.seconds)
    if arguments.json:
        print(json.dumps(report, indent=2))
        return 0
    for name, result in report["sets"].items():
        print(f"{result['rules']} {name} rules over a decision of {report['decision_bytes']} bytes, µs per decision")
        for engine, median in sorted(result["medians"].items(), key=lambda entry: entry[1]):
            print(f"{median:>10.1f}  {engine} {report['versions'].get(engine, '')}")
        for engine in result["missing"]:
            print(f"{'not here':>10}  {engine}")
        if result["times_faster"] is not None:
            print(f"{result['times_faster']} times as fast as the fastest peer, {result['fastest_peer']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
