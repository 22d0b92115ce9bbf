"""JSON Schema 2020-12 as far as it binds corrections: hostile schemas must neither fetch, nor hang, nor grow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable

from governance.canonical import canonicalize
from governance.errors import FieldError

LARGEST_SCHEMA = 64 * 1024
FAULTS_AT_MOST = 20


class UnusableSchema(ValueError):
    """The schema is refused; the message says why."""


def _linear_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    # RE2 instead of `re`: a pattern from outside must not take exponential time.
    if isinstance(instance, str) and not re2.search(pattern, instance):
        yield ValidationError(f"{instance[:80]!r} does not match {pattern[:80]!r}")


def _linear_pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for key, member in instance.items():
            if re2.search(pattern, key):
                yield from validator.descend(member, subschema, path=key, schema_path=pattern)


BoundedValidator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _linear_pattern, "patternProperties": _linear_pattern_properties},
)


def check_schema(schema: Any) -> None:
    """Refuses (UnusableSchema) what is not a JSON Schema 2020-12, is larger than 64 KiB, refers to anything outside
    itself, or uses a pattern that RE2 can't compile."""
    _check_schema_text(canonicalize(schema))


@lru_cache(maxsize=1024)
def _check_schema_text(text: str) -> None:
    import json

    if len(text) > LARGEST_SCHEMA:
        raise UnusableSchema("a schema may have 64 KiB at the most")
    schema = json.loads(text)
    if not isinstance(schema, (dict, bool)):
        raise UnusableSchema("a schema is an object or a boolean")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise UnusableSchema(f"not a JSON Schema 2020-12: {error.message[:200]}") from error
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            _check_keywords(node)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


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


def find_faults(*, schema: Any, value: Any, at: str) -> list[FieldError]:
    """Where a value breaks a schema, as pointers below `at`; empty where it fits."""
    try:
        faults = []
        for error in BoundedValidator(schema).iter_errors(value):
            pointer = at + "".join(
                f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path
            )
            faults.append(FieldError(pointer=pointer, detail=error.message[:300]))
            if len(faults) == FAULTS_AT_MOST:
                break
        return faults
    except (RecursionError, Unresolvable):
        return [FieldError(pointer=at, detail="the schema can't be followed, so nothing fits it")]
