"""What an expression computes with, and what each kind of value may do.

| CEL | here |
| --- | --- |
| null, bool, string, double | None, bool, str, float |
| int | int, when an expression made it; an int of the context is a JSON number and is read as a float |
| list | list, when it stands in the context; tuple, when an expression made it |
| map | dict, when it stands in the context; ComputedMap, when an expression made it |
| timestamp, duration | datetime (aware, UTC), timedelta |

The difference between list and tuple (dict and ComputedMap) is what tells JSON numbers from computed integers without
copying a context before it is read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from governance.rules.limits import INT_MAX, INT_MIN


class EvaluationError(Exception):
    """A rule can't be evaluated on this decision: a missing field, a type that an operator can't take, an overflow."""


class GuardBreached(Exception):
    """This decision is beyond a guard (size, depth, length, fuel), which no rule may absorb."""


class ComputedMap(dict[str, Any]):
    """A map that an expression made; its integers are integers."""

    __slots__ = ()


_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    list: "list",
    tuple: "list",
    dict: "map",
    ComputedMap: "map",
    datetime: "timestamp",
    timedelta: "duration",
}
NUMBERS: Final[frozenset[type]] = frozenset((int, float))
LISTS: Final[frozenset[type]] = frozenset((list, tuple))
MAPS: Final[frozenset[type]] = frozenset((dict, ComputedMap))


def kind_of(value: object) -> str:
    """The name of a value's type as the language calls it."""
    return _KINDS.get(type(value), type(value).__name__)


def from_context(value: Any) -> Any:
    """A value of the context as an expression reads it: every JSON number is a double."""
    return float(value) if type(value) is int else value


def no_overload(function: str, *arguments: object) -> EvaluationError:
    """The error of an operator or function that does not take these types."""
    kinds = ", ".join(kind_of(argument) for argument in arguments)
    return EvaluationError(f"no such overload: {function}({kinds})")


def integer(value: int) -> int:
    """The value, unless it overflows 64 bits (EvaluationError)."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("integer overflow")


# Instants and durations -------------------------------------------------------------------------------------------

_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DURATION = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:h|ms|us|µs|ns|m|s))+|([+-]?)0")
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(h|ms|us|µs|ns|m|s)")
_NANOSECONDS: Final = {
    "h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000,
    "ms": 1_000_000, "us": 1_000, "µs": 1_000, "ns": 1,
}  # fmt: skip
_MICROSECOND = timedelta(microseconds=1)
# A duration that is computed has to fit 64 bits of nanoseconds, as in the C++ and Go evaluators and in the conformance
# suite (timestamps.textproto, timestamp_range); one that is written spans protobuf's 10,000 years.
_LONGEST_COMPUTED: Final = timedelta(microseconds=(1 << 63) // 1000)
_LONGEST_WRITTEN_NS: Final = 315_576_000_000 * 1_000_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: str) -> datetime:
    """An RFC 3339 timestamp in UTC; digits finer than a microsecond are dropped. Refuses (EvaluationError) the rest."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise EvaluationError("not an RFC 3339 timestamp")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    microsecond = int((match[7] or "0").ljust(6, "0")[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
        if match[8] is None:
            return local
        hours, minutes = int(match[9]), int(match[10])
        if hours > 23 or minutes > 59:
            raise EvaluationError("not an RFC 3339 timestamp")
        offset = timedelta(hours=hours, minutes=minutes)
        return local - offset if match[8] == "+" else local + offset
    except (ValueError, OverflowError):
        raise EvaluationError("not an RFC 3339 timestamp") from None


def parse_duration(text: str) -> timedelta:
    """A duration as CEL writes it ("1h30m", "1.5s", "-20ms"), to the microsecond. Refuses (EvaluationError) others."""
    if len(text) > 100 or _DURATION.fullmatch(text) is None:
        raise EvaluationError("not a duration")
    nanoseconds = 0
    for whole, fraction, unit in _DURATION_PART.findall(text):
        scale = _NANOSECONDS[unit]
        nanoseconds += int(whole or "0") * scale
        if fraction:
            nanoseconds += int(fraction) * scale // 10 ** len(fraction)
    if nanoseconds > _LONGEST_WRITTEN_NS:
        raise EvaluationError("a duration beyond 10,000 years")
    length = timedelta(microseconds=nanoseconds // 1000)
    return -length if text[0] == "-" else length


def bounded_duration(value: timedelta) -> timedelta:
    """The value, unless it is longer than 292 years (EvaluationError)."""
    if -_LONGEST_COMPUTED <= value <= _LONGEST_COMPUTED:
        return value
    raise EvaluationError("duration out of range")


def format_timestamp(value: datetime) -> str:
    """RFC 3339 in UTC, with as many digits of a second as are needed."""
    text = value.isoformat()[:-6]  # without "+00:00"
    return f"{text.rstrip('0')}Z" if value.microsecond else f"{text}Z"


def format_duration(value: timedelta) -> str:
    """Seconds, as protobuf's JSON mapping writes them: "90s", "-1.5s"."""
    sign = "-" if value < timedelta(0) else ""
    seconds, microseconds = divmod(abs(value) // _MICROSECOND, 1_000_000)
    fraction = f".{microseconds:06d}".rstrip("0") if microseconds else ""
    return f"{sign}{seconds}{fraction}s"
