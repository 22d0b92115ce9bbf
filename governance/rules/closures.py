"""Syntax to closures: every decision that does not depend on values is taken here, once, so that evaluating a rule is a
handful of function calls. A closure takes the Frame of a decision and returns a value, or raises EvaluationError
(which `&&`, `||`, `all` and `exists` may absorb, as in CEL) or GuardBreached (which nothing absorbs).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from governance.rules import operators
from governance.rules.checker import compile_pattern
from governance.rules.frames import UNREAD, Frame, Paths
from governance.rules.functions import FUNCTIONS
from governance.rules.limits import CHARACTERS_PER_STEP, REGEX_CHARACTERS_PER_STEP
from governance.rules.macros import MACROS, Closure, items_of
from governance.rules.syntax import (
    Binary,
    Call,
    Conditional,
    Has,
    Index,
    ListLiteral,
    Literal,
    Logical,
    Macro,
    MapLiteral,
    Name,
    Node,
    Select,
    Unary,
)
from governance.rules.types import NAMES
from governance.rules.values import (
    MAPS,
    NUMBERS,
    ComputedMap,
    EvaluationError,
    no_overload,
)

_ORDERINGS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_Path: TypeAlias = tuple[str, tuple[str | int, ...]]


def compile_node(node: Node, paths: Paths) -> Closure:
    """The closure of an expression that the checker has let through; the paths that it reads are added to `paths`."""
    return _Compiler(paths).closure(node)


def count_nodes(node: Node) -> int:
    """What evaluating an expression costs in fuel before anything is known of the decision."""
    total, pending = 0, [node]
    while pending:
        total += 1
        pending.extend(_children(pending.pop()))
    return total


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Literal() | Name():
            return ()
        case Select(operand=operand) | Has(operand=operand) | Unary(operand=operand):
            return (operand,)
        case Index(operand=operand, index=index):
            return (operand, index)
        case Call(arguments=arguments):
            return arguments
        case Binary(left=left, right=right):
            return (left, right)
        case Logical(operands=operands):
            return operands
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
        case ListLiteral(items=items):
            return items
        case MapLiteral(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Macro(target=target, body=body):
            return (target, body)


class _Compiler:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def closure(self, node: Node) -> Closure:
        path = _path_of(node)
        if path is not None:
            return _read(*self._paths.slot(*path))
        match node:
            case Literal(value=value):
                return lambda frame: value
            case Name(name="now"):
                return lambda frame: frame.now
            case Name():
                return lambda frame: frame.item
            case Select(operand=operand, field=field):
                return _select(self.closure(operand), field)
            case Has():
                return self._has(node)
            case Index(operand=operand, index=index):
                return _index(self.closure(operand), self.closure(index))
            case Call():
                return self._call(node)
            case Unary(operator="!", operand=operand):
                return _not(self.closure(operand))
            case Unary(operand=operand):
                return _negative(self.closure(operand))
            case Binary():
                return self._binary(node)
            case Logical(operator=symbol, operands=operands):
                closures = tuple(self.closure(operand) for operand in operands)
                decisive = symbol == "||"
                return _either(*closures, decisive) if len(closures) == 2 else _any_of(closures, decisive)
            case Conditional(condition=condition, then=then, otherwise=otherwise):
                return _conditional(self.closure(condition), self.closure(then), self.closure(otherwise))
            case ListLiteral(items=items):
                return _list(tuple(self.closure(item) for item in items))
            case MapLiteral(entries=entries):
                return _map(tuple((_constant(key), self.closure(value)) for key, value in entries))
            case Macro():
                return self._macro(node)

    def _has(self, node: Has) -> Closure:
        path = _path_of(node.operand)
        if path is not None:
            root, steps = path
            return _read(*self._paths.presence_slot(root, (*steps, node.field)))
        operand, field = self.closure(node.operand), node.field

        def has(frame: Frame) -> bool:
            container = operand(frame)
            if type(container) in MAPS:
                return field in container
            raise no_overload("has", container)

        return has

    def _binary(self, node: Binary) -> Closure:
        symbol = node.operator
        if symbol in ("==", "!="):
            return self._equality(node.left, node.right, is_negated=symbol == "!=")
        if symbol in _ORDERINGS:
            if isinstance(node.left, Literal):
                return self._ordering(_MIRRORED[symbol], node.right, node.left)
            return self._ordering(symbol, node.left, node.right)
        if symbol == "in":
            return self._membership(node.left, node.right)
        return _arithmetic(operators.ARITHMETIC[symbol], self.closure(node.left), self.closure(node.right))

    def _equality(self, left: Node, right: Node, *, is_negated: bool) -> Closure:
        if isinstance(left, Literal):
            left, right = right, left
        if not isinstance(right, Literal):
            return _equal(self.closure(left), self.closure(right), is_negated)
        path = _path_of(left)
        if path is not None and isinstance(right.value, str):
            return _path_equals_string(*self._paths.slot(*path), right.value, is_negated)
        operand, value = self.closure(left), right.value
        if value is None or type(value) is bool:
            return _is(operand, value, is_negated)
        if isinstance(value, str):
            return _equals_string(operand, value, is_negated)
        return _equals_number(operand, value, is_negated)

    def _ordering(self, symbol: str, left: Node, right: Node) -> Closure:
        compare = _ORDERINGS[symbol]
        if isinstance(right, Literal) and isinstance(right.value, int | float) and type(right.value) is not bool:
            path = _path_of(left)
            if path is not None:
                return _path_compared_with_number(*self._paths.slot(*path), symbol, right.value)
            return _compare_with_number(symbol, self.closure(left), right.value)
        return _compare(symbol, compare, self.closure(left), self.closure(right))

    def _membership(self, item: Node, container: Node) -> Closure:
        wanted = self.closure(item)
        if isinstance(container, ListLiteral) and container.items:
            values = [_constant(member) if isinstance(member, Literal) else UNREAD for member in container.items]
            if all(type(value) is str for value in values):
                strings = frozenset(values)

                def one_of(frame: Frame) -> bool:
                    value = wanted(frame)
                    return type(value) is str and value in strings

                return one_of
        inside = self.closure(container)
        return lambda frame: operators.contained(frame, wanted(frame), inside(frame))

    def _call(self, node: Call) -> Closure:
        if node.function == "matches":
            return _matches(self.closure(node.arguments[0]), node.arguments[1])
        function = FUNCTIONS[node.function]
        compute = function.compute
        arguments = tuple(self.closure(argument) for argument in node.arguments)
        if len(arguments) == 1:
            (only,) = arguments
            return _apply(compute, only, function.reads_text)
        first, second = arguments
        part = node.arguments[1]
        if node.function == "contains" and isinstance(part, Literal) and type(part.value) is str:
            return _contains(first, part.value)
        return _apply_two(compute, first, second, function.reads_text)

    def _macro(self, node: Macro) -> Closure:
        items = items_of(node.kind, self.closure(node.target), count_nodes(node.body))
        return MACROS[node.kind](items, self.closure(node.body))


def _path_of(node: Node) -> _Path | None:
    """The root name and constant steps of a selection from a readable name, `now` apart."""
    steps: list[str | int] = []
    while True:
        match node:
            case Select(operand=operand, field=field):
                steps.append(field)
                node = operand
            case Index(operand=operand, index=Literal(value=str() | int() as step)) if type(step) is not bool:
                steps.append(step)
                node = operand
            case Name(name=name) if name in NAMES and name != "now":
                return name, tuple(reversed(steps))
            case _:
                return None


def _constant(node: Node) -> Any:
    assert isinstance(node, Literal)
    return node.value


def _read(slot: int, text: str) -> Closure:
    def read(frame: Frame) -> Any:
        value = frame.values[slot]
        if value is UNREAD:
            value = frame.load(slot)
        frame.reads[text] = frame.traced[slot]
        return value

    return read


def _select(operand: Closure, field: str) -> Closure:
    return lambda frame: operators.selected(operand(frame), field)


def _index(operand: Closure, index: Closure) -> Closure:
    return lambda frame: operators.indexed(operand(frame), index(frame))


def _not(operand: Closure) -> Closure:
    def negation(frame: Frame) -> bool:
        value = operand(frame)
        if value is True:
            return False
        if value is False:
            return True
        raise no_overload("!", value)

    return negation


def _negative(operand: Closure) -> Closure:
    return lambda frame: operators.negate(operand(frame))


def _either(left: Closure, right: Closure, decisive: bool) -> Closure:
    """`||` (decisive: true) or `&&` (decisive: false) of two: one decisive side is enough, even if the other fails."""
    other = not decisive
    symbol = "||" if decisive else "&&"

    def either(frame: Frame) -> Any:
        try:
            first = left(frame)
        except EvaluationError:
            if right(frame) is decisive:
                return decisive
            raise
        if first is decisive:
            return decisive
        second = right(frame)
        if second is decisive:
            return decisive
        if first is other and second is other:
            return other
        raise no_overload(symbol, first, second)

    return either


def _any_of(closures: tuple[Closure, ...], decisive: bool) -> Closure:
    """The same of any number of operands."""
    symbol = "||" if decisive else "&&"

    def any_of(frame: Frame) -> Any:
        failure: EvaluationError | None = None
        for closure in closures:
            try:
                value = closure(frame)
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

    return any_of


def _conditional(condition: Closure, then: Closure, otherwise: Closure) -> Closure:
    def conditional(frame: Frame) -> Any:
        value = condition(frame)
        if value is True:
            return then(frame)
        if value is False:
            return otherwise(frame)
        raise no_overload("?:", value)

    return conditional


def _list(items: tuple[Closure, ...]) -> Closure:
    return lambda frame: tuple([item(frame) for item in items])


def _map(entries: tuple[tuple[str, Closure], ...]) -> Closure:
    return lambda frame: ComputedMap([(key, value(frame)) for key, value in entries])


def _arithmetic(compute: Callable[[Frame, Any, Any], Any], left: Closure, right: Closure) -> Closure:
    return lambda frame: compute(frame, left(frame), right(frame))


# Comparisons with a literal, which is what most rules are made of ---------------------------------------------------


def _is(operand: Closure, constant: bool | None, is_negated: bool) -> Closure:
    if is_negated:
        return lambda frame: operand(frame) is not constant
    return lambda frame: operand(frame) is constant


def _equals_string(operand: Closure, constant: str, is_negated: bool) -> Closure:
    # A string equals nothing but a string, to Python as to CEL.
    if is_negated:
        return lambda frame: operand(frame) != constant
    return lambda frame: operand(frame) == constant


def _path_equals_string(slot: int, text: str, constant: str, is_negated: bool) -> Closure:
    """The same, with the reading of a path in it: half of the calls of a typical rule."""

    def equals_string(frame: Frame) -> bool:
        value = frame.values[slot]
        if value is UNREAD:
            value = frame.load(slot)
        frame.reads[text] = frame.traced[slot]
        return bool(value == constant)

    def differs_from_string(frame: Frame) -> bool:
        value = frame.values[slot]
        if value is UNREAD:
            value = frame.load(slot)
        frame.reads[text] = frame.traced[slot]
        return bool(value != constant)

    return differs_from_string if is_negated else equals_string


def _equals_number(operand: Closure, constant: float, is_negated: bool) -> Closure:
    def equals_number(frame: Frame) -> bool:
        value = operand(frame)
        return (type(value) in NUMBERS and value == constant) is not is_negated

    return equals_number


def _equal(left: Closure, right: Closure, is_negated: bool) -> Closure:
    if is_negated:
        return lambda frame: not operators.equal(frame, left(frame), right(frame))
    return lambda frame: operators.equal(frame, left(frame), right(frame))


def _compare(symbol: str, compare: Callable[[Any, Any], Any], left: Closure, right: Closure) -> Closure:
    def comparison(frame: Frame) -> Any:
        first, second = left(frame), right(frame)
        if operators.is_ordered_pair(first, second):
            return compare(first, second)
        raise no_overload(symbol, first, second)

    return comparison


def _compare_with_number(symbol: str, operand: Closure, constant: float) -> Closure:
    compare = _ORDERINGS[symbol]

    def comparison(frame: Frame) -> Any:
        value = operand(frame)
        if type(value) in NUMBERS:
            return compare(value, constant)
        raise no_overload(symbol, value, constant)

    return comparison


def _path_compared_with_number(slot: int, text: str, symbol: str, constant: float) -> Closure:
    """The same, with the reading of a path in it; what stands in a context is never an int by then."""
    compare = _ORDERINGS[symbol]

    def comparison(frame: Frame) -> Any:
        value = frame.values[slot]
        if value is UNREAD:
            value = frame.load(slot)
        frame.reads[text] = frame.traced[slot]
        if type(value) is float:
            return compare(value, constant)
        raise no_overload(symbol, value, constant)

    return comparison


# Functions ----------------------------------------------------------------------------------------------------------


def _apply(compute: Callable[[Any], Any], argument: Closure, reads_text: bool) -> Closure:
    if not reads_text:
        return lambda frame: compute(argument(frame))

    def apply_to_text(frame: Frame) -> Any:
        text = argument(frame)
        if type(text) is str and len(text) >= CHARACTERS_PER_STEP:
            frame.burn_text(len(text))
        return compute(text)

    return apply_to_text


def _contains(argument: Closure, part: str) -> Closure:
    def contains(frame: Frame) -> bool:
        text = argument(frame)
        if type(text) is not str:
            raise no_overload("contains", text, part)
        frame.fuel -= len(text) // CHARACTERS_PER_STEP
        if frame.fuel < 0:
            frame.burn(0)
        return part in text

    return contains


def _apply_two(compute: Callable[[Any, Any], Any], first: Closure, second: Closure, reads_text: bool) -> Closure:
    if not reads_text:
        return lambda frame: compute(first(frame), second(frame))

    def apply_to_text(frame: Frame) -> Any:
        text = first(frame)
        if type(text) is str and len(text) >= CHARACTERS_PER_STEP:
            frame.burn_text(len(text))
        return compute(text, second(frame))

    return apply_to_text


def _matches(argument: Closure, pattern: Node) -> Closure:
    search = compile_pattern(_constant(pattern), pattern.offset).search

    def matches(frame: Frame) -> bool:
        text = argument(frame)
        if type(text) is not str:
            raise no_overload("matches", text, "")
        frame.burn(len(text) // REGEX_CHARACTERS_PER_STEP)
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            raise EvaluationError("matches() was given text that is not valid Unicode") from None

    return matches
