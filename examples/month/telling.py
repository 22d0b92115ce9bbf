"""What the month's story says as it goes, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from examples.desk import Ruled
from examples.month.inbox import Case
from examples.month.learning import Trial
from examples.month.models import LIKE, SMALL, Price
from examples.month.watchfulness import when_noticed
from examples.telling import named, say, share, title


def moment(at: datetime) -> str:
    return f"{at:%d %b %H:%M}"


def dollars(micros: float | None) -> str:
    return "unknown" if micros is None else f"${micros / 1_000_000:,.4f}"


def duration(length: timedelta) -> str:
    """In the unit that fits: minutes, hours or days."""
    minutes = length.total_seconds() / 60
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def tell_prices(prices: Sequence[Price], hour_usd: int, budget_usd: int) -> None:
    for price in prices:
        size = "small" if price.model == SMALL else "large"
        say(f"  The {size} one, {price.model}: ${price.input:.2f} in, ${price.output:.2f} out, for a million tokens.")
        say(f"    {price.source}. The model is scikit-learn's, runs here and costs nothing:")
        say(f"    it bears the price that {LIKE[price.model][1]} would, for as many tokens (four characters each).")
    say(f"  An hour of review: ${hour_usd}. The month's budget, review included: ${budget_usd}.")


def tell_cases(cases: Sequence[Case], ruled: Sequence[Ruled]) -> None:
    """What became of some mails, by model, and what people found; by the labels."""
    hard = sum(case.mail.origin.startswith("hard") for case in cases)
    verdicts = Counter((one.kind, one.verdict) for one in ruled)
    questions = verdicts["approval", "approve"] + verdicts["approval", "correct"]
    samples = verdicts["quality", "approve"] + verdicts["quality", "correct"]
    say(f"  {len(cases)} mails, {hard} of them hard. People ruled on {questions} questions and {samples} samples:")
    say(f"    {verdicts['approval', 'correct']} corrections, and {verdicts['quality', 'correct']} samples found wrong.")
    for model in sorted({case.model for case in cases}, reverse=True):
        own = [case for case in cases if case.model == model]
        asked, wrong = sum(case.is_asked for case in own), sum(case.is_wrong for case in own)
        alone_wrong = sum(case.is_wrong and not case.is_asked for case in own)
        say(
            f"    The {'small' if model == SMALL else 'large'} model read {len(own)}: asked about {share(asked, len(own))}; by the "
            f"labels {share(wrong, len(own))} were wrong, {alone_wrong} of them done alone."
        )


def tell_monitors(monitors: Sequence[Mapping[str, Any]]) -> None:
    for status, words in (("watching", "Watching"), ("learning", "Still learning, so blind"), ("alarmed", "Alarmed")):
        names = sorted(one["kind"].replace("_", " ") for one in monitors if one["status"] == status)
        if names:
            say(f"  {words}: {', '.join(names)}.")


def tell_incident(incident: dict[str, Any], came: Sequence[Case], hard_from: datetime | None) -> None:
    opened = when_noticed(incident)
    mails = sum(case.at <= opened for case in came)
    hard = sum(case.at <= opened and case.mail.origin.startswith("hard") for case in came)
    say(f"  {moment(opened)}  The incident “{incident['title']}”, {incident['severity']}:")
    for alarm in incident["alarms"]:
        say(f"    {alarm['kind'].replace('_', ' ')}: {alarm['summary']}")
    if hard_from is not None:
        say(
            f"    That is {duration(opened - hard_from)}, {mails} mails and {hard} hard ones after the first hard mail."
        )
    say(f"    Assigned to {named(incident['assignee'])}, who has a mail and a notification.")


def tell_trial(trial: Trial, at: datetime) -> None:
    evidence = trial.gate.get("evidence") or {}
    version = trial.version
    say(
        f"  {moment(at)}  Version {version['number']} is sealed: {version['examples']} examples, {trial.learned} to learn from, "
        f"{trial.asked} held out. {trial.candidate.name} is trained."
    )
    say(
        f"    The gate: exit code {trial.code}. Right now: {evidence.get('right')} of {evidence.get('examples')}; before: "
        f"{evidence.get('baseline_right')}. Mended: {evidence.get('fixed_count')}, broken: {evidence.get('broken_count')}."
    )
    say(f"    {trial.said.splitlines()[0] if trial.said else 'It said nothing.'}")


def tell_mails_sent(mails: Sequence[tuple[str, str]]) -> None:
    """The mail that Countersign has sent, by recipient and by what it begins with."""
    title("Mail that Countersign has sent")
    sorts = Counter((to, subject.removeprefix("Countersign: ").partition(":")[0]) for to, subject in mails)
    for (to, sort), count in sorted(sorts.items(), key=lambda one: (one[0][0], -one[1])):
        say(f"  {count:4} × {to}: {sort}")
