"""From a reading to the question that is asked, and from the answer to what may be done: the border between this agent and
the service that governs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from examples.booking_agent.messages import Message
from examples.booking_agent.reading import Reading, Wish

RELEASE = "booking-agent-1"
MODEL = "rules/reading-1"
WISHES: tuple[Wish, ...] = ("book", "move", "cancel")
# Who is asked about tonight's table needs the answer before the guest sets out.
LEAD = timedelta(minutes=30)
SHORTEST_DEADLINE_S = 15 * 60


@dataclass(frozen=True)
class Errand:
    """What may be done in the calendar. `reference` is the code of the booking that it is about."""

    wish: Wish
    reference: str
    start: datetime | None = None
    party_size: int = 0


@dataclass(frozen=True)
class Setback:
    """Why an earlier attempt at the same wish came to nothing."""

    dependency: str
    error: str


def question_for(
    message: Message,
    reading: Reading,
    *,
    booked_for: datetime | None,
    attempt: int = 1,
    setback: Setback | None = None,
    action: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that `ask` sends. `booked_for` is when the booking that is to be changed stands in the calendar, `action`
    what people allowed at an earlier attempt: it is proposed again as they allowed it.
    """
    proposed = (
        dict(action) if action is not None else {"name": reading.wish, "arguments": arguments_of(message, reading)}
    )
    hours_until = hours_before(proposed, booked_for, message.received_at)
    question: dict[str, Any] = {
        "action": proposed,
        "input": {
            "message": message.text,
            "from": message.guest,
            "received_at": message.received_at.isoformat(timespec="minutes"),
        },
        "confidence": reading.confidence,
        "subject": message.guest,
        "external_id": message.id,
        "model": MODEL,
        "release": RELEASE,
        "context": {
            "summary": f"{reading.wish} for {message.guest} ({message.id})",
            "rationale": reading.rationale,
            "language": reading.language,
            "missing": list(reading.missing),
            "hours_until": hours_until,
            "attempt": attempt,
        },
        "review": {"schema": arguments_schema(message)},
    }
    if setback is not None:
        question["context"]["earlier_attempt"] = {
            "dependency": setback.dependency,
            "error": setback.error,
            "note": "The guest was told nothing but that a person confirms it. Nothing stands in the calendar.",
        }
    if hours_until is not None:
        left_s = int(timedelta(hours=hours_until).total_seconds() - LEAD.total_seconds())
        question["deadline_s"] = max(SHORTEST_DEADLINE_S, left_s)
    return question


def arguments_of(message: Message, reading: Reading) -> dict[str, Any]:
    """The arguments of the action, without those that the message does not tell."""
    parts = reading.parts
    arguments: dict[str, Any] = {"request": message.id, "guest": message.guest}
    if "booking" in parts:
        arguments["booking"] = parts["booking"].value
    if "date" in parts:
        arguments["date"] = parts["date"].value.isoformat()
    if "time" in parts:
        arguments["time"] = parts["time"].value.isoformat(timespec="minutes")
    if "party_size" in parts:
        arguments["party_size"] = parts["party_size"].value
    return arguments


def arguments_schema(message: Message) -> dict[str, Any]:
    """JSON Schema 2020-12 of an action's arguments, the same for all three, so that a person may change the one into the
    other. Whose request it is stays as it is.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "request": {"type": "string", "title": "Request", "const": message.id, "readOnly": True},
            "guest": {"type": "string", "title": "Guest", "const": message.guest, "readOnly": True},
            "booking": {"type": "string", "title": "Booking to change", "pattern": "^HH-[0-9]{4,6}$"},
            "date": {"type": "string", "title": "Date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
            "time": {"type": "string", "title": "Time", "pattern": "^[0-9]{2}:[0-9]{2}$"},
            "party_size": {"type": "integer", "title": "Guests", "minimum": 1, "maximum": 20},
        },
        "required": ["request", "guest"],
        "additionalProperties": False,
    }


def errand_of(action: Mapping[str, Any] | None, message: Message) -> Errand | None:
    """What may be done for this message, or None where it is nothing that this agent can do, or not about this message."""
    action = action or {}
    arguments = action.get("arguments")
    wish = action.get("name")
    if wish not in WISHES or not isinstance(arguments, Mapping) or arguments.get("request") != message.id:
        return None
    start, size, booking = start_of(arguments), arguments.get("party_size"), arguments.get("booking")
    if wish == "book":
        # JSON has one kind of number, so 4.0 guests are 4.
        if (
            start is None
            or isinstance(size, bool)
            or not isinstance(size, int | float)
            or size < 1
            or size != int(size)
        ):
            return None
        return Errand("book", message.id, start, int(size))
    if not isinstance(booking, str) or (wish == "move" and start is None):
        return None
    return Errand(wish, booking, start if wish == "move" else None)


def start_of(arguments: Mapping[str, Any]) -> datetime | None:
    """Date and time of an action's arguments, local; None where they are no instant."""
    try:
        return datetime.fromisoformat(f"{arguments['date']}T{arguments['time']}").replace(tzinfo=None)
    except (KeyError, ValueError):
        return None


def hours_before(action: Mapping[str, Any], booked_for: datetime | None, at: datetime) -> float | None:
    """How long before the table is needed, in hours; of a change, before the earlier of old and new time. A day without a time
    counts from its beginning, so that nobody is late by taking it for later; None where nothing is known.
    """
    wanted = [start for start in (earliest_of(action["arguments"]), booked_for) if start is not None]
    return max(0.0, round((min(wanted) - at).total_seconds() / 3600, 1)) if wanted else None


def earliest_of(arguments: Mapping[str, Any]) -> datetime | None:
    """The earliest instant that date and time of these arguments can mean."""
    start = start_of(arguments)
    return start if start is not None else start_of({"time": "00:00", **arguments})
