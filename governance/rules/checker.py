"""Refuses, when a policy is saved, every expression that could only ever fail: undeclared names and fields, functions
that don't exist, types that an operator does not take. It says what was probably meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Final

import re2

from governance.rules.functions import FUNCTIONS
from governance.rules.limits import MAX_PATTERN_MEMORY
from governance.rules.syntax import (
    Binary,
    Call,
    Conditional,
    ExpressionError,
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
from governance.rules.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    JSON,
    NAMES,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    join,
)
from governance.rules.values import EvaluationError

_LITERAL_TYPES: Final = {bool: BOOL, int: INT, float: DOUBLE, str: STRING, type(None): NULL}
_NOT_JSON: Final = frozenset(("int", "timestamp", "duration"))
_ORDERED: Final = frozenset(("bool", "int", "double", "string", "timestamp", "duration"))
_NUMBERS: Final = frozenset(("int", "double"))
_ARITHMETIC: Final[dict[tuple[str, str, str], Type]] = {
    **{(operator, "int", "int"): INT for operator in "+-*/%"},
    **{(operator, "double", "double"): DOUBLE for operator in "+-*/"},
    ("+", "string", "string"): STRING,
    ("+", "timestamp", "duration"): TIMESTAMP,
    ("+", "duration", "timestamp"): TIMESTAMP,
    ("+", "duration", "duration"): DURATION,
    ("-", "timestamp", "timestamp"): DURATION,
    ("-", "timestamp", "duration"): TIMESTAMP,
    ("-", "duration", "duration"): DURATION,
}
_CONVERSIONS: Final = {"timestamp": "timestamp({})", "duration": "duration({})", "int": "int({})"}


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word that is closest to a mistyped one, if one is close."""
    by_folded = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(word[:64].lower(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def compile_pattern(pattern: str, offset: int) -> Any:
    """A pattern of matches(), compiled by google-re2 (linear time). Refuses (ExpressionError) what RE2 refuses."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True  # only whether it matches is asked, which RE2 answers faster
    options.max_mem = MAX_PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else "not a pattern"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ExpressionError(f"not a valid RE2 pattern: {text}", offset) from None


def check_condition(root: Node) -> Type:
    """The type of a rule's condition. Refuses (ExpressionError) one that is wrong whatever the decision, or that is
    certainly not a bool.
    """
    checked = _Checker().type_of(root)
    if checked.kind != "bool" and not checked.is_dynamic:
        raise ExpressionError(f"a rule's condition has to be a bool, this is {_a(checked)}", root.offset)
    return checked


def check_expression(root: Node) -> Type:
    """The type of any expression. Refuses (ExpressionError) one that is wrong whatever the decision."""
    return _Checker().type_of(root)


def source_of(node: Node) -> str:
    """A selection as it was written, for suggestions and traces; "" for anything else."""
    match node:
        case Name(name=name):
            return name
        case Select(operand=operand, field=field):
            base = source_of(operand)
            return f"{base}.{field}" if base else ""
        case _:
            return ""


class _Checker:
    def __init__(self) -> None:
        self._variables: dict[str, Type] = {}

    def type_of(self, node: Node) -> Type:
        match node:
            case Literal(value=value):
                return _LITERAL_TYPES[type(value)]
            case Name():
                return self._name(node)
            case Select(operand=operand, field=field, offset=offset) | Has(operand=operand, field=field, offset=offset):
                selected = self._field(operand, field, offset)
                return BOOL if isinstance(node, Has) else selected
            case Index():
                return self._index(node)
            case Call(function="matches"):
                return self._matches(node)
            case Call():
                return self._call(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Logical(operator=operator, operands=operands):
                for operand in operands:
                    self._require_bool(operand, f"`{operator}` takes bools")
                return BOOL
            case Conditional():
                return self._conditional(node)
            case ListLiteral(items=items):
                return Type("list", element=join([self.type_of(item) for item in items]))
            case MapLiteral():
                return self._map_literal(node)
            case Macro():
                return self._macro(node)

    def _name(self, node: Name) -> Type:
        known = self._variables.get(node.name) or NAMES.get(node.name)
        if known is not None:
            return known
        suggestion = did_you_mean(node.name, (*NAMES, *self._variables))
        if suggestion is None:
            for name, declared in NAMES.items():
                if declared.fields and node.name in declared.fields:
                    suggestion = f"{name}.{node.name}"
        raise ExpressionError(f"undeclared name `{node.name}`", node.offset, suggestion)

    def _field(self, operand: Node, field: str, offset: int) -> Type:
        container = self.type_of(operand)
        if container.is_dynamic:
            return container
        if container.kind != "map":
            raise ExpressionError(f"{_a(container)} has no fields", offset)
        if container.fields is None:
            return container.element or DYN
        if field in container.fields:
            return container.fields[field]
        base = source_of(operand)
        prefix = f"{base}." if base else ""
        closest = did_you_mean(field, container.fields)
        suggestion = f"{prefix}{closest}" if closest else None
        if suggestion is None and "arguments" in container.fields:
            suggestion = f"{prefix}arguments.{field}"
        raise ExpressionError(f"undeclared field `{prefix}{field}`", offset, suggestion)

    def _index(self, node: Index) -> Type:
        container, index = self.type_of(node.operand), self.type_of(node.index)
        if container.is_dynamic:
            if index.kind not in ("int", "double", "string", "dyn", "json"):
                raise ExpressionError(f"an index is an int or a string, this is {_a(index)}", node.index.offset)
            return container
        if container.kind == "list":
            if index.kind != "int" and not index.is_dynamic:
                raise ExpressionError(f"a list is indexed by an int, not by {_a(index)}", node.index.offset)
            return container.element or DYN
        if container.kind != "map":
            raise ExpressionError(f"{_a(container)} can't be indexed", node.offset)
        if index.kind != "string" and not index.is_dynamic:
            raise ExpressionError(f"a map is indexed by a string, not by {_a(index)}", node.index.offset)
        if container.fields is None:
            return container.element or DYN
        if isinstance(node.index, Literal) and isinstance(node.index.value, str):
            return self._field(node.operand, node.index.value, node.index.offset)
        return JSON

    def _call(self, node: Call) -> Type:
        function = FUNCTIONS.get(node.function)
        if function is None:
            suggestion = did_you_mean(node.function, (*FUNCTIONS, "matches", "has", "exists", "exists_one", "all"))
            raise ExpressionError(f"there is no function {node.function[:64]}()", node.offset, suggestion)
        _require_form(node, function.form)
        if len(node.arguments) != len(function.accepts):
            raise ExpressionError(f"{node.function}() takes {_count(node, len(function.accepts))}", node.offset)
        for argument, kinds in zip(node.arguments, function.accepts, strict=True):
            self._require_kind(argument, kinds, f"{node.function}()")
        if node.function in ("timestamp", "duration", "int", "double") and isinstance(node.arguments[0], Literal):
            _require_convertible(node, function.compute)
        return function.result

    def _matches(self, node: Call) -> Type:
        if len(node.arguments) != 2:
            raise ExpressionError(f"matches() takes {_count(node, 2)}", node.offset)
        text, pattern = node.arguments
        self._require_kind(text, frozenset(("string",)), "matches()")
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            raise ExpressionError("the pattern of matches() has to be a string literal", pattern.offset)
        compile_pattern(pattern.value, pattern.offset)
        return BOOL

    def _unary(self, node: Unary) -> Type:
        if node.operator == "!":
            self._require_bool(node.operand, "`!` takes a bool")
            return BOOL
        operand = self.type_of(node.operand)
        if operand.kind == "json":
            return DOUBLE
        if operand.kind not in _NUMBERS and not operand.is_dynamic:
            raise ExpressionError(f"`-` takes a number, this is {_a(operand)}", node.operand.offset)
        return operand

    def _binary(self, node: Binary) -> Type:
        left, right = self.type_of(node.left), self.type_of(node.right)
        if node.operator in ("==", "!="):
            self._require_comparable(node, left, right)
            return BOOL
        if node.operator == "in":
            self._require_membership(node, left, right)
            return BOOL
        if node.operator in ("<", "<=", ">", ">="):
            for side, operand in ((left, node.left), (right, node.right)):
                if side.kind not in _ORDERED and not side.is_dynamic:
                    raise ExpressionError(f"`{node.operator}` can't order {_a(side)}", operand.offset)
            self._require_comparable(node, left, right)
            return BOOL
        return self._arithmetic(node, left, right)

    def _require_comparable(self, node: Binary, left: Type, right: Type) -> None:
        if left.kind == right.kind or "dyn" in (left.kind, right.kind):
            return
        if {left.kind, right.kind} <= _NUMBERS and (left.is_json or right.is_json):
            return
        if "null" in (left.kind, right.kind):
            other = right if left.kind == "null" else left
            if other.is_nullable or other.is_json:
                return
        if "json" in (left.kind, right.kind):
            other, sent = (right, node.left) if left.kind == "json" else (left, node.right)
            if other.kind not in ("timestamp", "duration"):
                return
            suggestion = _CONVERSIONS[other.kind].format(source_of(sent) or "…")
            raise ExpressionError(
                f"JSON has no {other.kind}s: `{node.operator}` needs a conversion", sent.offset, suggestion
            )
        raise ExpressionError(
            f"`{node.operator}` can't compare {_a(left)} with {_a(right)}",
            node.offset,
            _number_hint(node, left, right),
        )

    def _require_membership(self, node: Binary, left: Type, right: Type) -> None:
        if right.kind not in ("list", "map") and not right.is_dynamic:
            raise ExpressionError(f"`in` looks into a list or a map, this is {_a(right)}", node.right.offset)
        if right.kind == "map" and left.kind != "string" and not left.is_dynamic:
            raise ExpressionError(f"the keys of a map are strings, this is {_a(left)}", node.left.offset)
        if right.kind == "list" and right.element is not None:
            self._require_comparable(node, left, right.element)

    def _arithmetic(self, node: Binary, left: Type, right: Type) -> Type:
        if left.kind == right.kind == "list" and node.operator == "+":
            return Type("list", element=join([left.element or DYN, right.element or DYN]))
        known = _ARITHMETIC.get((node.operator, left.kind, right.kind))
        if known is not None:
            return known
        for side, other, operand in ((left, right, node.left), (right, left, node.right)):
            if side.is_dynamic or side.is_json:
                if other.kind == "int" and side.kind != "dyn":
                    raise ExpressionError(
                        f"a JSON number is a double: `{node.operator}` needs a double on both sides",
                        node.offset,
                        (node.operator != "%" and _number_hint(node, left, right))
                        or f"int({source_of(operand) or '…'})",
                    )
                if other.kind in _NOT_JSON and side.kind == "json":
                    # Adding a duration to a timestamp is the one thing that mixes kinds.
                    raise ExpressionError(
                        f"JSON has no {other.kind}s: `{node.operator}` needs a conversion",
                        operand.offset,
                        f"timestamp({source_of(operand) or '…'})",
                    )
        if left.is_dynamic or right.is_dynamic:
            other = right if left.is_dynamic else left
            fits = other.is_dynamic or any(
                operator == node.operator and other.kind in (a, b) for operator, a, b in _ARITHMETIC
            )
            if fits or (other.kind == "list" and node.operator == "+"):
                return other if other.kind in ("double", "string", "list") else DYN
        raise ExpressionError(
            f"`{node.operator}` does not take {_a(left)} and {_a(right)}",
            node.offset,
            _number_hint(node, left, right),
        )

    def _conditional(self, node: Conditional) -> Type:
        self._require_bool(node.condition, "the condition before `?` has to be a bool")
        then, otherwise = self.type_of(node.then), self.type_of(node.otherwise)
        if then.is_dynamic or otherwise.is_dynamic or "null" in (then.kind, otherwise.kind):
            return then if then == otherwise else join([then, otherwise])
        if then.kind != otherwise.kind:
            raise ExpressionError(
                f"both branches of `?` have to be of one type, these are {_a(then)} and {_a(otherwise)}",
                node.offset,
            )
        return join([then, otherwise])

    def _map_literal(self, node: MapLiteral) -> Type:
        values: list[Type] = []
        keys: set[object] = set()
        for key, value in node.entries:
            if not isinstance(key, Literal) or not isinstance(key.value, str):
                raise ExpressionError("the keys of a map are string literals", key.offset)
            if key.value in keys:
                raise ExpressionError("this key stands twice in the map", key.offset)
            keys.add(key.value)
            values.append(self.type_of(value))
        return Type("map", element=join(values))

    def _macro(self, node: Macro) -> Type:
        target = self.type_of(node.target)
        if target.kind not in ("list", "map") and not target.is_dynamic:
            raise ExpressionError(f"{node.kind}() goes over a list or a map, this is {_a(target)}", node.offset)
        if node.variable in NAMES:
            raise ExpressionError(f"`{node.variable}` is taken; choose another variable", node.offset, "item")
        items = {"map": STRING, "list": target.element or DYN}
        item = items.get(target.kind, target)
        self._variables = {node.variable: item}
        if node.kind == "map":
            body = self.type_of(node.body)
        else:
            self._require_bool(node.body, f"{node.kind}() needs a condition")
            body = BOOL
        self._variables = {}
        if node.kind == "map":
            return Type("list", element=body)
        return Type("list", element=item) if node.kind == "filter" else BOOL

    def _require_bool(self, node: Node, message: str) -> None:
        checked = self.type_of(node)
        if checked.kind != "bool" and not checked.is_dynamic:
            suggestion = f"{source_of(node)} != null" if checked.is_nullable and source_of(node) else None
            raise ExpressionError(f"{message}, this is {_a(checked)}", node.offset, suggestion)

    def _require_kind(self, node: Node, kinds: frozenset[str], function: str) -> None:
        checked = self.type_of(node)
        if not checked.is_dynamic and checked.kind not in kinds:
            wanted = " or ".join(sorted(kinds))
            raise ExpressionError(f"{function} takes {wanted}, this is {_a(checked)}", node.offset)


def _require_form(node: Call, form: str) -> None:
    if form == "method" and not node.is_method:
        raise ExpressionError(f"{node.function}() is called on a value", node.offset, f"value.{node.function}(…)")
    if form == "function" and node.is_method:
        raise ExpressionError(f"{node.function}() is not called on a value", node.offset, f"{node.function}(…)")


def _require_convertible(node: Call, compute: object) -> None:
    literal = node.arguments[0]
    assert isinstance(literal, Literal) and callable(compute)
    try:
        compute(literal.value)
    except EvaluationError as error:
        raise ExpressionError(f"{node.function}(): {error}", literal.offset) from None


def _number_hint(node: Binary, left: Type, right: Type) -> str | None:
    if {left.kind, right.kind} == _NUMBERS or "json" in (left.kind, right.kind):
        for operand in (node.left, node.right):
            if isinstance(operand, Literal) and type(operand.value) is int:
                return f"{operand.value}.0"
    return None


def _count(node: Call, arguments: int) -> str:
    wanted = arguments - 1 if node.is_method else arguments
    return "no argument" if wanted == 0 else f"{wanted} argument{'s' if wanted > 1 else ''}"


def _a(checked: Type) -> str:
    name = str(checked)
    if name in ("null",) or checked.is_dynamic:
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
