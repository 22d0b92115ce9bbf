"""From a judgement to the question that is asked, and from the answer to what may be done: the border between this
application and the service that governs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from examples.mail_triage.classifier import MODEL, RELEASE, Judgement
from examples.mail_triage.mails import Acquaintances, Mail

ACTIONS = ("deliver", "quarantine", "delete")
FOLDERS = ("inbox", "lists")


@dataclass(frozen=True)
class Errand:
    """What the application is told to do with a mail. `folder` is where it is, or would be, delivered."""

    action: str
    folder: str

    @property
    def destination(self) -> str:
        """Where the mail ends up."""
        return {"deliver": self.folder, "quarantine": "quarantine", "delete": "trash"}[self.action]


def question_for(mail: Mail, judgement: Judgement, acquaintances: Acquaintances) -> dict[str, Any]:
    """Everything that `ask` sends for a mail, as JSON."""
    earlier = acquaintances.earlier_mails(mail.sender)
    return {
        "action": {"name": judgement.action, "arguments": _arguments(mail)},
        "input": {
            "from": mail.author,
            "to": mail.to,
            "subject": mail.subject,
            "body": mail.body,
            "received_at": mail.received_at,
        },
        "confidence": round(judgement.confidence, 4),
        "subject": mail.sender,
        "external_id": mail.id,
        "model": MODEL,
        "release": RELEASE,
        "latency_ms": judgement.latency_ms,
        "context": {
            "summary": f"“{mail.subject}” from {mail.sender_name or mail.sender}",
            "rationale": judgement.rationale,
            "words": [{"word": word.text, "weight": word.weight} for word in judgement.words],
            "known_customer": acquaintances.is_known(mail.sender),
            "earlier_mails": len(earlier),
            "messages": [
                {"role": "user", "content": f"{known.subject} ({known.received_at[:10]})"} for known in earlier[-3:]
            ],
        },
        "review": {"schema": arguments_schema(mail)},
    }


def arguments_schema(mail: Mail) -> dict[str, Any]:
    """JSON Schema 2020-12 of an action's arguments, the same for all three actions, so that a person who changes the
    action need not change anything else.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "message_id": {"type": "string", "title": "Mail", "const": mail.id, "readOnly": True},
            "sender": {"type": "string", "title": "Sender", "const": mail.sender, "readOnly": True},
            "folder": {
                "type": "string",
                "title": "Folder",
                "description": "Where it is delivered, now or if it is ever released.",
                "enum": list(FOLDERS),
            },
        },
        "required": ["message_id", "sender", "folder"],
        "additionalProperties": False,
    }


def errand_of(effective_action: Mapping[str, Any] | None, mail_id: str) -> Errand | None:
    """What may be done with this mail, or None where it is nothing that this application knows how to do."""
    action = effective_action or {}
    arguments = action.get("arguments")
    if action.get("name") not in ACTIONS or not isinstance(arguments, Mapping):
        return None
    if arguments.get("message_id") != mail_id or arguments.get("folder") not in FOLDERS:
        return None
    return Errand(str(action["name"]), str(arguments["folder"]))


def _arguments(mail: Mail) -> dict[str, str]:
    return {"message_id": mail.id, "sender": mail.sender, "folder": "lists" if mail.is_list else "inbox"}
