"""JSON Schema 2020-12 as far as it binds corrections: hostile schemas must neither fetch, nor hang, nor grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import wraps
from typing import Any

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from governance.errors import FieldError
from governance.schema_checks import UnusableSchema, check_schema

__all__ = ["BoundedValidator", "TooCostly", "UnusableSchema", "check_schema", "find_faults"]

FAULTS_AT_MOST = 20
# What one correction may cost: a step is a keyword against a value, about ten microseconds.
MOST_STEPS = 100_000


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
