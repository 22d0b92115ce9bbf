"""What guests write: a repeatable stream of messages in three languages and many shapes, with what each guest meant.

The agent sees `text`, `guest` and `received_at`. `meant` is the truth that the demo's desk knows from asking the guest, as
people at a desk do; it is never sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from examples.booking_agent.reading import Wish
from examples.booking_agent.words import MONTHS, NUMBERS, WEEKDAYS

SEED = 20260306
# The story's own clock: a hall of some three hundred seats hears from about so many guests a day.
MESSAGES_A_DAY = 140
FIRST_MORNING = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 (the house's local time)
OPEN_FOR = timedelta(hours=11)
EARLIEST_CHANGE = 40

NAMES = [
    "Anna Berg",
    "Tom Walker",
    "Lucía Ortega",
    "Jonas Weber",
    "Priya Nair",
    "Marta Ruiz",
    "Ben Carter",
    "Clara Vogel",
    "Yusuf Demir",
    "Elena Rossi",
    "Noah Fischer",
    "Marina Castro",
    "Grace Kim",
    "Paul Lang",
    "Sofía Vidal",
    "Oscar Lindholm",
    "Mia Schulz",
    "Diego Ramos",
    "Hannah Moore",
    "Ali Haddad",
]
NEAR = {
    "en": ("today", "tomorrow", "the day after tomorrow"),
    "de": ("heute", "morgen", "übermorgen"),
    "es": ("hoy", "mañana", "pasado mañana"),
}
SHAPES: dict[tuple[Wish, str], tuple[str, ...]] = {
    ("book", "en"): (
        "Hi, could we have a table {party} {day} {time}? Thanks, {guest}",
        "Table {party}, {day} {time}, please. {guest}",
        "Hello! {Day} {time}, {party}. Is that possible?",
        "We'd love to come {day}, ideally {time}. Table {party}.\n\nBest, {guest}",
    ),
    ("book", "de"): (
        "Guten Tag, wir hätten gern einen Tisch {party} {day} {time}. Viele Grüße, {guest}",
        "Bitte Tisch {party} {day} {time} reservieren. {guest}",
        "Hallo, ist {day} {time} noch ein Tisch {party} frei?",
    ),
    ("book", "es"): (
        "Hola, quisiera una mesa {party} {day} {time}. Gracias, {guest}",
        "Buenas, mesa {party}, {day} {time}, por favor.",
        "¿Tienen mesa {party} {day} {time}? Un saludo, {guest}",
    ),
    ("move", "en"): (
        "Please move our booking {code}: {day} {time}. {guest}",
        "Something came up. Can we change {code}? {Day} {time} would suit us.",
    ),
    ("move", "de"): ("Bitte unsere Reservierung {code} verschieben: {day} {time}. {guest}",),
    ("move", "es"): ("Hola, ¿pueden cambiar la reserva {code}? Mejor {day} {time}, por favor.",),
    ("cancel", "en"): ("Please cancel {code}. Sorry! {guest}", "We have to cancel our booking {code}."),
    ("cancel", "de"): ("Leider müssen wir {code} absagen. Bitte stornieren. {guest}",),
    ("cancel", "es"): ("Hola, tengo que cancelar la reserva {code}. Gracias, {guest}",),
}


@dataclass(frozen=True)
class Meant:
    """What the guest wants: `start` is local, `booking` the code of the booking to be changed."""

    wish: Wish
    start: datetime | None = None
    party_size: int | None = None
    booking: str | None = None


@dataclass(frozen=True)
class Message:
    """One message. `id` is also the code of the booking that it leads to."""

    id: str
    guest: str
    language: str
    text: str
    received_at: datetime
    meant: Meant


def write_messages(count: int, *, seed: int = SEED) -> list[Message]:
    """So many messages in the order in which they come: with the same seed, the same ones."""
    guests = Guests(Random(seed))
    return [message for message, _ in zip(guests.write(), range(count), strict=False)]


class Guests:
    """The guests of the demo: who writes what, about which earlier booking."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._booked: list[Message] = []

    def write(self) -> Iterator[Message]:
        """Without end."""
        number = 0
        while True:
            day, place = divmod(number, MESSAGES_A_DAY)
            at = FIRST_MORNING + timedelta(days=day) + OPEN_FOR * (place / MESSAGES_A_DAY)
            message = self._one(f"HH-{number + 1:04}", at.replace(second=0, microsecond=0))
            if message.meant.wish == "book":
                self._booked.append(message)
            yield message
            number += 1

    def _one(self, code: str, at: datetime) -> Message:
        language = self._chance.choices(("en", "de", "es"), (50, 30, 20))[0]
        guest = self._chance.choice(NAMES)
        wish: Wish = self._chance.choices(("book", "move", "cancel"), (82, 10, 8))[0]
        earlier = self._earlier(at) if wish != "book" else None
        if earlier is None:
            wish = "book"
        else:
            language, guest = earlier.language, earlier.guest
        meant = Meant(
            wish=wish,
            start=self._start(at) if wish != "cancel" else None,
            party_size=self._party_size() if wish == "book" else None,
            booking=earlier.id if earlier else None,
        )
        return Message(code, guest, language, self._words(meant, language, guest, at), at, meant)

    def _earlier(self, at: datetime) -> Message | None:
        """A booking that is still to come, some time after it was made; each is changed once at the most."""
        known = [one for one in self._booked[:-EARLIEST_CHANGE] if one.meant.start and one.meant.start > at]
        if not known:
            return None
        chosen = self._chance.choice(known)
        self._booked.remove(chosen)
        return chosen

    def _start(self, at: datetime) -> datetime:
        ahead = self._chance.choices((0, 1, 2, 3, 5, 8, 12), (22, 20, 14, 12, 14, 10, 8))[0]
        hours = self._chance.choices((12, 13, 18, 19, 20, 21), (12, 12, 16, 26, 22, 12))[0]
        start = (at + timedelta(days=ahead)).replace(hour=hours, minute=self._chance.choice((0, 30)))
        if start <= at + timedelta(minutes=45):
            start += timedelta(days=1)
        return start

    def _party_size(self) -> int:
        return self._chance.choices((1, 2, 3, 4, 5, 6, 7, 8, 10, 14), (3, 36, 12, 24, 7, 9, 2, 3, 3, 1))[0]

    def _words(self, meant: Meant, language: str, guest: str, at: datetime) -> str:
        """The message; now and then something is left out or misspelled."""
        shape = self._chance.choice(SHAPES[meant.wish, language])
        day = self._day(meant.start, at, language) if meant.start else ""
        words = {
            "party": self._party(meant.party_size, language) if meant.party_size else "",
            "day": day,
            "Day": day[:1].upper() + day[1:],
            "time": self._time(meant.start, language) if meant.start else "",
            "code": meant.booking or "",
            "guest": guest,
        }
        slip = self._chance.random()
        if slip < 0.05:
            left_out = self._chance.choice(("party", "time", "code"))
            words[left_out] = ""
        elif slip < 0.08:
            words["day"] = words["Day"] = self._misspelled(words["day"])
        return " ".join(part for part in shape.format(**words).replace(" ,", ",").split(" ") if part)

    def _misspelled(self, words: str) -> str:
        if len(words) < 6:
            return words
        place = self._chance.randrange(len(words) - 4, len(words) - 1)
        return words[:place] + words[place + 1] + words[place] + words[place + 2 :]

    def _day(self, start: datetime, at: datetime, language: str) -> str:
        ahead = (start.date() - at.date()).days
        weekday = WEEKDAYS[language][start.weekday()]
        before = {"en": "on ", "de": "am ", "es": "el "}[language]
        ways = []
        if ahead <= 2:
            ways += [NEAR[language][ahead]] * 4
        if 1 <= ahead <= 6:
            ways += [before + weekday] * 4
        if ahead >= 5:
            # Said of the coming one by some, of the one after by others; beyond a week nobody says it without.
            ways += [{"en": "next ", "de": "nächsten ", "es": "el próximo "}[language] + weekday]
        if ahead >= 2:
            month = MONTHS[language][start.month - 1]
            # Some guests look at the wrong line of their calendar: it is the weekday that they mean.
            slipped = start + timedelta(days=self._chance.random() < 0.1)
            ways += {
                "en": [f"on {start.day} {month}", f"on {month} {start.day}", f"on {weekday}, {slipped.day} {month}"],
                "de": [f"am {start.day}. {month}", f"am {start.day}.{start.month}.", f"am {start.day}. {month}"],
                "es": [f"el {start.day} de {month}", f"el {start.day}/{start.month}", f"el {start.day} de {month}"],
            }[language]
        if ahead >= 2 and language == "en":
            # Some guests write the month first.
            numbers = (start.day, start.month) if self._chance.random() < 0.7 else (start.month, start.day)
            ways += [f"on {numbers[0]}/{numbers[1]}"]
        return self._chance.choice(ways)

    def _time(self, start: datetime, language: str) -> str:
        hour, minute = start.hour, start.minute
        short = hour % 12 or 12
        clock = f"{hour}:{minute:02}"
        word = NUMBERS[language][short]
        if language == "en":
            ways = [
                f"at {clock}",
                f"at {short}{f':{minute:02}' if minute else ''} pm",
                f"at {short}{'.30' if minute else ''}pm",
            ]
            ways += [f"at half past {word}" if minute else f"at {word}", f"around {clock}"]
        elif language == "de":
            after = NUMBERS["de"][short % 12 + 1]
            ways = [
                f"um {clock} Uhr",
                f"um {hour} Uhr" if not minute else f"um {clock}",
                f"um {clock}",
                f"gegen {clock} Uhr",
            ]
            ways += [f"um halb {'eins' if after == 'eine' else after}" if minute else f"um {hour} Uhr"]
        else:
            las = "la" if short == 1 else "las"
            part = "de la tarde" if hour < 20 else "de la noche"
            ways = [f"a las {clock}", f"a las {clock}", f"a {las} {word}{' y media' if minute else ''} {part}"]
            ways += [f"sobre las {clock}"]
        return self._chance.choice(ways)

    def _party(self, size: int, language: str) -> str:
        word = NUMBERS[language][size] if size <= 12 else str(size)
        if language == "en":
            ways = [f"for {size}", f"for {word}", f"for {size} people"]
            if size >= 4:
                ways.append(f"for {size - 2} adults and 2 kids")
        elif language == "de":
            together = {2: "zu zweit", 3: "zu dritt", 4: "zu viert", 6: "zu sechst"}.get(size)
            ways = [f"für {size} Personen", f"für {size}", f"für {word} Personen" if size > 1 else "für eine Person"]
            ways += [f"für uns, wir sind {together}"] if together else []
        else:
            ways = [f"para {size}", f"para {word}", f"para {size} personas" if size > 1 else "para una persona"]
        if size >= 4 and self._chance.random() < 0.06:
            other = {"en": "or", "de": "oder", "es": "o"}[language]
            # Who is not sure comes with one fewer as often as not.
            low = size - 1 if self._chance.random() < 0.5 else size
            ways = [
                f"{ {'en': 'for', 'de': 'für', 'es': 'para'}[language] } {low} {other} {low + 1}".replace("  ", " ")
            ]
        return self._chance.choice(ways)
