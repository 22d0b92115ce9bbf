"""The desk of the story: reviewers who rule by the labels that the corpus's makers gave.

They stand for people, and every ruling says so: its reason is where the console shows what a person thought.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from examples import desk
from examples.mail_triage.mails import Mail

APPROVALS, SAMPLES = "mail-triage", "mail-quality"
FROM_LABELS = "Ruled from the corpus's label"


class Desk(desk.Desk):
    """Reviewers of these mails."""

    def __init__(self, url: str, tokens: Sequence[str], mails: Iterable[Mail]) -> None:
        super().__init__(url, tokens, rule=rule_of(mails), queues=(APPROVALS, SAMPLES))


def rule_of(mails: Iterable[Mail]) -> desk.Rule:
    """How reviewers of these mails rule."""
    known = {mail.id: mail for mail in mails}

    def rule(action: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        mail = known[action["arguments"]["message_id"]]
        return mail.id, ruling_on(action, mail)

    return rule


def is_right(action: str, mail: Mail) -> bool:
    """Wanted mail is to be delivered; spam may be put aside or thrown away."""
    return (action == "deliver") == (mail.label == "ham")


def ruling_on(action: Mapping[str, Any], mail: Mail) -> dict[str, Any]:
    """What somebody rules who knows the label: approve what is right; deliver wanted mail instead, and put spam aside, which
    can be taken back, rather than throw it away."""
    if is_right(action["name"], mail):
        return {"verdict": "approve", "reason": FROM_LABELS}
    right, label = ("deliver", "wanted-mail") if mail.label == "ham" else ("quarantine", "spam")
    return {
        "verdict": "correct",
        "action": {"name": right, "arguments": action["arguments"]},
        "labels": [label],
        "reason": FROM_LABELS,
    }
