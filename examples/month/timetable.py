"""Which mail comes when: a month of arrivals, the same for the same month.

Mails come between seven and eight in the evening, each gap drawn by itself (a Poisson stream), on every day alike. The easy
ones are those of the corpus's first and second year that no model of this story was trained on, shuffled together; from the
fifteenth on hard ones come among them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from examples.mail_triage.mails import Mail, read_part

OPENS, CLOSES = timedelta(hours=7), timedelta(hours=20)
TRAINED_ON = 900
# The day of the month on which the hard mails begin, and for how many days they come thick.
HARD_FROM, THICK_DAYS = 15, 8


@dataclass(frozen=True)
class Plan:
    """How the month is played: mails a day, the share of hard ones while they come thick and afterwards, minutes between two
    looks of people and scheduler while somebody is there, and the hours of the night at which the scheduler looks."""

    per_day: float = 46.0
    thick: float = 0.45
    thin: float = 0.06
    every_minutes: int = 10
    night_hours: tuple[int, ...] = (1, 4, 6, 22)


@dataclass(frozen=True)
class Arrival:
    at: datetime
    mail: Mail


@dataclass(frozen=True)
class Corpus:
    """What the models learn from, and what comes in the month."""

    training: list[Mail]
    easy: list[Mail]
    hard: list[Mail]

    @classmethod
    def read(cls) -> Corpus:
        """The corpus, divided. Spam was sent in many copies: none of a text that a model was trained on comes in the month, and
        of any other text only the first one."""
        train = random.Random(1).sample(whole := read_part("train"), len(whole))
        training, easy = train[:TRAINED_ON], [*train[TRAINED_ON:], *read_part("later")]
        random.Random(2).shuffle(easy)
        hard = random.Random(3).sample(whole := read_part("hard"), len(whole))
        seen = {mail.text for mail in training}
        return cls(training, list(_unseen(easy, seen)), list(_unseen(hard, seen)))

    @property
    def coming(self) -> list[Mail]:
        return [*self.easy, *self.hard]


def _unseen(mails: Sequence[Mail], seen: set[str]) -> Iterator[Mail]:
    for mail in mails:
        if mail.text not in seen:
            seen.add(mail.text)
            yield mail


def last_month(today: date) -> date:
    """The first day of the last calendar month that is over."""
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_of(month: date) -> list[datetime]:
    """The midnights of a month's days, UTC."""
    first, days = midnight(month), []
    while first.month == month.month:
        days.append(first)
        first += timedelta(days=1)
    return days


def arrivals_of(month: date, corpus: Corpus, plan: Plan) -> list[Arrival]:
    """The month's mails in order. Ends early where the corpus has no more of a kind: the other kind comes in its place, and
    no mail twice."""
    chance = random.Random(4)
    easy, hard = iter(corpus.easy), iter(corpus.hard)
    found: list[Arrival] = []
    for number, day in enumerate(days_of(month), start=1):
        for at in _times(day, chance, plan):
            share = 0.0 if number < HARD_FROM else plan.thick if number < HARD_FROM + THICK_DAYS else plan.thin
            kinds = (hard, easy) if chance.random() < share else (easy, hard) if number >= HARD_FROM else (easy,)
            mail = _next_of(kinds)
            if mail is not None:
                found.append(Arrival(at, mail))
    return found


def looks_of(month: date, plan: Plan) -> list[datetime]:
    """When people and the scheduler look: by day often, at night now and then."""
    looks: list[datetime] = []
    for day in days_of(month):
        looks += [day + timedelta(hours=hour) for hour in plan.night_hours]
        at = day + OPENS + timedelta(minutes=plan.every_minutes)
        while at <= day + CLOSES + timedelta(minutes=plan.every_minutes):
            looks.append(at)
            at += timedelta(minutes=plan.every_minutes)
    return sorted(looks)


def _times(day: datetime, chance: random.Random, plan: Plan) -> Iterator[datetime]:
    mean_s = (CLOSES - OPENS).total_seconds() / plan.per_day
    at = day + OPENS + timedelta(seconds=chance.expovariate(1 / mean_s))
    while at < day + CLOSES:
        yield at
        at += timedelta(seconds=chance.expovariate(1 / mean_s))


def _next_of(kinds: Sequence[Iterator[Mail]]) -> Mail | None:
    for kind in kinds:
        for mail in kind:
            return mail
    return None
