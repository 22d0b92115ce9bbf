"""Every construct of the language, by what it gives."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.rules.values import EvaluationError
from tests.governance.rules.support import NOW, value_of

CONTEXT: dict[str, Any] = {
    "action": {
        "name": "refund",
        "arguments": {"amount": 300, "tags": ["a", "b"], "lines": [{"price": 2}, {"price": 5}]},
    },
    "input": {
        "text": "Please call my LAWYER",
        "nested": {"key with space": "yes"},
        "empty": [],
        "mixed": [1, "a", None],
    },
    "confidence": 0.5,
    "subject": "customer-1",
    "context": {"flag": True, "big": 9007199254740993, "at": "2026-02-28T12:00:00Z", "nothing": None},
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1", 1),
        ("-7", -7),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2e3", 2000.0),
        ("-9223372036854775808", -(2**63)),
        ("'a'", "a"),
        ('"it\'s"', "it's"),
        ("'''two\nlines'''", "two\nlines"),
        (r"r'\d'", r"\d"),
        (r"'\x41\u00e9\U0001F600\101\n'", "Aé😀A\n"),
        ("true", True),
        ("null", None),
        ("[1, 'a', null,]", (1, "a", None)),
        ("{'a': 1}.a", 1),
        ("{'a': {'b': 2}}['a'].b", 2),
        ("1 // a comment\n + 1", 2),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("7.0 / 2.0", 3.5),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", (1, 2)),
        ("-(1)", -1),
        ("- 1.5", -1.5),
        ("1.0 / 0.0", math.inf),
        ("-1.0 / 0.0", -math.inf),
        ("1 < 2", True),
        ("'a' < 'b'", True),
        ("2.0 >= 2.0", True),
        ("false < true", True),
        ("1 != 2", True),
        ("[1, 2] == [1, 2]", True),
        ("{'a': 1} == {'a': 1}", True),
        ("[1] == [2]", False),
        ("[true] == [true]", True),
        ("true ? 1 : 2", 1),
        ("false ? 1 : true ? 3 : 4", 3),
        ("!false && !!true", True),
        ("'a' in ['a', 'b']", True),
        ("3 in [1, 2]", False),
        ("'k' in {'k': 1}", True),
        ("size('héllo')", 5),
        ("[1, 2].size()", 2),
        ("size({})", 0),
        ("'abc'.contains('b')", True),
        ("'abc'.startsWith('ab')", True),
        ("'abc'.endsWith('bc')", True),
        ("'abc'.matches('^a.c$')", True),
        ("matches('abc', 'b')", True),
        ("'ÀB'.lowerAscii()", "Àb"),
        ("'AB'.lowerAscii()", "ab"),
        ("[1, 2, 3].exists(x, x > 2)", True),
        ("[1, 2, 3].all(x, x > 1)", False),
        ("[1, 2, 2].exists_one(x, x == 2)", False),
        ("[1, 2, 3].filter(x, x > 1)", (2, 3)),
        ("[1, 2].map(x, x * 2)", (2, 4)),
        ("[1, 2, 3].filter(x, x > 1).map(x, x + 1)", (3, 4)),
        ("{'a': 1}.exists(k, k == 'a')", True),
        ("[].all(x, x > 1)", True),
        ("[].exists(x, x > 1)", False),
        ("int('42')", 42),
        ("int(3.9)", 3),
        ("int(-3.9)", -3),
        ("double(2)", 2.0),
        ("double('1e2')", 100.0),
        ("string(1.5)", "1.5"),
        ("string(12)", "12"),
        ("string(true)", "true"),
        ("timestamp('2026-01-01T01:00:00+01:00')", datetime(2026, 1, 1, tzinfo=UTC)),
        ("duration('1h30m')", timedelta(minutes=90)),
        ("timestamp('2026-01-01T00:00:00Z') + duration('1.5s')", datetime(2026, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)),
        ("now - duration('24h') < now", True),
        ("now", NOW),
        ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
        ("string(duration('90s'))", "90s"),
        ("string(timestamp('2026-01-01T00:00:00.50Z'))", "2026-01-01T00:00:00.5Z"),
        ("timestamp(60)", datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
    ],
)
def test_an_expression_gives(source: str, expected: object) -> None:
    value = value_of(source)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("action.name", "refund"),
        ("action.arguments.amount", 300.0),
        ("action.arguments.amount > 200", True),
        ("action.arguments.amount == 300", True),
        ("action.arguments.amount + 0.5", 300.5),
        ("int(action.arguments.amount) / 7", 42),
        ("200 < action.arguments.amount", True),
        ("action.arguments['amount'] <= 300", True),
        ("input.nested['key with space'] == 'yes'", True),
        ("action.arguments.tags[1]", "b"),
        ("action.arguments.lines[0].price", 2.0),
        ("'a' in action.arguments.tags", True),
        ("'amount' in action.arguments", True),
        ("'x' in action.arguments", False),
        ("action.arguments.lines.exists(line, line.price > 4.0)", True),
        ("action.arguments.lines.map(line, line.price)", (2.0, 5.0)),
        ("action.arguments.lines.filter(line, has(line.missing))", ()),
        ("action.arguments.exists(key, key == 'tags')", True),
        ("has(action.arguments.amount)", True),
        ("has(action.arguments.note)", False),
        ("has(context.nothing)", True),
        ("context.nothing == null", True),
        ("actor == null", True),
        ("actor != null && actor == 'x'", False),
        ("confidence != null && confidence < 0.8", True),
        ("input.text.lowerAscii().contains('lawyer')", True),
        ("input.text.matches('(?i)lawyer')", True),
        ("context.flag", True),
        ("!context.flag", False),
        ("size(action.arguments.tags) == 2", True),
        ("timestamp(context.at) < now", True),
        ("now - timestamp(context.at) == duration('24h')", True),
        ("input.mixed == [1, 'a', null]", True),
        ("input.mixed[0] == 1", True),
        ("1 in input.mixed", True),
        ("true in input.mixed", False),
        ("null in input.mixed", True),
        ("context.flag == 1", False),
        ("input == input", True),
        ("input.empty == []", True),
        ("action.arguments.lines == [{'price': 2.0}, {'price': 5.0}]", True),
        ("context.big == 9007199254740992.0", True),
        ("-action.arguments.amount", -300.0),
        ("action.arguments.tags + ['c']", ("a", "b", "c")),
        ("(context.flag ? action.arguments.tags : [])[0]", "a"),
        ("{'a': action.arguments.amount}.a", 300.0),
        ("[action.arguments.lines][0][1].price", 5.0),
        ("action.arguments.lines[1.0].price == 5.0", True),
    ],
)
def test_a_decision_is_read_as(source: str, expected: object) -> None:
    value = value_of(source, CONTEXT)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("action.arguments.note == 'x'", "no such field: action.arguments.note"),
        ("action.arguments.lines[9].price > 1", r"no such item: action.arguments.lines\[9\]"),
        ("actor.startsWith('x')", r"no such overload: startsWith\(null, string\)"),
        ("release < 'x'", r"no such overload: <\(null, string\)"),
        ("latency_ms > 5", r"no such overload: >\(null, int\)"),
        ("context.flag > 5", r"no such overload: >\(bool, int\)"),
        ("context.nothing.field == 1", "context.nothing is null, which has no fields"),
        ("has(context.absent.field)", "no such field: context.absent"),
        ("!input.text", r"no such overload: !\(string\)"),
        ("input.text ? true : false", r"no such overload: \?:\(string\)"),
        ("input.text && true", r"no such overload: &&\("),
        ("9223372036854775807 + 1 > 0", "integer overflow"),
        ("-(-9223372036854775808) > 0", "integer overflow"),
        ("-9223372036854775808 / -1 > 0", "integer overflow"),
        ("-9223372036854775808 % -1 > 0", "integer overflow"),
        ("1 / 0 == 1", "division by zero"),
        ("1 % 0 == 1", "modulus by zero"),
        ("int(1e30 * 1.0) == 1", "integer out of range"),
        ("int(input.text) == 1", "this string is not a 64-bit integer"),
        ("double(input.text) == 1.0", "this string is not a number"),
        ("timestamp(input.text) < now", "not an RFC 3339 timestamp"),
        ("duration(input.text) < duration('1s')", "not a duration"),
        ("input.text in input.text", r"no such overload: in\(string, string\)"),
        ("input.text.exists(c, true)", r"no such overload: exists\(string\)"),
        ("input.mixed.all(x, x == 1 || x.y)", "no such overload"),
        ("action.arguments.lines.exists_one(l, l.missing)", "no such field: missing"),
        ("action.arguments.tags[input.mixed[0] == 1 ? 7 : 8] == 'a'", "no such item"),
        ("action.arguments[input.text] == 1", "no such key"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1h') > now", "timestamp out of range"),
        ("input + 1.0 > 2.0", r"no such overload: \+\(map, double\)"),
    ],
)
def test_an_expression_that_cannot_be_evaluated_says_why(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        value_of(source, CONTEXT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("false && 1 / 0 == 1", False),
        ("1 / 0 == 1 && false", False),
        ("true || 1 / 0 == 1", True),
        ("1 / 0 == 1 || true", True),
        ("1 / 0 == 1 || false || true", True),
        ("1 / 0 == 1 && true && false", False),
        ("[1, 0].exists(x, 2 / x == 2)", True),
        ("[0, 1].exists(x, 2 / x == 2)", True),
        ("[0, 1].all(x, 2 / x == 1)", False),
        ("input.text && false", False),
        ("input.text || true", True),
        ("true ? 1 : 1 / 0", 1),
    ],
)
def test_an_error_is_absorbed_where_the_other_side_decides(source: str, expected: object) -> None:
    value = value_of(source, CONTEXT)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    "source",
    [
        "true && 1 / 0 == 1",
        "1 / 0 == 1 && true",
        "false || 1 / 0 == 1",
        "1 / 0 == 1 || false",
        "true && true && 1 / 0 == 1",
        "[0, 1].all(x, 2 / x == 2)",
        "[0, 1].exists(x, 2 / x == 3)",
        "[0, 1].exists_one(x, 2 / x == 2)",
        "[0].filter(x, 1 / x == 1) == []",
        "[0].map(x, 1 / x) == []",
    ],
)
def test_an_error_is_not_absorbed_where_nothing_else_decides(source: str) -> None:
    with pytest.raises(EvaluationError, match="division by zero"):
        value_of(source)


def test_a_string_that_is_not_unicode_is_an_error_of_matches_only() -> None:
    context = {"input": {"text": "\ud800"}}
    assert value_of("size(input.text)", context) == 1
    with pytest.raises(EvaluationError, match="not valid Unicode"):
        value_of("input.text.matches('a')", context)


def test_nan_equals_nothing_and_is_unordered() -> None:
    assert value_of("0.0 / 0.0 == 0.0 / 0.0") is False
    assert value_of("0.0 / 0.0 < 1.0") is False
    assert value_of("0.0 / 0.0 != 1.0") is True
