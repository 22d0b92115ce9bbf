"""What an application asks, as plain values: the parsed request, and the plain words in which people read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from governance.canonical import canonicalize

TITLE_LENGTH = 200
# Cached input and cache writes are part of the input, reasoning is part of the output, as providers count them.
USAGE = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")
OPTION_VERDICTS = ("approve", "correct", "reject", "answer")


class Absent:
    """Marks a field that was not sent, where JSON null would be a value of its own."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class AskedDecision:
    """A valid request to `POST /api/v1/decisions`. `action` is {name, arguments}; absent strings are empty, absent
    JSON is ABSENT; `deadline_s` in seconds, `latency_ms` in milliseconds, money in millionths of a dollar."""

    input: Any
    action: dict[str, Any] | None = None
    output: Any = ABSENT
    confidence: float | None = None
    subject: str = ""
    actor: str = ""
    trace_id: str = ""
    session_id: str = ""
    external_id: str = ""
    model: str = ""
    release: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    cost_usd_micros: int | None = None
    latency_ms: float | None = None
    context: dict[str, Any] | Absent = ABSENT
    allowed: tuple[str, ...] = OPTION_VERDICTS
    schema: dict[str, Any] | bool | None = None
    deadline_s: int | None = None
    on_timeout: str = ""
    mode: str = "enforce"

    @property
    def proposal(self) -> dict[str, Any]:
        """What people rule on: {"action": …} where there is one, else {"output": …}."""
        return {"action": self.action} if self.action is not None else {"output": self.output}

    @property
    def proposed(self) -> Any:
        """The bare value that the digest covers."""
        return self.action if self.action is not None else self.output

    def rule_context(self) -> dict[str, Any]:
        """The names that a rule may read; what was not sent is null."""
        return {
            "action": self.action,
            "input": self.input,
            "output": None if isinstance(self.output, Absent) else self.output,
            "confidence": self.confidence,
            "subject": self.subject or None,
            "actor": self.actor or None,
            "model": self.model or None,
            "release": self.release or None,
            "usage": read_usage(self.usage, self.cost_usd_micros),
            "latency_ms": self.latency_ms,
            "context": None if isinstance(self.context, Absent) else self.context,
        }


def read_usage(usage: dict[str, int], cost_usd_micros: int | None) -> dict[str, int | float] | None:
    """What a rule may read as `usage`: the tokens and the cost that the application reported, None where it reported neither."""
    reported = {} if cost_usd_micros is None else {"cost_usd": cost_usd_micros / 1_000_000}
    return {**usage, **reported} or None


def describe_scalar(value: Any) -> str:
    """A scalar as a person would write it; "" for what has parts."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return canonicalize(value)
    if isinstance(value, str):
        return " ".join(value.split())
    return ""


def describe_arguments(arguments: dict[str, Any], *, at_most: int = 3) -> str:
    """The first scalar arguments, in the order in which they were sent: "240, C-1042"."""
    scalars = [text for value in arguments.values() if (text := describe_scalar(value))]
    return ", ".join(text if len(text) <= 60 else f"{text[:59]}…" for text in scalars[:at_most])


def read_summary(asked: AskedDecision) -> str:
    """What the application says its decision is about, if it says so in words."""
    summary = asked.context.get("summary") if isinstance(asked.context, dict) else None
    return describe_scalar(summary) if isinstance(summary, str) else ""


def write_title(*, system: str, asked: AskedDecision, has_happened: bool) -> str:
    """One line in plain words: "Refund bot wants to refund: 240, C-1042". Where the application sent a text as
    `context.summary`, that stands in the place of the arguments."""
    if asked.action is not None:
        verb = "did" if has_happened else "wants to"
        name = " ".join(str(asked.action["name"]).replace("_", " ").split())
        summary = read_summary(asked) or describe_arguments(asked.action["arguments"])
        title = f"{system} {verb} {name}" + (f": {summary}" if summary else "")
    else:
        verb = "answered" if has_happened else "wants to answer"
        text = (
            read_summary(asked)
            or describe_scalar(asked.output)
            or canonicalize(None if isinstance(asked.output, Absent) else asked.output)
        )
        title = f"{system} {verb}: {text}"
    return title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…"
