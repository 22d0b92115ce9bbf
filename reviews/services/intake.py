"""Asking: what an AI proposes becomes a decision, policy's verdict on it, and where people are needed an escalation.

Rules are pure and run before the transaction; decision, payload, escalation and audit entry are one transaction. If it
can't be written there is no answer, and without an answer nothing may proceed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.actors import Actor
from governance.canonical import canonicalize, sha256_hex
from governance.identifiers import new_id
from governance.inserting import insert_together
from governance.models import AISystem, ApiKey
from governance.rules.document import Rule
from governance.rules.evaluation import Evaluation
from governance.services.policy_in_force import PolicyInForce, find_policy_in_force
from governance.services.recording import record
from reviews.errors import IdempotencyInFlight, IdempotencyKeyReused
from reviews.models import Decision, DecisionPayload, Escalation
from reviews.proposals import ABSENT, AskedDecision
from reviews.services.routing import (
    Deadlines,
    Placement,
    draft_escalation,
    find_or_open_queue,
    set_deadlines,
)

STRICTNESS = {"allow": 0, "review": 1, "escalate": 2, "block": 3}
NO_POLICY = {"rule": "", "text": "No policy is in force, so a person decides"}
QUALITY_RESPOND_S = 7 * 24 * 3600
# A test key's answer when a person would have been asked: the caller sees the shape of every answer, at once.
SIMULATED = {"review": Decision.Status.APPROVED, "escalate": Decision.Status.REJECTED}
# Which decisions may act while the breaker is half-open; nobody may be able to tell beforehand.
_draw: Final[Callable[[], float]] = random.SystemRandom().random


@dataclass(frozen=True, slots=True)
class Judgement:
    """What policy says of a decision, ready to be written."""

    verdict: str
    reasons: list[dict[str, str]]
    rule: Rule | None
    evaluation: dict[str, Any]
    review_probability: float
    quality_queue: str | None
    policy: PolicyInForce | None
    # Policy would have let it act, and the breaker does not.
    is_diverted: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """The decision, and whether an earlier request with the same key had made it; a new one brings what was written
    with it, so that the answer need not read it back."""

    decision: Decision
    is_replay: bool
    payload: DecisionPayload | None = None
    escalation: Escalation | None = None
    policy: PolicyInForce | None = None


def submit_decision(
    *,
    actor: Actor,
    key: ApiKey,
    asked: AskedDecision,
    idempotency_key: str,
    request_sha256: str,
) -> Submitted:
    """Judge and record one decision of the key's system.

    The same key with the same body answers the decision that the first request made, however many arrive at once: the
    database lets one in. With another body: IdempotencyKeyReused.
    """
    system = key.system
    now = timezone.now()
    judgement = judge(system=system, asked=asked, now=now)
    decision = _draft_decision(key, asked, judgement, idempotency_key, request_sha256, now)
    payload = _draft_payload(decision, asked, judgement)
    try:
        with transaction.atomic(durable=True):
            placement = None if decision.is_test else _place(system, decision, asked, judgement, now)
            decision.expires_at = placement.deadlines.expires_at if placement and decision.is_pending else None
            insert_together(decision, payload)
            escalation = None
            if placement is not None:
                escalation = draft_escalation(
                    system=system, decision=decision, asked=asked, placement=placement, now=now
                )
                insert_together(escalation)
            record(
                organization_id=decision.organization_id,
                type="decision.escalated" if decision.is_pending else "decision.created",
                actor=actor,
                subject=f"decision:{decision.pk}",
                payload=_describe(decision, judgement, escalation),
                occurred_at=now,
            )
    except IntegrityError as error:
        if "idempotency_key" not in str(error):
            raise
        return _replay(system, idempotency_key, request_sha256)
    return Submitted(
        decision=decision,
        is_replay=False,
        payload=payload,
        escalation=escalation,
        policy=judgement.policy,
    )


def judge(*, system: AISystem, asked: AskedDecision, now: datetime) -> Judgement:
    """Policy's verdict, without recording anything; without a policy in force people are asked. What policy allows while
    the breaker is not closed goes the way of the system's fallback (docs/adr/0012)."""
    policy = find_policy_in_force(system_id=system.pk, now=now)
    if policy is None:
        evaluation: dict[str, Any] = {
            "verdict": "review",
            "rules": [],
            "fuel": 0,
            "reasons": [NO_POLICY],
        }
        return Judgement("review", [NO_POLICY], None, evaluation, 1.0, None, None)
    outcome = policy.compiled.evaluate(asked.rule_context(), now=now)
    verdict = outcome.verdict
    judgement = Judgement(
        verdict=verdict,
        reasons=[dict(reason) for reason in outcome.reasons],
        rule=outcome.decisive,
        evaluation=outcome.as_json(),
        review_probability=_review_probability(outcome, asked.mode),
        quality_queue=_sampled_queue(outcome, verdict, system),
        policy=policy,
    )
    # What has happened already can't be held back.
    if system.breaker != AISystem.Breaker.CLOSED and verdict == "allow" and asked.mode != Decision.Mode.OBSERVE:
        judgement = _pass_breaker(system, judgement)
    judgement.evaluation["reasons"] = judgement.reasons
    return judgement


