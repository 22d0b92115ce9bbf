"""Reading a request to decide: every field by its rule, all faults at once, nothing unknown let through.

Written by hand because it runs for every decision; the OpenAPI schema beside it (reviews/api/schema.py) is held to it
by a contract test.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from governance.errors import FieldError, Invalid
from reviews.proposals import ABSENT, OPTION_VERDICTS, USAGE, AskedDecision
from reviews.schemas import UnusableSchema, check_schema

LONGEST_NAME = 255
LONGEST_ACTION = 100
LONGEST_DEADLINE_S = 30 * 24 * 3600
LARGEST_COUNT = 10**12
LARGEST_COST_USD = 10**6
STRINGS = (
    "subject",
    "actor",
    "trace_id",
    "session_id",
    "external_id",
    "model",
    "release",
)
# Each is part of another, after those that stand before it took their part.
PARTS = (
    ("cached_input_tokens", "input_tokens", "Cached input tokens are part of the input tokens; they can't be more."),
    (
        "cache_write_tokens",
        "input_tokens",
        "Cache writes are part of the input tokens, beside what was cached; together they can't be more.",
    ),
    ("reasoning_tokens", "output_tokens", "Reasoning tokens are part of the output tokens; they can't be more."),
)
KNOWN = frozenset(
    {
        "action",
        "input",
        "output",
        "confidence",
        *STRINGS,
        "usage",
        "cost_usd",
        "latency_ms",
        "context",
        "review",
    }
    | {"deadline_s", "on_timeout", "mode"}
)
# Part of the published contract, but not carried out by this version: refused, never ignored.
NOT_YET = {
    "callback": "Webhooks are not carried out by this version; wait for the answer, or ask for it by id.",
    "supersedes": "Superseding is not carried out by this version; cancel the earlier decision first.",
}


class _Faults(list[FieldError]):
    def add(self, pointer: str, detail: str) -> None:
        self.append(FieldError(pointer=pointer, detail=detail))


def read_asked_decision(body: Any) -> AskedDecision:
    """The body of `POST /api/v1/decisions` as a value. Refuses (Invalid) with one pointer a fault."""
    faults = _Faults()
    if not isinstance(body, dict):
        raise Invalid(errors=[{"pointer": "", "detail": "The body must be a JSON object."}])
    _refuse_unknown(body, KNOWN, "", faults)
    fields: dict[str, Any] = {name: _read_string(body, name, faults) for name in STRINGS if name in body}
    if "input" not in body:
        faults.add("/input", "This field is required.")
    if "action" in body:
        fields["action"] = read_action(body["action"], "/action", faults)
    elif "output" not in body:
        faults.add("/action", "Either `action` or `output` is required.")
    if "context" in body:
        fields["context"] = _read_object(body["context"], "/context", faults)
    if "confidence" in body:
        fields["confidence"] = _read_number(body["confidence"], "/confidence", 0, 1, faults)
    if "latency_ms" in body:
        fields["latency_ms"] = _read_number(body["latency_ms"], "/latency_ms", 0, LARGEST_COUNT, faults)
    if "cost_usd" in body:
        cost = _read_number(body["cost_usd"], "/cost_usd", 0, LARGEST_COST_USD, faults)
        fields["cost_usd_micros"] = None if cost is None else _to_micros(cost)
    if "usage" in body:
        fields["usage"] = _read_usage(body["usage"], faults)
    if "review" in body:
        fields.update(_read_review(body["review"], faults))
    if "deadline_s" in body:
        fields["deadline_s"] = _read_integer(body["deadline_s"], "/deadline_s", 1, LONGEST_DEADLINE_S, faults)
    if "on_timeout" in body:
        fields["on_timeout"] = _read_choice(body["on_timeout"], "/on_timeout", ("block", "escalate", "allow"), faults)
    if "mode" in body:
        fields["mode"] = _read_choice(body["mode"], "/mode", ("enforce", "observe"), faults)
    if faults:
        raise Invalid(errors=faults)
    return AskedDecision(input=body["input"], output=body.get("output", ABSENT), **fields)


def read_action(value: Any, at: str, faults: list[FieldError]) -> dict[str, Any]:
    """An action: {name, arguments}, both required, nothing else."""
    found = _Faults()
    if not isinstance(value, dict):
        found.add(at, "Must be an object with `name` and `arguments`.")
    else:
        _refuse_unknown(value, {"name", "arguments"}, at, found)
        name = value.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_ACTION or not name.strip():
            found.add(f"{at}/name", f"Must be a string of 1 to {LONGEST_ACTION} characters.")
        if not isinstance(value.get("arguments"), dict):
            found.add(f"{at}/arguments", "Must be an object; {} where there are none.")
    faults.extend(found)
    return value if isinstance(value, dict) else {}


def _refuse_unknown(value: dict[str, Any], known: frozenset[str] | set[str], at: str, faults: _Faults) -> None:
    for name in value.keys() - known:
        escaped = name.replace("~", "~0").replace("/", "~1")[:100]
        reason = NOT_YET.get(name) if at == "" else None
        faults.add(
            f"{at}/{escaped}",
            reason or "Unknown field; nothing that is sent is ignored.",
        )


def _read_string(body: dict[str, Any], name: str, faults: _Faults) -> str:
    value = body[name]
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_NAME:
        faults.add(f"/{name}", f"Must be a string of 1 to {LONGEST_NAME} characters.")
        return ""
    return value


def _read_object(value: Any, at: str, faults: _Faults) -> dict[str, Any]:
    if not isinstance(value, dict):
        faults.add(at, "Must be an object.")
        return {}
    return value


def _read_number(value: Any, at: str, least: float, most: float, faults: _Faults) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        faults.add(at, f"Must be a number from {least} to {most}.")
        return None
    return value


def _read_integer(value: Any, at: str, least: int, most: int, faults: _Faults) -> int | None:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or value != int(value)
        or not least <= value <= most
    ):
        faults.add(at, f"Must be a whole number from {least} to {most}.")
        return None
    return int(value)


def _read_choice(value: Any, at: str, choices: tuple[str, ...], faults: _Faults) -> str:
    if not isinstance(value, str) or value not in choices:
        faults.add(at, f"Must be one of: {', '.join(choices)}.")
        return ""
    return value


def _read_usage(value: Any, faults: _Faults) -> dict[str, int]:
    usage = _read_object(value, "/usage", faults)
    _refuse_unknown(usage, set(USAGE), "/usage", faults)
    counts = {
        name: _read_integer(usage[name], f"/usage/{name}", 0, LARGEST_COUNT, faults) or 0
        for name in USAGE
        if name in usage
    }
    left = {whole: counts[whole] for _, whole, _ in PARTS if whole in counts}
    for part, whole, reason in PARTS:
        if part in counts and whole in left:
            left[whole] -= counts[part]
            if left[whole] < 0:
                faults.add(f"/usage/{part}", reason)
                # Said once: what comes after it is not to blame.
                left[whole] = LARGEST_COUNT
    return counts


def _read_review(value: Any, faults: _Faults) -> dict[str, Any]:
    review = _read_object(value, "/review", faults)
    _refuse_unknown(review, {"allowed", "schema"}, "/review", faults)
    fields: dict[str, Any] = {}
    if "allowed" in review:
        allowed = review["allowed"]
        if not isinstance(allowed, list) or not allowed or not all(verdict in OPTION_VERDICTS for verdict in allowed):
            faults.add(
                "/review/allowed",
                f"Must be a list of at least one of: {', '.join(OPTION_VERDICTS)}.",
            )
        else:
            fields["allowed"] = tuple(verdict for verdict in OPTION_VERDICTS if verdict in allowed)
    if "schema" in review:
        try:
            check_schema(review["schema"])
            fields["schema"] = review["schema"]
        except UnusableSchema as error:
            faults.add("/review/schema", f"Not usable: {error}.")
    return fields


def _to_micros(dollars: float) -> int:
    """Millionths of a dollar, rounded half to even on the decimal text that was sent."""
    return int((Decimal(str(dollars)) * 1_000_000).to_integral_value())
