"""How a story says what it measured."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

WIDTH = 118


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def named(person: Any) -> str:
    """A person as the API names them."""
    if isinstance(person, dict):
        return f"{person.get('name') or ''} <{person.get('email') or ''}>".strip()
    return str(person or "nobody")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def title(words: str) -> None:
    print(f"\n{words}\n{'-' * min(len(words), WIDTH)}", flush=True)


def say(words: str) -> None:
    print(words, flush=True)


def tell_outbox(mails: Sequence[tuple[str, str]]) -> None:
    """The mail that Countersign has sent, by recipient and subject."""
    title("Mail that Countersign has sent")
    for (recipient, subject), count in Counter(mails).most_common():
        say(f"{count:4} × {recipient}: {subject}")


def wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
