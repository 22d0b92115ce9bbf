"""What the audit log says about decisions, in the log's own order, as the monitors look at it.

An entry tells that something happened; what it was about stands in the decision, which is read in bulk. Only what was
true at the moment of the entry is used (a decision's present status is not), so a second reading of the same entries
sees the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models.functions import Length, Substr

from governance.models import AuditEntry
from reviews.models import Decision, DecisionPayload, Outcome

# An input longer than this is looked at by its beginning alone, as plain text.
LONGEST_INPUT: Final = 8_000


@dataclass(frozen=True, slots=True)
class Event:
    """One entry about a decision. `index` is its place in the log, `at` when it happened."""

    index: int
    at: datetime
    decision_id: str


@dataclass(frozen=True, slots=True)
class DecisionMade(Event):
    """A decision was made; `status` is the one that it was made with. Cost in millionths of a US dollar, None if unknown."""

    action: str
    verdict: str
    status: str
    mode: str
    is_diverted: bool
    confidence: float | None
    model: str
    release: str
    latency_ms: float | None
    cost_micros: int | None


@dataclass(frozen=True, slots=True)
class RulingReleased(Event):
    """A ruling can't be taken back any more: on an approval, or on a quality sample."""

    action: str
    verdict: str
    is_quality: bool
    # The breaker, not policy, had sent the decision to people.
    is_diverted: bool = False


@dataclass(frozen=True, slots=True)
class AllowedByTimeout(Event):
    """Nobody answered, and the decision goes ahead."""

    action: str


@dataclass(frozen=True, slots=True)
class OutcomeReported(Event):
    """The application said what became of a decision; `dependency` "" where it named none."""

    action: str
    is_failed: bool
    dependency: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch of the log: what it says of each system, and where the next one begins."""

    first_index: int
    next_index: int
    events: Mapping[uuid.UUID, list[Event]]


MADE: Final = frozenset({"decision.created", "decision.escalated"})
RULED: Final = frozenset({"decision.resolved", "quality.judged"})
TIMED_OUT: Final = "decision.allowed_by_timeout"
REPORTED: Final = "decision.outcome_reported"
TYPES: Final = MADE | RULED | {TIMED_OUT, REPORTED}
SUBJECT: Final = "decision:"
LONGEST_DEPENDENCY: Final = 100

DECISION_FIELDS: Final = (
    "id",
    "system_id",
    "is_test",
    "action_name",
    "verdict",
    "mode",
    "is_diverted",
    "confidence",
    "model",
    "release",
    "latency_ms",
    "cost_usd_micros",
    "input_tokens",
    "output_tokens",
)
# What decisions cost that came without a cost, in millionths of a dollar, by id; where no price is known, nothing.
Price = Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, int]]


@dataclass(frozen=True, slots=True)
class _Entry:
    index: int
    type: str
    at: datetime
    decision_id: uuid.UUID
    payload: Mapping[str, Any]


def read_log(*, next_index: int, limit: int, price: Price) -> Reading | None:
    """The next entries from `next_index` on, at most `limit`; None where there is none yet. `price` is asked once, for what
    came without a cost."""
    entries = AuditEntry.objects.filter(leaf_index__gte=next_index).order_by("leaf_index")
    rows = list(
        entries.values_list("leaf_index", "type", "occurred_at", "payload__subject", "payload__payload")[:limit]
    )
    if not rows:
        return None
    wanted = [entry for row in rows if (entry := _read_entry(*row)) is not None]
    return Reading(
        first_index=rows[0][0] or 0,
        next_index=(rows[-1][0] or 0) + 1,
        events=_group(wanted, price),
    )


def _read_entry(index: int | None, type: str, at: datetime, subject: str | None, payload: str | None) -> _Entry | None:
    if index is None or type not in TYPES or subject is None or payload is None:
        return None
    try:
        decision_id = uuid.UUID(subject.removeprefix(SUBJECT))
    except ValueError:
        return None
    return _Entry(index, type, at, decision_id, json.loads(payload))


def _group(entries: Sequence[_Entry], price: Price) -> dict[uuid.UUID, list[Event]]:
    facts = _read_decisions({entry.decision_id for entry in entries})
    set_costs(
        [facts[entry.decision_id] for entry in entries if entry.type in MADE and entry.decision_id in facts], price
    )
    outcomes = _read_outcomes({entry.decision_id for entry in entries if entry.type == REPORTED})
    events: dict[uuid.UUID, list[Event]] = {}
    for entry in entries:
        fact = facts.get(entry.decision_id)
        if fact is None or fact["is_test"]:
            continue
        events.setdefault(fact["system_id"], []).append(_tell(entry, fact, outcomes))
    return events


def _read_decisions(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    rows = Decision.objects.filter(pk__in=list(ids)).order_by().values(*DECISION_FIELDS)
    return {row["id"]: dict(row) for row in rows}


def set_costs(facts: Iterable[dict[str, Any]], price: Price) -> None:
    """Complete the rows of decisions that came with tokens and without a cost."""
    unpriced = {
        fact["id"]: fact
        for fact in facts
        if fact["cost_usd_micros"] is None and fact["model"] and (fact["input_tokens"] or fact["output_tokens"])
    }
    for decision_id, cost in (price(unpriced.keys()) if unpriced else {}).items():
        unpriced[decision_id]["cost_usd_micros"] = cost


def _read_outcomes(ids: Iterable[uuid.UUID]) -> dict[tuple[uuid.UUID, datetime], str]:
    """The dependency that each report names, by decision and the instant of the report."""
    rows = Outcome.objects.filter(decision_id__in=list(ids), detail__isnull=False).order_by()
    return {
        (decision_id, at): read_dependency(detail or "")
        for decision_id, at, detail in rows.values_list("decision_id", "reported_at", "detail")
    }


def read_dependency(detail: str) -> str:
    """`detail.dependency` of an outcome's report, where it is a text; "" else."""
    if '"dependency"' not in detail:
        return ""
    found = json.loads(detail)
    named = found.get("dependency") if isinstance(found, dict) else None
    return named[:LONGEST_DEPENDENCY] if isinstance(named, str) else ""


