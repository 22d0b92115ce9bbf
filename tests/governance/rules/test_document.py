"""The policy document: what it takes, what it refuses and where it points."""

import json
from typing import Any

import pytest

from governance.rules.document import (
    InvalidPolicy,
    PolicyTest,
    Sampling,
    Sla,
    export_yaml,
    load_policy_document,
)
from tests.governance.rules.support import errors_of, policy_value

DOCUMENT = """\
apiVersion: governance/v1
kind: Policy
metadata: {key: refunds, description: What the refund bot may do}
default: allow
on_error: review                     # a rule that errors never loosens anything
rules:
  - id: large-refund                 # stable across versions
    when: action.name == "refund" && action.arguments.amount > 200.0
    verdict: review
    queue: refunds
    priority: high
    quorum: 1
    sla: {respond: 30m, on_timeout: escalate, escalate_to: [leads, owners]}
    reason: Refunds over 200 need a person
  - id: unsure
    when: confidence < 0.8
    verdict: review
    mode: shadow
sampling:
  - {rate: 0.02, of: allow, queue: quality}
retires: {labels: [old-refund-window]}
tests:
  - name: a big refund asks
    context: {action: {name: refund, arguments: {amount: 900.0}}, confidence: 0.97}
    expect: {verdict: review, rules: [large-refund]}
"""


def test_a_document_is_read_as_it_is_written() -> None:
    document = load_policy_document(DOCUMENT)
    first, second = document.rules
    assert (document.key, document.default, document.on_error) == ("refunds", "allow", "review")
    assert (first.id, first.verdict, first.queue, first.priority, first.mode) == (
        "large-refund",
        "review",
        "refunds",
        "high",
        "enforce",
    )
    assert first.sla == Sla(1800, 5400, "escalate", ("leads", "owners"))
    assert (second.priority, second.queue, second.sla, second.reason, second.mode) == (
        "normal",
        None,
        None,
        "",
        "shadow",
    )
    assert document.sampling == (Sampling(0.02, "allow", "quality"),)
    assert document.retires_labels == ("old-refund-window",)
    expected = {"action": {"name": "refund", "arguments": {"amount": 900.0}}, "confidence": 0.97}
    assert document.tests == (PolicyTest("a big refund asks", expected, "review", ("large-refund",)),)
    assert document.warnings == ()


def test_text_json_and_export_have_one_hash() -> None:
    document = load_policy_document(DOCUMENT)
    assert load_policy_document(json.loads(document.canonical)) == document
    assert load_policy_document(document.canonical).sha256 == document.sha256
    assert load_policy_document(export_yaml(document)).sha256 == document.sha256
    assert load_policy_document(DOCUMENT.replace("0.97", "0.96")).sha256 != document.sha256


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "yes",
        "on",
        "0o17",
        "012",
        "2026-01-01",
        "1_000",
        "null",
        "a: b",
        "#",
        "two\nlines\n",
        "é",
        "- x",
        "1:30",
        "~",
        "trailing  ",
    ],
)
def test_an_exported_text_is_the_same_text_again(text: str) -> None:
    value = policy_value({"when": "true", "reason": text}, metadata={"key": "k", "description": text})
    document = load_policy_document(value)
    again = load_policy_document(export_yaml(document))
    assert again.rules[0].reason == text
    assert again.sha256 == document.sha256


def place_of(document: str, wrong: str, right: str) -> tuple[int | None, int | None]:
    """Line and column of the one error that a change of the document causes."""
    assert right in document
    (error,) = errors_of(document.replace(right, wrong))
    return error.line, error.column


def test_an_error_in_a_condition_points_to_the_character() -> None:
    assert place_of(DOCUMENT, "confidenc <", "confidence <") == (16, 11)
    assert place_of(DOCUMENT, "amount >> 200.0", "amount > 200.0") == (8, 63)
    assert place_of(DOCUMENT, "nam ==", "name ==") == (8, 18)


