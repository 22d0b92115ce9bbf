"""Streams of decisions, rulings and outcomes written as rows and audit entries, as the services write them, but quickly."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from governance.actors import SYSTEM
from governance.canonical import canonicalize
from governance.identifiers import new_id
from governance.models import AISystem
from governance.services.recording import record
from governance.services.sequencing import sequence_entries
from operations.models import Alarm, Monitor
from reviews.models import Decision, DecisionPayload, Outcome
from tests.factories import make_system

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class Character:
    """How a system behaves; every number is drawn from it."""

    asks: float = 0.12
    fails: float = 0.02
    reports: float = 0.9
    overrides: float = 0.1
    actions: dict[str, float] = field(default_factory=lambda: {"reply": 0.6, "file": 0.3, "forward": 0.1})
    dependency: dict[str, str] = field(default_factory=lambda: {"reply": "mail", "file": "archive", "forward": "mail"})
    model: str = "acme/one"
    release: str = "1"
    confidence: float = 0.8
    latency_ms: float = 900.0
    cost_micros: float = 1_000.0
    words: tuple[str, ...] = (
        "please",
        "send",
        "invoice",
        "thanks",
        "order",
        "late",
        "parcel",
        "refund",
        "lamp",
        "broken",
    )
    length: int = 20
    channel: float = 0.7
    gap_s: float = 30.0


class Stream:
    """One system's stream; `run` appends to the log."""

    def __init__(self, system: AISystem | None = None, *, seed: int = 1, character: Character | None = None) -> None:
        self.system = system or make_system()
        self.chance = random.Random(seed)
        self.character = character or Character()
        self.now = BEGIN
        self.decisions: list[Decision] = []

    def run(self, count: int, **changes: Any) -> None:
        """So many decisions with what becomes of them; `changes` replace the character's numbers from here on."""
        for name, value in changes.items():
            setattr(self.character, name, value)
        entries: list[tuple[str, str, dict[str, Any], datetime]] = []
        decisions, payloads, outcomes = [], [], []
        for _ in range(count):
            self._happen(decisions, payloads, outcomes, entries)
        with transaction.atomic():
            Decision.objects.bulk_create(decisions)
            DecisionPayload.objects.bulk_create(payloads)
            Outcome.objects.bulk_create(outcomes)
            for type, decision_id, payload, at in entries:
                record(
                    organization_id=self.system.organization_id,
                    type=type,
                    actor=SYSTEM,
                    subject=f"decision:{decision_id}",
                    payload=payload,
                    occurred_at=at,
                )
        sequence_entries()
        self.decisions += decisions

    def _happen(self, decisions: list[Any], payloads: list[Any], outcomes: list[Any], entries: list[Any]) -> None:
        who, chance = self.character, self.chance
        self.now += timedelta(seconds=chance.expovariate(1 / who.gap_s))
        asks = chance.random() < who.asks
        action = chance.choices(list(who.actions), list(who.actions.values()))[0]
        status = Decision.Status.PENDING if asks else Decision.Status.ALLOWED
        decision = Decision(
            id=new_id(),
            organization_id=self.system.organization_id,
            system=self.system,
            idempotency_key=uuid.uuid4().hex,
            request_sha256="0" * 64,
            proposal_sha256="0" * 64,
            effective_sha256="" if asks else "0" * 64,
            status=status,
            verdict="review" if asks else "allow",
            action_name=action,
            confidence=min(max(chance.gauss(who.confidence, 0.08), 0), 1),
            model=who.model,
            release=who.release,
            latency_ms=who.latency_ms * chance.lognormvariate(0, 0.4),
            cost_usd_micros=round(who.cost_micros * chance.lognormvariate(0, 0.4)),
            review_probability=1.0 if asks else 0.0,
            created_at=self.now,
            expires_at=self.now + timedelta(days=1) if asks else None,
            decided_at=None if asks else self.now,
            decided_by_kind="" if asks else "policy",
        )
        text = " ".join(chance.choices(who.words, k=max(1, round(chance.gauss(who.length, 4)))))
        payload = {"body": text, "channel": "mail" if chance.random() < who.channel else "web"}
        decisions.append(decision)
        payloads.append(DecisionPayload(decision=decision, input=canonicalize(payload), proposal="{}", evaluation="{}"))
        key = str(decision.pk)
        made = {"status": str(status), "verdict": decision.verdict, "mode": "enforce", "test": False}
        entries.append(("decision.escalated" if asks else "decision.created", key, made, self.now))
        if asks:
            self.now += timedelta(milliseconds=1)
            verdict = "reject" if chance.random() < who.overrides else "approve"
            entries.append(("decision.resolved", key, {"verdict": verdict, "status": verdict}, self.now))
        if chance.random() < who.reports:
            self.now += timedelta(milliseconds=1)
            is_failed = chance.random() < who.fails
            status = "failed" if is_failed else "executed"
            outcomes.append(
                Outcome(
                    organization_id=self.system.organization_id,
                    decision=decision,
                    status=status,
                    detail=canonicalize({"dependency": who.dependency[action]}),
                    reported_at=self.now,
                )
            )
            entries.append(("decision.outcome_reported", key, {"status": status, "resolved": None}, self.now))

    def monitor(self, kind: str) -> Monitor:
        return Monitor.objects.get(system=self.system, kind=kind)

    def alarms(self) -> list[Alarm]:
        return list(Alarm.objects.filter(system=self.system).order_by("detected_index", "monitor__kind"))