def _tell(entry: _Entry, fact: Mapping[str, Any], outcomes: Mapping[tuple[uuid.UUID, datetime], str]) -> Event:
    index, at, key, action = entry.index, entry.at, str(entry.decision_id), fact["action_name"]
    if entry.type in MADE:
        return describe_decision(fact, index=index, at=at, status=entry.payload.get("status", ""))
    if entry.type in RULED:
        is_quality = entry.type == "quality.judged"
        return RulingReleased(index, at, key, action, entry.payload.get("verdict", ""), is_quality, fact["is_diverted"])
    if entry.type == TIMED_OUT:
        return AllowedByTimeout(index, at, key, action)
    is_failed = entry.payload.get("status") == Outcome.Status.FAILED
    return OutcomeReported(index, at, key, action, is_failed, outcomes.get((entry.decision_id, at), ""))


def describe_decision(fact: Mapping[str, Any], *, index: int, at: datetime, status: str) -> DecisionMade:
    """The event of a decision, from the fields of its row."""
    return DecisionMade(
        index=index,
        at=at,
        decision_id=str(fact["id"]),
        action=fact["action_name"],
        verdict=fact["verdict"],
        status=status,
        mode=fact["mode"],
        is_diverted=fact["is_diverted"],
        confidence=fact["confidence"],
        model=fact["model"],
        release=fact["release"],
        latency_ms=fact["latency_ms"],
        cost_micros=fact["cost_usd_micros"],
    )


class Inputs:
    """What decisions were given, read from the database when first asked for and kept for the length of one reading."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, int] | None] = {}

    def fetch(self, decision_ids: Iterable[str]) -> None:
        """Read several at once."""
        missing = [key for key in decision_ids if key not in self._known]
        for start in range(0, len(missing), 500):
            part = missing[start : start + 500]
            self._known.update(dict.fromkeys(part))
            rows = (
                DecisionPayload.objects.filter(pk__in=[uuid.UUID(key) for key in part])
                .order_by()
                .values_list("decision_id", Substr("input", 1, LONGEST_INPUT), Length("input"))
            )
            for key, text, length in rows:
                self._known[str(key)] = (_read_input(text, length), length)

    def of(self, decision_id: str) -> Any:
        """What the decision was given; None where it is gone."""
        self.fetch([decision_id])
        known = self._known[decision_id]
        return known[0] if known else None


@dataclass(frozen=True, slots=True)
class LongText:
    """The beginning of an input that is too long to be taken apart, and how long all of it is."""

    beginning: str
    length: int


def _read_input(text: str, length: int) -> Any:
    return json.loads(text) if length <= LONGEST_INPUT else LongText(text, length)
