"""What a policy's author is told, and where: every refusal of the parser and the checker."""

import pytest

from governance.rules.limits import MAX_NESTING, MAX_NODES
from tests.governance.rules.support import errors_of, policy_value, the_error


@pytest.mark.parametrize(
    ("source", "detail", "suggestion"),
    [
        ("", "expected a value, found the end", None),
        ("1 +", "expected a value, found the end", None),
        ("true true", "expected an operator or the end, found `true`", None),
        ("action.name = 'a'", "`=` is not an operator", "=="),
        ("true & false", "`&` is not an operator", "&&"),
        ("true | false", "`|` is not an operator", "||"),
        ("confidence < 0.8 and true", "expected an operator or the end, found `and`", "&&"),
        ("(true", "expected `)`, found the end", None),
        ("[1, 2", "expected `,` or `]`, found the end", None),
        ("size(1,)", "expected a value, found `)`", None),
        ("{'a' 1}", "expected `:` and a value, found a number", None),
        ("true ? 1", "expected `:` and what holds otherwise, found the end", None),
        ("action.", "expected a field or function after `.`, found the end", None),
        ("'abc", "this string is never closed", None),
        ("'a\nb'", "this string is not closed on its line", None),
        (r"'\q'", "unknown escape in a string", "\\\\"),
        (r"'\ud800'", "this escape is not a Unicode character", None),
        ("1u == 1", "unsigned numbers are not supported", "1"),
        ("b'a' == 'a'", "bytes are not supported", None),
        ("context.`a`", 'quoted field names are not supported; write map["field"]', None),
        ("9223372036854775808 > 1", "this integer is beyond 64 bits", None),
        ("1e999 > 1.0", "this number is beyond the range of a double", None),
        ("12abc", "a number is followed by a letter", None),
        ("while", "`while` is a reserved word", None),
        ("#", "unexpected character '#'", None),
        ("-!true", "expected a value, found `!`", None),
        ("has(action)", "has() takes the selection of a field, like has(action.arguments.note)", None),
        ("has(action['name'])", "has() takes the selection of a field, like has(action.arguments.note)", None),
        ("input.exists(a, input.exists(b, true))", "exists() inside another macro is not supported", None),
        ("input.exists(a)", "exists() takes a variable and an expression, like exists(item, …)", None),
        ("input.map(a, true, a)", "map() takes a variable and an expression, like map(item, …)", None),
        ("input.all(1, true)", "the first argument of all() is the name of a variable", None),
        ("confidenc < 0.8", "undeclared name `confidenc`", "confidence"),
        ("arguments.amount > 1", "undeclared name `arguments`", "action.arguments"),
        ("zzzz == 1", "undeclared name `zzzz`", None),
        ("action.nam == 'a'", "undeclared field `action.nam`", "action.name"),
        ("action.amount > 1", "undeclared field `action.amount`", "action.arguments.amount"),
        ("has(action.nam)", "undeclared field `action.nam`", "action.name"),
        ("action['nam'] == 'a'", "undeclared field `action.nam`", "action.name"),
        ("usage.tokens > 1", "undeclared field `usage.tokens`", "usage.input_tokens"),
        ("subject.name == 'a'", "a string has no fields", None),
        ("siz(input) > 1", "there is no function siz()", "size"),
        ("input.lower() == 'a'", "there is no function lower()", "lowerAscii"),
        ("contains(subject, 'a')", "contains() is called on a value", "value.contains(…)"),
        ("subject.int() == 1", "int() is not called on a value", "int(…)"),
        ("subject.contains()", "contains() takes 1 argument", None),
        ("size() == 1", "size() takes 1 argument", None),
        ("subject.lowerAscii(1) == ''", "lowerAscii() takes no argument", None),
        ("subject.contains(1)", "contains() takes string, this is an int", None),
        ("size(1) > 1", "size() takes list or map or string, this is an int", None),
        ("subject.matches(actor)", "the pattern of matches() has to be a string literal", None),
        ("subject.matches('a' + 'b')", "the pattern of matches() has to be a string literal", None),
        ("subject.matches('(?=a)')", "not a valid RE2 pattern: invalid perl operator: (?=", None),
        ("subject.matches()", "matches() takes 1 argument", None),
        ("1", "a rule's condition has to be a bool, this is an int", None),
        ("subject", "a rule's condition has to be a bool, this is a string", None),
        ("1 && true", "`&&` takes bools, this is an int", None),
        ("!1", "`!` takes a bool, this is an int", None),
        ("subject || true", "`||` takes bools, this is a string", "subject != null"),
        ("-subject == 1", "`-` takes a number, this is a string", None),
        ("1 == 1.0", "`==` can't compare an int with a double", "1.0"),
        ("size(input) > 1.0", "`>` can't compare an int with a double", None),
        ("subject == 1", "`==` can't compare a string with an int", None),
        ("confidence == 'high'", "`==` can't compare a double with a string", None),
        ("'a' == null", "`==` can't compare a string with null", None),
        ("null < 1", "`<` can't order null", None),
        ("[1] < [2]", "`<` can't order a list", None),
        ("input.at < now", "JSON has no timestamps: `<` needs a conversion", "timestamp(input.at)"),
        ("input.wait == duration('1s')", "JSON has no durations: `==` needs a conversion", "duration(input.wait)"),
        ("latency_ms * 2 > 5.0", "a JSON number is a double: `*` needs a double on both sides", "2.0"),
        (
            "action.arguments.amount % 2 == 0",
            "a JSON number is a double: `%` needs a double on both sides",
            "int(action.arguments.amount)",
        ),
        ("1 + 'a' == 2", "`+` does not take an int and a string", None),
        ("1 + 1.0 == 2.0", "`+` does not take an int and a double", "1.0"),
        ("now + now > now", "`+` does not take a timestamp and a timestamp", None),
        ("1 in 2", "`in` looks into a list or a map, this is an int", None),
        ("1 in {'a': 1}", "the keys of a map are strings, this is an int", None),
        ("'a' in [1, 2]", "`in` can't compare a string with an int", None),
        ("[1]['a'] == 1", "a list is indexed by an int, not by a string", None),
        ("{'a': 1}[1] == 1", "a map is indexed by a string, not by an int", None),
        ("1[0] == 1", "an int can't be indexed", None),
        ("input[true] == 1", "an index is an int or a string, this is a bool", None),
        ("{1: 2} == {1: 2}", "the keys of a map are string literals", None),
        ("{'a': 1, 'a': 2}.a == 1", "this key stands twice in the map", None),
        ("(true ? 1 : 'a') == 1", "both branches of `?` have to be of one type, these are an int and a string", None),
        ("(1 ? true : false)", "the condition before `?` has to be a bool, this is an int", None),
        ("subject.exists(c, true)", "exists() goes over a list or a map, this is a string", None),
        ("input.exists(action, true)", "`action` is taken; choose another variable", "item"),
        ("[1].exists(x, x)", "exists() needs a condition, this is an int", None),
        ("[1].exists(x, true) && x == 1", "undeclared name `x`", None),
        ("timestamp('yesterday') < now", "timestamp(): not an RFC 3339 timestamp", None),
        ("duration('1 day') < duration('1h')", "duration(): not a duration", None),
    ],
)
def test_a_condition_is_refused(source: str, detail: str, suggestion: str | None) -> None:
    error = the_error(source)
    assert error.pointer == "/rules/0/when"
    assert (error.detail, error.suggestion) == (detail, suggestion)