def _pass_breaker(system: AISystem, allowed: Judgement) -> Judgement:
    """What policy allows, at a breaker that is not closed: open, all of it is diverted; half-open, all but the drawn share.

    A person sees it if it is diverted to people, or if it acts and is sampled (rate r): π = (1 - share) + share·r, of which
    the first part falls away where the fallback blocks. It is the same for both ways, since it is known before the draw.
    """
    is_half_open = system.breaker == AISystem.Breaker.HALF_OPEN
    share = system.breaker_share if is_half_open else 0.0
    draw = _draw() if is_half_open else None
    does_act = draw is not None and draw < share
    does_ask = system.fallback_verdict != AISystem.FallbackVerdict.BLOCK
    evaluation = {
        **allowed.evaluation,
        "breaker": {"state": system.breaker, "share": share, "draw": draw, "diverted": not does_act},
    }
    probability = (1.0 - share if does_ask else 0.0) + share * allowed.review_probability
    if does_act:
        return replace(allowed, evaluation=evaluation, review_probability=probability)
    return replace(
        allowed,
        verdict="review" if does_ask else "block",
        reasons=[{"rule": "", "text": _say_diverted(share, is_half_open=is_half_open, does_ask=does_ask)}],
        evaluation=evaluation,
        review_probability=probability,
        quality_queue=None,
        is_diverted=True,
    )


def _say_diverted(share: float, *, is_half_open: bool, does_ask: bool) -> str:
    ending = "so a person decides" if does_ask else "so it is blocked"
    if is_half_open:
        return f"The circuit breaker of this system is half-open and lets {share * 100:g} % act; not this one, {ending}"
    return f"The circuit breaker of this system is open and nothing acts by itself, {ending}"


def _review_probability(outcome: Evaluation, mode: str) -> float:
    """π. What was only logged never waits for a person: it is seen if it is sampled."""
    if mode == Decision.Mode.OBSERVE and outcome.verdict != "allow":
        return 0.0
    return outcome.review_probability


def _sampled_queue(outcome: Evaluation, verdict: str, system: AISystem) -> str | None:
    if verdict != "allow":
        return None
    return next(
        (draw.queue or f"{system.slug}-quality" for draw in outcome.sampling if draw.is_sampled),
        None,
    )


def _draft_decision(
    key: ApiKey,
    asked: AskedDecision,
    judgement: Judgement,
    idempotency_key: str,
    request_sha256: str,
    now: datetime,
) -> Decision:
    status = _initial_status(asked, judgement.verdict, is_test=key.is_test)
    proposal_sha256 = sha256_hex(canonicalize(asked.proposed))
    is_pending = status == Decision.Status.PENDING
    policy = judgement.policy
    return Decision(
        id=new_id(),
        organization_id=key.organization_id,
        system=key.system,
        idempotency_key=idempotency_key,
        request_sha256=request_sha256,
        mode=asked.mode,
        is_test=key.is_test,
        status=status,
        verdict=judgement.verdict,
        action_name=asked.action["name"] if asked.action is not None else "",
        proposal_sha256=proposal_sha256,
        effective_sha256=proposal_sha256 if status in Decision.PROCEEDING else "",
        confidence=asked.confidence,
        subject=asked.subject,
        actor=asked.actor,
        trace_id=asked.trace_id,
        session_id=asked.session_id,
        external_id=asked.external_id,
        model=asked.model,
        release=asked.release,
        input_tokens=asked.usage.get("input_tokens"),
        output_tokens=asked.usage.get("output_tokens"),
        cached_input_tokens=asked.usage.get("cached_input_tokens"),
        cache_write_tokens=asked.usage.get("cache_write_tokens"),
        reasoning_tokens=asked.usage.get("reasoning_tokens"),
        cost_usd_micros=asked.cost_usd_micros,
        latency_ms=asked.latency_ms,
        policy_version_id=policy.version_id if policy else None,
        activation_id=policy.activation_id if policy else None,
        rule=judgement.rule.id if judgement.rule else "",
        review_probability=judgement.review_probability,
        is_sampled=judgement.quality_queue is not None and not key.is_test,
        is_diverted=judgement.is_diverted,
        requested_by_id=key.created_by_id,
        created_at=now,
        decided_at=None if is_pending else now,
        decided_by_kind=Decision.DeciderKind.NONE if is_pending else Decision.DeciderKind.POLICY,
        decided_by_label="" if is_pending else ("simulated" if key.is_test else _policy_label(policy)),
    )


def _initial_status(asked: AskedDecision, verdict: str, *, is_test: bool) -> Decision.Status:
    if asked.mode == Decision.Mode.OBSERVE:
        return Decision.Status.OBSERVED
    if verdict == "allow":
        return Decision.Status.ALLOWED
    if verdict == "block":
        return Decision.Status.BLOCKED
    return SIMULATED[verdict] if is_test else Decision.Status.PENDING


