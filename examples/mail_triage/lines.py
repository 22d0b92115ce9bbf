"""The words in which the application tells, in a terminal, what it asks and what it was told."""

from __future__ import annotations

from typing import Any

from countersign import Decision
from examples.mail_triage.mails import Mail


def shown(mail: Mail) -> str:
    """A mail in the terminal."""
    return f"“{printable(mail.subject)[:60] or 'no subject'}” from {printable(mail.sender_name or mail.sender)[:40]}"


def printable(words: str) -> str:
    """Words that strangers wrote, without the control characters that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in words)


def proposal(question: dict[str, Any]) -> str:
    """What is asked, and how sure the model is."""
    return f"{question['action']['name']}? {question['confidence']:.0%} sure"


def why(decision: Decision) -> str:
    """Why policy decided so, and what those concerned are told."""
    return f"{printable(decision.why)}." if decision.why else ""


def ruled(decision: Decision) -> str:
    """What a person said instead of letting it run; empty where it was policy or time."""
    ruling = decision.raw.get("ruling")
    if decision.status == "rejected" and isinstance(ruling, dict):
        said = [*(ruling.get("labels") or ()), ruling.get("reason") or ""]
        words = ", ".join(printable(str(word)) for word in said if word)
        return f"A person{named(decision)} rejected it" + (f": {words}." if words else ".")
    if decision.status == "answered":
        return f"A person{named(decision)} answered instead: “{printable(str(decision.substitute))[:200]}”."
    return ""


def named(decision: Decision) -> str:
    """Who decided, in brackets."""
    label = (decision.decided_by or {}).get("label")
    return f" ({printable(str(label))})" if label else ""
