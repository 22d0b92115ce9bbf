"""The pure half of speaking to the service: what a request looks like, what an answer means, and when to try again.

Nothing here sends, sleeps or reads a clock, so that the synchronous and the asynchronous client cannot differ in any
of it, and all of it can be tested without a network.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypedDict
from urllib.parse import quote

from countersign.decision import Decision
from countersign.errors import ApiProblem, CountersignError, Unavailable

URL_VARIABLE = "COUNTERSIGN_URL"
API_KEY_VARIABLE = "COUNTERSIGN_API_KEY"
DECISIONS = "/api/v1/decisions"

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
IN_FLIGHT = "idempotency-in-flight"
BACKOFF_BASE_S = 0.25
BACKOFF_CEILING_S = 8.0
# A service that asks for more patience than this is not worth blocking a caller for: the error is handed on at once.
LONGEST_RETRY_AFTER_S = 60.0

OnTimeout = Literal["block", "escalate", "allow"]
WhenUnavailable = Literal["block", "allow"]


class DecisionFields(TypedDict, total=False):
    """The optional fields of a question, named as in the API. None means "not sent".

    `action` is `{"name", "arguments"}`, `output` any JSON: at least one of the two is the proposal. `confidence` is
    0..1, `latency_ms` the model call's duration in milliseconds, `usage` counts tokens (`input_tokens`,
    of these `cached_input_tokens` and `cache_write_tokens`; `output_tokens`, of these `reasoning_tokens`), `cost_usd`
    overrides the price table, `context` is evidence for the reviewer and for rules, `review` may narrow what people may do
    (`{"allowed": [...], "schema": <JSON Schema 2020-12>}`), `deadline_s` the total time for a person's answer in
    seconds. `trace_id`, `session_id` and `external_id` join the decision to the caller's own records.
    """

    action: Mapping[str, Any] | None
    output: Any
    confidence: float | None
    subject: str | None
    actor: str | None
    trace_id: str | None
    session_id: str | None
    external_id: str | None
    model: str | None
    release: str | None
    usage: Mapping[str, int] | None
    cost_usd: float | None
    latency_ms: float | None
    context: Mapping[str, Any] | None
    review: Mapping[str, Any] | None
    deadline_s: int | None
    on_timeout: OnTimeout | None


FIELD_NAMES = frozenset(DecisionFields.__annotations__)


@dataclass(frozen=True)
class Settings:
    """Where the service is and how patient the caller is. Raises ValueError for an address or a key that could never
    work, so that a typo does not look like an outage (which `unavailable="allow"` would let pass).
    """

    base_url: str
    api_key: str = field(repr=False)
    timeout_s: float
    max_retries: int
    unavailable: WhenUnavailable

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"The service's address must start with http:// or https:// ({URL_VARIABLE}).")
        if not self.api_key or not all("!" <= character <= "~" for character in self.api_key):
            raise ValueError(f"An API key is needed, without spaces or line breaks ({API_KEY_VARIABLE}).")
        if self.unavailable not in ("block", "allow"):
            raise ValueError('unavailable is "block" or "allow".')
        if self.max_retries < 0 or self.timeout_s <= 0:
            raise ValueError("max_retries must not be negative, and timeout must be positive.")

    @classmethod
    def resolve(
        cls,
        base_url: str | None,
        api_key: str | None,
        *,
        timeout: float,
        max_retries: int,
        unavailable: WhenUnavailable,
    ) -> Settings:
        """Settings from arguments, or from the environment where those are None."""
        address = base_url if base_url is not None else os.environ.get(URL_VARIABLE, "")
        key = api_key if api_key is not None else os.environ.get(API_KEY_VARIABLE, "")
        return cls(address.rstrip("/"), key, timeout, max_retries, unavailable)


@dataclass(frozen=True)
class Request:
    """One HTTP request as it goes out, the same bytes at every attempt. `patience_s` is how long the service itself
    may take before it answers (a long poll), on top of the client's timeout.
    """

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 0.0


@dataclass(frozen=True)
class Answer:
    """An HTTP response as it came in, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Lost:
    """No response: the connection failed or timed out, so the request may or may not have arrived."""

    reason: str


