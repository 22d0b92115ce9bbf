"""The shapes that an expression can have. The parser makes them, the checker and the compiler read them; each keeps
the offset of the character that a message about it should point to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"


class ExpressionError(Exception):
    """What is wrong with an expression, at which character (an offset into its source), and what may be meant."""

    def __init__(self, detail: str, offset: int, suggestion: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.offset = offset
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, boolean or null."""

    value: Scalar
    offset: int


@dataclass(frozen=True, slots=True)
class Name:
    """A readable name of the decision, or the variable of the macro around it."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; offset is that of the field."""

    operand: Node
    field: str
    offset: int


@dataclass(frozen=True, slots=True)
class Has:
    """`has(operand.field)`: whether the field is there, without reading it."""

    operand: Node
    field: str
    offset: int


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[index]`; offset is that of the bracket."""

    operand: Node
    index: Node
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`; of `target.function(…)` the target is the first argument."""

    function: str
    arguments: tuple[Node, ...]
    is_method: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`!operand` or `-operand`."""

    operator: str
    operand: Node
    offset: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison or `in`; offset is that of the operator."""

    operator: str
    left: Node
    right: Node
    offset: int


@dataclass(frozen=True, slots=True)
class Logical:
    """A whole chain of `&&` or of `||`, kept flat so that a long one is not a deep one."""

    operator: str
    operands: tuple[Node, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? then : otherwise`."""

    condition: Node
    then: Node
    otherwise: Node
    offset: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[a, b]`."""

    items: tuple[Node, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """`{"a": 1}`."""

    entries: tuple[tuple[Node, Node], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Macro:
    """`target.exists(variable, body)` and its siblings."""

    kind: str
    target: Node
    variable: str
    body: Node
    offset: int


Node: TypeAlias = (
    Literal
    | Name
    | Select
    | Has
    | Index
    | Call
    | Unary
    | Binary
    | Logical
    | Conditional
    | ListLiteral
    | MapLiteral
    | Macro
)
