"""Whatever text or value arrives, a document is loaded or refused with InvalidPolicy: never another exception."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rules.document import InvalidPolicy, export_yaml, load_policy_document
from governance.rules.evaluation import compile_policy
from tests.governance.rules.support import NOW, policy, policy_value
from tests.governance.rules.test_document import DOCUMENT

TOKENS = [
    "action",
    ".",
    "name",
    "arguments",
    "input",
    "confidence",
    "now",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "1",
    "0",
    "2.5",
    "1e400",
    "9223372036854775808",
    "'a'",
    '"b"',
    "r'\\d'",
    "'''x'''",
    "true",
    "false",
    "null",
    "has",
    "size",
    "exists",
    "all",
    "map",
    "filter",
    "matches",
    "timestamp",
    "duration",
    "int",
    "double",
    "string",
    "lowerAscii",
    "contains",
    "x",
    "y",
    "//",
    "\\",
    "'",
    '"',
    "`",
    "@",
    "#",
    "$",
    "é",
    "😀",
    "0x",
    "0xFF",
    "1u",
    "b'a'",
    "import",
]
SNIPPETS = [
    "\n",
    " ",
    ":",
    "- ",
    "  ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "|",
    ">",
    "&a",
    "*a",
    "!!",
    "#",
    "\t",
    "\0",
    "\ufeff",
    "\x85",
]

expressions = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join),
    st.lists(st.sampled_from(TOKENS), max_size=25).map("".join),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def load(source: Any) -> None:
    with contextlib.suppress(InvalidPolicy):
        document = load_policy_document(source)
        assert load_policy_document(export_yaml(document)).sha256 == document.sha256
        compile_policy(document).evaluate({"input": {"x": [1, "a", None]}, "confidence": 0.5}, now=NOW)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=40).map("".join))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    load(text)


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_any_condition_is_loaded_or_refused(source: str) -> None:
    load(policy_value(source))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(DOCUMENT)), st.integers(0, 12), st.sampled_from(SNIPPETS) | st.text(max_size=5))
def test_any_damage_to_a_document_is_loaded_or_refused(position: int, removed: int, inserted: str) -> None:
    load(DOCUMENT[:position] + inserted + DOCUMENT[position + removed :])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["metadata", "default", "rules", "sampling", "retires", "tests", "on_error"]), json_values)
def test_any_value_of_a_key_is_loaded_or_refused(key: str, value: Any) -> None:
    load({**policy_value("true"), key: value})


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["id", "when", "verdict", "queue", "priority", "sla", "reason", "mode", "quorum"]),
    json_values,
)
def test_any_value_in_a_rule_is_loaded_or_refused(key: str, value: Any) -> None:
    load(policy_value({"when": "true", key: value}))


CONDITIONS = (
    "action.name == 'refund' && action.arguments.amount > 200.0",
    "input.text.matches('(a|b)*c') || size(input.items) > 2",
    "input.items.exists(i, i.price > 2.0 && i.name.startsWith('x'))",
    "has(context.a.b) ? context.a.b == input : !context.flag",
    "timestamp(input.at) < now || duration(input.wait) > duration('1h')",
    "input.items.map(i, i.price) == [1.0] || int(input.text) in [1, 2] || string(confidence) + subject == 'x'",
)
names = st.sampled_from(["action", "input", "output", "confidence", "subject", "context", "usage", "now"])
fields = st.sampled_from(["name", "arguments", "amount", "text", "items", "price", "a", "b", "at", "wait", "flag"])
hostile: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.just("9999-12-31T23:59:59-23:59"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(names, hostile, max_size=6))
def test_any_decision_has_an_evaluation(context: dict[str, Any]) -> None:
    evaluation = policy(*CONDITIONS, sampling=[{"rate": 0.5, "of": "allow"}]).evaluate(context, now=NOW, draws=[0.7])
    assert len(evaluation.rules) == len(CONDITIONS)
    if any(result.result == "error" for result in evaluation.rules):
        assert evaluation.verdict == "review"
    assert evaluation == policy(*CONDITIONS, sampling=[{"rate": 0.5, "of": "allow"}]).evaluate(
        context, now=NOW, draws=[0.7]
    )
