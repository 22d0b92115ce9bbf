"""The audit log of one decision in plain words: one sentence a type of entry, in one place.

An entry of a type that is not known here is still shown, by its type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.models import AuditEntry
from governance.templatetags.hostile import inert
from reviews.models import Decision, Outcome, Review

LONGEST_DETAIL = 600


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says: a sentence of ours, what a person or application wrote, and its tone in the timeline."""

    what: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry as components/timeline.html shows it."""

    at: datetime
    what: Any
    who: Any
    detail: Any
    tone: str


@dataclass(frozen=True, slots=True)
class Example:
    """What a decision taught: `dataset` is the slug of the dataset that it went into."""

    dataset: str
    id: str
    is_disputed: bool
    at: datetime


def tell(entries: Iterable[AuditEntry]) -> list[Moment]:
    """A timeline of entries with their payloads, in the order given."""
    return [_tell_one(entry) for entry in entries]


def list_examples(entries: Iterable[AuditEntry]) -> list[Example]:
    """The examples that the entries speak of, the latest word on each."""
    found: dict[str, Example] = {}
    for entry in entries:
        if entry.type in {"example.added", "example.disputed"}:
            payload = json.loads(entry.payload.payload)
            example = Example(
                dataset=str(payload.get("dataset", "")),
                id=str(payload.get("example", "")),
                is_disputed=entry.type == "example.disputed",
                at=entry.occurred_at,
            )
            found[example.id] = example
    return list(found.values())


def _tell_one(entry: AuditEntry) -> Moment:
    payload = json.loads(entry.payload.payload)
    sentence = SENTENCES.get(entry.type)
    said = sentence(payload) if sentence else Said(entry.type)
    detail = said.detail if len(said.detail) <= LONGEST_DETAIL else f"{said.detail[:LONGEST_DETAIL]}…"
    return Moment(
        at=entry.occurred_at,
        what=inert(said.what),
        who=inert(entry.actor_label),
        detail=inert(detail) if detail else "",
        tone=said.tone,
    )


def _asked(payload: dict[str, Any]) -> Said:
    queue = (payload.get("escalation") or {}).get("queue", "")
    who = "the breaker" if payload.get("diverted") else "policy"
    return Said(f"Asked; {who} sent it to the queue {queue}", _rules(payload), tone="review")


def _made(payload: dict[str, Any]) -> Said:
    status = payload.get("status", "")
    endings = {
        Decision.Status.ALLOWED: ("Asked; policy allowed it at once", "allow"),
        Decision.Status.BLOCKED: ("Asked; policy blocked it", "block"),
        Decision.Status.OBSERVED: (f"Logged only; policy said {payload.get('verdict', '')}", "ai"),
        Decision.Status.APPROVED: ("Asked with a test key; approval was simulated", ""),
        Decision.Status.REJECTED: ("Asked with a test key; a rejection was simulated", ""),
    }
    what, tone = endings.get(status, (f"Recorded as {status}", ""))
    if payload.get("diverted") and status == Decision.Status.BLOCKED:
        what = "Asked; the breaker blocked what policy would have allowed"
    queue = (payload.get("escalation") or {}).get("queue", "")
    return Said(f"{what}, and drew it as a sample for the queue {queue}" if queue else what, _rules(payload), tone)


def _rules(payload: dict[str, Any]) -> str:
    rules = payload.get("rules") or []
    return f"Rules: {', '.join(str(rule) for rule in rules)}" if rules else ""


def _ruled(payload: dict[str, Any]) -> Said:
    tones = {"approve": "allow", "correct": "accent", "answer": "accent", "reject": "block"}
    verdict = str(payload.get("verdict", ""))
    return Said(f"Ruled: {_verdict(verdict)}", ", ".join(payload.get("labels") or []), tones.get(verdict, ""))


def _resolved(payload: dict[str, Any]) -> Said:
    status = str(payload.get("status", ""))
    tones = {"approved": "allow", "corrected": "allow", "answered": "accent", "rejected": "block"}
    return Said(f"The ruling went out; the decision is {status}", tone=tones.get(status, ""))


def _judged(payload: dict[str, Any]) -> Said:
    return Said(f"The sample was judged: {_verdict(str(payload.get('verdict', '')))}")


def _reported(payload: dict[str, Any]) -> Said:
    tones = {Outcome.Status.EXECUTED: ("It ran, the application reports", "allow")}
    tones[Outcome.Status.FAILED] = ("It failed when it ran, the application reports", "block")
    what, tone = tones.get(payload.get("status", ""), ("The application does not know whether it ran", "review"))
    resolved = payload.get("resolved")
    solved = "" if resolved is None else "The matter is resolved." if resolved else "The matter is not resolved."
    return Said(what, solved, tone)


def _verdict(verdict: str) -> str:
    return str(dict(Review.Verdict.choices).get(verdict, verdict)).lower()


SENTENCES: dict[str, Callable[[dict[str, Any]], Said]] = {
    "decision.escalated": _asked,
    "decision.created": _made,
    "escalation.claimed": lambda _: Said("Claimed it", tone="accent"),
    "escalation.released": lambda _: Said("Gave it back to the queue"),
    "escalation.reassigned": lambda payload: Said(f"Assigned it to {payload.get('to_label', 'somebody')}"),
    "escalation.handed_over": lambda payload: Said(
        f"Handed to the group {payload.get('group', '')}", str(payload.get("reason", "")), "escalate"
    ),
    "escalation.breaching": lambda _: Said("Its deadline came near", tone="review"),
    "escalation.ruled": _ruled,
    "escalation.undone": lambda payload: Said(f"Took the ruling back: {_verdict(str(payload.get('verdict', '')))}"),
    "decision.resolved": _resolved,
    "quality.judged": _judged,
    "decision.expired": lambda _: Said("Nobody answered in time; it may not run", tone="block"),
    "decision.allowed_by_timeout": lambda _: Said("Nobody answered in time; policy let it run", tone="review"),
    "decision.cancelled": lambda payload: Said("The application withdrew it", str(payload.get("reason") or "")),
    "decision.information_requested": lambda payload: Said(
        "Asked the application back", str(payload.get("question", "")), "review"
    ),
    "decision.information_given": lambda _: Said("The application replied", tone="ai"),
    "decision.outcome_reported": _reported,
    "example.added": lambda payload: Said(
        f"Became {'an example' if payload.get('new') else 'another source of an example'} of the dataset "
        f"{payload.get('dataset', '')}",
        tone="accent",
    ),
    "example.disputed": lambda payload: Said(
        f"Disagrees with another ruling in the dataset {payload.get('dataset', '')}; somebody has to decide",
        tone="review",
    ),
}
