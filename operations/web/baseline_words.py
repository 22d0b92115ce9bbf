"""What a monitor compares with, in one sentence: the sealed baseline of each kind without its mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, median
from typing import Any

from operations.models import Monitor
from operations.monitor_kinds import KINDS, words
from operations.monitor_kinds.numbers import NumberKind
from operations.monitor_kinds.standing import StandingKind

NAMES_SHOWN = 4
Learned = Mapping[str, Any]


def say_baseline(monitor: Monitor) -> str:
    """The baseline in words; that it needs none or has none yet."""
    kind = KINDS[monitor.kind]
    if isinstance(kind, StandingKind):
        return "It needs none: it looks at what is so, not at what is usual."
    if monitor.baseline is None:
        return "None yet; it is sealed as soon as enough has been seen."
    learned: Learned = monitor.baseline.get("learned", {})
    said = _say(monitor, learned)
    sealed = monitor.baseline_sealed_at
    return f"{said}, sealed on {words.moment(sealed)}" if sealed else said


def _say(monitor: Monitor, learned: Learned) -> str:
    kind = KINDS[monitor.kind]
    seen = f"{words.count(kind.count(dict(learned)))} {kind.unit}"
    values = learned.get("values", [])
    match monitor.kind:
        case Monitor.Kind.SILENCE:
            return f"Gaps of up to {words.duration(learned.get('longest', 0))} between {words.count(len(values))} decisions"
        case Monitor.Kind.VOLUME if values:
            return f"{words.amount(fmean(values), 'per_hour')} on average over {words.count(len(values))} hours"
        case Monitor.Kind.CONFIDENCE if values:
            return f"Half of {seen} were at least {median(values):.2f} sure"
        case _ if isinstance(kind, NumberKind) and values:
            return f"{words.amount(kind.from_scale(median(values)), kind.shown_in)} in the middle of {seen}"
        case _ if "events" in learned and learned.get("n"):
            return f"{words.percent(learned['events'] / learned['n'])} of {seen}"
        case _ if "counts" in learned:
            return f"{_say_names(learned['counts'])}, of {seen}"
        case _:
            return seen[:1].upper() + seen[1:]


def _say_names(counts: Mapping[str, int]) -> str:
    """The most frequent names with their shares, as an application wrote them."""
    whole = sum(counts.values()) or 1
    often = sorted(counts.items(), key=lambda item: -item[1])
    said = ", ".join(f"{words.name(name)} {words.percent(count / whole)}" for name, count in often[:NAMES_SHOWN])
    rest = len(often) - NAMES_SHOWN
    return f"{said} and {rest} more" if rest > 0 else said
