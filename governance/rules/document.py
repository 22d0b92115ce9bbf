"""The policy document: what it says, as frozen values, and the one way in. A document that is loaded is one that this
version can carry out to the letter; anything else is refused, with every error at once and its place in the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from governance.canonical import InvalidJson, canonicalize, sha256_hex
from governance.rules.limits import MAX_DOCUMENT_BYTES
from governance.rules.syntax import Node
from governance.rules.yaml_source import (
    YamlRefused,
    YamlSource,
    is_plain_string,
    read_yaml,
)

API_VERSION: Final = "governance/v1"
VERDICTS: Final = ("allow", "review", "escalate", "block")  # from the loosest to the strictest
PRIORITIES: Final = ("low", "normal", "high", "urgent")
MODES: Final = ("enforce", "shadow")
ON_TIMEOUT: Final = ("block", "escalate", "allow")


@dataclass(frozen=True, slots=True)
class DocumentError:
    """One thing that is wrong: where (JSON Pointer; line and column from 1 when the source was text), what, and what
    was probably meant.
    """

    pointer: str
    line: int | None
    column: int | None
    detail: str
    suggestion: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}" if self.line is not None else self.pointer or "document"
        hint = f" (did you mean `{self.suggestion}`?)" if self.suggestion else ""
        return f"{place}: {self.detail}{hint}"


class InvalidPolicy(ValueError):
    """The document is refused; `errors` holds everything that is wrong with it, in the order of the text."""

    def __init__(self, errors: list[DocumentError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Sla:
    """How long people have, in seconds, and what happens when they don't answer."""

    respond_s: int
    total_s: int
    on_timeout: str | None = None
    escalate_to: tuple[str, ...] = ()
    pause_while_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `when` is its source, `condition` the checked syntax of it."""

    id: str
    when: str
    verdict: str
    condition: Node = field(repr=False)
    queue: str | None = None
    priority: str = "normal"
    sla: Sla | None = None
    reason: str = ""
    mode: str = "enforce"


@dataclass(frozen=True, slots=True)
class Sampling:
    """The share of decisions with verdict `of` that people look at afterwards."""

    rate: float
    of: str
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A case that the document itself carries. `expect_rules` are the rules that have to hit, None for any."""

    name: str
    context: Mapping[str, Any]
    expect_verdict: str
    expect_rules: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy as it was written and checked. `canonical` is its RFC 8785 text and `sha256` the hash (hex) of that."""

    key: str
    description: str
    default: str
    on_error: str
    rules: tuple[Rule, ...]
    sampling: tuple[Sampling, ...]
    retires_labels: tuple[str, ...]
    tests: tuple[PolicyTest, ...]
    warnings: tuple[str, ...]
    canonical: str
    sha256: str
    schema: None = None


def load_policy_document(source: str | Mapping[str, Any]) -> PolicyDocument:
    """The document in a YAML text or an already parsed JSON object. Refuses (InvalidPolicy, with all errors at once)
    what is malformed, unknown, larger than 256 KB, wrongly typed, or beyond what this version can enforce.
    """
    from governance.rules.document_reading import (
        read_document,  # it needs the classes above
    )

    text, value = _source(source)
    canonical = _canonical(value)
    return read_document(value, text, canonical, sha256_hex(canonical))


def _source(source: object) -> tuple[YamlSource | None, Any]:
    if not isinstance(source, str):
        return None, dict(source) if isinstance(source, Mapping) else source
    # Characters first, so that a huge text is not encoded only to be refused.
    if len(source) > MAX_DOCUMENT_BYTES or _encoded_size(source) > MAX_DOCUMENT_BYTES:
        raise _refused(f"the document is larger than {MAX_DOCUMENT_BYTES // 1024} KB")
    try:
        text = read_yaml(source)
    except YamlRefused as refusal:
        raise InvalidPolicy(
            [DocumentError("", refusal.line, refusal.column, refusal.detail, refusal.suggestion)]
        ) from None
    return text, text.value


def _encoded_size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise _refused("the document is not valid Unicode text") from None


def _canonical(value: Any) -> str:
    if not isinstance(value, dict):
        raise _refused("the document has to be a mapping of keys to values")
    try:
        canonical = canonicalize(value)
        same = json.loads(canonical)
    except (InvalidJson, RecursionError) as error:
        raise _refused(f"the document is not plain JSON: {error}") from None
    if len(canonical.encode()) > MAX_DOCUMENT_BYTES:
        raise _refused(f"the document is larger than {MAX_DOCUMENT_BYTES // 1024} KB")
    if same != value:
        # An encoder may turn a tuple into a list or a number key into a string without a word.
        raise _refused("the document is not plain JSON")
    return canonical


def _refused(detail: str) -> InvalidPolicy:
    return InvalidPolicy([DocumentError("", None, None, detail)])


# Export -------------------------------------------------------------------------------------------------------------

_KEY_ORDER: Final = [
    "apiVersion",
    "kind",
    "metadata",
    "key",
    "description",
    "default",
    "on_error",
    "id",
    "name",
    "when",
    "verdict",
    "queue",
    "priority",
    "quorum",
    "sla",
    "respond",
    "total",
    "on_timeout",
    "escalate_to",
    "pause_while_waiting",
    "reason",
    "mode",
    "rate",
    "of",
    "context",
    "expect",
    "rules",
    "sampling",
    "retires",
    "labels",
    "tests",
]


class _Dumper(yaml.SafeDumper):
    """Writes YAML that this product reads back: text that another YAML version reads differently is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if is_plain_string(text) else "'"
    if "\n" in text and not any(ord(character) < 32 and character != "\n" for character in text):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_string)


def export_yaml(document: PolicyDocument) -> str:
    """The document as YAML for people; loading it again gives the same hash. Comments of the source are not kept."""
    return yaml.dump(
        _ordered(json.loads(document.canonical), is_schema=True),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )


def _ordered(value: Any, *, is_schema: bool) -> Any:
    if isinstance(value, list):
        return [_ordered(item, is_schema=is_schema) for item in value]
    if not isinstance(value, dict):
        return value
    keys = (
        sorted(value, key=lambda key: (_KEY_ORDER.index(key) if key in _KEY_ORDER else 99, key)) if is_schema else value
    )
    # A test's context is the author's own data, which has no order to restore.
    return {key: _ordered(value[key], is_schema=is_schema and key != "context") for key in keys}