def ask_request(
    *, input: Any, fields: DecisionFields, mode: Literal["enforce", "observe"], idempotency_key: str | None
) -> Request:
    """The question. Raises TypeError for a field that the API does not have or where neither action nor output is
    given, and TypeError or ValueError for what JSON cannot carry (NaN, a set, a date).
    """
    unknown = sorted(set(fields) - FIELD_NAMES)
    if unknown:
        raise TypeError(f"Unknown field: {', '.join(unknown)}.")
    sent = {name: value for name, value in fields.items() if value is not None}
    if "action" not in sent and "output" not in sent:
        raise TypeError("A question needs an action or an output.")
    body: dict[str, Any] = {"input": input, **sent}
    if mode != "enforce":
        body["mode"] = mode
    key = idempotency_key if idempotency_key is not None else str(uuid.uuid4())
    if not 0 < len(key) <= 255 or not all(" " <= character <= "~" for character in key):
        raise ValueError("An idempotency key is 1 to 255 printable ASCII characters.")
    return _post(DECISIONS, body, {"Idempotency-Key": key})


def get_request(decision_id: str, *, wait_s: int = 0) -> Request:
    """Read a decision; with `wait_s`, answered when it is final or after that many seconds."""
    query = f"?wait={wait_s}" if wait_s else ""
    return Request("GET", _decision_path(decision_id) + query, patience_s=float(wait_s))


def command_request(decision_id: str, verb: str, body: Mapping[str, Any]) -> Request:
    """A command on one decision: cancel, outcome, information."""
    return _post(f"{_decision_path(decision_id)}/{verb}", body, {})


def _post(path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Request("POST", path, text.encode(), {"Content-Type": "application/json", **headers})


def _decision_path(decision_id: str) -> str:
    if not decision_id:
        raise ValueError("This decision was never recorded, so it has no id.")
    return f"{DECISIONS}/{quote(decision_id, safe='')}"


def is_worth_retrying(received: Answer | Lost) -> bool:
    """Whether the same request may do better in a moment. Safe for questions because of their idempotency key."""
    if isinstance(received, Lost) or received.status in RETRIED_STATUSES:
        return True
    return received.status == 409 and str(json_object(received).get("type", "")).endswith(IN_FLIGHT)


def pause_before_retry(received: Answer | Lost, attempt: int, *, chance: float | None = None) -> float | None:
    """Seconds to wait before the next attempt (`attempt` counts from 0), or None where the service asks for more
    patience than a caller can be expected to have. Exponential backoff with full jitter, never below Retry-After.
    """
    drawn = random.random() if chance is None else chance  # noqa: S311 - jitter, no secret
    backoff = drawn * min(BACKOFF_CEILING_S, BACKOFF_BASE_S * 2.0 ** min(attempt, 16))
    asked_for = retry_after_s(received)
    if asked_for > LONGEST_RETRY_AFTER_S:
        return None
    return asked_for + backoff if asked_for else backoff


def retry_after_s(received: Answer | Lost, *, now: datetime | None = None) -> float:
    """Seconds that the Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); 0 without a usable one."""
    header = "" if isinstance(received, Lost) else received.headers.get("retry-after", "").strip()
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        instant = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return 0.0
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return max(0.0, (instant - (now or datetime.now(timezone.utc))).total_seconds())


def error_of(received: Answer | Lost) -> CountersignError | None:
    """The error that a response means, or None for a success. Only lost requests and 5xx are `Unavailable`."""
    if isinstance(received, Lost):
        return Unavailable(f"The service could not be reached: {received.reason}")
    if 200 <= received.status < 300:
        return None
    problem = json_object(received)
    title = str(problem.get("title") or "The service refused")
    detail = str(problem.get("detail") or "")
    if received.status >= 500:
        return Unavailable(f"The service failed: {received.status} {title}".strip(), status=received.status)
    errors = problem.get("errors")
    return ApiProblem(
        type=str(problem.get("type") or "about:blank"),
        title=title,
        status=received.status,
        detail=detail,
        errors=[error for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else (),
        raw=problem,
    )


def decision_of(answer: Answer) -> Decision:
    """The decision in a successful answer. Raises ApiProblem where it holds none (a proxy's page, say): whatever
    is not a decision is no permission, and no outage either.
    """
    try:
        return Decision.from_json(json_object(answer))
    except ValueError as error:
        raise ApiProblem(
            type="about:blank", title="The answer is not a decision", status=answer.status, detail=str(error)
        ) from error


def json_object(answer: Answer) -> dict[str, Any]:
    """The body as a JSON object; empty where it is something else."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
