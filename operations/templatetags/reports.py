"""Filters of the report's page: a document's plain values in words."""

from typing import Any

from django import template

from operations.models import ImprovementItem
from operations.report_parts.measures import UNITS
from operations.web import report_words as words

register = template.Library()

for _name, _filter in (
    ("month_words", words.month_words),
    ("instant_words", words.instant_words),
    ("day_words", words.day_words),
    ("lasting_words", words.lasting_words),
    ("value_words", words.value_words),
    ("difference_words", words.difference_words),
    ("sight_words", words.sight_words),
    ("gate_words", words.gate_words),
    ("expected_false_words", words.expected_false_words),
    ("latency_words", words.latency_words),
):
    register.filter(_name, _filter)

NAMES = {"metric": words.METRICS, "monitor": words.MONITORS, "verdict": words.VERDICTS, "outcome": words.OUTCOMES}
TONES = {
    "pass": "allow",
    "fail": "block",
    "inconclusive": "review",
    "not_evaluated": "review",
    "reached": "allow",
    "not_reached": "block",
    "cannot_be_told": "review",
    "real": "block",
    "false": "outline",
    "unjudged": "review",
    "critical": "block",
    "warning": "review",
    "notice": "escalate",
}


@register.filter
def named(code: str, kind: str) -> str:
    """The words of a code of the document; the code itself where there are none."""
    return str(NAMES[kind].get(code, code))


@register.filter
def tone(code: str) -> str:
    return TONES.get(code, "")


@register.filter
def state_label(code: str) -> str:
    return words.CODES[code][0]


@register.filter
def state_tone(code: str) -> str:
    return words.CODES[code][1]


@register.filter
def watch_words(state: str) -> str:
    return words.STATES.get(state, state)


@register.filter
def bar_width(share: float | None) -> str:
    """A share as the width of a bar of a hundred units."""
    return f"{100 * min(max(share or 0.0, 0.0), 1.0):.1f}"


@register.filter
def metric_of(comparison: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    """One measure of a comparison, None where the months are not compared or nothing can be told."""
    found = next((one for one in comparison["metrics"] if one["metric"] == name), None) if comparison else None
    return found if found and found["verdict"] != "cannot_be_told" else None


@register.filter
def expected_words(item: ImprovementItem) -> str:
    """What an item's figure should be, in its unit."""
    return words.value_words(item.expected_value, UNITS[item.metric])


@register.filter
def short_hash(sha256: str) -> str:
    return sha256[:12]
