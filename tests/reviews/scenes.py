"""Scenes that the tests of this floor begin with: a refund bot under policy, its key, its reviewers."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.test import Client

from governance.actors import Actor
from governance.models import AISystem, ApiKey, Organization
from governance.selectors import actor_for_key
from reviews.models import Decision, Escalation, Queue
from reviews.proposals import ABSENT, AskedDecision
from reviews.rulings import Ruling
from reviews.services.intake import submit_decision
from reviews.services.rulings import Submission
from reviews.services.triage import claim
from tests.factories import make_actor, make_key, make_organization, make_system, put_in_force

BIG = {"name": "refund", "arguments": {"amount": 900.0, "customer": "C-1042"}}
SMALL = {"name": "refund", "arguments": {"amount": 20.0, "customer": "C-1042"}}
FIXED = {"name": "refund", "arguments": {"amount": 150.0, "customer": "C-1042"}}


@dataclass
class Desk:
    """A refund bot whose policy is in force, and the people around it."""

    organization: Organization
    system: AISystem
    key: ApiKey
    secret: str

    def reviewer(self, *roles: str) -> Actor:
        return make_actor(self.organization, *(roles or ("reviewer",)))

    def ask(self, action: dict[str, Any] | None = None, **fields: Any) -> Decision:
        """A decision made through intake; a big refund, which waits for a person, unless `action` says otherwise."""
        if action is None and "output" not in fields:
            action = BIG
        input = fields.pop("input", {"message": "The lamp came in two pieces."})
        asked = AskedDecision(input=input, action=action, **{"output": ABSENT, **fields})
        key = uuid.uuid4().hex
        return submit_decision(
            actor=actor_for_key(self.key), key=self.key, asked=asked, idempotency_key=key, request_sha256=key
        ).decision

    def escalation(self, **fields: Any) -> Escalation:
        return self.ask(**fields).escalations.get()

    def queue(self, slug: str = "refunds", **fields: Any) -> Queue:
        queue, _ = Queue.objects.update_or_create(
            organization=self.organization, slug=slug, defaults={"name": slug.capitalize(), **fields}
        )
        return queue

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return post(path, body, secret=self.secret, **headers)


def open_desk(**system: Any) -> Desk:
    organization = make_organization()
    bot = make_system(organization, **{"slug": "refund-bot", "name": "Refund bot", **system})
    put_in_force(bot)
    key, secret = make_key(bot)
    return Desk(organization, bot, key, secret)


def post(path: str, body: Any, *, secret: str = "", **headers: str) -> Any:
    """POST JSON with a bearer secret; `body` may be bytes to send something else."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    media_type = headers.pop("content_type", "application/json")
    return Client().post(path, content, content_type=media_type, headers=headers)


def get(path: str, *, secret: str = "", **headers: str) -> Any:
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    return Client().get(path, headers=headers)


def submission(actor: Actor, escalation: Escalation, verdict: str = "approve", **fields: Any) -> Submission:
    """A ruling of somebody who has just claimed the escalation."""
    claimed = claim(actor=actor, escalation_id=escalation.pk)
    assert claimed.claim_token is not None
    return Submission(ruling=Ruling(verdict=verdict, **fields), claim_token=claimed.claim_token)
