"""What an export has to carry unharmed: texts that spreadsheets, templates, loaders and readers of lines would act upon, and
values at the ends of what JSON can hold."""

from typing import Any

TEXTS = [
    "",
    "plain",
    "=cmd|' /C calc'!A0",
    '";=1+1;"',
    "a,=1+1",
    "+49 30 1234",
    "-2+3",
    "@SUM(A1)",
    "\uff1d1+1",
    "'=quoted",
    "two\nlines\r\nand\ttabs",
    "ends with a line end\n",
    "ends with two\n\n",
    "{{env.PATH}} and {{ range.constructor('return 1')() }}",
    "{% for x in range(9) %}{{ x }}{% endfor %}",
    "{# a comment #} {{{three}}} {{{{ {%{% {",
    "{% raw %}{{input}}{% endraw %}",
    "}} %} #}",
    "{{ unclosed",
    "file:///etc/hostname",
    "package:os:execSync",
    "https://example.com/a,b;c",
    "\u202eleft to right\u2066",
    "\u2028separators\u2029\x85 of lines",
    "\ufeffbyte order mark, \x7f and \x9f",
    "zw\u200bsp, astral \U0001f600 𐐷, é e\u0301",
    '"quoted" \\backslashed\\ \\n "',
    "NaN",
    "null",
    "<script>alert(1)</script>&amp;",
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -5,
    9007199254740991,
    -9007199254740991,
    1.7976931348623157e308,
    5e-324,
    1e21,
    0.1,
    [],
    {},
    [[[]]],
    {"$ref": "/etc/hostname"},
    {"{{env.PATH}}": "{% x %}", "=1+1": ["-1", -1, ";=1"]},
    {"nested": {"a": {"b": {"c": [1, {"d": "}}"}]}}}},
    {"messages": [{"role": "user", "content": "={{x}}"}], "customer": "C-1"},
]
CONVERSATIONS: list[Any] = [
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is {{ my }} parcel?\n"}],
    {"messages": [{"role": "user", "content": "=1+1"}, {"role": "assistant", "content": "?"}]},
]
EVERYTHING: list[Any] = [*TEXTS, *VALUES, *CONVERSATIONS]
