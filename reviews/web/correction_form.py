"""The correction form: a JSON value laid out as fields by its JSON Schema, and read back without losing what the form
does not show.

Whatever a reviewer leaves alone keeps its exact value and type; keys that the schema does not know survive; what has no
plain field is a validated piece of JSON.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from governance.canonical import InvalidJson, canonicalize, parse_ijson
from governance.errors import FieldError
from reviews.proposals import ABSENT

DEPTH_AT_MOST = 4
FIELDS_AT_MOST = 60
# Places looked at for them: a schema whose objects refer to each other unfolds into more than anybody can count.
PLACES_AT_MOST = 2_000
LONG_TEXT = 80
PREFIX = "fix"


@dataclass(slots=True)
class CorrectionField:
    """One input. `path` are the keys from the root; `kind` is text, long, integer, number, choice or json; `original`
    and `value` are texts as the input shows them; `options` are (index, text) pairs of a choice."""

    path: tuple[str, ...]
    label: str
    kind: str
    original: str
    value: str
    is_absent: bool
    is_nullable: bool
    help: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    choices: list[Any] = field(default_factory=list)
    error: str = ""

    @property
    def name(self) -> str:
        return PREFIX + "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in self.path)

    @property
    def html_id(self) -> str:
        # Path parts are an AI's words: an id made of their bytes can't collide or break out.
        return "f-" + "/".join(self.path).encode().hex()

    @property
    def pointer(self) -> str:
        return self.name.removeprefix(PREFIX)

    @property
    def is_changed(self) -> bool:
        return self.value != self.original


def lay_out(*, value: Any, schema: Any, submitted: Mapping[str, str] | None = None) -> list[CorrectionField]:
    """The fields for a value under a schema (or none), in the schema's order and then the value's; with what was
    submitted in the place of the original where a form comes back."""
    fields: list[CorrectionField] = []
    try:
        _lay_out(fields, (), value, schema if isinstance(schema, dict) else {}, schema, count())
    except _TooManyPlaces:
        fields = [_json_field((), value, {})]
    if submitted is not None:
        for entry in fields:
            entry.value = submitted.get(entry.name, entry.original).replace("\r\n", "\n")
    return fields


def read_back(*, value: Any, schema: Any, submitted: Mapping[str, str]) -> tuple[Any, list[FieldError]]:
    """The corrected value and the faults, as pointers into it. Untouched fields keep their exact value."""
    fields = lay_out(value=value, schema=schema, submitted=submitted)
    corrected = copy.deepcopy(value)
    faults: list[FieldError] = []
    for entry in fields:
        if not entry.is_changed:
            continue
        try:
            parsed = _parse(entry)
        except ValueError as error:
            faults.append(FieldError(pointer=entry.pointer, detail=str(error)))
            continue
        corrected = _place(corrected, entry.path, parsed)
    return corrected, faults


class _TooManyPlaces(Exception):
    """More than a form can show: the whole value becomes one field."""


def _lay_out(
    fields: list[CorrectionField],
    path: tuple[str, ...],
    value: Any,
    schema: dict[str, Any],
    root: Any,
    places: Iterator[int],
) -> None:
    if next(places) > PLACES_AT_MOST:
        raise _TooManyPlaces
    schema = _follow(schema, root)
    if "const" in schema and value is not ABSENT and canonicalize(value) == canonicalize(schema["const"]):
        # Nothing else would be accepted here, so there is nothing to fill in.
        return
    is_object = isinstance(value, dict) or (value is ABSENT and "object" in _types(schema))
    if is_object and len(path) < DEPTH_AT_MOST:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        members = value if isinstance(value, dict) else {}
        for key in [*properties, *(key for key in members if key not in properties)]:
            below = properties.get(key)
            _lay_out(
                fields, (*path, key), members.get(key, ABSENT), below if isinstance(below, dict) else {}, root, places
            )
        if not properties and not members and path == ():
            fields.append(_json_field(path, value, schema))
        return
    fields.append(_make_field(path, value, schema))
    if len(fields) > FIELDS_AT_MOST:
        raise _TooManyPlaces


def _make_field(path: tuple[str, ...], value: Any, schema: dict[str, Any]) -> CorrectionField:
    choices = schema.get("enum")
    types = _types(schema)
    if not isinstance(choices, list) and (isinstance(value, bool) or types - {"null"} == {"boolean"}):
        choices = [True, False]
    if isinstance(choices, list) and choices:
        return _choice_field(path, value, schema, choices)
    wanted = types - {"null"}
    kind = "json"
    if wanted == {"integer"}:
        kind = "integer"
    elif wanted in ({"number"}, {"number", "integer"}) or (not wanted and isinstance(value, (int, float))):
        kind = "number"
    elif wanted == {"string"} or (not wanted and isinstance(value, str)):
        kind = "long" if isinstance(value, str) and (len(value) > LONG_TEXT or "\n" in value) else "text"
    if kind == "json" or not _fits(kind, value):
        return _json_field(path, value, schema)
    text = "" if value is ABSENT or value is None else value if isinstance(value, str) else canonicalize(value)
    return CorrectionField(
        path=path,
        label=_label(path, schema),
        kind=kind,
        original=text.replace("\r\n", "\n"),
        value=text.replace("\r\n", "\n"),
        is_absent=value is ABSENT,
        is_nullable="null" in types or value is None,
        help=_help(schema),
    )


def _choice_field(path: tuple[str, ...], value: Any, schema: dict[str, Any], choices: list[Any]) -> CorrectionField:
    known = [canonicalize(choice) for choice in choices]
    if value is not ABSENT and canonicalize(value) not in known:
        choices = [*choices, value]
        known.append(canonicalize(value))
    original = "" if value is ABSENT else str(known.index(canonicalize(value)))
    options = [(str(index), _choice_text(choice)) for index, choice in enumerate(choices)]
    if value is ABSENT:
        options.insert(0, ("", "(not set)"))
    return CorrectionField(
        path=path,
        label=_label(path, schema),
        kind="choice",
        original=original,
        value=original,
        is_absent=value is ABSENT,
        is_nullable=False,
        help=_help(schema),
        options=options,
        choices=choices,
    )


def _json_field(path: tuple[str, ...], value: Any, schema: dict[str, Any]) -> CorrectionField:
    text = "" if value is ABSENT else json.dumps(value, ensure_ascii=False, indent=2)
    return CorrectionField(
        path=path,
        label=_label(path, schema),
        kind="json",
        original=text,
        value=text,
        is_absent=value is ABSENT,
        is_nullable=False,
        help=_help(schema) or "JSON",
    )


def _parse(entry: CorrectionField) -> Any:
    text = entry.value
    if entry.kind == "choice":
        if text == "":
            return ABSENT
        if not text.isdigit() or int(text) >= len(entry.choices):
            raise ValueError("Choose one of the offered values.")
        return entry.choices[int(text)]
    if entry.kind in {"text", "long"}:
        return text
    if text.strip() == "":
        if entry.is_nullable:
            return None
        if entry.is_absent or entry.kind == "json":
            return ABSENT
        raise ValueError("A number is needed here.")
    try:
        parsed = parse_ijson(text.strip().encode())
    except InvalidJson as error:
        plain = "A number is needed here." if entry.kind in {"integer", "number"} else f"Not JSON: {error.detail}."
        raise ValueError(plain) from error
    if entry.kind == "json":
        return parsed
    if isinstance(parsed, bool) or not isinstance(parsed, (int, float)):
        raise ValueError("A number is needed here.")
    if entry.kind == "integer" and parsed != int(parsed):
        raise ValueError("A whole number is needed here.")
    return int(parsed) if entry.kind == "integer" else parsed


def _place(root: Any, path: tuple[str, ...], value: Any) -> Any:
    """The root with a value at a path; ABSENT takes the key away."""
    if not path:
        return root if value is ABSENT else value
    node = root
    for key in path[:-1]:
        node = node.setdefault(key, {})
    if value is ABSENT:
        node.pop(path[-1], None)
    else:
        node[path[-1]] = value
    return root


def _follow(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    """One `$ref` into the schema itself; a chain of them stays a JSON field."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    node = root
    for part in reference[2:].split("/"):
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else schema


def _types(schema: dict[str, Any]) -> set[str]:
    types = schema.get("type")
    if isinstance(types, str):
        return {types}
    return {name for name in types if isinstance(name, str)} if isinstance(types, list) else set()


def _fits(kind: str, value: Any) -> bool:
    """Whether a plain field can show the value; the AI may have broken its own schema."""
    if value is ABSENT or value is None:
        return True
    if kind in {"text", "long"}:
        return isinstance(value, str)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _label(path: tuple[str, ...], schema: dict[str, Any]) -> str:
    title = schema.get("title")
    return title if isinstance(title, str) and title else " › ".join(path) or "value"


def _help(schema: dict[str, Any]) -> str:
    text = schema.get("description")
    return text[:300] if isinstance(text, str) else ""


def _choice_text(choice: Any) -> str:
    if isinstance(choice, bool):
        return "yes" if choice else "no"
    return choice if isinstance(choice, str) and choice else canonicalize(choice)