@pytest.mark.parametrize(
    ("scalar", "line", "column"),
    [
        ("'action.name == ''a'' && confidenc < 0.8'", 7, 36),
        (r'"action.name == \"a\" && confidenc < 0.8"', 7, 36),
        ("|\n      action.name == 'a'\n      && confidenc < 0.8", 9, 10),
        (">-\n      action.name == 'a'\n      && confidenc < 0.8", 9, 10),
        ("action.name == 'a'\n      && confidenc < 0.8", 8, 10),
        ("confidence <", 7, 23),
    ],
)
def test_an_error_points_into_every_kind_of_yaml_scalar(scalar: str, line: int, column: int) -> None:
    text = f"""\
apiVersion: governance/v1
kind: Policy
metadata: {{key: refunds}}
default: review
rules:
  - id: unsure
    when: {scalar}
    verdict: review
"""
    (error,) = errors_of(text)
    assert (error.pointer, error.line, error.column) == ("/rules/0/when", line, column)


def test_all_errors_are_reported_at_once_in_the_order_of_the_text() -> None:
    text = (
        DOCUMENT.replace("kind: Policy", "kind: Polcy")
        .replace("high", "hgh")
        .replace("0.8", "'a'")
        .replace("0.02", "2")
    )
    assert [error.line for error in errors_of(text)] == [2, 11, 16, 20]


