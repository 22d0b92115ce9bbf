"""The booking desk: reviewers who know what the guest meant.

They stand for people. A person at a desk rings the guest up; these look into what the generator says that the guest meant.
Everything else is as it is for people (examples/desk.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from examples import desk
from examples.booking_agent.messages import Meant, Message
from examples.desk import DeskRefused, Ruled

__all__ = ["DESK", "QUALITY", "Desk", "DeskRefused", "Ruled"]

DESK, QUALITY = "booking-desk", "booking-quality"


class Desk(desk.Desk):
    """Reviewers of these messages."""

    def __init__(self, url: str, tokens: Sequence[str], messages: Mapping[str, Message]) -> None:
        def rule(action: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            message = messages[action["arguments"]["request"]]
            return message.id, ruling_on(action, message)

        super().__init__(url, tokens, rule=rule, queues=(DESK, QUALITY))


def ruling_on(action: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """What somebody rules who knows what the guest meant: approve what is right, correct what is not."""
    right = right_action(message.meant, message)
    if is_same(action, right):
        return {"verdict": "approve"}
    return {"verdict": "correct", "action": right, "labels": [label_of(action, right)]}


def right_action(meant: Meant, message: Message) -> dict[str, Any]:
    """What the guest meant, as the action that does it."""
    arguments: dict[str, Any] = {"request": message.id, "guest": message.guest}
    if meant.booking is not None:
        arguments["booking"] = meant.booking
    if meant.start is not None:
        arguments["date"] = meant.start.date().isoformat()
        arguments["time"] = meant.start.time().isoformat(timespec="minutes")
    if meant.party_size is not None:
        arguments["party_size"] = meant.party_size
    return {"name": meant.wish, "arguments": arguments}


def is_same(action: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return bool(action["name"] == right["name"] and action["arguments"] == right["arguments"])


def label_of(action: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """What was wrong, as a label: `missing-…`, `wrong-…`."""
    if action["name"] != right["name"]:
        return "wrong-wish"
    for name in ("booking", "date", "time", "party_size"):
        if action["arguments"].get(name) != right["arguments"].get(name):
            found = "wrong" if name in action["arguments"] else "missing"
            return f"{found}-{name.replace('_', '-')}"
    return "wrong-otherwise"
