"""A report's document in plain words: every number with what it is compared with, and nothing that the document does not say.

The page reads the document alone, frozen or previewed; so what is shown is what was hashed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from evaluations.models import EvaluationRun
from operations.models import ImprovementItem, Monitor
from operations.monitor_kinds import words as monitor_words
from operations.months import read_month
from operations.web import figure_words
from operations.web.figure_words import NO_BREAK, count_words, money_words, needed_words, percent_words

Json = Mapping[str, Any]
METRICS: Final = dict(ImprovementItem.Metric.choices)
MONITORS: Final = dict(Monitor.Kind.choices)
VERDICTS: Final = dict(EvaluationRun.Verdict.choices)
# Of which part of a version the examples were.
SPLITS: Final = {"test": ", what was held out", "train": ", what is to learn from", "all": ", all examples"}
OUTCOMES: Final = {"reached": "Reached", "not_reached": "Not reached", "cannot_be_told": "Cannot be told"}
STATES: Final = {
    "watched": "watched",
    "silent": "silent throughout",
    "learning": "still learning",
    "off": "switched off",
    "new": "made later",
}
CODES: Final = {
    "attested": ("Attested", "allow"),
    "overdue": ("Overdue", "block"),
    "frozen": ("Waits for signature", "review"),
    "open": ("Not frozen", "outline"),
    "running": ("Running", ""),
    "none": ("–", ""),
}


def month_words(name: str) -> str:
    """ "October 2026" of "2026-10"."""
    return _month(read_month(name))


def _month(month: date) -> str:
    return f"{MONTHS[month.month - 1]} {month.year}"


MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def instant_words(text: str | None) -> str:
    """ "3 Oct 2026, 08:15" of a document's instant, UTC."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1][:3]} {at.year}, {at:%H:%M}"


def day_words(text: str | None) -> str:
    """ "3 Oct 2026" of a document's instant or date."""
    if not text:
        return ""
    day = date.fromisoformat(text[:10])
    return f"{day.day} {MONTHS[day.month - 1][:3]} {day.year}"


def lasting_words(seconds: float | None) -> str:
    """ "40 s", "12 min", "1 h 5 min", "9 days"."""
    if seconds is None:
        return "not yet"
    if 90 * 60 <= seconds < 48 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return monitor_words.duration(seconds)


def value_words(value: float | None, unit: str) -> str:
    """A measured value in its unit: a share, dollars, seconds."""
    if value is None:
        return "not known"
    if unit == "share":
        return percent_words(value)
    if unit == "usd":
        return money_words(value * 1_000_000)
    return f"{value:,.1f}{NO_BREAK}s" if value < 90 else lasting_words(value)


def difference_words(metric: Json) -> str:
    """How a figure differs from the month before, with the interval where it has one."""
    unit, verdict, difference = metric["unit"], metric["verdict"], metric["difference"]
    if verdict == "cannot_be_told":
        return "cannot be told"
    if unit == "share":
        interval = f"95{NO_BREAK}%: {_points(metric['low'])} to {_points(metric['high'])} points"
        if verdict == "no_clear_change":
            return f"no clear change ({interval})"
        return f"{abs(100 * difference):.1f} points {verdict} ({interval})"
    if verdict == "no_clear_change":
        return "as before"
    before = metric["before"]
    percent = f" ({100 * abs(difference) / before:.0f}{NO_BREAK}%)" if before else ""
    return f"{value_words(abs(difference), unit)} {verdict}{percent}"


def _points(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:+.1f}".replace("-", "−")


def sum_up(document: Json) -> list[str]:
    """The month in a handful of sentences, for whoever reads no further."""
    return [
        sentence
        for sentence in (
            _sum_volume(document),
            _sum_quality(document),
            _sum_changes(document),
            _sum_events(document),
            _sum_cost(document),
            _sum_sight(document),
        )
        if sentence
    ]


def _sum_volume(document: Json) -> str:
    decisions = document["volume"]["decisions"]
    if not decisions:
        return "The system made no decision."
    escalation = document["handling"]["escalation"]
    return (
        f"{count_words(decisions)} decisions; people were asked about {percent_words(escalation['rate'])} of them"
        f"{_compared(document, 'escalation_rate')}."
    )


def _compared(document: Json, metric: str) -> str:
    comparison = document["comparison"]
    if comparison is None:
        return ""
    found = next(one for one in comparison["metrics"] if one["metric"] == metric)
    return "" if found["verdict"] == "cannot_be_told" else f", {difference_words(found)}"


