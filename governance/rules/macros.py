"""The macros that go over a list, or over the keys of a map. One item at a time is bound: macros don't nest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from governance.rules.frames import Frame
from governance.rules.values import LISTS, MAPS, EvaluationError, from_context, no_overload

Closure: TypeAlias = Callable[[Frame], Any]


def items_of(kind: str, target: Closure, cost: int) -> Closure:
    """What a macro goes over, its body (of `cost` nodes) paid for."""

    def items(frame: Frame) -> Any:
        container = target(frame)
        if type(container) not in LISTS and type(container) not in MAPS:
            raise no_overload(kind, container)
        # All of it at once, whenever the loop may end: whether a decision fits depends on its size alone.
        frame.burn(len(container) * cost)
        return map(from_context, container) if type(container) is list else container

    return items


def _quantifier(items: Closure, body: Closure, decisive: bool) -> Closure:
    symbol = "exists" if decisive else "all"

    def quantifier(frame: Frame) -> Any:
        failure: EvaluationError | None = None
        for item in items(frame):
            frame.item = item
            try:
                value = body(frame)
            except EvaluationError as error:
                failure = failure or error
                continue
            if value is decisive:
                return decisive
            if value is not True and value is not False:
                failure = failure or no_overload(symbol, value)
        if failure is not None:
            raise failure
        return not decisive

    return quantifier


def _exists(items: Closure, body: Closure) -> Closure:
    return _quantifier(items, body, True)


def _all(items: Closure, body: Closure) -> Closure:
    return _quantifier(items, body, False)


def _truth(value: Any, macro: str) -> bool:
    if value is True or value is False:
        return bool(value)
    raise no_overload(macro, value)


def _exists_one(items: Closure, body: Closure) -> Closure:
    def exists_one(frame: Frame) -> bool:
        count = 0
        for item in items(frame):
            frame.item = item
            count += _truth(body(frame), "exists_one")
        return count == 1

    return exists_one


def _filter(items: Closure, body: Closure) -> Closure:
    def kept(frame: Frame) -> tuple[Any, ...]:
        found: list[Any] = []
        for item in items(frame):
            frame.item = item
            if _truth(body(frame), "filter"):
                found.append(item)
        return tuple(found)

    return kept


def _map_items(items: Closure, body: Closure) -> Closure:
    def mapped(frame: Frame) -> tuple[Any, ...]:
        found: list[Any] = []
        for item in items(frame):
            frame.item = item
            found.append(body(frame))
        return tuple(found)

    return mapped


MACROS: Final[dict[str, Callable[[Closure, Closure], Closure]]] = {
    "exists": _exists,
    "all": _all,
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map_items,
}
