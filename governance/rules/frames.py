"""What the rules of a policy share while one decision is evaluated: the values they have read, the list of those reads,
and the fuel that is left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from governance.rules.limits import (
    CHARACTERS_PER_STEP,
    FUEL,
    TRACED_CHARACTERS,
    TRACED_DEPTH,
    TRACED_ITEMS,
)
from governance.rules.values import EvaluationError, GuardBreached, kind_of

_TRACED_WHOLE: Final = frozenset((int, float, bool, type(None)))
UNREAD: Final[Any] = object()


class Frame:
    """One decision under evaluation. `values` and `traced` have one slot for each path of the policy; `reads` is the
    trace of the rule that is being evaluated: path to traced value.
    """

    __slots__ = ("context", "fuel", "item", "now", "paths", "reads", "traced", "values")

    def __init__(self, context: dict[str, Any], now: datetime, fuel: int, paths: Paths) -> None:
        self.context = context
        self.now = now
        self.fuel = fuel
        self.paths = paths
        self.item: Any = None
        self.reads: dict[str, Any] = {}
        self.values: list[Any] = [UNREAD] * len(paths.texts)
        self.traced: list[Any] = self.values.copy()

    def load(self, slot: int) -> Any:
        """The value of a path that no rule of this decision has read yet. Raises EvaluationError if it is missing."""
        value = self.paths.resolvers[slot](self.context)
        kind = type(value)
        if kind is int:
            value = float(value)
        self.values[slot] = value
        self.traced[slot] = value if kind in _TRACED_WHOLE else traced(value)
        return value

    def burn(self, steps: int) -> None:
        """Takes fuel for work whose amount depends on the decision. Raises GuardBreached where none is left."""
        self.fuel -= steps
        if self.fuel < 0:
            raise GuardBreached(f"the rules need more than {FUEL:,} steps for this decision")

    def burn_text(self, characters: int) -> None:
        """Takes the fuel of looking through a text."""
        self.burn(characters // CHARACTERS_PER_STEP)


class Paths:
    """The distinct places of a context that a policy's rules read: how each is called, and how it is found."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.resolvers: list[Callable[[dict[str, Any]], Any]] = []
        self._slots: dict[tuple[bool, str, tuple[str | int, ...]], int] = {}

    def slot(self, root: str, steps: tuple[str | int, ...]) -> tuple[int, str]:
        """The slot and the text of `root.step.step…`, the same for equal paths."""
        return self._slot(False, root, steps)

    def presence_slot(self, root: str, steps: tuple[str | int, ...]) -> tuple[int, str]:
        """The slot and the text of `has(root.step…)`."""
        return self._slot(True, root, steps)

    def _slot(self, is_presence: bool, root: str, steps: tuple[str | int, ...]) -> tuple[int, str]:
        # True and 1 are equal to Python, but neither is ever a step here.
        key = (is_presence, root, steps)
        if key not in self._slots:
            self._slots[key] = len(self.texts)
            text = path_text(root, steps)
            self.texts.append(f"has({text})" if is_presence else text)
            self.resolvers.append(_presence(root, steps) if is_presence else _resolver(root, steps))
        slot = self._slots[key]
        return slot, self.texts[slot]


def path_text(root: str, steps: tuple[str | int, ...]) -> str:
    """A path as it would be written in a rule."""
    pieces = [root]
    for step in steps:
        if isinstance(step, str) and step.isidentifier() and step.isascii():
            pieces.append(f".{step}")
        elif isinstance(step, str):
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            pieces.append(f'["{escaped}"]')
        else:
            pieces.append(f"[{step}]")
    return "".join(pieces)


def _resolver(root: str, steps: tuple[str | int, ...]) -> Callable[[dict[str, Any]], Any]:
    def walk(context: dict[str, Any]) -> Any:
        return _walk(context, root, steps)

    # Only a dict takes a string in brackets, so for the short paths that most rules read it is enough to try;
    # `walk` finds out what was wrong.
    match steps:
        case ():
            return lambda context: context.get(root)
        case (str(first),):

            def one(context: dict[str, Any]) -> Any:
                try:
                    return context[root][first]
                except (KeyError, TypeError):
                    return walk(context)

            return one
        case (str(first), str(second)):

            def two(context: dict[str, Any]) -> Any:
                try:
                    return context[root][first][second]
                except (KeyError, TypeError):
                    return walk(context)

            return two
        case _:
            return walk


def _presence(root: str, steps: tuple[str | int, ...]) -> Callable[[dict[str, Any]], bool]:
    *outer, field = steps
    containing = tuple(outer)

    def presence(context: dict[str, Any]) -> bool:
        container = _walk(context, root, containing)
        if type(container) is dict:
            return field in container
        raise EvaluationError(f"{path_text(root, containing)} is {kind_of(container)}, which has no fields")

    return presence


def _walk(context: dict[str, Any], root: str, steps: tuple[str | int, ...]) -> Any:
    value: Any = context.get(root)
    for count, step in enumerate(steps):
        kind = type(value)
        if kind is dict and type(step) is str:
            if step not in value:
                raise EvaluationError(f"no such field: {path_text(root, steps[: count + 1])}")
            value = value[step]
        elif kind is list and type(step) is int:
            if not 0 <= step < len(value):
                raise EvaluationError(f"no such item: {path_text(root, steps[: count + 1])}")
            value = value[step]
        else:
            wanted = "fields" if type(step) is str else "items"
            raise EvaluationError(f"{path_text(root, steps[:count])} is {kind_of(value)}, which has no {wanted}")
    return value


def traced(value: Any, depth: int = TRACED_DEPTH) -> Any:
    """A value as the trace keeps it: scalars and short text whole, everything else cut, with a marker of its size."""
    kind = type(value)
    if kind is str:
        if len(value) <= TRACED_CHARACTERS:
            return value
        return f"{value[:TRACED_CHARACTERS]}… ({len(value):,} characters)"
    if kind is dict:
        if depth == 0:
            return f"… ({len(value):,} entries)"
        kept = {key[:TRACED_CHARACTERS]: traced(value[key], depth - 1) for key in list(value)[:TRACED_ITEMS]}
        if len(value) > TRACED_ITEMS:
            kept["…"] = f"… ({len(value):,} entries)"
        return kept
    if kind is list:
        if depth == 0:
            return f"… ({len(value):,} items)"
        items = [traced(item, depth - 1) for item in value[:TRACED_ITEMS]]
        return items if len(value) <= TRACED_ITEMS else [*items, f"… ({len(value):,} items)"]
    return value