def test_a_json_document_has_pointers_and_no_lines() -> None:
    (error,) = errors_of(policy_value({"when": "true", "verdict": "deny"}))
    assert (error.pointer, error.line, error.column) == ("/rules/0/verdict", None, None)


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"apiVersion": "v2"}, "/apiVersion", "this version reads `governance/v1` only"),
        ({"kind": "Rule"}, "/kind", "this version reads `Policy` only"),
        ({"default": "permit"}, "/default", "`default` has to be one of allow, review, escalate, block"),
        ({"on_error": "allow"}, "/on_error", "`on_error` can't be allow: a rule that errors never loosens anything"),
        ({"on_error": "x"}, "/on_error", "`on_error` has to be one of review, escalate, block"),
        ({"metadata": {}}, "/metadata", "`metadata` needs `key`"),
        (
            {"metadata": {"key": "A b"}},
            "/metadata/key",
            "`metadata.key` takes lower-case letters, digits, `-` and `_`, 64 at most",
        ),
        ({"metadata": []}, "/metadata", "`metadata` has to be a mapping"),
        ({"rules": {}}, "/rules", "`rules` has to be a list"),
        ({"rules": [1]}, "/rules/0", "a rule has to be a mapping"),
        ({"samplng": []}, "/samplng", "unknown key `samplng` in the document"),
        ({"limits": []}, "/limits", "`limits` is not supported by this version, and a policy is never half-obeyed"),
        (
            {"schedule": {}},
            "/schedule",
            "`schedule` is not supported by this version, and a policy is never half-obeyed",
        ),
        ({"canary": 5}, "/canary", "`canary` is not supported by this version, and a policy is never half-obeyed"),
        ({"layers": []}, "/layers", "`layers` is not supported by this version, and a policy is never half-obeyed"),
        ({"models": []}, "/models", "`models` is not supported by this version, and a policy is never half-obeyed"),
        ({"schema": "x@3"}, "/schema", "`schema` is not supported by this version, and a policy is never half-obeyed"),
        (
            {"sampling": [{"rate": 0, "of": "allow"}]},
            "/sampling/0/rate",
            "a rate is a number above 0 and at most 1, like 0.02",
        ),
        (
            {"sampling": [{"rate": True, "of": "allow"}]},
            "/sampling/0/rate",
            "a rate is a number above 0 and at most 1, like 0.02",
        ),
        (
            {"sampling": [{"rate": 0.1, "of": "block"}]},
            "/sampling/0/of",
            "only decisions with the verdict allow can be sampled",
        ),
        ({"sampling": [{"rate": 0.1}]}, "/sampling/0", "a sampling entry needs `of`"),
        (
            {"retires": {"labels": ["A"]}},
            "/retires/labels/0",
            "a label takes lower-case letters, digits, `-` and `_`, 64 at most",
        ),
        ({"tests": [{"name": "n", "context": {}}]}, "/tests/0", "a test needs `expect`"),
        (
            {"tests": [{"name": "n", "context": {"confidense": 1}, "expect": {"verdict": "allow"}}]},
            "/tests/0/context/confidense",
            "unknown key `confidense` in a test's context",
        ),
        (
            {"tests": [{"name": "n", "context": {"now": "today"}, "expect": {"verdict": "allow"}}]},
            "/tests/0/context/now",
            "`now` is not an RFC 3339 timestamp",
        ),
        (
            {"tests": [{"name": "n", "context": {}, "expect": {"verdict": "allow", "rules": ["r9"]}}]},
            "/tests/0/expect/rules/0",
            "there is no such rule in this document",
        ),
        (
            {"tests": [{"name": "n", "context": {"input": [0] * 1001}, "expect": {"verdict": "allow"}}]},
            "/tests/0/context",
            "a list of the context is longer than 1,000",
        ),
    ],
)
def test_a_document_is_refused(change: dict[str, Any], pointer: str, detail: str) -> None:
    errors = errors_of({**policy_value("true"), **change})
    assert [(error.pointer, error.detail) for error in errors] == [(pointer, detail)]


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"id": "Not a slug"}, "/id", "a rule's id takes lower-case letters, digits, `-` and `_`, 64 at most"),
        ({"when": True}, "/when", "`when` has to be a string"),
        ({"verdict": "deny"}, "/verdict", "a verdict has to be one of allow, review, escalate, block"),
        ({"priority": "hgh"}, "/priority", "a priority has to be one of low, normal, high, urgent"),
        ({"mode": "canary"}, "/mode", "a mode has to be one of enforce, shadow"),
        (
            {"quorum": 2},
            "/quorum",
            "a quorum other than 1 is not supported by this version, and a policy is never half-obeyed",
        ),
        (
            {"quorum": True},
            "/quorum",
            "a quorum other than 1 is not supported by this version, and a policy is never half-obeyed",
        ),
        (
            {"quorum": 1.5},
            "/quorum",
            "a quorum other than 1 is not supported by this version, and a policy is never half-obeyed",
        ),
        ({"queue": "The Queue"}, "/queue", "a queue takes lower-case letters, digits, `-` and `_`, 64 at most"),
        ({"reason": 5}, "/reason", "a reason has to be a string"),
        ({"reason": "x" * 1001}, "/reason", "a reason may have 1000 characters at most"),
        ({"sla": "30m"}, "/sla", "an sla has to be a mapping"),
        ({"sla": {}}, "/sla", "an sla needs `respond`"),
        ({"sla": {"respond": 30}}, "/sla/respond", "a duration is a number and a unit, like 30s, 30m, 24h or 7d"),
        ({"sla": {"respond": "0s"}}, "/sla/respond", "a duration is a number and a unit, like 30s, 30m, 24h or 7d"),
        ({"sla": {"respond": "366d"}}, "/sla/respond", "a duration may be 365d at most"),
        ({"sla": {"respond": "2h", "total": "1h"}}, "/sla/total", "`total` can't be shorter than `respond`"),
        (
            {"sla": {"respond": "2h", "on_timeout": "escalate"}},
            "/sla/on_timeout",
            "`on_timeout: escalate` needs `escalate_to`, the groups to hand over to",
        ),
        (
            {"verdict": "escalate", "sla": {"respond": "2h", "on_timeout": "allow"}},
            "/sla/on_timeout",
            "a rule whose verdict is escalate can't allow on timeout",
        ),
        (
            {"sla": {"respond": "2h", "pause_while_waiting": 1}},
            "/sla/pause_while_waiting",
            "`pause_while_waiting` has to be true or false",
        ),
        ({"sla": {"respond": "2h", "notify": "x"}}, "/sla/notify", "unknown key `notify` in an sla"),
        ({"whn": "true"}, "/whn", "unknown key `whn` in a rule"),
    ],
)
def test_a_rule_is_refused(change: dict[str, Any], pointer: str, detail: str) -> None:
    errors = errors_of(policy_value({"when": "true", **change}))
    assert [(error.pointer, error.detail) for error in errors] == [(f"/rules/0{pointer}", detail)]


def test_an_id_that_stands_twice_is_refused() -> None:
    (error,) = errors_of(policy_value({"id": "a", "when": "true"}, {"id": "a", "when": "false"}))
    assert (error.pointer, error.detail) == ("/rules/1/id", "the id `a` is that of rule 1 too")


def test_more_than_200_rules_are_refused() -> None:
    assert not errors_of(policy_value(*["true"] * 200))
    (error,) = errors_of(policy_value(*["true"] * 201))
    assert error.detail == "`rules` may have 200 entries at most, this has 201"


def test_rules_that_need_more_than_the_fuel_before_any_decision_are_refused() -> None:
    (error,) = errors_of(policy_value(*[" + ".join(["1"] * 148) + " == 148"] * 200))
    assert error.detail == "the rules need 59,400 steps before any decision, 50,000 are allowed"


