"""What an application under drill does: a stream of cases drawn from a character, and the faults that change it silently.

The application sorts a support inbox. Its inputs are real mails (examples/mail_triage/CORPUS.md), drawn with replacement;
what it proposes, how sure it is, what that costs and what becomes of it are drawn from the character, so that the truth is
known and nothing but the fault tells a stream from an unchanged one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from examples.mail_triage.mails import read_part

ACTIONS = ("reply", "forward", "refund", "close")
DEPENDENCIES = {"reply": "mail-gateway", "forward": "ticketing", "refund": "payments", "close": "ticketing"}
TOKENS_A_CHARACTER = 0.25


@dataclass(frozen=True, slots=True)
class Character:
    """How a stream behaves. Confidence is Beta-distributed; `wrong_below` and `wrong_above` are the shares of wrong
    proposals below and above the policy's threshold; failures are shares of the outcomes by dependency."""

    confidence: tuple[float, float] = (7.0, 1.3)
    wrong_below: float = 0.3
    wrong_above: float = 0.05
    mix: tuple[float, ...] = (0.5, 0.2, 0.1, 0.2)
    inputs: str = "usual"
    usd_per_token: float = 2e-6
    latency_ms: float = 900.0
    failing: tuple[tuple[str, float], ...] = (("payments", 0.02), ("mail-gateway", 0.01), ("ticketing", 0.01))
    outcomes: bool = True
    seconds_between: float = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """One case: what is asked, and what is true of it."""

    subject: str
    body: str
    customer: str
    action: str
    confidence: float
    is_wrong: bool
    tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: float
    fails: bool
    reports: bool
    gap_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A silent failure: what changes, how people would call it, and which monitors exist to notice such a thing."""

    name: str
    words: str
    changed: Character
    expected: tuple[str, ...]


USUAL = Character()
# Beta(7, 1.3) lies below 0.7 for about 14 %; Beta(3.6, 1.3) for about 38 %.
FAULTS = (
    Fault(
        "inputs-shift",
        "Inputs shift: other mails than it was built for arrive",
        replace(USUAL, inputs="other"),
        ("input_shift",),
    ),
    Fault(
        "model-swapped",
        "The model behind the name is swapped: same name, other judgement",
        replace(USUAL, confidence=(3.0, 0.5), wrong_above=0.12, latency_ms=650.0),
        ("confidence", "latency", "sampled_errors"),
    ),
    Fault("price-tripled", "The price rises threefold", replace(USUAL, usd_per_token=6e-6), ("cost",)),
    Fault(
        "integration-fails",
        "An integration breaks silently: a third of the refunds fail",
        replace(USUAL, failing=(("payments", 0.35), ("mail-gateway", 0.01), ("ticketing", 0.01))),
        ("failed_outcomes",),
    ),
    Fault(
        "outcomes-stop",
        "An integration breaks silently: no outcome is reported any more",
        replace(USUAL, outcomes=False),
        ("missing_outcomes",),
    ),
    Fault(
        "escalations-double",
        "Escalations double",
        replace(USUAL, confidence=(4.4, 1.3)),
        ("escalation_rate", "confidence"),
    ),
    Fault(
        "escalations-halve",
        "Escalations halve while errors rise",
        replace(USUAL, confidence=(10.5, 1.3), wrong_above=0.2),
        ("escalation_rate", "confidence", "sampled_errors"),
    ),
    Fault("traffic-stops", "The application stops asking", replace(USUAL, seconds_between=86_400.0), ("silence",)),
)


@cache
def _mails(kind: str) -> Sequence[tuple[str, str]]:
    parts = ("train", "later") if kind == "usual" else ("hard",)
    return [(mail.subject[:200], mail.body[:2000]) for part in parts for mail in read_part(part)]  # type: ignore[arg-type]


def draw(character: Character, seed: int) -> Iterator[Case]:
    """Cases without end, the same ones for the same seed."""
    chance = random.Random(seed)
    while True:
        subject, body = chance.choice(_mails(character.inputs))
        action = chance.choices(ACTIONS, character.mix)[0]
        confidence = chance.betavariate(*character.confidence)
        wrong = character.wrong_below if confidence < THRESHOLD else character.wrong_above
        tokens = int(len(body) * TOKENS_A_CHARACTER) + 400
        output_tokens = chance.randint(60, 240)
        yield Case(
            subject=subject,
            body=body,
            customer=f"c-{chance.randrange(5000)}",
            action=action,
            confidence=round(confidence, 4),
            is_wrong=chance.random() < wrong,
            tokens=tokens,
            output_tokens=output_tokens,
            cost_usd=round((tokens + 4 * output_tokens) * character.usd_per_token, 6),
            latency_ms=round(character.latency_ms * math.exp(chance.gauss(0, 0.35)), 1),
            fails=chance.random() < dict(character.failing)[DEPENDENCIES[action]],
            reports=character.outcomes,
            gap_s=chance.expovariate(1 / character.seconds_between),
        )


THRESHOLD = 0.7
POLICY = f"""
apiVersion: governance/v1
kind: Policy
metadata: {{key: drill, description: What the inbox may do alone}}
default: review
on_error: review
rules:
  - id: sure
    when: confidence >= {THRESHOLD}
    verdict: allow
    reason: It is sure
  - id: unsure
    when: confidence < {THRESHOLD}
    verdict: review
    queue: inbox
    sla: {{respond: 8h, on_timeout: block}}
    reason: It is not sure
sampling:
  - {{rate: 0.05, of: allow, queue: quality}}
"""
