"""Tokens to syntax, by precedence climbing. Nesting and size are counted while parsing, before anything recurses, so
that no source text, however hostile, reaches the interpreter's own recursion limit.
"""

from __future__ import annotations

from typing import Final

from governance.rules.limits import (
    INT_MAX,
    INT_MIN,
    MAX_NESTING,
    MAX_NODES,
    MAX_SOURCE_BYTES,
)
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
from governance.rules.tokens import Token, tokenize

MACROS: Final = frozenset(("all", "exists", "exists_one", "filter", "map"))

_PRECEDENCE: Final = {
    "||": 1,
    "&&": 2,
    "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3,
    "+": 4, "-": 4,
    "*": 5, "/": 5, "%": 5,
}  # fmt: skip


def parse_expression(source: str) -> Node:
    """The syntax tree of an expression. Refuses (ExpressionError) text outside the language, longer than 4 KB, of more
    than 300 nodes, or nested (parentheses included) deeper than 24.
    """
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionError("this is not valid Unicode text", error.start) from None
    if size > MAX_SOURCE_BYTES:
        raise ExpressionError(f"an expression may have {MAX_SOURCE_BYTES} bytes at most, this has {size}", 0)
    parser = _Parser(tokenize(source))
    node = parser.expression(0)
    parser.expect_end()
    return node


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._node_count = 0
        self._macro_depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._position]

    def _advance(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _accept(self, kind: str) -> bool:
        if self._token.kind == kind:
            self._position += 1
            return True
        return False

    def _expect(self, kind: str, purpose: str) -> Token:
        if self._token.kind != kind:
            raise ExpressionError(f"expected {purpose}, found {_describe(self._token)}", self._token.offset)
        return self._advance()

    def expect_end(self) -> None:
        """Refuses whatever is left behind a complete expression."""
        if self._token.kind != "end":
            suggestion = {"name": "&&"}.get(self._token.kind)
            raise ExpressionError(
                f"expected an operator or the end, found {_describe(self._token)}",
                self._token.offset,
                suggestion,
            )

    def _count(self, offset: int) -> None:
        self._node_count += 1
        if self._node_count > MAX_NODES:
            raise ExpressionError(f"an expression may have {MAX_NODES} nodes at most", offset)

    def _deeper(self, depth: int, offset: int) -> int:
        if depth >= MAX_NESTING:
            raise ExpressionError(f"an expression may be nested {MAX_NESTING} deep at most", offset)
        return depth + 1

    def expression(self, depth: int) -> Node:
        """A conditional or anything below it."""
        depth = self._deeper(depth, self._token.offset)
        condition = self._binary(1, depth)
        offset = self._token.offset
        if not self._accept("?"):
            return condition
        self._count(offset)
        then = self._binary(1, depth)
        self._expect(":", "`:` and what holds otherwise")
        return Conditional(condition, then, self.expression(depth), offset)

    def _binary(self, minimum: int, depth: int) -> Node:
        left = self._unary(depth)
        while True:
            token = self._token
            precedence = _PRECEDENCE.get(token.kind, 0)
            if precedence < minimum:
                return left
            self._advance()
            self._count(token.offset)
            right = self._binary(precedence + 1, depth)
            if token.kind not in ("&&", "||"):
                left = Binary(token.kind, left, right, token.offset)
            elif isinstance(left, Logical) and left.operator == token.kind:
                left = Logical(token.kind, (*left.operands, right), left.offset)
            else:
                left = Logical(token.kind, (left, right), token.offset)

    def _unary(self, depth: int) -> Node:
        token = self._token
        if token.kind not in ("!", "-"):
            return self._member(depth)
        self._advance()
        self._count(token.offset)
        if token.kind == "-" and self._token.kind in ("int", "double"):
            return self._member(depth, is_negative=True)
        if self._token.kind == token.kind:
            operand = self._unary(self._deeper(depth, token.offset))
        else:
            operand = self._member(depth)
        return Unary(token.kind, operand, token.offset)

    def _member(self, depth: int, is_negative: bool = False) -> Node:
        node = self._negative_number() if is_negative else self._primary(depth)
        while True:
            token = self._token
            if token.kind == ".":
                self._advance()
                depth = self._deeper(depth, token.offset)
                name = self._expect("name", "a field or function after `.`")
                self._count(name.offset)
                if self._token.kind == "(":
                    node = self._method(node, name, depth)
                else:
                    node = Select(node, str(name.value), name.offset)
            elif token.kind == "[":
                self._advance()
                depth = self._deeper(depth, token.offset)
                self._count(token.offset)
                index = self.expression(depth)
                self._expect("]", "`]`")
                node = Index(node, index, token.offset)
            else:
                return node

    def _negative_number(self) -> Node:
        token = self._advance()
        value = token.value
        assert isinstance(value, int | float)
        return Literal(-value, token.offset - 1)

    def _primary(self, depth: int) -> Node:
        token = self._advance()
        self._count(token.offset)
        match token.kind:
            case "int":
                assert isinstance(token.value, int)
                if not INT_MIN <= token.value <= INT_MAX:
                    raise ExpressionError("this integer is beyond 64 bits", token.offset)
                return Literal(token.value, token.offset)
            case "double" | "string":
                return Literal(token.value, token.offset)
            case "true" | "false":
                return Literal(token.kind == "true", token.offset)
            case "null":
                return Literal(None, token.offset)
            case "name":
                if self._token.kind == "(":
                    return self._function(token, depth)
                return Name(str(token.value), token.offset)
            case "(":
                node = self.expression(depth)
                self._expect(")", "`)`")
                return node
            case "[":
                return ListLiteral(self._sequence("]", depth), token.offset)
            case "{":
                return self._map_literal(token.offset, depth)
            case _:
                raise ExpressionError(f"expected a value, found {_describe(token)}", token.offset)

    def _sequence(self, closing: str, depth: int) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._accept(closing):
            return ()
        while True:
            items.append(self.expression(depth))
            if not self._accept(","):
                self._expect(closing, f"`,` or `{closing}`")
                return tuple(items)
            if closing == "]" and self._accept(closing):
                return tuple(items)

    def _map_literal(self, offset: int, depth: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            key = self.expression(depth)
            self._expect(":", "`:` and a value")
            entries.append((key, self.expression(depth)))
            if not self._accept(","):
                self._expect("}", "`,` or `}`")
                break
        return MapLiteral(tuple(entries), offset)

    def _arguments(self, depth: int) -> tuple[Node, ...]:
        self._expect("(", "`(`")
        return self._sequence(")", depth)

    def _function(self, name: Token, depth: int) -> Node:
        arguments = self._arguments(depth)
        if name.value != "has":
            return Call(str(name.value), arguments, False, name.offset)
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            raise ExpressionError("has() takes the selection of a field, like has(action.arguments.note)", name.offset)
        selection = arguments[0]
        return Has(selection.operand, selection.field, selection.offset)

    def _method(self, target: Node, name: Token, depth: int) -> Node:
        if name.value not in MACROS:
            return Call(str(name.value), (target, *self._arguments(depth)), True, name.offset)
        if self._macro_depth:
            raise ExpressionError(f"{name.value}() inside another macro is not supported", name.offset)
        self._macro_depth += 1
        arguments = self._arguments(depth)
        self._macro_depth -= 1
        if len(arguments) != 2:
            raise ExpressionError(
                f"{name.value}() takes a variable and an expression, like {name.value}(item, …)", name.offset
            )
        variable, body = arguments
        if not isinstance(variable, Name):
            raise ExpressionError(f"the first argument of {name.value}() is the name of a variable", variable.offset)
        return Macro(str(name.value), target, variable.name, body, name.offset)


def _describe(token: Token) -> str:
    match token.kind:
        case "end":
            return "the end"
        case "name":
            return f"`{token.value}`"
        case "int" | "double":
            return "a number"
        case "string":
            return "a string"
        case _:
            return f"`{token.kind}`"
