"""The functions that a rule may call: for each what it takes (for the checker) and what it computes (for the closures).
A function refuses any other type with an EvaluationError and never reads anything but its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from governance.rules.limits import INT_MAX, INT_MIN
from governance.rules.types import BOOL, DOUBLE, DURATION, INT, STRING, TIMESTAMP, Type
from governance.rules.values import (
    EPOCH,
    ComputedMap,
    EvaluationError,
    format_duration,
    format_timestamp,
    no_overload,
    parse_duration,
    parse_timestamp,
)

_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Function:
    """`accepts` lists, for each argument, the kinds it takes; `form` is "method", "function" or "both"."""

    accepts: tuple[frozenset[str], ...]
    result: Type
    form: str
    compute: Callable[..., Any]
    reads_text: bool = False  # whether its cost grows with the length of its first argument


def size(value: Any) -> int:
    """Code points of a string, items of a list, entries of a map."""
    if type(value) in _SIZED:
        return len(value)
    raise no_overload("size", value)


def contains(text: Any, part: Any) -> bool:
    """Whether `part` occurs in `text`."""
    if type(text) is str and type(part) is str:
        return part in text
    raise no_overload("contains", text, part)


def starts_with(text: Any, prefix: Any) -> bool:
    """Whether `text` begins with `prefix`."""
    if type(text) is str and type(prefix) is str:
        return text.startswith(prefix)
    raise no_overload("startsWith", text, prefix)


def ends_with(text: Any, suffix: Any) -> bool:
    """Whether `text` ends with `suffix`."""
    if type(text) is str and type(suffix) is str:
        return text.endswith(suffix)
    raise no_overload("endsWith", text, suffix)


def lower_ascii(text: Any) -> str:
    """The text with A to Z in lower case, every other character as it is."""
    if type(text) is str:
        return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)
    raise no_overload("lowerAscii", text)


def to_int(value: Any) -> int:
    """A double cut towards zero, the decimal number that a string holds, or a timestamp's seconds since 1970."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is float:
        # The bounds themselves are refused too: cel-spec, langdef.md, "int".
        if -9.223372036854775808e18 < value < 9.223372036854775808e18:
            return int(value)
        raise EvaluationError("integer out of range")
    if kind is str:
        digits = value[1:] if value[:1] in ("-", "+") else value
        if digits.isascii() and digits.isdigit() and len(digits) <= 400 and INT_MIN <= int(value) <= INT_MAX:
            return int(value)
        raise EvaluationError("this string is not a 64-bit integer")
    if kind is datetime:
        return (value - EPOCH) // timedelta(seconds=1)  # type: ignore[no-any-return]
    raise no_overload("int", value)


def to_double(value: Any) -> float:
    """The nearest double of an int, or the number that a string holds."""
    kind = type(value)
    if kind is float or kind is int:
        return float(value)
    if kind is str:
        if len(value) <= 400 and value.isascii() and "_" not in value and value == value.strip():
            try:
                return float(value)
            except ValueError:
                pass
        raise EvaluationError("this string is not a number")
    raise no_overload("double", value)


def to_string(value: Any) -> str:
    """Text of a scalar: true, 12, 0.5, an RFC 3339 timestamp, a duration in seconds."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return _format_double(value)
    if kind is datetime:
        return format_timestamp(value)
    if kind is timedelta:
        return format_duration(value)
    raise no_overload("string", value)


def _format_double(value: float) -> str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if math.isnan(value):
        return "nan"
    return repr(value).removesuffix(".0")


def to_timestamp(value: Any) -> datetime:
    """An RFC 3339 string or seconds since 1970 as an instant."""
    kind = type(value)
    if kind is str:
        return parse_timestamp(value)
    if kind is datetime:
        return value  # type: ignore[no-any-return]
    if kind is int:
        try:
            return EPOCH + timedelta(seconds=value)
        except OverflowError:
            raise EvaluationError("timestamp out of range") from None
    raise no_overload("timestamp", value)


def to_duration(value: Any) -> timedelta:
    """A string like "90s" or "1h30m" as a duration."""
    if type(value) is str:
        return parse_duration(value)
    if type(value) is timedelta:
        return value
    raise no_overload("duration", value)


def _kinds(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SIZED: Final = frozenset((str, list, tuple, dict, ComputedMap))
_TEXT: Final = _kinds("string")

FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function((_kinds("string list map"),), INT, "both", size),
    "contains": Function((_TEXT, _TEXT), BOOL, "method", contains, reads_text=True),
    "startsWith": Function((_TEXT, _TEXT), BOOL, "method", starts_with),
    "endsWith": Function((_TEXT, _TEXT), BOOL, "method", ends_with),
    "lowerAscii": Function((_TEXT,), STRING, "method", lower_ascii, reads_text=True),
    "int": Function((_kinds("int double string timestamp"),), INT, "function", to_int),
    "double": Function((_kinds("int double string"),), DOUBLE, "function", to_double),
    "string": Function((_kinds("string bool int double timestamp duration"),), STRING, "function", to_string),
    "timestamp": Function((_kinds("string int timestamp"),), TIMESTAMP, "function", to_timestamp),
    "duration": Function((_kinds("string duration"),), DURATION, "function", to_duration),
}
