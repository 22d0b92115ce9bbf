"""YAML text to JSON values, with the place of each. Built on the parser's events rather than on PyYAML's constructors:
aliases, tags and depth are refused before anything is built from them, and every value keeps its position, so that a
complaint can point to the line, the column and even the character inside a string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from governance.rules.limits import MAX_DOCUMENT_DEPTH

_CORE_NULL = re.compile(r"~|null|Null|NULL|")
_CORE_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_CORE_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_CORE_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TAG: Final = "tag:yaml.org,2002:"
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Final[Any] = yaml.resolver.Resolver()
_ESCAPED = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r?\n[ \t]*|.)", re.DOTALL)


class YamlRefused(Exception):
    """The text is not a document of this product; line and column count from 1."""

    def __init__(self, detail: str, line: int | None, column: int | None, suggestion: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.line = line
        self.column = column
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands in the text: offsets of its first character and behind its last, and how it is quoted."""

    start: int
    end: int
    style: str | None


@dataclass(frozen=True)
class YamlSource:
    """A document's value, and by JSON Pointer the place of each value and key in the text."""

    text: str
    value: Any
    places: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        line_start = self.text.rfind("\n", 0, offset) + 1
        return self.text.count("\n", 0, offset) + 1, offset - line_start + 1

    def position_of(self, pointer: str, *, of_key: bool = False) -> tuple[int | None, int | None]:
        """Line and column of the value (or of its key), or of the nearest value around it."""
        place = self.keys.get(pointer) if of_key else None
        while place is None:
            place = self.places.get(pointer)
            if not pointer:
                break
            pointer = pointer.rpartition("/")[0]
        return self.position(place.start) if place else (None, None)

    def position_inside(self, pointer: str, value: str, offset: int) -> tuple[int | None, int | None]:
        """Line and column of the character at `offset` of the string at `pointer`; its start where the two differ."""
        place = self.places.get(pointer)
        if place is None:
            return None, None
        # White space is folded and indented in YAML, so the visible characters are what both sides have in common.
        visible = sum(not character.isspace() for character in value[:offset])
        is_behind = offset >= len(value) or value[offset].isspace()
        last = place.start
        for count, (position, width) in enumerate(self._visible(place)):
            if count == visible and not is_behind:
                return self.position(position)
            if count == visible:
                break
            last = position + width
        else:
            return self.position(last if visible else place.start)
        return self.position(last)

    def _visible(self, place: Place) -> Iterator[tuple[int, int]]:
        """Offset and width in the text of each visible character of a scalar."""
        position, end = place.start, place.end
        if place.style in ("|", ">"):
            position = self.text.find("\n", place.start, end) + 1 or end
        elif place.style in ("'", '"'):
            position, end = position + 1, end - 1
        while position < end:
            character = self.text[position]
            width = 1
            if place.style == "'" and self.text.startswith("''", position):
                width = 2
            elif place.style == '"' and character == "\\":
                match = _ESCAPED.match(self.text, position, end)
                width = len(match.group()) if match else 1
                if match and match.group()[1] in "ntr\n\rvfbe0_LNP \t":
                    position += width
                    continue
            if not character.isspace():
                yield position, width
            position += width


@dataclass
class _Open:
    value: Any
    pointer: str
    mark: Any
    key: str | None = None

    def pointer_of_next(self) -> str:
        if isinstance(self.value, list):
            return f"{self.pointer}/{len(self.value)}"
        return f"{self.pointer}/{escape_pointer(self.key or '')}"


