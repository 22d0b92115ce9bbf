"""What a decision may weigh, checked in one walk before any rule sees it. The walk is iterative and looks at each value
once, so its own cost is bounded by the guard that it enforces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.rules.limits import (
    EXACT_DOUBLE,
    INT_MAX,
    INT_MIN,
    MAX_CONTEXT_DEPTH,
    MAX_CONTEXT_SIZE,
    MAX_LIST_LENGTH,
    MAX_STRING_LENGTH,
    SIZE_OF_A_VALUE,
)
from governance.rules.values import GuardBreached


def admit_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context as rules may read it: the same one, or a copy where an integer has to be rounded to a double. Refuses
    (GuardBreached) one that is too large or too deep, a list or string that is too long, and whatever isn't JSON.
    """
    root = context if type(context) is dict else dict(context)
    is_exact = True
    size = 0
    depth = 0
    level: list[Any] = [root]
    while level:
        depth += 1
        if depth > MAX_CONTEXT_DEPTH:
            raise GuardBreached(f"the context is nested deeper than {MAX_CONTEXT_DEPTH}")
        below: list[Any] = []
        for container in level:
            size += len(container) * SIZE_OF_A_VALUE
            values: Any = container
            if type(container) is dict:
                values = container.values()
                try:
                    size += len("".join(container))
                except TypeError:
                    raise GuardBreached("a key of the context is not a string") from None
            elif len(container) > MAX_LIST_LENGTH:
                raise GuardBreached(f"a list of the context is longer than {MAX_LIST_LENGTH:,}")
            for value in values:
                kind = type(value)
                if kind is str:
                    length = len(value)
                    size += length
                    if length > MAX_STRING_LENGTH:
                        raise GuardBreached(f"a string of the context is longer than {MAX_STRING_LENGTH:,} characters")
                elif kind is float:
                    if value - value != 0.0:
                        raise GuardBreached("a number of the context is not finite")
                elif kind is dict or kind is list:
                    below.append(value)
                elif kind is int:
                    if not -EXACT_DOUBLE <= value <= EXACT_DOUBLE:
                        if not INT_MIN <= value <= INT_MAX:
                            raise GuardBreached("an integer of the context is beyond 64 bits")
                        is_exact = False
                elif kind is not bool and value is not None:
                    raise GuardBreached("a value of the context is not JSON")
            if size > MAX_CONTEXT_SIZE:
                raise GuardBreached(f"the context is larger than {MAX_CONTEXT_SIZE:,} characters")
        level = below
    return root if is_exact else _rounded(root)


def _rounded(value: Any) -> Any:
    # Nested lists are compared without reading their items one by one, so an integer that no double holds exactly
    # has to become that double beforehand. The depth is bounded by now.
    kind = type(value)
    if kind is dict:
        return {key: _rounded(item) for key, item in value.items()}
    if kind is list:
        return [_rounded(item) for item in value]
    return float(value) if kind is int else value
