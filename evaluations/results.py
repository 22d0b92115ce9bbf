"""A candidate's result as it is sent: one JSON object a line, read strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.canonical import InvalidJson, canonicalize, parse_ijson, sha256_hex
from governance.errors import Invalid

MOST_LINES = 1_000
LONGEST_ERROR = 500
# What a column of 64 bits holds, and what nobody pays for one answer.
HIGHEST_COST_USD = 1_000_000
FIELDS = frozenset({"example", "repeat", "answer", "error", "cost_usd", "latency_ms"})
_CONTENT = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class AskedResult:
    """One answer (`{"action": …}` or `{"output": …}`), or the error in its place; cost in micro-dollars."""

    content_sha256: str
    repeat: int
    answer: Mapping[str, Any] | None
    error: str
    cost_micros: int | None
    latency_ms: float | None
    sha256: str

    @staticmethod
    def taught_by(expected: str) -> Mapping[str, Any]:
        """What an example teaches, from its stored text."""
        taught: Mapping[str, Any] = json.loads(expected)
        return taught


def read_lines(body: bytes) -> Sequence[AskedResult]:
    """Results from JSON lines. Refuses (Invalid, 422) the first line that is not one, naming it by its place from 0, and
    more than a thousand lines; empty lines are passed over."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > MOST_LINES:
        raise Invalid(errors=[{"pointer": "", "detail": f"Send {MOST_LINES:,} lines at the most."}])
    return [_read_line(line, place) for place, line in enumerate(lines)]


def _read_line(line: bytes, place: int) -> AskedResult:
    try:
        fields = parse_ijson(line)
    except InvalidJson as error:
        raise Invalid(errors=[{"pointer": f"/{place}", "detail": error.detail}]) from error
    fault = _find_fault(fields)
    if fault:
        name, detail = fault
        raise Invalid(errors=[{"pointer": f"/{place}/{name}".rstrip("/"), "detail": detail}])
    cost = fields.get("cost_usd")
    return AskedResult(
        content_sha256=fields["example"].removeprefix("sha256:"),
        repeat=fields.get("repeat", 1),
        answer=fields.get("answer"),
        error=fields.get("error", ""),
        cost_micros=None if cost is None else round(cost * 1_000_000),
        latency_ms=fields.get("latency_ms"),
        sha256=sha256_hex(canonicalize(fields)),
    )


def _find_fault(fields: Any) -> tuple[str, str] | None:
    if not isinstance(fields, dict):
        return "", "A line is a JSON object."
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        return unknown[0], f"Known here: {', '.join(sorted(FIELDS))}."
    example, repeat = fields.get("example"), fields.get("repeat", 1)
    if not isinstance(example, str) or not _CONTENT.fullmatch(example):
        return "example", "Name the example by its content: sha256: and 64 hexadecimal digits."
    if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= 100:
        return "repeat", "A whole number from 1 to 100."
    if ("answer" in fields) == ("error" in fields):
        return "answer", "Send either an answer or an error."
    answer, error = fields.get("answer"), fields.get("error", "-")
    if "answer" in fields and not (isinstance(answer, dict) and set(answer) in ({"action"}, {"output"})):
        return "answer", 'An answer is {"action": …} or {"output": …}.'
    if not isinstance(error, str) or not 1 <= len(error) <= LONGEST_ERROR:
        return "error", f"A text of 1 to {LONGEST_ERROR} characters."
    for name, highest in (("cost_usd", HIGHEST_COST_USD), ("latency_ms", 1e12)):
        value = fields.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
            return name, f"A number from 0 to {highest:,.0f}."
    return None
