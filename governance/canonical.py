"""JSON as this product accepts, stores and hashes it: I-JSON (RFC 7493) in, canonical text (RFC 8785) kept.

Two readers of one payload must never disagree on what it says, so duplicate keys, numbers that a double can't hold
and text that isn't Unicode are refused at the door, and every hash is taken over one canonical text.
"""

import hashlib
import json
import re
from typing import Any

import rfc8785

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64

# What the standard encoder writes differently from RFC 8785, in its own compact text: whole doubles, exponents, and long
# integers. A match inside a string only costs the slower path.
_WHOLE_DOUBLE = re.compile(r"\.0(?:[,\]}]|\Z)")
_AWKWARD = re.compile(r"[0-9](?:e[-+][0-9]{2,3}|[0-9]{15})(?:[,\]}]|\Z)")
_ABOVE_SURROGATES = re.compile("[\ue000-\uffff]")
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class InvalidJson(ValueError):
    """The text is not I-JSON; `detail` says why in plain words."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def canonicalize(value: Any) -> str:
    """The RFC 8785 text of a JSON value. Refuses (InvalidJson) what I-JSON can't carry."""
    try:
        text = _encode(value)
        if _WHOLE_DOUBLE.search(text):
            text = _encode(_with_integers(value))
        if _is_awkward(text):
            text = rfc8785.dumps(value).decode()
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidJson(f"not representable as I-JSON: {error}") from error
    return text


def _with_integers(value: Any) -> Any:
    """The value with integers for whole doubles, as RFC 8785 writes them."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e16 else value
    if isinstance(value, dict):
        return {key: member if type(member) is str else _with_integers(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_with_integers(member) for member in value]
    return value


def _is_awkward(text: str) -> bool:
    """Whether only the slower path is sure to be right. Keys sort by code point here and by unit of UTF-16 there, which
    differs where characters outside the basic plane and those above the surrogates meet."""
    if _AWKWARD.search(text):
        return True
    has_pairs = not text.isascii() and len(text.encode("utf-16-le")) != 2 * len(text)
    return has_pairs and _ABOVE_SURROGATES.search(text) is not None


def sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: Any) -> str:
    """`sha256:<hex>` over the canonical text of a JSON value, as the API shows it."""
    return f"sha256:{sha256_hex(canonicalize(value))}"


def parse_ijson(body: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Parse one I-JSON text. Refuses (InvalidJson): bytes that aren't UTF-8, duplicate keys, NaN and Infinity, numbers
    beyond a double, integers beyond ±(2^53 − 1), U+0000, lone surrogates, nesting deeper than `max_depth`."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the body is not valid UTF-8 (byte {error.start})") from error
    try:
        value = _decoder.decode(text)
    except InvalidJson:
        raise
    except RecursionError as error:
        raise InvalidJson(f"nested deeper than {max_depth} levels") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    if "\\u" in text:
        _refuse_unusable_characters(value)
    if text.count("{") + text.count("[") > max_depth:
        _refuse_depth(value, max_depth)
    return value


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"the key {key[:80]!r} stands twice in one object")
            seen.add(key)
    return parsed


def _parse_integer(text: str) -> int:
    if len(text) > 17 or not -MAX_INTEGER <= (number := int(text)) <= MAX_INTEGER:
        raise InvalidJson(f"the integer {text[:40]} is beyond ±(2^53 − 1); send larger ids as strings")
    return number


def _parse_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidJson(f"the number {text[:40]} is beyond the range of a double")
    return number


def _refuse_constant(text: str) -> Any:
    raise InvalidJson(f"{text} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_parse_object,
    parse_int=_parse_integer,
    parse_float=_parse_float,
    parse_constant=_refuse_constant,
)


def _walk(value: Any, max_depth: int) -> Any:
    """Every (string, depth) and container depth, without recursion: hostile nesting must not reach Python's own limit."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, str):
            yield node, depth
        elif isinstance(node, dict):
            yield None, depth + 1
            for key, member in node.items():
                yield key, depth + 1
                pending.append((member, depth + 1))
        elif isinstance(node, list):
            yield None, depth + 1
            pending.extend((member, depth + 1) for member in node)


def _refuse_depth(value: Any, max_depth: int) -> None:
    if any(depth > max_depth for _, depth in _walk(value, max_depth)):
        raise InvalidJson(f"nested deeper than {max_depth} levels")


def _refuse_unusable_characters(value: Any) -> None:
    for text, _ in _walk(value, MAX_DEPTH):
        if text is None:
            continue
        if "\x00" in text:
            raise InvalidJson("a string contains U+0000")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidJson("a string contains a lone surrogate") from error
