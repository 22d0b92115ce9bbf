"""Reading a guest's message by rules: what they want, when, for how many, and how sure that is.

Each part that the wish needs is looked for in English, German and Spanish. A part has a certainty: 1 where it can mean one
thing only, less where it can mean several, `ABSENT` where it is not there. The confidence is the product over the parts
that are needed, so that one doubtful part is enough to make the whole doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import prod
from typing import Any, Literal

from examples.booking_agent import words

Wish = Literal["book", "move", "cancel"]
ABSENT = 0.2
NEEDED: Mapping[Wish, tuple[str, ...]] = {
    "book": ("date", "time", "party_size"),
    "move": ("booking", "date", "time"),
    "cancel": ("booking",),
}


def by_name(
    words: Mapping[str, Sequence[str]], *, first: int = 0, more: Mapping[str, int] | None = None
) -> dict[str, int]:
    """What each word of all three languages counts for."""
    named = {name.lower(): first + place for names in words.values() for place, name in enumerate(names)}
    return {**named, **(more or {})}


WEEKDAYS = by_name(words.WEEKDAYS, more=words.OTHER_WEEKDAYS)
MONTHS = by_name(words.MONTHS, first=1, more=words.OTHER_MONTHS)
NUMBERS = by_name(words.NUMBERS, more=words.OTHER_NUMBERS)
WEEKDAY = "|".join(sorted(WEEKDAYS, key=len, reverse=True))
MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
NUMBER = "|".join(sorted(NUMBERS, key=len, reverse=True))
COUNT = rf"(\d{{1,2}}|{NUMBER})"

MOVE = re.compile(r"\b(move|change|reschedule|postpone|verschieben|umbuchen|verlegen|cambiar|mover|aplazar)\b")
CANCEL = re.compile(r"\b(cancel|absagen|stornieren|cancelar|anular)\b")
CODE = re.compile(r"\bhh-\d{4,6}\b")
GERMAN = re.compile(r"\b(tisch|uhr|bitte|wir|für|am|um|heute|morgen|personen|reservierung|guten|hallo)\b")
SPANISH = re.compile(r"\b(mesa|para|las|el|somos|hoy|mañana|personas|reserva|por favor|hola|buenas)\b")


@dataclass(frozen=True)
class Part:
    """One thing found: its value and how certain it is (0..1), with the words that it came from."""

    value: Any
    certainty: float
    words: str


@dataclass(frozen=True)
class Reading:
    """What a message seems to say. `parts` holds what was found of what `wish` needs."""

    wish: Wish
    language: str
    parts: Mapping[str, Part] = field(default_factory=dict)
    wish_certainty: float = 1.0

    @property
    def missing(self) -> tuple[str, ...]:
        """The needed parts that were not found."""
        return tuple(name for name in NEEDED[self.wish] if name not in self.parts)

    @property
    def confidence(self) -> float:
        """0..1: the product of the certainties of all that was needed."""
        certainties = [self.parts[name].certainty if name in self.parts else ABSENT for name in NEEDED[self.wish]]
        return round(self.wish_certainty * prod(certainties), 4)

    @property
    def start(self) -> datetime | None:
        """Date and time together, local; None where either is missing."""
        if "date" not in self.parts or "time" not in self.parts:
            return None
        return datetime.combine(self.parts["date"].value, self.parts["time"].value)

    @property
    def rationale(self) -> str:
        """Why it is as sure as it is, in a sentence for whoever reviews it."""
        found = [
            f"{name.replace('_', ' ')} from “{part.words}”" + (f" ({part.certainty:.0%})" if part.certainty < 1 else "")
            for name, part in self.parts.items()
        ]
        lacking = [f"no {name.replace('_', ' ')}" for name in self.missing]
        return "; ".join([*found, *lacking])


def read_message(text: str, received_at: datetime) -> Reading:
    """Read one message. `received_at` is local; "tomorrow" is the day after it."""
    rest = " ".join(text.lower().split())
    language = language_of(rest)
    parts: dict[str, Part] = {}
    code, rest = take(rest, [(CODE, lambda match: (match[0].upper(), 1.0))])
    wish: Wish = "cancel" if CANCEL.search(rest) else "move" if MOVE.search(rest) else "book"
    day, rest = take(rest, dates(received_at.date(), language))
    hour, rest = take(rest, times(day is not None and day.value == received_at.date(), received_at))
    party, rest = take(rest, PARTIES)
    found = {"booking": code, "date": day, "time": hour, "party_size": party}
    parts = {name: part for name in NEEDED[wish] if (part := found[name]) is not None}
    # A code in what reads like a new booking: perhaps a change in words that are not known here.
    return Reading(wish, language, parts, 0.6 if wish == "book" and code is not None else 1.0)


def language_of(text: str) -> str:
    """`en`, `de` or `es`, by the commonest small words."""
    counted = {"de": len(GERMAN.findall(text)), "es": len(SPANISH.findall(text))}
    best = max(counted, key=lambda name: counted[name])
    return best if counted[best] >= 2 else "en"


Means = Callable[[re.Match[str]], tuple[Any, float] | None]


def take(text: str, patterns: Iterable[tuple[re.Pattern[str], Means]]) -> tuple[Part | None, str]:
    """The first pattern that means something, and the text without the words that it took."""
    for pattern, means in patterns:
        for match in pattern.finditer(text):
            meant = means(match)
            if meant is not None:
                return Part(meant[0], meant[1], match[0].strip()), f"{text[: match.start()]} | {text[match.end() :]}"
    return None, text


def dates(today: date, language: str) -> list[tuple[re.Pattern[str], Means]]:
    """How a day is named, the surest ways first."""

    def after(days: int) -> Means:
        return lambda match: (today + timedelta(days=days), 1.0)

    def weekday(match: re.Match[str]) -> tuple[date, float]:
        ahead = (WEEKDAYS[match["weekday"]] - today.weekday()) % 7 or 7
        if not match["next"]:
            # On a Friday, "on Friday" may be today.
            return today + timedelta(days=ahead), 0.9 if ahead == 7 else 1.0
        # "Next Friday" is the coming one for some people and the one after for others.
        return today + timedelta(days=ahead if ahead > 4 else ahead + 7), 0.6

    def in_month(match: re.Match[str]) -> tuple[date, float] | None:
        return upcoming(today, int(match["day"]), MONTHS[match["month"]], 1.0)

    def numeric(match: re.Match[str]) -> tuple[date, float] | None:
        first, second = int(match[1]), int(match[2])
        if language != "en" or first == second:
            return upcoming(today, first, second, 1.0)
        if first > 12:
            return upcoming(today, first, second, 1.0)
        if second > 12:
            return upcoming(today, second, first, 1.0)
        # 4/5: in April or in May, as the guest is used to. The nearer of the two, if there are two.
        both = [upcoming(today, first, second, 0.6), upcoming(today, second, first, 0.6)]
        return min((one for one in both if one is not None), default=None)

    return [
        (re.compile(r"\b(the day after tomorrow|übermorgen|pasado mañana)\b"), after(2)),
        (re.compile(r"\b(tomorrow|morgen|mañana)\b"), after(1)),
        (re.compile(r"\b(today|tonight|heute|hoy|esta noche)\b"), after(0)),
        (re.compile(rf"\b(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th)? (?:de |of )?(?P<month>{MONTH})\b"), in_month),
        (re.compile(rf"\b(?P<month>{MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)"), in_month),
        (re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(?!\d)"), numeric),
        (re.compile(r"\b(\d{1,2})/(\d{1,2})\b"), numeric),
        (re.compile(rf"\b(?P<next>next |nächsten |próximo )?(?P<weekday>{WEEKDAY})\b"), weekday),
    ]


def upcoming(today: date, day: int, month: int, certainty: float) -> tuple[date, float] | None:
    """The next such day, within a year; less certain where it is far off, since nobody books so early."""
    for year in (today.year, today.year + 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found, certainty if (found - today).days <= 90 else min(certainty, 0.5)
    return None


def times(is_today: bool, received_at: datetime) -> list[tuple[re.Pattern[str], Means]]:
    """How a time is named, the surest ways first."""

    def means(*, plus_minutes: int = 0) -> Means:
        def read(match: re.Match[str]) -> tuple[time, float] | None:
            groups = match.groupdict()
            named = groups["hour"]
            hour = int(named) if named.isdigit() else NUMBERS[named]
            certainty = 0.85 if groups.get("about") else 1.0
            if hour < 12 and not groups.get("pm"):
                # Nothing is open before noon, so 7 is the evening and 1 is lunch; "half past" as well.
                certainty *= 0.9
            if hour < 12:
                hour += 12
            minutes = hour * 60 + int(groups.get("minute") or 0) + plus_minutes
            if minutes >= 24 * 60:
                return None
            if is_today and minutes <= received_at.hour * 60 + received_at.minute:
                certainty *= 0.5
            return time(minutes // 60, minutes % 60), certainty

        return read

    hour = rf"(?P<hour>\d{{1,2}}|{NUMBER})"
    about = r"(?P<about>around |about |gegen |ca\. |sobre (?:las )?)?"
    pm = r"(?P<pm> ?pm| ?p\.m\.| de la tarde| de la noche| abends)"
    return [
        (re.compile(r"\b(noon|mittags|mediodía)\b"), lambda match: (time(12, 0), 1.0)),
        (re.compile(rf"{about}\bhalf past {hour}\b"), means(plus_minutes=30)),
        (re.compile(rf"{about}\bhalb {hour}\b"), means(plus_minutes=-30)),
        (re.compile(rf"{about}\blas? {hour} y media\b{pm}?"), means(plus_minutes=30)),
        (re.compile(rf"{about}\b(?P<hour>\d{{1,2}})[:.](?P<minute>\d{{2}})(?!\d)(?: uhr)?{pm}?"), means()),
        (re.compile(rf"{about}\b(?:las? )?{hour}{pm}(?!\w)"), means()),
        (re.compile(rf"{about}\b{hour} uhr\b"), means()),
        (re.compile(rf"{about}\b(?:at|um|las?) {hour}\b"), means()),
        (re.compile(rf"(?P<about>around|about|gegen|ca\.) {hour}\b"), means()),
        (re.compile(r"\b(in the evening|am abend|abends|por la noche)\b"), lambda match: (time(19, 0), 0.3)),
    ]


def party(match: re.Match[str]) -> tuple[int, float] | None:
    """The numbers of the match, added up; the last of them where the guest says "three or four"."""
    counted = [int(found) if found.isdigit() else NUMBERS[found] for found in match.groups()]
    if len(counted) == 1:
        return (counted[0], 1.0) if counted[0] else None
    is_either = re.search(r" (?:or|oder|o) ", match[0]) is not None
    return (max(counted), 0.5) if is_either else (sum(counted), 0.9)


PARTIES: list[tuple[re.Pattern[str], Means]] = [
    (re.compile(rf"\b{COUNT} (?:or|oder|o) {COUNT}\b"), party),
    (re.compile(rf"\b{COUNT} (?:adults|erwachsene|adultos) (?:and|und|y) {COUNT}\b"), party),
    (re.compile(rf"\b{COUNT} (?:people|persons?|guests|personen|person|leute|gäste|personas?)\b"), party),
    (re.compile(rf"\b(?:zu|we are|we're|we will be|wir sind|somos|seremos|party of) {COUNT}\b"), party),
    (re.compile(rf"\b(?:for|für|para) {COUNT}\b"), party),
]
