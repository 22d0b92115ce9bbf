"""The operators on values whose types are not known until they are there. The semantics are those of CEL (cel-spec,
doc/langdef.md): 64-bit integers that overflow to an error, IEEE doubles, equality across types, no implicit conversion.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Final

from governance.rules.frames import Frame
from governance.rules.limits import CHARACTERS_PER_STEP, INT_MIN
from governance.rules.values import (
    LISTS,
    MAPS,
    NUMBERS,
    EvaluationError,
    bounded_duration,
    from_context,
    integer,
    no_overload,
)

_ORDERED: Final = frozenset((bool, str, int, float, datetime, timedelta))


def equal(frame: Frame, left: Any, right: Any) -> bool:
    """`==` of CEL: numbers by value, lists and maps by their items, unlike kinds unequal, a bool never a number."""
    kind, other = type(left), type(right)
    if kind is str and other is str:
        frame.burn_text(min(len(left), len(right)))
        return bool(left == right)
    if kind in LISTS and other in LISTS:
        if len(left) != len(right):
            return False
        frame.burn(len(left))
        return all(equal(frame, a, b) for a, b in zip(left, right, strict=True))
    if kind in MAPS and other in MAPS:
        if len(left) != len(right):
            return False
        frame.burn(len(left))
        return all(key in right and equal(frame, value, right[key]) for key, value in left.items())
    if kind is other or (kind in NUMBERS and other in NUMBERS):
        return bool(left == right)
    return False


def is_ordered_pair(left: Any, right: Any) -> bool:
    """Whether `<` and its siblings take these two."""
    kind, other = type(left), type(right)
    return (kind is other and kind in _ORDERED) or (kind in NUMBERS and other in NUMBERS)


def contained(frame: Frame, item: Any, container: Any) -> bool:
    """`in`: an item of a list, or a key of a map."""
    kind = type(container)
    if kind in LISTS:
        if type(item) is str:
            # A string equals nothing but a string, to Python as to CEL.
            frame.burn(len(container) * (1 + len(item) // CHARACTERS_PER_STEP))
            return item in container
        frame.burn(len(container))
        return any(equal(frame, item, candidate) for candidate in container)
    if kind in MAPS:
        if type(item) is str:
            return item in container
        if type(item) in NUMBERS or type(item) is bool:
            return False
    raise no_overload("in", item, container)


def indexed(container: Any, index: Any) -> Any:
    """`container[index]`."""
    kind = type(container)
    if kind in LISTS:
        position = index
        if type(index) is float and index.is_integer():
            position = int(index)
        if type(position) is not int:
            raise no_overload("[]", container, index)
        if not 0 <= position < len(container):
            raise EvaluationError("no such item: the index is outside the list")
        return from_context(container[position]) if kind is list else container[position]
    if kind in MAPS and type(index) is str:
        if index not in container:
            raise EvaluationError("no such key in the map")
        return from_context(container[index]) if kind is dict else container[index]
    raise no_overload("[]", container, index)


def selected(container: Any, field: str) -> Any:
    """`container.field`."""
    kind = type(container)
    if kind in MAPS:
        if field not in container:
            raise EvaluationError(f"no such field: {field}")
        return from_context(container[field]) if kind is dict else container[field]
    raise no_overload(f"select {field}", container)


def computed(values: Any) -> tuple[Any, ...]:
    """A list as an expression's own, its JSON numbers read as doubles."""
    return tuple(map(from_context, values)) if type(values) is list else values


def add(frame: Frame, left: Any, right: Any) -> Any:
    """`+`."""
    kind, other = type(left), type(right)
    if kind is float and other is float:
        return left + right
    if kind is int and other is int:
        return integer(left + right)
    if kind is str and other is str:
        frame.burn_text(len(left) + len(right))
        return left + right
    if kind in LISTS and other in LISTS:
        frame.burn(len(left) + len(right))
        return computed(left) + computed(right)
    if kind is timedelta and other is timedelta:
        return bounded_duration(left + right)
    if (kind is datetime and other is timedelta) or (kind is timedelta and other is datetime):
        return _instant(left, right, 1)
    raise no_overload("+", left, right)


def subtract(frame: Frame, left: Any, right: Any) -> Any:
    """`-`."""
    kind, other = type(left), type(right)
    if kind is float and other is float:
        return left - right
    if kind is int and other is int:
        return integer(left - right)
    if kind is datetime and other is datetime:
        return bounded_duration(left - right)
    if kind is timedelta and other is timedelta:
        return bounded_duration(left - right)
    if kind is datetime and other is timedelta:
        return _instant(left, right, -1)
    raise no_overload("-", left, right)


def _instant(left: Any, right: Any, sign: int) -> Any:
    try:
        return left + right if sign > 0 else left - right
    except OverflowError:
        raise EvaluationError("timestamp out of range") from None


def multiply(frame: Frame, left: Any, right: Any) -> Any:
    """`*`."""
    kind, other = type(left), type(right)
    if kind is float and other is float:
        return left * right
    if kind is int and other is int:
        return integer(left * right)
    raise no_overload("*", left, right)


def divide(frame: Frame, left: Any, right: Any) -> Any:
    """`/`: integers truncate towards zero; doubles follow IEEE 754, so dividing by zero gives infinity or NaN."""
    kind, other = type(left), type(right)
    if kind is float and other is float:
        if right:
            return left / right
        if left == 0.0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    if kind is int and other is int:
        if right == 0:
            raise EvaluationError("division by zero")
        quotient = abs(left) // abs(right)
        return integer(quotient if (left < 0) == (right < 0) else -quotient)
    raise no_overload("/", left, right)


def modulo(frame: Frame, left: Any, right: Any) -> Any:
    """`%` of integers; the result has the sign of the dividend."""
    if type(left) is int and type(right) is int:
        if right == 0:
            raise EvaluationError("modulus by zero")
        if left == INT_MIN and right == -1:
            raise EvaluationError("integer overflow")
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder
    raise no_overload("%", left, right)


def negate(value: Any) -> Any:
    """Unary `-`."""
    if type(value) is float:
        return -value
    if type(value) is int:
        return integer(-value)
    raise no_overload("-", value)


ARITHMETIC: Final = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo}
