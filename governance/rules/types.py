"""What is known of a value before any decision exists. A type here never makes evaluation faster or laxer: the
evaluator checks every value again, since a context is whatever an application has sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Type:
    """`kind` as the language names it, or "dyn" (anything), or "json" (anything that JSON can hold: never an int, a
    timestamp or a duration). `element` is that of a list, or the values' of a map; `fields` those of a map whose
    fields are all known. A type that `is_json` comes from the context: its numbers compare with any number.
    """

    kind: str
    element: Type | None = None
    fields: Mapping[str, Type] | None = None
    is_nullable: bool = False
    is_json: bool = False

    @property
    def is_dynamic(self) -> bool:
        """Whether nothing can be refused before a decision is there."""
        return self.kind in ("dyn", "json")

    def __str__(self) -> str:
        return {"dyn": "any value", "json": "a JSON value"}.get(self.kind, self.kind)


DYN: Final = Type("dyn")
JSON: Final = Type("json", is_json=True)
NULL: Final = Type("null")
BOOL: Final = Type("bool")
INT: Final = Type("int")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")

_SENT_STRING = Type("string", is_nullable=True, is_json=True)
_SENT_NUMBER = Type("double", is_nullable=True, is_json=True)

# The fields of a decision are those of POST /api/v1/decisions; one that the application did not send is null.
NAMES: Final[Mapping[str, Type]] = {
    "action": Type("map", fields={"name": _SENT_STRING, "arguments": JSON}, is_nullable=True, is_json=True),
    "input": JSON,
    "output": JSON,
    "confidence": _SENT_NUMBER,
    "subject": _SENT_STRING,
    "actor": _SENT_STRING,
    "model": _SENT_STRING,
    "release": _SENT_STRING,
    "usage": Type(
        "map",
        fields={
            "input_tokens": _SENT_NUMBER,
            "output_tokens": _SENT_NUMBER,
            "cached_input_tokens": _SENT_NUMBER,
            "cache_write_tokens": _SENT_NUMBER,
            "reasoning_tokens": _SENT_NUMBER,
            "cost_usd": _SENT_NUMBER,
        },
        is_nullable=True,
        is_json=True,
    ),
    "latency_ms": _SENT_NUMBER,
    "context": JSON,
    "now": TIMESTAMP,
}


def join(types: list[Type]) -> Type:
    """The one type that covers all of these, DYN where they differ."""
    known = {t.kind for t in types if t.kind != "null"}
    if not types or len(known) > 1 or not known <= {"bool", "int", "double", "string", "timestamp", "duration"}:
        return types[0] if types and all(t == types[0] for t in types) else DYN
    if not known:
        return NULL
    return Type(
        known.pop(),
        is_nullable=any(t.kind == "null" or t.is_nullable for t in types),
        is_json=any(t.is_json for t in types),
    )