def _policy_label(policy: PolicyInForce | None) -> str:
    return f"{policy.name} v{policy.number}" if policy else "no policy"


def _draft_payload(decision: Decision, asked: AskedDecision, judgement: Judgement) -> DecisionPayload:
    schema = asked.schema
    if schema is None:
        schema = decision.system.schemas.get(decision.action_name)
    return DecisionPayload(
        decision=decision,
        input=canonicalize(asked.input),
        proposal=canonicalize(asked.proposal),
        output=None if asked.output is ABSENT else canonicalize(asked.output),
        context=None if asked.context is ABSENT else canonicalize(asked.context),
        review_options=canonicalize({"allowed": list(asked.allowed), "schema": schema}),
        evaluation=canonicalize(judgement.evaluation),
        message=_fallback_message(decision),
    )


def _fallback_message(decision: Decision) -> str:
    """What the system's users are told while its breaker is not closed and policy did not let this decision act."""
    system = decision.system
    is_held = decision.status not in {Decision.Status.ALLOWED, Decision.Status.OBSERVED}
    return system.fallback_message if is_held and system.breaker != AISystem.Breaker.CLOSED else ""


def _place(
    system: AISystem,
    decision: Decision,
    asked: AskedDecision,
    judgement: Judgement,
    now: datetime,
) -> Placement | None:
    """Where the judgement sends the decision, if anywhere: to be approved, or as a quality sample of what went ahead."""
    if decision.is_pending:
        # A rule that allows says nothing of how people are asked, nor may its time run out into acting.
        rule = None if judgement.is_diverted else judgement.rule
        fallback = system.fallback_queue if judgement.is_diverted else ""
        slug = (rule.queue if rule else None) or fallback or system.slug
        queue = find_or_open_queue(organization_id=decision.organization_id, slug=slug)
        return Placement(
            queue=queue,
            kind=Escalation.Kind.APPROVAL,
            rule=rule,
            reason=_say_why(judgement),
            deadlines=set_deadlines(now=now, asked=asked, verdict=judgement.verdict, rule=rule, queue=queue),
        )
    if judgement.quality_queue is None:
        return None
    due_at = now + timedelta(seconds=QUALITY_RESPOND_S)
    return Placement(
        queue=find_or_open_queue(organization_id=decision.organization_id, slug=judgement.quality_queue),
        kind=Escalation.Kind.QUALITY,
        rule=None,
        reason=f"Quality sample: {judgement.review_probability * 100:g} % of what it may do alone",
        deadlines=Deadlines(
            due_at=due_at,
            expires_at=due_at,
            respond_s=QUALITY_RESPOND_S,
            on_timeout="block",
        ),
    )


def _say_why(judgement: Judgement) -> str:
    """Why people are asked: what the rules say that demand it, and not what another rule would have allowed."""
    weaker = {
        rule["id"] for rule in judgement.evaluation["rules"] if rule["result"] == "hit" and _is_weaker(rule, judgement)
    }
    reasons = (
        judgement.reasons if judgement.is_diverted else [one for one in judgement.reasons if one["rule"] not in weaker]
    )
    return "; ".join(reason["text"] for reason in reasons or judgement.reasons)


def _is_weaker(rule: Mapping[str, Any], judgement: Judgement) -> bool:
    return STRICTNESS[rule["verdict"]] < STRICTNESS[judgement.verdict]


def _describe(decision: Decision, judgement: Judgement, escalation: Escalation | None) -> dict[str, Any]:
    """What the audit log keeps of a decision: not its content, but its digest and what policy said."""
    policy = judgement.policy
    return {
        "decision": str(decision.pk),
        "system": decision.system.slug,
        "action": decision.action_name,
        "mode": decision.mode,
        "test": decision.is_test,
        "verdict": decision.verdict,
        "status": decision.status,
        "digest": f"sha256:{decision.proposal_sha256}",
        "policy": {
            "name": policy.name,
            "version": policy.number,
            "sha256": policy.sha256,
        }
        if policy
        else None,
        "rules": [reason["rule"] for reason in judgement.reasons if reason["rule"]],
        "review_probability": decision.review_probability,
        "diverted": decision.is_diverted,
        "escalation": (
            {
                "id": str(escalation.pk),
                "queue": escalation.queue.slug,
                "kind": escalation.kind,
            }
            if escalation
            else None
        ),
    }


def _replay(system: AISystem, idempotency_key: str, request_sha256: str) -> Submitted:
    """Somebody with the same key was first. Its transaction has ended by now: the unique index made us wait for it."""
    first = Decision.objects.filter(system=system, idempotency_key=idempotency_key).select_related("system").first()
    if first is None:
        raise IdempotencyInFlight("Repeat the request: the first one did not come to an end.")
    if first.request_sha256 != request_sha256:
        raise IdempotencyKeyReused(
            "The same key came with another body before.",
            state={"id": str(first.pk), "status": first.status},
        )
    return Submitted(decision=first, is_replay=True)
