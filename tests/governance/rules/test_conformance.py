"""Cases of the CEL conformance suite that fall inside the subset, chosen from basic, comparisons, conversions, fields,
fp_math, integer_math, lists, logic, macros, parse, string and timestamps.textproto in https://github.com/google/cel-spec,
tests/simple/testdata (commit 508bd98, Apache-2.0). `dyn(x)` of a case is a value of the context here, since this
language has no dyn(). As the suite runs many of them with its checker switched off, so are these.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.rules.values import EvaluationError
from tests.governance.rules.support import value_of

VALUES: list[tuple[str, Any]] = [
    # basic
    ("0", 0), ("0.0", 0.0), ("0e+0", 0.0), ("''", ""), ('""', ""), ("false", False), ("null", None), ("[]", ()), ("{}", {}), ('r""', ""),
    ("42", 42), ("0x55555555", 1431655765), ("-0x55555555", -1431655765), ("2.3e+1", 23.0), ("'!'", "!"), ("'\\''", "'"), ("true", True), ("[-1]", (-1,)), ('{"k":"v"}', {"k": "v"}),
    ('"\\a\\b\\f\\n\\r\\t\\v\\"\\\'\\\\"', "\a\b\f\n\r\t\v\"'\\"),
    # logic
    ("true ? 1 : 2", 1), ("false ? 'foo' : 'bar'", "bar"), ("true ? 'cows' : 17", "cows"),
    ("true && true", True), ("false && false", False), ("false && true", False), ("true && false", False), ("false && 32", False), ("'horses' && false", False),
    ("false && (2 / 0 > 3 ? false : true)", False), ("(2 / 0 > 3 ? false : true) && false", False),
    ("true || true", True), ("false || false", False), ("false || true", True), ("true || 32", True), ("'horses' || true", True),
    ("true || (2 / 0 > 3 ? false : true)", True), ("(2 / 0 > 3 ? false : true) || true", True), ("!true", False), ("!false", True),
    # comparisons
    ("1 == 1", True), ("-1 == 1", False), ("1.0 == 1.0e+0", True), ("-1.0 == 1.0", False), ("0.0/0.0 == 0.0/0.0", False), ("'' == \"\"", True), ("'a' == 'b'", False),
    ("'abc' == r'abc'", True), ("'abc' == 'ABC'", False), ("'ίσος' == 'ίσος'", True), ("'a' == 'à'", False), ("'Am\\u00E9lie' == 'Ame\\u0301lie'", False),
    ("null == null", True), ("true == true", True), ("false == true", False), ("[] == []", True), ("[null] == [null]", True), ("['1', '2', null] == ['1', '2', '3']", False),
    ("[1, 2, 3] == [1, 2, 3]", True), ("[1, 2, 3] == [1, 3, 2]", False), ("['case'] == ['cAse']", False), ("['one'] == [2, 3]", False), ("[1, 'dos', 3] == [1, 2, 4]", False),
    ("{} == {}", True), ("{'k': null} == {'k': null}", True), ("{'k': 1, 'j': 2} == {'k': 1, 'j': null}", False), ("{'k':'v'} == {\"k\":\"v\"}", True), ("{'k':1.0} == {'k':1e+0}", True),
    ("1 == 1.0", True), ("1 == 'dos'", False), ("[1] == [1.0]", True), ("24 != 42", True), ("1 != 1", False), ("'a' != 'b'", True), ("[1] != [2]", True),
    ("-1 < 0", True), ("0 < 0", False), ("1.0 < 1.0000001", True), ("-0.0 < 0.0", False), ("'a' < 'b'", True), ("'a' < 'B'", False), ("'' < 'a'", True), ("'abc' < 'abcd'", True),
    ("'Æ' < 'æ'", True), ("false < true", True), ("true < false", False), ("1 < 1.1", True), ("9007199254740993 > 9007199254740992.0", True),
    ("42 > -42", True), ("1.0 >= 1.0", True), ("'abc' >= 'abd'", False), ("true >= false", True), ("0 <= -1", False),
    ("2 in [5, 4, 3, 2]", True), ("'elephant' in []", False), ("'a' in {'a': 1}", True), ("3 in [1.0, 2.0, 3.0]", True),
    # conversions
    ("double(1000000000000)", 1e12), ("double('123456')", 123456.0), ("double('6.022e23')", 6.022e23), ("double(-0.0)", -0.0), ("int(42)", 42), ("int(1e+3)", 1000), ("int(1.9)", 1),
    ("int(-123.456)", -123), ("int('987')", 987), ("string(true)", "true"), ("string(123)", "123"), ("string('it\\'s')", "it's"), ("string(-456)", "-456"),
    ("int(-9223372036854774784.0)", -9223372036854774784), ("string(1.5)", "1.5"),
    # fp_math
    ("4.25 + 15.25", 19.5), ("-45.25 - -93.5", 48.25), ("-1.5 * 100.0", -150.0), ("1.2 / 1.0", 1.2), ("-(-4.5)", 4.5), ("15.75 / 0.0", math.inf), ("1.7e+308 * 10.0", math.inf),
    # integer_math
    ("40 + 2", 42), ("42 - 12", 30), ("5 * -11", -55), ("16 / 5", 3), ("-5 / 2", -2), ("-(42)", -42), ("47 % 5", 2), ("-43 % 5", -3), ("43 % -5", 3), ("-9223372036854775808", -(2**63)),
    ("42 % 5 * 2", 4), ("20 / 5 / 2", 2),
    # lists and fields
    ("[] + []", ()), ("[0, 1] + [2]", (0, 1, 2)), ("[7, 8, 9][0]", 7), ("size([4, 5])", 2), ("[1, 'x'][1]", "x"), ("{'k': 5}.k", 5), ("{'a b': 5}['a b']", 5), ("has({'a': 1}.a)", True), ("has({'a': 1}.b)", False),
    ("[7, 8, 9][0.0]", 7), ("size({'k': 1, 'j': 2})", 2),
    # macros
    ("[1, 2, 3].exists(e, e > 1)", True), ("[1, 2, 3].exists(e, e == 5)", False), ("[1, 'foo', 3].exists(e, e != '1')", True), ("[].exists(e, e == 2)", False), ("{'key1':1, 'key2':2}.exists(k, k == 'key2')", True),
    ("[1, 2, 3].all(e, e > 0)", True), ("[1, 2, 3].all(e, e == 17)", False), ("[].all(e, e > 0)", True), ("[1, 2, 3].all(e, 6 / (2 - e) == 6)", False),
    ("[6, 7, 8].exists_one(foo, foo % 5 == 2)", True), ("[0, 1, 2, 3, 4].exists_one(n, n % 2 == 1)", False), ("[].exists_one(a, a == 7)", False),
    ("[2, 4, 6].map(n, n / 2)", (1, 2, 3)), ("['signer'].map(signer, signer)", ("signer",)), ("[1, 2, 3].filter(x, x > 5)", ()), ("[0, 1, 2, 3, 4].filter(x, x % 2 == 1)", (1, 3)),
    ("{'John': 'smart', 'Paul': 'cute'}.filter(key, key == 'Paul')", ("Paul",)), ("'x' in ['signer', 'x'].map(s, s)", True),
    # parse
    ("((((((((((((((((((((((7))))))))))))))))))))))", 7), ("[[[[[[[[[[0]]]]]]]]]][0][0][0][0][0][0][0][0][0][0]", 0), ("true ? true : false ? true : false", True), ("5 // a comment", 5),
    ("1 + 2 * 3 - 4 / 2 % 3", 5), ("!!true", True), ("--1 == 1", True), ("r'\\n'", "\\n"), ("'''a\n'b'''", "a\n'b"), ("'\\101'", "A"), ("'\\U0001F600'", "😀"),
    # string
    ("size('')", 0), ("size('A')", 1), ("size('four')", 4), ("size('éìù')", 3), ("'hello'.size() == 5", True), ("'foobar'.startsWith('foo')", True), ("'foobar'.startsWith('bar')", False),
    ("'foobar'.endsWith('bar')", True), ("'forté'.endsWith('té')", True), ("'foobar'.contains('ob')", True), ("'foobar'.contains('')", True), ("''.contains('foo')", False),
    ("'foobar'.matches('.*')", True), ("'foobar'.matches('o.*b')", True), ("'a1'.matches('^[a-z]\\\\d$')", True), ("'ab'.matches('^a|b$')", True), ("'Straße' + 'n'", "Straßen"),
    # timestamps
    ("int(timestamp('2009-02-13T23:31:30Z'))", 1234567890), ("string(timestamp('2009-02-13T23:31:30Z'))", "2009-02-13T23:31:30Z"), ("string(duration('1000000s'))", "1000000s"),
    ("timestamp('2009-02-13T23:00:00Z') + duration('240s')", datetime(2009, 2, 13, 23, 4, tzinfo=UTC)), ("duration('120s') + timestamp('2009-02-13T23:01:00Z')", datetime(2009, 2, 13, 23, 3, tzinfo=UTC)),
    ("duration('600s') + duration('50s')", timedelta(seconds=650)), ("timestamp('2009-02-13T23:10:00Z') - duration('600s')", datetime(2009, 2, 13, 23, 0, tzinfo=UTC)),
    ("timestamp('2009-02-13T23:31:30Z') - timestamp('2009-02-13T23:29:30Z')", timedelta(seconds=120)), ("duration('900s') - duration('42s')", timedelta(seconds=858)),
    ("timestamp('2009-02-13T23:00:00Z') < timestamp('2010-02-13T23:00:00Z')", True), ("duration('200s') >= duration('201s')", False), ("timestamp('9999-12-31T23:59:59Z') > timestamp('0001-01-01T00:00:00Z')", True),
]  # fmt: skip

ERRORS = [
    "timestamp(-62135596801)", "timestamp(253402300800)", "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')", "timestamp('0001-01-01T00:00:00Z') - timestamp('9999-12-31T23:59:59Z')",
    "duration('200000000000s') + duration('200000000000s')", "duration('-200000000000s') - duration('200000000000s')",
    "2 / 0 > 4 ? 'baz' : 'quux'", "'cows' ? false : 17", "true && 1/0 != 0", "1/0 != 0 && true", "'less filling' && 'tastes great'", "false || 1/0 != 0", "1/0 != 0 || false",
    "'less filling' || 'tastes great'", "!0", "1 < 'a'", "[] < [1]", "null < false", "'a' in 'abc'",
    "9223372036854775807 + 1", "-9223372036854775808 - 1", "5000000000 * 5000000000", "-(-9223372036854775808)", "17 / 0", "17 % 0", "-9223372036854775808 / -1", "-9223372036854775808 % -1",
    "47.5 % 5.5", "1 + 1.0", "'a' + 1", "[7, 8, 9][3]", "[7, 8, 9][-1]", "[7, 8, 9]['k']", "[7, 8, 9][0.1]", "{'k': 1}['j']", "{'k': 1}.j", "size(3)",
    "[1, 2, 3].exists(e, e / 0 == 17)", "[1, 2, 3].all(e, e / 0 != 17)", "[3, 2, 1, 0].exists_one(n, 12 / n > 1)", "[2, 1, 0].map(n, 4 / n)", "[3, 2, 1, 0].filter(n, 12 / n > 4)",
    "int(1e99)", "int(9223372036854775807.0)", "int(-9223372036854775808.0)", "int('x')", "double('x')", "timestamp('0000-01-01T00:00:00Z')", "timestamp('10000-01-01T00:00:00Z')",
    "timestamp('0001-01-01T00:00:00Z') - duration('1s')", "timestamp('9999-12-31T23:59:59Z') + duration('1s')", "duration('320000000000s')", "duration('-320000000000s')", "duration('315576000000s') + duration('1s')",
    "timestamp('9999-12-31T23:59:59Z') - timestamp('2009-02-13T23:31:30') == duration('1s')",
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), VALUES)
def test_a_case_of_the_suite_gives(source: str, expected: Any) -> None:
    value = value_of(source, is_checked=False)
    assert value == expected
    assert isinstance(value, type(expected))


@pytest.mark.parametrize("source", ERRORS)
def test_a_case_of_the_suite_is_an_error(source: str) -> None:
    with pytest.raises(EvaluationError):
        value_of(source, is_checked=False)


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("input.v == 1.0", 1, True), ("input.v == 1", 1.0, True), ("input.v == 1", 2.0, False), ("input.v < 1", 0.5, True), ("input.v <= 1.5", 1, True), ("input.v > 9223372036854775807", 1e30, True),
        ("input.v in [1, 2, 3]", 3.0, True), ("input.v in [1, 2, 3]", "3", False), ("input.v == null", None, True), ("input.v == null", 0, False), ("input.v == {'a': 1}", {"a": 1}, True),
        ("[1, 2, 3] == input.v", [1, 2, 3], True), ("input.v != [1, 2]", [1, 2, 3], True), ("has(input.v)", None, True), ("has(input.w)", None, False), ("input.v == 'a'", 1, False), ("input.v == false", 0, False),
    ],
)  # fmt: skip
def test_a_dynamic_case_of_the_suite_gives(source: str, value: Any, expected: bool) -> None:
    assert value_of(source, {"input": {"v": value}}) is expected