def escape_pointer(part: str) -> str:
    """A key as a part of a JSON Pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def read_yaml(text: str) -> YamlSource:
    """The one document of a YAML text. Refuses (YamlRefused) what is not YAML, aliases, anchors, tags, merge keys, keys
    that are repeated or not strings, nesting beyond the limit, and scalars that YAML 1.1 and 1.2 read differently.
    """
    source = YamlSource(text, None)
    try:
        return _build(source, yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        detail = f"not valid YAML: {error.problem or error.context or 'unreadable'}"
        if mark is None:
            raise YamlRefused(detail, None, None) from None
        raise YamlRefused(detail, mark.line + 1, mark.column + 1) from None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        reason = getattr(error, "reason", "unreadable")
        raise YamlRefused(f"not valid YAML: {reason}", None, None) from None


def _build(source: YamlSource, events: Iterator[Any]) -> YamlSource:
    stack: list[_Open] = []
    root: list[Any] = []
    for event in events:
        kind = type(event)
        if kind is yaml.DocumentStartEvent and root:
            raise _refused("one document at a time", event)
        if kind is yaml.AliasEvent or getattr(event, "anchor", None) is not None:
            raise _refused("anchors and aliases are not supported", event)
        if kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            closed = stack.pop()
            end: Any = event.end_mark
            source.places[closed.pointer] = Place(closed.mark.index, end.index, None)
            continue
        if kind not in (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent):
            continue
        if event.tag is not None:
            raise _refused("tags are not supported", event)
        parent = stack[-1] if stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            parent.key = _key(source, parent, event)
            continue
        pointer = parent.pointer_of_next() if parent else ""
        if kind is yaml.ScalarEvent:
            value: Any = _scalar(event)
            source.places[pointer] = Place(event.start_mark.index, event.end_mark.index, event.style)
        else:
            if len(stack) >= MAX_DOCUMENT_DEPTH:
                raise _refused(f"nested deeper than {MAX_DOCUMENT_DEPTH}", event)
            value = {} if kind is yaml.MappingStartEvent else []
            stack.append(_Open(value, pointer, event.start_mark))
            source.places[pointer] = Place(event.start_mark.index, event.start_mark.index, None)
        if parent is None:
            root.append(value)
        elif isinstance(parent.value, list):
            parent.value.append(value)
        else:
            parent.value[parent.key] = value
            parent.key = None
    if not root:
        raise YamlRefused("the document is empty", 1, 1)
    return YamlSource(source.text, root[0], source.places, source.keys)


def _key(source: YamlSource, parent: _Open, event: Any) -> str:
    if not hasattr(event, "value"):
        raise _refused("a key has to be a string", event)
    if not event.style and event.value == "<<":
        raise _refused("merge keys are not supported", event)
    key = _scalar(event)
    if not isinstance(key, str):
        raise _refused("a key has to be a string", event, f'"{event.value}"')
    if key in parent.value:
        raise _refused(f"the key `{key[:64]}` stands twice", event)
    pointer = f"{parent.pointer}/{escape_pointer(key)}"
    source.keys[pointer] = Place(event.start_mark.index, event.end_mark.index, event.style)
    return key


def _scalar(event: Any) -> Any:
    text = event.value
    if event.style:
        return text
    core = core_kind(text)
    if _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) != _TAG + core:
        what = "a date" if re.match(r"[0-9]{4}-[0-9]", text) else "a value that YAML 1.1 and 1.2 read differently"
        raise _refused(f"{what}: put it in quotes", event, f'"{text[:64]}"')
    try:
        return _plain_value(core, text)
    except ValueError:
        raise _refused("this number can't be read", event) from None


def core_kind(text: str) -> str:
    """What a plain scalar is in YAML 1.2 (section 10.3.2, the core schema)."""
    if _CORE_NULL.fullmatch(text):
        return "null"
    if _CORE_BOOL.fullmatch(text):
        return "bool"
    if _CORE_INT.fullmatch(text):
        return "int"
    return "float" if _CORE_FLOAT.fullmatch(text) else "str"


def is_plain_string(text: str) -> bool:
    """Whether every YAML reader takes this text for a string without quotes."""
    return core_kind(text) == "str" and bool(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TAG + "str")


def _plain_value(core: str, text: str) -> Any:
    if core == "null":
        return None
    if core == "bool":
        return text[0] in "tT"
    if core == "int":
        # "012" is eight more in YAML 1.1 than in 1.2.
        if len(text) > 400 or (text.lstrip("+-")[:1] == "0" and len(text.lstrip("+-")) > 1 and text[1] not in "xX"):
            raise ValueError
        return int(text, 16) if text[:2] == "0x" else int(text)
    if core == "float":
        value = float(text)
        if not math.isfinite(value):
            raise ValueError
        return value
    return text


def _refused(detail: str, event: Any, suggestion: str | None = None) -> YamlRefused:
    mark = event.start_mark
    return YamlRefused(detail, mark.line + 1, mark.column + 1, suggestion)
