"""Expressions as tokens. Lexical rules are those of the Common Expression Language (https://github.com/google/cel-spec,
doc/langdef.md, "Syntax"), without bytes, unsigned numbers and quoted field names, which are refused by name.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from governance.rules.limits import INT_MAX
from governance.rules.syntax import ExpressionError

RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
KEYWORDS: Final = frozenset(("true", "false", "null", "in"))


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is "name", "int", "double", "string", "end", a keyword, or the text of an operator."""

    kind: str
    value: str | int | float | None
    offset: int


_SPACE = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|(?:[0-9]*\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+")
_OPERATOR = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}]")
_STRING_START = re.compile(r"([rRbB]{0,2})(\"\"\"|'''|\"|')")
_ESCAPE = re.compile(
    r"\\(?:x[0-9A-Fa-f]{2}|X[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-3][0-7]{2}|[abfnrtv\\?\"'`])"
)
_SIMPLE_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ALMOST: Final = {"&": "&&", "|": "||", "=": "=="}


def tokenize(source: str) -> list[Token]:
    """The tokens of an expression, the last of kind "end". Refuses (ExpressionError) what isn't of the language."""
    tokens: list[Token] = []
    position, end = 0, len(source)
    while True:
        if space := _SPACE.match(source, position):
            position = space.end()
        if position >= end:
            tokens.append(Token("end", None, end))
            return tokens
        token, position = _next_token(source, position)
        tokens.append(token)


def _next_token(source: str, position: int) -> tuple[Token, int]:
    if start := _STRING_START.match(source, position):
        return _string(source, start)
    if word := _WORD.match(source, position):
        text = word.group()
        if text in RESERVED:
            raise ExpressionError(f"`{text}` is a reserved word", position)
        return Token(text if text in KEYWORDS else "name", text, position), word.end()
    if number := _NUMBER.match(source, position):
        return _number(source, number)
    if operator := _OPERATOR.match(source, position):
        return Token(operator.group(), None, position), operator.end()
    character = source[position]
    if character == "`":
        raise ExpressionError('quoted field names are not supported; write map["field"]', position)
    if better := _ALMOST.get(character):
        raise ExpressionError(f"`{character}` is not an operator", position, better)
    raise ExpressionError(f"unexpected character {character!a}", position)


def _number(source: str, match: re.Match[str]) -> tuple[Token, int]:
    text, offset, end = match.group(), match.start(), match.end()
    if source[end : end + 1] in ("u", "U"):
        raise ExpressionError("unsigned numbers are not supported", offset, text)
    if _WORD.match(source, end):
        raise ExpressionError("a number is followed by a letter", end)
    if text[:2] in ("0x", "0X"):
        return Token("int", _bounded(int(text[2:], 16), offset), offset), end
    if "." not in text and "e" not in text and "E" not in text:
        # A literal of more digits than any 64-bit integer is not worth converting.
        return Token("int", _bounded(int(text) if len(text) < 400 else INT_MAX + 2, offset), offset), end
    value = float(text)
    if math.isinf(value):
        raise ExpressionError("this number is beyond the range of a double", offset)
    return Token("double", value, offset), end


def _bounded(value: int, offset: int) -> int:
    # One more than the largest integer is let through: the parser accepts it behind a minus.
    if value > INT_MAX + 1:
        raise ExpressionError("this integer is beyond 64 bits", offset)
    return value


def _string(source: str, start: re.Match[str]) -> tuple[Token, int]:
    prefix, quote = start.group(1).lower(), start.group(2)
    offset = start.start()
    if "b" in prefix:
        raise ExpressionError("bytes are not supported", offset)
    if len(prefix) > 1:
        raise ExpressionError("a string has at most one prefix", offset)
    is_raw = prefix == "r"
    pieces: list[str] = []
    position = start.end()
    while True:
        if position >= len(source):
            raise ExpressionError("this string is never closed", offset)
        if source.startswith(quote, position):
            return Token("string", "".join(pieces), offset), position + len(quote)
        character = source[position]
        if character == "\n" and len(quote) == 1:
            raise ExpressionError("this string is not closed on its line", offset)
        if character == "\\" and not is_raw:
            piece, position = _escape(source, position)
            pieces.append(piece)
            continue
        pieces.append(character)
        position += 1


def _escape(source: str, position: int) -> tuple[str, int]:
    match = _ESCAPE.match(source, position)
    if match is None:
        raise ExpressionError("unknown escape in a string", position, "\\\\")
    body = match.group()[1:]
    if simple := _SIMPLE_ESCAPES.get(body):
        return simple, match.end()
    code = int(body, 8) if body[0] in "0123" else int(body[1:], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ExpressionError("this escape is not a Unicode character", position)
    return chr(code), match.end()
