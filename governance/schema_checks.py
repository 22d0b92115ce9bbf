"""Which JSON Schemas are let in, whether a system's or a request's: hostile ones must neither fetch, nor hang, nor grow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError

from governance.canonical import canonicalize

LARGEST_SCHEMA = 64 * 1024
# Each object in a schema costs about a quarter of a millisecond against the metaschema.
MOST_SUBSCHEMAS = 2_000


class UnusableSchema(ValueError):
    """The schema is refused; the message says why."""


def check_schema(schema: Any) -> None:
    """Refuses (UnusableSchema) what is not a JSON Schema 2020-12, is larger than 64 KiB or 2,000 objects, refers to
    anything outside itself, uses a pattern that RE2 can't compile, or `unevaluatedProperties` beside patterns for names,
    which the library would match in exponential time."""
    _check_schema_text(canonicalize(schema))


@lru_cache(maxsize=1024)
def _check_schema_text(text: str) -> None:
    if len(text) > LARGEST_SCHEMA:
        raise UnusableSchema("a schema may have 64 KiB at the most")
    schema = json.loads(text)
    if not isinstance(schema, (dict, bool)):
        raise UnusableSchema("a schema is an object or a boolean")
    nodes = list(_objects_in(schema))
    if len(nodes) > MOST_SUBSCHEMAS:
        raise UnusableSchema(f"a schema may have {MOST_SUBSCHEMAS:,} objects at the most")
    for node in nodes:
        _check_keywords(node)
    names = {name for node in nodes for name in node}
    if {"patternProperties", "unevaluatedProperties"} <= names:
        raise UnusableSchema("patternProperties and unevaluatedProperties don't go together here")
    try:
        # Without formats: the library would read patterns as Python's, which RE2 has judged already.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = "".join(f"/{part}" for part in error.absolute_path) or "the top"
        raise UnusableSchema(f"not JSON Schema 2020-12 at {place}: {error.message[:200]}") from error


def _objects_in(schema: Any) -> Iterator[dict[str, Any]]:
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending.extend(node.values())
        elif isinstance(node, list):
            # Booleans are schemas too, and cost as much to look at.
            pending.extend({} if isinstance(member, bool) else member for member in node)


def _check_keywords(node: dict[str, Any]) -> None:
    for keyword in ("$ref", "$dynamicRef"):
        reference = node.get(keyword)
        if isinstance(reference, str) and not reference.startswith("#"):
            raise UnusableSchema(f"{keyword} may only point into the schema itself")
    nested = node.get("patternProperties")
    patterns = [node.get("pattern"), *(nested if isinstance(nested, dict) else ())]
    for pattern in patterns:
        if isinstance(pattern, str):
            try:
                re2.compile(pattern)
            except re2.error as error:
                raise UnusableSchema(f"the pattern {pattern[:80]!r} is not one that RE2 reads") from error
