"""Where a decision waits, how urgently and until when: policy, request and queue say so together, the strictest wins."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import CharField, UUIDField

from governance.models import AISystem, Group
from governance.prepared import Bound, PreparedQuery
from governance.rules.document import Rule
from reviews.models import Decision, Escalation, Queue
from reviews.proposals import AskedDecision, write_title

STRICTNESS = {"block": 2, "escalate": 1, "allow": 0}
PRIORITIES = {str(priority.label): priority.value for priority in Escalation.Priority}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """`due_at` is when `on_timeout` is carried out; `expires_at` when nobody can answer any more."""

    due_at: datetime
    expires_at: datetime
    respond_s: int
    on_timeout: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a decision goes: into which queue, as what kind, because of which rule, until when."""

    queue: Queue
    kind: str
    rule: Rule | None
    reason: str
    deadlines: Deadlines


# Asked for every decision that waits for a person.
_QUEUE = PreparedQuery(
    lambda: Queue.objects.filter(
        organization_id=Bound("organization_id", UUIDField()), slug=Bound("slug", CharField())
    ).order_by()
)


def find_or_open_queue(*, organization_id: uuid.UUID, slug: str) -> Queue:
    """The queue of that name; it comes into being with the first mention. Works inside an open transaction."""
    queue = _QUEUE.first(organization_id=organization_id, slug=slug)
    if queue is not None:
        return queue
    try:
        with transaction.atomic():
            return Queue.objects.create(
                organization_id=organization_id,
                slug=slug,
                name=slug.replace("-", " ").replace("_", " ").capitalize(),
            )
    except IntegrityError:
        return Queue.objects.get(organization_id=organization_id, slug=slug)


def find_or_open_group(*, organization_id: uuid.UUID, slug: str) -> Group:
    """The group of that name; a policy may name one before anybody has put people into it."""
    group = Group.objects.filter(organization_id=organization_id, slug=slug).first()
    if group is not None:
        return group
    try:
        with transaction.atomic():
            return Group.objects.create(
                organization_id=organization_id,
                slug=slug,
                name=slug.replace("-", " ").capitalize(),
            )
    except IntegrityError:
        return Group.objects.get(organization_id=organization_id, slug=slug)


def set_deadlines(
    *,
    now: datetime,
    asked: AskedDecision,
    verdict: str,
    rule: Rule | None,
    queue: Queue,
) -> Deadlines:
    """The stricter of what request and policy say of a timeout (block > escalate > allow), within the shorter time.

    A timeout never allows what policy gave to a person (verdict escalate).
    """
    sla = rule.sla if rule is not None else None
    by_policy = (sla.on_timeout if sla is not None else None) or "block"
    on_timeout = max(
        (by_policy, asked.on_timeout or by_policy),
        key=lambda choice: STRICTNESS[choice],
    )
    if verdict == Decision.Verdict.ESCALATE and on_timeout == "allow":
        on_timeout = "block"
    respond_s = sla.respond_s if sla is not None else queue.respond_s
    total_s = sla.total_s if sla is not None else queue.respond_s
    if asked.deadline_s is not None:
        total_s = min(total_s, asked.deadline_s)
    respond_s = min(respond_s, total_s)
    due_at = now + timedelta(seconds=respond_s)
    expires_at = now + timedelta(seconds=total_s) if on_timeout == "escalate" else due_at
    return Deadlines(due_at=due_at, expires_at=expires_at, respond_s=respond_s, on_timeout=on_timeout)


def draft_escalation(
    *,
    system: AISystem,
    decision: Decision,
    asked: AskedDecision,
    placement: Placement,
    now: datetime,
) -> Escalation:
    """The decision's place in a queue, to be written with it."""
    rule, deadlines = placement.rule, placement.deadlines
    sla = rule.sla if rule is not None else None
    return Escalation(
        organization_id=decision.organization_id,
        system=system,
        queue=placement.queue,
        decision=decision,
        kind=placement.kind,
        priority=PRIORITIES[rule.priority] if rule is not None else Escalation.Priority.NORMAL,
        title=write_title(
            system=system.name,
            asked=asked,
            has_happened=placement.kind == Escalation.Kind.QUALITY,
        ),
        rule=rule.id if rule is not None else "",
        reason=placement.reason[:500],
        chain=list(sla.escalate_to) if sla is not None else [],
        on_timeout=deadlines.on_timeout,
        respond_s=deadlines.respond_s,
        does_pause=sla.pause_while_waiting if sla is not None else False,
        opened_at=now,
        due_at=deadlines.due_at,
        expires_at=deadlines.expires_at,
    )
