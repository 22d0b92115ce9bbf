"""Rows for the tests: functions with sensible defaults, each default replaced by a keyword."""

import uuid
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from governance.actors import Actor
from governance.canonical import canonicalize, digest
from governance.models import (
    Activation,
    AISystem,
    ApiKey,
    Membership,
    Organization,
    Policy,
    PolicyVersion,
    User,
)
from governance.rules.document import load_policy_document
from governance.selectors import actor_for_person
from governance.services.credentials import KEY_PREFIXES, hash_secret, make_secret
from reviews.models import Decision, DecisionPayload, Escalation, Queue

_numbers = count(1)


def make_organization(**fields: Any) -> Organization:
    number = next(_numbers)
    return Organization.objects.create(**{"slug": f"org-{number}", "name": f"Organization {number}", **fields})


def make_person(
    organization: Organization | None = None, *roles: str, password: str | None = None, **fields: Any
) -> User:
    """A person with these roles in the organization. Without `password` they can't sign in by password: use
    `client.force_login(person)`."""
    number = next(_numbers)
    fields = {"email": f"person-{number}@example.org", "name": f"Person {number}", **fields}
    person = User.objects.create_user(password=password, **fields)
    for role in roles:
        assert organization is not None, "a role is held in an organization"
        Membership.objects.create(organization=organization, user=person, role=role)
    return person


def actor_of(person: User, organization: Organization) -> Actor:
    """The person as the actor of a verb; a person without a role there acts without any."""
    actor = actor_for_person(person, organization.pk)
    if actor is not None:
        return actor
    return Actor(
        kind="person",
        id=str(person.pk),
        label=person.name,
        organization_id=organization.pk,
        user_id=person.pk,
        email=person.email,
    )


def make_actor(organization: Organization, *roles: str) -> Actor:
    """A new person with these roles, as an actor."""
    return actor_of(make_person(organization, *roles), organization)


def make_system(organization: Organization | None = None, **fields: Any) -> AISystem:
    """A system that may go live: with owner, backup and fallback message unless `fields` take them away."""
    number = next(_numbers)
    organization = organization or make_organization()
    if "owner" not in fields:
        fields["owner"] = make_person(organization, "owner")
    if "backup" not in fields:
        fields["backup"] = make_person(organization, "viewer")
    fields = {
        "slug": f"system-{number}",
        "name": f"System {number}",
        "fallback_message": "A colleague looks after you.",
        # No chance in a test that does not ask for it.
        "approvals_taught_percent": 0,
        **fields,
    }
    return AISystem.objects.create(organization=organization, **fields)


def make_key(system: AISystem | None = None, **fields: Any) -> tuple[ApiKey, str]:
    """A key and the secret that it is known by; `kind="test"` for a test key."""
    system = system or make_system()
    kind = ApiKey.Kind(fields.pop("kind", ApiKey.Kind.LIVE))
    secret = make_secret(KEY_PREFIXES[kind])
    fields = {"name": "tests", "prefix": secret[:12], "secret_sha256": hash_secret(secret), **fields}
    key = ApiKey.objects.create(organization_id=system.organization_id, system=system, kind=kind, **fields)
    return key, secret


def make_queue(organization: Organization | None = None, **fields: Any) -> Queue:
    number = next(_numbers)
    organization = organization or make_organization()
    return Queue.objects.create(
        organization=organization, **{"slug": f"queue-{number}", "name": f"Queue {number}", **fields}
    )