def _sum_quality(document: Json) -> str:
    quality = document["quality"]
    if not document["volume"]["decisions"]:
        return ""
    estimate = quality["estimate"]
    if estimate is None:
        needed = needed_words(quality["missing"]["reviews_needed"])
        return f"How many of all decisions were wrong can't be told: {needed}."
    return (
        f"Of all decisions that could have been reviewed an estimated {percent_words(estimate['rate'])} were wrong (95{NO_BREAK}%: "
        f"{percent_words(estimate['low'])} to {percent_words(estimate['high'])}){_compared(document, 'error_rate')}."
    )


def _sum_changes(document: Json) -> str:
    changes = document["changes"]
    new = [one for one in changes["releases"] if one["stated_at"] or one["first_seen_at"] or one["gate"]]
    passed = sum(1 for one in new if _has_passed(one))
    lost = sum(1 for one in new if one.get("earlier_pass"))
    policies, ungated = len(changes["policies"]), changes["ungated"]
    parts = []
    if new:
        again = f", {lost} not in the newest run" if lost else ""
        parts.append(f"{_plural(len(new), 'release')} new or judged, {passed} of them past a gate{again}")
    if policies:
        parts.append(f"{_plural(policies, 'policy version')} put in force")
    sentence = f"{'; '.join(parts)}." if parts else "Nothing was changed."
    if ungated:
        sum_of = sum(one["decisions"] for one in ungated)
        sentence += (
            f" {count_words(sum_of)} decisions came from {_plural(len(ungated), 'release')} that no gate has passed."
        )
    return sentence[:1].upper() + sentence[1:]


def _has_passed(release: Json) -> bool:
    gate = release["gate"]
    return (gate is not None and gate["verdict"] == "pass") or bool(release.get("earlier_pass"))


def _plural(number: int, noun: str) -> str:
    return f"{count_words(number)} {noun}{'' if number == 1 else 's'}"


def _sum_events(document: Json) -> str:
    alarms, incidents = document["alarms"], document["incidents"]
    judged = (
        f" ({alarms['real']} real, {alarms['false']} false, {alarms['unjudged']} unjudged)" if alarms["raised"] else ""
    )
    openings = incidents["breaker"]["openings"]
    breaker = f", the breaker opened {'once' if openings == 1 else f'{openings} times'}" if openings else ""
    return f"{_plural(alarms['raised'], 'alarm')}{judged}, {_plural(incidents['opened'], 'incident')} opened{breaker}."


def _sum_cost(document: Json) -> str:
    cost = document["cost"]
    if cost["total_micros"] is None:
        return "What it cost is not known." if document["volume"]["decisions"] else ""
    resolved = cost["per_resolved_micros"]
    with_people = " with reviewers' time" if cost["review_micros"] is not None else ", models alone"
    sentence = f"It cost {money_words(cost['total_micros'])}{with_people}"
    if resolved is not None:
        sentence += f", {money_words(resolved)} for each resolved case"
    budget = cost["budget"]
    return f"{sentence}; {percent_words(budget['share'])} of its budget." if budget else f"{sentence}."


def _sum_sight(document: Json) -> str:
    monitors, unwatched = document["sight"]["monitors"], document["sight"]["unwatched"]
    if not monitors:
        return "No monitor watched it."
    partly = sum(1 for one in monitors if one["kind"] not in unwatched and _missed_some(one))
    partly_words = f", {partly} of them not all the time" if partly else ""
    if not unwatched:
        return f"All {len(monitors)} monitors watched{partly_words}."
    return (
        f"{len(monitors) - len(unwatched)} of {len(monitors)} monitors watched{partly_words}; what the others watch for would "
        f"have gone unseen."
    )


def _missed_some(monitor: Json) -> bool:
    """Documents that were frozen earlier know some of these only."""
    return any(monitor.get(name) for name in ("watched_since", "silent_s", "quiet_s", "off_s", "relearned_s"))


def sight_words(monitor: Json) -> str:
    """What one monitor could not have noticed, and when it did not watch, in a few sentences."""
    if not monitor.get("watched_s", monitor["state"] == "watched"):
        return UNWATCHED[monitor["state"]]
    sentences = [_unnoticed(monitor)]
    if monitor["watched_since"]:
        sentences.append(f"It watched from {instant_words(monitor['watched_since'])} UTC on.")
    sentences += [words.format(lasting_words(monitor[name])) for name, words in PAUSES.items() if monitor.get(name)]
    sentences.append(AT_THE_END.get(monitor["state"], ""))
    return " ".join(sentence for sentence in sentences if sentence)


