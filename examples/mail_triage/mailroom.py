"""What this application must not forget when it stops: how far it has read, what it has asked and not yet heard, and
where every mail went. Two small files, written so that a crash between any two steps asks nothing twice and moves
nothing twice.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from examples.mail_triage.proposals import Errand


@dataclass
class Desk:
    """The position in the stream and the open questions.

    `asking` is the question on its way (its key and body, kept so that a repetition says the same words), `open` the
    decisions that are not settled, by id, each with the mail's id and the action as proposed.
    """

    round: int = 1
    position: int = 0
    asking: dict[str, Any] | None = None
    open: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def found_in(cls, directory: Path) -> Desk:
        """As it was left, or a new one."""
        try:
            return cls(**json.loads((directory / "state.json").read_text()))
        except FileNotFoundError:
            return cls()

    def keep(self, directory: Path) -> None:
        """Write it down, whole or not at all."""
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = directory / "state.json.part"
        with unfinished.open("w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(directory / "state.json")


class Mailboxes:
    """Where mails went: one line a mail, appended. This is the effect that the service governs."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "mailboxes.jsonl"
        self._placed: dict[str, str] = {}
        if self._path.exists():
            for line in filter(None, self._path.read_text().splitlines()):
                try:
                    entry = json.loads(line)
                except ValueError:
                    # A line that a crash cut short: that mail was not placed.
                    continue
                self._placed[entry["key"]] = entry["destination"]

    def place(self, key: str, mail_id: str, errand: Errand, decision_id: str) -> None:
        """Carry out an errand, once for each key."""
        if key in self._placed:
            return
        entry = {
            "key": key,
            "mail": mail_id,
            "action": errand.action,
            "destination": errand.destination,
            "decision": decision_id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._path.open("a") as file:
            # Before the line as well as after it, so that one that a crash cut short does not swallow the next.
            file.write(f"\n{json.dumps(entry)}\n")
        self._placed[key] = errand.destination

    def destination(self, key: str) -> str | None:
        """Where the mail of this key went; None while it is held."""
        return self._placed.get(key)
