"""Scorers: one answer of a candidate against what people taught, as a share from 0 to 1.

An answer has the form of what is taught: `{"action": …}` or `{"output": …}`; of another kind than the taught one it scores 0.
Where people rejected without saying what would be right, null is taught, and null alone scores. Null is what a candidate
says that proposes nothing.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import re2

from governance.canonical import canonicalize
from reviews.schemas import UnusableSchema, check_schema, find_faults

Score = Callable[[Any, Any], float]
LONGEST_PATTERN = 1_000
MOST_FIELDS = 100
_MISSING = object()


class InvalidScorer(ValueError):
    """The description of a scorer is refused; the message says why."""


def make_scorer(description: Mapping[str, Any]) -> Callable[[Mapping[str, Any], Mapping[str, Any]], float]:
    """A function of (taught, answered). `description` is one of

    - `{"kind": "exact"}`: equal as RFC 8785 text;
    - `{"kind": "text"}`: equal after NFKC, case folding, and spaces as one;
    - `{"kind": "fields", "fields": {pointer: {"absolute"?: number, "relative"?: number}}}`: the share of the fields (JSON
      Pointers, RFC 6901, into what is taught) that are equal, numbers within the larger of the two tolerances;
    - `{"kind": "labels"}`: F1 of two lists of strings, taken as sets;
    - `{"kind": "pattern", "pattern": …}`: whether an RE2 pattern is found in the answered text;
    - `{"kind": "schema", "schema": …}`: whether the answer fits a JSON Schema 2020-12.

    Refuses (InvalidScorer) everything else.
    """
    kind = description.get("kind")
    allowed = {"fields": {"fields"}, "pattern": {"pattern"}, "schema": {"schema"}}.get(str(kind), set())
    unknown = set(description) - {"kind"} - allowed
    if unknown:
        raise InvalidScorer(f"A scorer of kind {kind!r} does not know {sorted(unknown)[0]!r}.")
    score = _make_inner(kind, description)

    def score_answer(taught: Mapping[str, Any], answered: Mapping[str, Any]) -> float:
        if set(taught) != set(answered) or len(taught) != 1:
            return 0.0
        (name,) = taught
        if taught[name] is None or answered[name] is None:
            return float(taught[name] is answered[name])
        return score(taught[name], answered[name])

    return score_answer


def _make_inner(kind: Any, description: Mapping[str, Any]) -> Score:
    if kind == "exact":
        return score_exact
    if kind == "text":
        return score_text
    if kind == "labels":
        return score_labels
    if kind == "fields":
        return _make_fields(description.get("fields"))
    if kind == "pattern":
        return _make_pattern(description.get("pattern"))
    if kind == "schema":
        return _make_schema(description.get("schema"))
    raise InvalidScorer("A scorer's kind is exact, text, fields, labels, pattern or schema.")


def score_exact(taught: Any, answered: Any) -> float:
    return float(canonicalize(taught) == canonicalize(answered))


def score_text(taught: Any, answered: Any) -> float:
    if not isinstance(taught, str) or not isinstance(answered, str):
        return 0.0
    return float(normalize_text(taught) == normalize_text(answered))


def normalize_text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def score_labels(taught: Any, answered: Any) -> float:
    """The harmonic mean of precision and recall; 1 where both sets are empty."""
    if not _is_labels(taught) or not _is_labels(answered):
        return 0.0
    wanted, given = set(taught), set(answered)
    if not wanted and not given:
        return 1.0
    return 2 * len(wanted & given) / (len(wanted) + len(given))


def _is_labels(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(label, str) for label in value)


def _make_fields(fields: Any) -> Score:
    if not isinstance(fields, dict) or not 1 <= len(fields) <= MOST_FIELDS:
        raise InvalidScorer(f"fields is an object of 1 to {MOST_FIELDS} JSON Pointers.")
    tolerances: dict[str, tuple[float, float]] = {}
    for pointer, tolerance in fields.items():
        if pointer and not pointer.startswith("/"):
            raise InvalidScorer(f"{pointer!r} is no JSON Pointer: it has to begin with a slash.")
        if not isinstance(tolerance, dict) or set(tolerance) - {"absolute", "relative"}:
            raise InvalidScorer(f"The tolerance of {pointer!r} is an object of absolute and relative.")
        for number in tolerance.values():
            if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
                raise InvalidScorer(f"The tolerances of {pointer!r} are numbers from 0 on.")
        tolerances[pointer] = (float(tolerance.get("absolute", 0)), float(tolerance.get("relative", 0)))

    def score_fields(taught: Any, answered: Any) -> float:
        right = sum(
            _is_close(look_up(taught, pointer), look_up(answered, pointer), *tolerance)
            for pointer, tolerance in tolerances.items()
        )
        return right / len(tolerances)

    return score_fields


def look_up(value: Any, pointer: str) -> Any:
    """What a JSON Pointer finds; a private mark where it finds nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
    return value


def _is_close(taught: Any, answered: Any, absolute: float, relative: float) -> bool:
    if taught is _MISSING or answered is _MISSING:
        return taught is answered
    if _is_number(taught) and _is_number(answered):
        return math.isclose(taught, answered, rel_tol=0, abs_tol=max(absolute, relative * abs(taught)))
    return canonicalize(taught) == canonicalize(answered)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _make_pattern(pattern: Any) -> Score:
    if not isinstance(pattern, str) or not 1 <= len(pattern) <= LONGEST_PATTERN:
        raise InvalidScorer(f"pattern is a text of 1 to {LONGEST_PATTERN:,} characters.")
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise InvalidScorer(f"RE2 refuses the pattern: {error}") from error

    def score_pattern(taught: Any, answered: Any) -> float:
        return float(isinstance(answered, str) and compiled.search(answered) is not None)

    return score_pattern


def _make_schema(schema: Any) -> Score:
    try:
        check_schema(schema)
    except UnusableSchema as error:
        raise InvalidScorer(f"schema: {error}.") from error
    return lambda taught, answered: float(not find_faults(schema=schema, value=answered, at=""))
