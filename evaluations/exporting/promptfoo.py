"""Tests for promptfoo, which runs what it reads: it renders variables and expected values as Nunjucks templates with the
environment in them, loads what begins with `file://` or `package:`, and follows `$ref` in objects. So there are texts
alone here, no objects, and in each text whatever it would act upon is written in another way that means the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from evaluations.exporting.answers import write_answer
from evaluations.exporting.lines import write_each
from evaluations.exporting.shapes import About, Exported, Pages, quote

# Where a tag or comment begins; and where a comment ends, which Nunjucks refuses by itself.
_TAG = re.compile(r"\{(?=[{%#])|#(?=\})")
# What YAML does not print, and promptfoo reads schemas as YAML.
_UNPRINTED = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")
_SCHEME = re.compile(r"\A\w+:")


def write_promptfoo(pages: Pages, about: About) -> Iterator[bytes]:
    """One test a line, for `tests: file://….jsonl`: `vars.input`, what the answer must equal, and where it comes from."""
    return write_each(pages, about, lambda example: _write_test(example, about))


def _write_test(example: Exported, about: About) -> str:
    version = "null" if about.version is None else str(about.version)
    return (
        f'{{"description":{quote(f"{about.title} {example.id}")},"vars":{{"input":{quote(_write_input(example.input))}}},'
        f'"assert":[{_write_assertion(example.expected)}],"metadata":{{"example":"{example.id}",'
        f'"content":"sha256:{example.content}","split":"{example.split}","version":{version}}}}}\n'
    )


def _write_input(input: str) -> str:
    return escape_text(json.loads(input)) if input.startswith('"') else escape_json(input)


def _write_assertion(expected: str) -> str:
    """A text must be equal; JSON must have the same value, in whatever order and spacing."""
    (value,) = json.loads(expected).values()
    if isinstance(value, str):
        return f'{{"type":"equals","value":{quote(escape_text(value))}}}'
    schema = escape_json(f'{{"const":{write_answer(expected)}}}')
    return f'{{"type":"is-json","value":{quote(schema)}}}'


def escape_json(text: str) -> str:
    """A JSON text of the same value in which no template begins or ends, for `{{`, `{%`, `{#` and `#}` stand in strings alone,
    and without the characters, of strings again, that readers of YAML refuse."""
    return _UNPRINTED.sub(_escape, _TAG.sub(_escape, text))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def escape_text(text: str) -> str:
    """A template that renders to the text, which is not loaded and loses no line end."""
    escaped = _TAG.sub(r'{{ "\g<0>" }}', text)
    if _SCHEME.match(escaped):
        escaped = f'{{{{ "{escaped[0]}" }}}}{escaped[1:]}'
    return escaped[:-1] + '{{ "\\n" }}' if escaped.endswith("\n") else escaped