@pytest.mark.parametrize(
    ("text", "detail", "line", "column"),
    [
        ("a: &x 1\nb: *x\n", "anchors and aliases are not supported", 1, 4),
        ("a: *x\n", "anchors and aliases are not supported", 1, 4),
        ("a: 1\na: 2\n", "the key `a` stands twice", 2, 1),
        ("1: 2\n", "a key has to be a string", 1, 1),
        ("yes: 2\n", "a value that YAML 1.1 and 1.2 read differently: put it in quotes", 1, 1),
        ("[1]: 2\n", "a key has to be a string", 1, 1),
        ("<<: {a: 1}\n", "merge keys are not supported", 1, 1),
        ("a: 2026-01-01\n", "a date: put it in quotes", 1, 4),
        ("a: no\n", "a value that YAML 1.1 and 1.2 read differently: put it in quotes", 1, 4),
        ("a: 0777\n", "this number can't be read", 1, 4),
        ("a: .nan\n", "this number can't be read", 1, 4),
        ("a: !!str 1\n", "tags are not supported", 1, 4),
        ("a: !!python/object/apply:os.system [x]\n", "tags are not supported", 1, 4),
        ("--- 1\n--- 2\n", "one document at a time", 2, 1),
        ("", "the document is empty", 1, 1),
        ("[1]", "the document has to be a mapping of keys to values", None, None),
        ("x", "the document has to be a mapping of keys to values", None, None),
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str, detail: str, line: int | None, column: int | None) -> None:
    (error,) = errors_of(text)
    assert (error.detail, error.line, error.column) == (detail, line, column)


def test_yaml_that_is_malformed_is_refused_with_its_place() -> None:
    (error,) = errors_of("a: [1\nb: 2\n")
    assert error.detail.startswith("not valid YAML: ")
    assert error.line is not None


def test_a_billion_laughs_are_refused_at_the_first_anchor() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    (error,) = errors_of("\n".join(lines))
    assert (error.detail, error.line) == ("anchors and aliases are not supported", 1)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 100_000, "a:\n" + " " * 60 + "- " * 80_000])
def test_deep_yaml_is_refused_without_recursion(text: str) -> None:
    assert errors_of(text)


def test_a_deep_json_document_is_refused() -> None:
    value: Any = []
    for _ in range(5_000):
        value = [value]
    assert errors_of({**policy_value("true"), "tests": value})


def test_a_document_beyond_256_kb_is_refused() -> None:
    (error,) = errors_of(DOCUMENT + "#" * (256 * 1024))
    assert error.detail == "the document is larger than 256 KB"
    (error,) = errors_of({**policy_value("true"), "metadata": {"key": "k", "description": "x" * 300_000}})
    assert error.detail == "the document is larger than 256 KB"


@pytest.mark.parametrize("value", [float("nan"), 2**60, (1, 2), {1: 2}, {"a"}, "\ud800"])
def test_a_value_that_json_cannot_carry_is_refused(value: object) -> None:
    (error,) = errors_of({**policy_value("true"), "retires": {"labels": value}})
    assert error.detail.startswith("the document is not plain JSON")


def test_the_message_of_the_exception_names_every_error() -> None:
    with pytest.raises(
        InvalidPolicy,
        match=r"line 16, column 11: undeclared name `confidenc` \(did you mean `confidence`\?\)",
    ):
        load_policy_document(DOCUMENT.replace("confidence <", "confidenc <"))


def test_a_policy_that_allows_without_sampling_is_warned_about() -> None:
    warning = "This policy allows decisions that nobody samples: nothing can then be said of that part."
    assert load_policy_document(policy_value("confidence < 0.5")).warnings == (warning,)
    assert load_policy_document(policy_value("confidence < 0.5", default="review")).warnings == ()
    allowing = {"when": "confidence > 0.5", "verdict": "allow"}
    assert load_policy_document(policy_value(allowing, default="review")).warnings == (warning,)


def test_a_queue_of_a_rule_that_asks_nobody_is_warned_about() -> None:
    rule = {"when": "confidence < 0.5", "verdict": "block", "queue": "q"}
    (warning,) = load_policy_document(policy_value(rule, default="review")).warnings
    assert warning == "Rule r1: verdict block asks nobody, so its queue has no effect."