def make_decision(
    system: AISystem | None = None,
    *,
    action: dict[str, Any] | None = None,
    output: Any = None,
    input: Any = None,
    context: Any = None,
    review_options: Any = None,
    evaluation: Any = None,
    **fields: Any,
) -> Decision:
    """A decision and its payload, written as rows: no policy, no audit entry. Pending unless `status` says otherwise.

    It proposes `action` ({name, arguments}) unless an `output` is given.
    """
    system = system or make_system()
    now = timezone.now()
    if action is None and output is None:
        action = {"name": "refund", "arguments": {"order": "A-1", "amount": 480}}
    proposal = {"action": action} if action is not None else {"output": output}
    fields = {
        "idempotency_key": uuid.uuid4().hex,
        "request_sha256": digest(proposal).removeprefix("sha256:"),
        "proposal_sha256": digest(proposal).removeprefix("sha256:"),
        "status": Decision.Status.PENDING,
        "verdict": Decision.Verdict.REVIEW,
        "action_name": action["name"] if action is not None else "",
        "review_probability": 1.0,
        "created_at": now,
        **fields,
    }
    if fields["status"] == Decision.Status.PENDING:
        fields.setdefault("expires_at", now + timedelta(hours=24))
    else:
        fields.setdefault("decided_at", now)
        fields.setdefault("decided_by_kind", Decision.DeciderKind.POLICY)
    if fields["status"] in Decision.PROCEEDING:
        fields.setdefault("effective_sha256", fields["proposal_sha256"])
    decision = Decision.objects.create(organization_id=system.organization_id, system=system, **fields)
    DecisionPayload.objects.create(
        decision=decision,
        input=canonicalize({"message": "Please refund my order."} if input is None else input),
        proposal=canonicalize(proposal),
        output=canonicalize(output) if output is not None else None,
        context=canonicalize(context) if context is not None else None,
        review_options=canonicalize(review_options) if review_options is not None else None,
        evaluation=canonicalize({"rules": []} if evaluation is None else evaluation),
        effective=canonicalize(proposal) if decision.does_proceed else None,
    )
    return decision


def make_escalation(decision: Decision | None = None, **fields: Any) -> Escalation:
    """An open escalation, written as a row; of kind approval for a pending decision, of kind quality for another."""
    decision = decision or make_decision()
    now = timezone.now()
    if "queue" not in fields:
        fields["queue"] = make_queue(decision.organization)
    fields = {
        "kind": Escalation.Kind.APPROVAL if decision.is_pending else Escalation.Kind.QUALITY,
        "status": Escalation.Status.OPEN,
        "title": f"{decision.action_name or 'output'} of {decision.system.name}",
        "respond_s": 3600,
        "opened_at": now,
        "due_at": now + timedelta(hours=1),
        "expires_at": now + timedelta(hours=24),
        **fields,
    }
    return Escalation.objects.create(
        organization_id=decision.organization_id, decision=decision, system=decision.system, **fields
    )


POLICY = """
apiVersion: governance/v1
kind: Policy
metadata: {key: refunds, description: What the refund bot may do}
default: allow
on_error: review
rules:
  - id: large-refund
    when: action.name == "refund" && action.arguments.amount > 200.0
    verdict: review
    queue: refunds
    priority: high
    sla: {respond: 30m, on_timeout: block}
    reason: Refunds over 200 need a person
  - id: legal
    when: subject != null && subject == "legal"
    verdict: escalate
    queue: refunds
    reason: A lawyer is involved
  - id: never
    when: action.name == "wipe"
    verdict: block
    reason: Nobody wipes
"""


def put_in_force(system: AISystem, source: str = POLICY) -> PolicyVersion:
    """A policy version of the system, approved and active, written as rows."""
    document = load_policy_document(source)
    policy, _ = Policy.objects.get_or_create(
        system=system, defaults={"organization_id": system.organization_id, "key": document.key}
    )
    now = timezone.now()
    number = policy.versions.count() + 1
    version = PolicyVersion.objects.create(
        organization_id=system.organization_id,
        policy=policy,
        number=number,
        source=source,
        canonical=document.canonical,
        sha256=document.sha256,
        status=PolicyVersion.Status.APPROVED,
        submitted_at=now,
        closed_at=now,
    )
    Activation.objects.create(
        organization_id=system.organization_id,
        policy=policy,
        version=version,
        number=policy.activations.count() + 1,
        origin=Activation.Origin.APPROVAL,
        effective_from=now,
        actor_id="tests",
        actor_label="tests",
        reason="tests",
    )
    return version
