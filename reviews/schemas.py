"""JSON Schema 2020-12 as far as it binds corrections: hostile schemas must neither fetch, nor hang, nor grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any

import re2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend

from governance.canonical import canonicalize
from governance.errors import FieldError

LARGEST_SCHEMA = 64 * 1024
# Each object in a schema costs about a quarter of a millisecond against the metaschema.
MOST_SUBSCHEMAS = 2_000
FAULTS_AT_MOST = 20
# What one correction may cost: a step is a keyword against a value, about ten microseconds.
MOST_STEPS = 100_000


class UnusableSchema(ValueError):
    """The schema is refused; the message says why."""


class TooCostly(Exception):
    """Following the schema takes more steps than a correction is worth."""


_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


def _bounded(keyword: str, follow: Callable[..., Any]) -> Callable[..., Any]:
    """A keyword's rule that pays for each use: references that fan out take exponential time in a few lines."""

    @wraps(follow)
    def bounded(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        price = 1
        if keyword == "enum" and isinstance(value, list):
            price += len(value) // 8
        elif keyword == "uniqueItems" and isinstance(instance, list):
            # What can't be sorted is compared pair by pair.
            price += len(instance) ** 2 // 8 if any(isinstance(item, (dict, list)) for item in instance) else 0
        left = _steps_left.get()
        left[0] -= price
        if left[0] < 0:
            raise TooCostly
        yield from follow(validator, value, instance, schema) or ()

    return bounded


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


def _linear_additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    """As the library's, which matches the names with `re`."""
    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, member in instance.items():
        if key in named or any(re2.search(pattern, key) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"{key[:80]!r} is not one of the properties that are allowed", path=[key])
        else:
            yield from validator.descend(member, allowed, path=key)


_RULES = {
    **Draft202012Validator.VALIDATORS,
    "pattern": _linear_pattern,
    "patternProperties": _linear_pattern_properties,
    "additionalProperties": _linear_additional_properties,
}
BoundedValidator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {keyword: _bounded(keyword, follow) for keyword, follow in _RULES.items()}
)


def check_schema(schema: Any) -> None:
    """Refuses (UnusableSchema) what is not a JSON Schema 2020-12, is larger than 64 KiB or 2,000 objects, refers to
    anything outside itself, uses a pattern that RE2 can't compile, or `unevaluatedProperties` beside patterns for names,
    which the library would match in exponential time."""
    _check_schema_text(canonicalize(schema))


@lru_cache(maxsize=1024)
def _check_schema_text(text: str) -> None:
    import json

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
        raise UnusableSchema(f"not a JSON Schema 2020-12: {error.message[:200]}") from error


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


def find_faults(*, schema: Any, value: Any, at: str) -> list[FieldError]:
    """Where a value breaks a schema, as pointers below `at`; empty where it fits. Nothing fits a schema that can't be
    followed: below an unknown keyword the metaschema lets anything stand, and a reference may point there."""
    _steps_left.set([MOST_STEPS])
    faults = []
    try:
        for error in BoundedValidator(schema).iter_errors(value):
            pointer = at + "".join(
                f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path
            )
            faults.append(FieldError(pointer=pointer, detail=error.message[:300]))
            if len(faults) == FAULTS_AT_MOST:
                break
    except TooCostly:
        return [FieldError(pointer=at, detail="the schema takes too long to follow, so nothing fits it")]
    except Exception:  # noqa: BLE001 (the library raises whatever a nonsensical keyword makes it raise)
        return [FieldError(pointer=at, detail="the schema can't be followed, so nothing fits it")]
    return faults