def test_a_source_beyond_4_kb_is_refused() -> None:
    fitting = "true" + " " * (4096 - 4)
    assert not errors_of(policy_value(fitting))
    assert the_error(fitting + " ").detail == "an expression may have 4096 bytes at most, this has 4097"


def test_more_nodes_than_300_are_refused() -> None:
    assert not errors_of(policy_value("||".join(["true"] * (MAX_NODES // 2))))
    assert the_error("||".join(["true"] * (MAX_NODES // 2 + 1))).detail == "an expression may have 300 nodes at most"


@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [
        ("(", "true", ")"),
        ("!", "true", ""),
        ("[", "1", "][0]"),
        ("size([", "1", "])"),
        ("true ? true : ", "true", ""),
    ],
)
def test_nesting_beyond_24_is_refused(before: str, inside: str, after: str) -> None:
    detail = f"an expression may be nested {MAX_NESTING} deep at most"
    assert the_error(before * 30 + inside + after * 30).detail == detail


def test_nesting_of_24_parentheses_is_accepted() -> None:
    assert not errors_of(policy_value("(" * (MAX_NESTING - 1) + "true" + ")" * (MAX_NESTING - 1)))


def test_a_chain_of_a_hundred_terms_is_not_deep() -> None:
    assert not errors_of(policy_value(" + ".join(["1"] * 100) + " == 100"))
    assert not errors_of(policy_value(" && ".join(["true"] * 100)))


@pytest.mark.parametrize(
    "text", ["(" * 4000, "!" * 4000, "-" * 4000, "[" * 4000, "a." * 2000, "{'a':" * 700, "1+" * 2000]
)
def test_hostile_nesting_is_refused_without_recursion(text: str) -> None:
    assert the_error(text).detail
