"""The audit log of one incident or monitor in plain words: one sentence a type of entry. Unknown types show their name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from governance.audit_types import describe_type
from governance.models import AuditEntry
from governance.templatetags.hostile import inert
from operations.models import Incident
from reviews.web.sentences import LONGEST_DETAIL, Moment, Said


def tell(entries: Iterable[AuditEntry]) -> list[Moment]:
    """A timeline of entries with their payloads, in the order given."""
    return [_tell_one(entry) for entry in entries]


def _tell_one(entry: AuditEntry) -> Moment:
    # An entry whose payload was erased still says that something happened.
    kept = getattr(entry, "payload", None)
    payload = json.loads(kept.payload) if kept is not None else {}
    sentence = SENTENCES.get(entry.type)
    said = sentence(payload) if sentence else Said(describe_type(entry.type))
    detail = said.detail if len(said.detail) <= LONGEST_DETAIL else f"{said.detail[:LONGEST_DETAIL]}…"
    return Moment(
        at=entry.occurred_at,
        what=inert(said.what),
        who=inert(entry.actor_label),
        detail=inert(detail) if detail else "",
        tone=said.tone,
    )


def _text(payload: dict[str, Any], name: str) -> str:
    return str(payload.get(name) or "")


def _opened(payload: dict[str, Any]) -> Said:
    severity = dict(Incident.Severity.choices).get(_text(payload, "severity"), "")
    told = f"{_text(payload, 'step').lower()} told" if payload.get("step") and not payload.get("reason") else ""
    about = ", ".join(part for part in (str(severity).lower(), told) if part)
    return Said(f"Opened{f' ({about})' if about else ''}", _text(payload, "alarm_title"), "block")


def _joined(payload: dict[str, Any]) -> Said:
    if payload.get("alarm_title"):
        return Said("Another alarm joined it", _text(payload, "alarm_title"), "block")
    # What opened the breaker by hand; the entry beside it says why.
    return Said("The breaker, opened by hand, joined it", tone="block")


def _assigned(payload: dict[str, Any]) -> Said:
    if payload.get("is_open_again"):
        return Said("Open again: it became critical after somebody had taken it", _text(payload, "title"), "block")
    return Said("Handed on: nobody had taken it", _text(payload, "title"), "review")


def _resolved(payload: dict[str, Any]) -> Said:
    is_false = bool(payload.get("is_false_alarm"))
    return Said("Resolved: it was a false alarm" if is_false else "Resolved", _text(payload, "note"), "allow")


def _changed(payload: dict[str, Any]) -> Said:
    """What somebody set, each with what it was before."""
    changes = payload.get("changes")
    said = []
    for name, pair in (changes if isinstance(changes, dict) else {}).items():
        if name == "settings":
            said.append("the settings")
        elif name == "trips_breaker":
            said.append("an alarm opens the breaker" if pair[1] else "an alarm no longer opens the breaker")
        elif name == "status":
            said.append("off" if pair[1] == "off" else "on")
    return Said(f"Set: {', '.join(said)}" if said else "Set", tone="accent")


def _rearmed(payload: dict[str, Any]) -> Said:
    what = "Learns anew" if payload.get("does_relearn") else "Watches again"
    return Said(what, _text(payload, "reason"), "accent")


def _judged(payload: dict[str, Any]) -> Said:
    what = "Judged a false alarm" if payload.get("is_false") else "Judged a real change"
    return Said(what, _text(payload, "title"))


def _share(payload: dict[str, Any]) -> str:
    share = payload.get("share")
    return f"{100 * share:.3g} %" if isinstance(share, (int, float)) else "a share"


SENTENCES: dict[str, Callable[[dict[str, Any]], Said]] = {
    "incident.opened": _opened,
    "incident.joined": _joined,
    "incident.acknowledged": lambda _: Said("Took it", tone="accent"),
    "incident.commented": lambda payload: Said("Commented", _text(payload, "text")),
    "incident.mitigated": lambda payload: Said("Contained", _text(payload, "note"), "review"),
    "incident.resolved": _resolved,
    "incident.reviewed": lambda payload: Said("Wrote down what was learned", _text(payload, "cause"), "allow"),
    "incident.assigned": _assigned,
    "alarm.raised": lambda payload: Said("Raised an alarm", _text(payload, "title"), "block"),
    "alarm.ended": lambda payload: Said("What raised an alarm ended by itself", _text(payload, "reason")),
    "alarm.judged": _judged,
    "monitor.baseline_sealed": lambda payload: Said(
        f"Sealed its baseline, after {payload.get('observations', 0):,} observations", tone="allow"
    ),
    "monitor.changed": _changed,
    "monitor.rearmed": _rearmed,
    "monitor.failed": lambda _: Said("Could not read an entry of the log, and passed it over", tone="block"),
    "breaker.opened": lambda payload: Said("The breaker opened", _text(payload, "reason"), "block"),
    "breaker.half_opened": lambda payload: Said(
        f"The breaker half-opened: {_share(payload)} acts again", _text(payload, "reason"), "review"
    ),
    "breaker.closed": lambda payload: Said("The breaker closed", _text(payload, "reason"), "allow"),
    "recovery.started": lambda payload: Said(
        f"The way back began: {payload.get('wanted_rulings', 0)} rulings and {payload.get('wanted_outcomes', 0)} outcomes "
        "are waited for",
        tone="review",
    ),
    "recovery.passed": lambda payload: Said("The way back succeeded", _text(payload, "finding"), "allow"),
    "recovery.failed": lambda payload: Said("The way back failed", _text(payload, "finding"), "block"),
    "recovery.stopped": lambda payload: Said("The way back was stopped", _text(payload, "finding")),
}
