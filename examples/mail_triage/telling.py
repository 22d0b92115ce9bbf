"""What the mail story counts, and how it says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from examples.desk import Ruled
from examples.mail_triage.desk import is_right
from examples.mail_triage.mails import Mail
from examples.telling import instant, named, say, share

# The application has reported every outcome when the story goes on, so an alarm that says otherwise is false.
FALSE = {
    "missing_outcomes": "False: every outcome was reported; several rulings were released together, and the reports came after."
}
# What a page of figures shows that the story speaks of.
FIGURES = ("Decisions", "Escalated", "Overridden", "Error rate, estimated")


@dataclass(frozen=True)
class Asked:
    """One answer to a question: about which mail, what was proposed, when, whether it was done alone, what was told."""

    mail: Mail
    action: str
    at: datetime
    is_alone: bool
    message: str | None

    @property
    def is_wrong(self) -> bool:
        return not is_right(self.action, self.mail)


def tell_mails(asked: Sequence[Asked], ruled: Sequence[Ruled]) -> None:
    """What became of a number of mails, by the labels."""
    alone = [one for one in asked if one.is_alone]
    verdicts = Counter((one.kind, one.verdict) for one in ruled)
    rulings = verdicts["approval", "approve"] + verdicts["approval", "correct"]
    samples = verdicts["quality", "approve"] + verdicts["quality", "correct"]
    wrong_alone = sum(one.is_wrong for one in alone)
    say(
        f"  {len(asked)} mails: {len(alone)} done alone, {len(asked) - len(alone)} for people "
        f"({share(len(asked) - len(alone), len(asked))})."
    )
    say(
        f"  The desk corrected {verdicts['approval', 'correct']} of {rulings} "
        f"({share(verdicts['approval', 'correct'], rulings)} of the rulings, "
        f"{share(verdicts['approval', 'correct'], len(asked))} of the mails), and found {verdicts['quality', 'correct']} of "
        f"{samples} samples wrong."
    )
    say(
        f"  By the labels, of which the product knows nothing, {share(sum(one.is_wrong for one in asked), len(asked))} of the "
        f"proposals and {wrong_alone} of the {len(alone)} done alone were wrong."
    )


def tell_alarms(alarms: Sequence[Mapping[str, Any]], asked: Sequence[Asked]) -> None:
    """Each alarm with how many of these mails had been asked about by then."""
    for alarm in sorted(alarms, key=lambda one: str(one["detected_at"])):
        mails = sum(one.at <= instant(alarm["detected_at"]) for one in asked)
        say(f"  {alarm['kind'].replace('_', ' ')}: after {mails} hard mails. {alarm['title']}")
        say(
            f"    It saw the change over {alarm['decisions_until_detected']} observations, and puts its beginning "
            f"{beginning(alarm, asked)}."
        )
        tell_false(alarm)


def tell_false(alarm: Mapping[str, Any]) -> None:
    """Say of an alarm that it is false where that is certain."""
    if alarm["kind"] in FALSE:
        say(f"    {FALSE[alarm['kind']]}")


def beginning(alarm: Mapping[str, Any], asked: Sequence[Asked]) -> str:
    """Where an alarm's beginning lies, from the first of these mails."""
    away = (instant(alarm["since"]) - asked[0].at).total_seconds()
    return f"{abs(away):.0f} s {'after' if away > 0 else 'before'} the first hard mail"


def tell_quiet(monitors: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> None:
    """The monitors that noticed nothing, and whether they could have."""
    noisy = {alarm["kind"] for alarm in alarms}
    for status, words in (("watching", "Watching, and noticed nothing"), ("learning", "Still learning, so blind")):
        quiet = [one for one in monitors if one["status"] == status and one["kind"] not in noisy]
        names = [f"{one['kind'].replace('_', ' ')} ({one['observations']})" for one in quiet]
        if names:
            say(f"  {words}: {', '.join(names)}.")


def tell_incident(incident: Mapping[str, Any], first: datetime) -> None:
    opened = (instant(incident["opened_at"]) - first).total_seconds()
    say(
        f"Incident “{incident['title']}”, {incident['severity']}, opened {opened:.0f} s after the first hard mail, assigned to "
        f"{named(incident['assignee'])}."
    )


def figures_in(lines: Sequence[str]) -> dict[str, str]:
    """The figures on a system's page, by their label, each with what stands below it."""
    found: dict[str, str] = {}
    for place, line in enumerate(lines[:-2]):
        if line in FIGURES and line not in found:
            below = lines[place + 2]
            has_detail = " of " in below or below.startswith("95 %") or below.endswith(" more")
            found[line] = lines[place + 1] + (f" ({below})" if has_detail else "")
    return found