UNWATCHED: Final = {
    "learning": "It was still learning what is usual, so it watched nothing.",
    "off": "It was switched off, so it watched nothing.",
    "silent": "It was alarmed already, or told to wait after that, so it could have noticed nothing more.",
    "new": "It was made after this month.",
}
PAUSES: Final = {
    "silent_s": "It was silent for {}, because it was alarmed.",
    "quiet_s": "After it was re-armed it raised no alarm for {}, as its settings say.",
    "relearned_s": "For {} it was learning anew.",
    "off_s": "For {} it was switched off.",
}
AT_THE_END: Final = {
    "learning": "At the month's end it was learning anew.",
    "off": "At the month's end it was switched off.",
}
REDESIGNED: Final = {
    "learned_anew": "it has learned anew since",
    "learned_more": "it has learned from a false alarm since",
    "set_anew": "its settings were changed since",
}


def _unnoticed(monitor: Json) -> str:
    if monitor["observations"] == 0:
        return f"It saw no {monitor['unit'].rstrip('s')}, so it could have noticed nothing."
    if monitor["detectable"]:
        return _edges(monitor)
    why, promise = REDESIGNED.get(monitor.get("unknown_because") or ""), monitor["promise"]
    if why is None:
        return str(promise)
    return f"{promise} How small a change it could have noticed can't be told any more: {why}.".strip()


def _edges(monitor: Json) -> str:
    sides = monitor["detectable"]
    seen = [one for one in sides if one["edge"] is not None]
    within = f"{count_words(sides[0]['within'])} {monitor['unit']}"
    before = monitor_words.amount(sides[0]["baseline"], sides[0]["unit"])
    if not seen:
        return f"In {within} no change from {before} could be counted on to be noticed."
    changes = " or ".join(_edge(one, before) for one in seen)
    blind = [one for one in sides if one["edge"] is None]
    none = (
        f" No {'rise' if blind[0]['direction'] == 'up' else 'fall'} could be counted on to be noticed." if blind else ""
    )
    return f"In {within} {changes} may have passed unnoticed.{none}"


def _edge(side: Json, before: str) -> str:
    edge = monitor_words.amount(side["edge"], side["unit"])
    if side["direction"] == "up":
        return f"a rise from {before} to less than {edge}"
    return f"a fall from {before} that stays above {edge}"


def gate_words(gate: Json) -> str:
    """What a run's verdict rests on and what was demanded, in one line. Documents from before that was in them name neither
    demands nor level."""
    parts = [f"version {gate['version']} of {gate['dataset']}{SPLITS.get(gate.get('split', ''), '')}"]
    if gate["examples"] is not None and gate["right"] is not None:
        is_grouped = (gate.get("clusters") or gate["examples"]) < gate["examples"]
        subjects = f", of {_plural(gate['clusters'], 'subject')}" if is_grouped else ""
        parts.append(f"{count_words(gate['right'])} of {count_words(gate['examples'])} right{subjects}")
    if gate["baseline_right"] is not None and gate["baseline"]:
        parts.append(f"{gate['baseline']}: {count_words(gate['baseline_right'])}")
    if gate["difference"] is not None and gate["interval"]:
        low, high = gate["interval"]
        level = _level(gate) or "interval"
        parts.append(f"difference {_points(gate['difference'])} points ({level}: {_points(low)} to {_points(high)})")
    if gate["p_value"] is not None:
        parts.append("p < 0.001" if gate["p_value"] < 0.001 else f"p = {gate['p_value']:.2g}")
    if gate["more_examples"]:
        parts.append(f"{count_words(gate['more_examples'])} more examples needed")
    if "alpha" in gate:
        parts.append(_demand(gate))
    return "; ".join(parts)


def _level(gate: Json) -> str:
    return f"{100 * (1 - gate['alpha']):.6g}{NO_BREAK}%" if "alpha" in gate else ""


def _demand(gate: Json) -> str:
    is_graded, least = gate["measure"] == "score", gate["minimum"]
    what = "the mean score" if is_graded else "right answers"
    if gate["baseline"] is None:
        return (
            "asked for no minimum" if least is None else f"asked for {percent_words(least)} in {what} ({_level(gate)})"
        )
    if gate["goal"] == "better":
        seen = f"{100 * gate['smallest_effect']:.3g} points"
        return f"asked to be ahead in {what} (p ≤ {gate['alpha']:.3g}), where an improvement of {seen} can be seen"
    return f"asked to be less than {100 * gate['margin']:.3g} points behind in {what} ({_level(gate)})"


def expected_false_words(alarms: Json) -> str:
    """How many false alarms were announced, beside how many there were."""
    expected = alarms["expected_false"]
    if expected is None:
        return "No monitor that watched states how often it raises a false alarm."
    if expected < 0.1:
        return "Had nothing changed, a false alarm was not to be expected: fewer than one in ten months like this one."
    return f"Had nothing changed, about {expected:.2g} false alarms were to be expected in a month like this one."


def latency_words(milliseconds: float | None) -> str:
    return figure_words.latency_words(milliseconds)
