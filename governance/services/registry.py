"""Which AI systems exist, and who answers for each: no system stands here without an owner."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.actors import Actor
from governance.canonical import canonicalize
from governance.errors import Conflict, NotFound, NotPermitted
from governance.models import AISystem, ApiKey, Organization, User
from governance.permissions import OWNER, require_within
from governance.schema_checks import UnusableSchema, check_schema
from governance.selectors import people_standing
from governance.services.fields import name_from_slug, read_slug, read_text, refuse_field
from governance.services.membership import give_role, lock_organization, require_standing
from governance.services.recording import record

LARGEST_SCHEMAS = 256 * 1024
LARGEST_ACTION_NAME = 100
BREAKER_TYPES = {
    AISystem.Breaker.OPEN: "breaker.opened",
    AISystem.Breaker.HALF_OPEN: "breaker.half_opened",
    AISystem.Breaker.CLOSED: "breaker.closed",
}


class SystemExists(Conflict):
    code, title = "system-exists", "There is a system of this name"


class SystemNotReady(Conflict):
    code, title = "system-not-ready", "This system can't go live yet"


APPROVALS_TAUGHT_PERCENT = 10
HELD_OUT_PERCENT = 20
# What a system must have to go live, as people call it.
GAPS = {
    "owner": "an owner who still works here",
    "backup": "a backup who stands in for the owner",
    "risk_tier": "a risk tier",
    "fallback_message": "a fallback message for its users",
}


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What an admin says of a system: everything about it but its slug."""

    name: str
    purpose: str
    owner: User
    backup: User | None = None
    risk_tier: str = AISystem.RiskTier.LIMITED
    fallback_message: str = ""
    fallback_verdict: str = AISystem.FallbackVerdict.REVIEW
    fallback_queue: str = ""
    schemas: Mapping[str, Any] | None = None
    approvals_taught_percent: int = APPROVALS_TAUGHT_PERCENT
    held_out_percent: int = HELD_OUT_PERCENT


def ensure_organization(*, actor: Actor, slug: str, name: str = "") -> Organization:
    """The organization with this slug, made on first use. Safe to repeat. Only the operator makes organizations
    (NotPermitted)."""
    if actor.kind != "system":
        raise NotPermitted("Organizations are made at the command line, by whoever runs the installation.")
    chosen_slug = read_slug(slug, field="organization")
    chosen_name = read_text(name, field="name", limit=200, is_required=False) or name_from_slug(chosen_slug)
    with transaction.atomic(durable=True):
        organization, is_new = Organization.objects.get_or_create(slug=chosen_slug, defaults={"name": chosen_name})
        if is_new:
            record(
                organization_id=organization.pk,
                type="organization.created",
                actor=actor,
                subject=f"organization:{organization.pk}",
                payload={"slug": organization.slug, "name": organization.name},
            )
    return organization


def create_system(*, actor: Actor, organization: Organization, slug: str, facts: SystemFacts) -> AISystem:
    """A new AI system; whoever is named owner gets the role. Refuses (SystemExists) a slug that is taken, (NotAMember)
    an owner or backup without a role here, (Invalid) unfit fields. Needs `systems.manage`."""
    require_within(actor, "systems.manage", organization.pk)
    chosen_slug, fields = read_slug(slug), _read_facts(facts)
    if chosen_slug == "add":
        raise refuse_field("slug", "The console's own page has this address; choose another short name.")
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        _require_answerable(organization, facts)
        system, is_new = AISystem.objects.get_or_create(organization=organization, slug=chosen_slug, defaults=fields)
        if not is_new:
            raise SystemExists(f"The system {chosen_slug} exists already.")
        give_role(actor=actor, organization_id=organization.pk, user=facts.owner, role=OWNER)
        record(
            organization_id=organization.pk,
            type="system.created",
            actor=actor,
            subject=f"system:{system.pk}",
            payload={"slug": system.slug, **_describe(fields)},
        )
    return system


def update_system(*, actor: Actor, system: AISystem, facts: SystemFacts) -> AISystem:
    """Change what is said of a system, its owner included; records what changed, from and to. Refuses as creating does, and
    (SystemNotReady) to take away from a system with live keys what it had to have for them, and (Invalid) to hold out more or
    fewer subjects once there are examples. Needs `systems.manage`."""
    require_within(actor, "systems.manage", system.organization_id)
    fields = _read_facts(facts)
    with transaction.atomic(durable=True):
        organization = lock_organization(system.organization_id)
        _require_answerable(organization, facts)
        before = AISystem.objects.select_related("owner", "backup").filter(pk=system.pk).first()
        if before is None:
            raise NotFound()
        was, gaps = _describe({name: getattr(before, name) for name in fields}), find_gaps(before)
        changes = {name: [was[name], now] for name, now in _describe(fields).items() if now != was[name]}
        for name, value in fields.items():
            setattr(before, name, value)
        new_gaps = [gap for gap in find_gaps(before) if gap not in gaps]
        if new_gaps and ApiKey.objects.filter(system=before, kind=ApiKey.Kind.LIVE, revoked_at__isnull=True).exists():
            raise refuse_unready(before, new_gaps)
        if "held_out_percent" in changes:
            _require_open_split(before)
        before.save(update_fields=list(fields))
        give_role(actor=actor, organization_id=organization.pk, user=facts.owner, role=OWNER)
        if changes:
            record(
                organization_id=organization.pk,
                type="system.changed",
                actor=actor,
                subject=f"system:{system.pk}",
                payload={"slug": system.slug, "changes": changes},
            )
    return before


def _require_open_split(system: AISystem) -> None:
    """Within an open transaction: until its end no example can fix the system's split. Refuses (Invalid) where one has."""
    if not AISystem.objects.filter(pk=system.pk, is_split_fixed=False).update(is_split_fixed=False):
        raise refuse_field(
            "held_out_percent",
            "There are examples already, divided by the share that stood here. A subject that changed sides could be tested on "
            "what a release has learned from.",
        )


def fix_split_step(*, system: AISystem) -> int:
    """Within an open transaction: from now on the share of subjects that is held out stays as it is; the share, in percent."""
    AISystem.objects.filter(pk=system.pk, is_split_fixed=False).update(is_split_fixed=True)
    return AISystem.objects.values_list("held_out_percent", flat=True).get(pk=system.pk)


def set_breaker_step(
    *,
    actor: Actor,
    system: AISystem,
    state: str,
    only_from: Collection[str],
    reason: str,
    share: float = 0.0,
    facts: Mapping[str, Any] | None = None,
    now: datetime,
) -> bool:
    """Within an open transaction: set the breaker, of which intake reads the state, and record it on the system. False, and
    nothing recorded, where it stands in none of the states `only_from`. `facts` are what upper floors add to the entry.
    The owner and the backup are told."""
    changed = AISystem.objects.filter(pk=system.pk, breaker__in=only_from).update(
        breaker=state, breaker_share=share, breaker_reason=reason, breaker_changed_at=now
    )
    if not changed:
        return False
    words = {
        AISystem.Breaker.OPEN: "is open: nothing acts by itself",
        AISystem.Breaker.HALF_OPEN: f"is half-open: {share * 100:g} % may act again",
        AISystem.Breaker.CLOSED: "is closed: policy decides again",
    }[AISystem.Breaker(state)]
    told = [system.owner_id, *([system.backup_id] if system.backup_id else [])]
    record(
        organization_id=system.organization_id,
        type=BREAKER_TYPES[AISystem.Breaker(state)],
        actor=actor,
        subject=f"system:{system.pk}",
        payload={
            "path": f"/systems/{system.slug}/",
            **(facts or {}),
            "system": system.slug,
            "state": str(state),
            "share": share,
            "reason": reason,
            "to": [str(person) for person in told],
            "title": f"The breaker of {system.name} {words}",
        },
        occurred_at=now,
    )
    system.breaker, system.breaker_share = state, share
    system.breaker_reason, system.breaker_changed_at = reason, now
    return True


def read_schemas(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schemas by action name ("" for outputs); refuses (Invalid) one that is faulty, refers to anything outside itself
    or uses a pattern that RE2 can't read (`check_schema`): what binds corrections is checked when it is said."""
    for action, schema in schemas.items():
        label = f"of action {action[:LARGEST_ACTION_NAME]!r}" if action else "of outputs"
        if len(action) > LARGEST_ACTION_NAME:
            raise refuse_field("schemas", f"An action's name may have {LARGEST_ACTION_NAME} characters at the most.")
        if not isinstance(schema, dict):
            raise refuse_field("schemas", f"The schema {label} must be an object.")
        try:
            check_schema(schema)
        except UnusableSchema as error:
            raise refuse_field("schemas", f"The schema {label} can't be used: {error}.") from error
        except (RecursionError, OverflowError) as error:
            raise refuse_field(
                "schemas", f"The schema {label} is nested too deeply, or repeats a pattern too often."
            ) from error
    if len(json.dumps(schemas)) > LARGEST_SCHEMAS:
        raise refuse_field("schemas", f"All schemas together may have {LARGEST_SCHEMAS:,} characters at the most.")
    return dict(schemas)


def find_gaps(system: AISystem) -> list[str]:
    """What a system lacks to go live, by field: an owner and a backup who still work here, a risk tier, and what its users
    are told when it may not act."""
    standing = {person for _, person in people_standing([system])}
    stands = {
        "owner": system.owner_id in standing,
        "backup": system.backup_id in standing,
        "risk_tier": bool(system.risk_tier),
        "fallback_message": bool(system.fallback_message.strip()),
    }
    return [field for field, is_there in stands.items() if not is_there]


def refuse_unready(system: AISystem, gaps: Collection[str]) -> SystemNotReady:
    """The refusal, with what is missing and how it is said."""
    missing = [GAPS[field] for field in gaps]
    listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    return SystemNotReady(
        f"{system.name} lacks {listed}. An admin says so on the system's page under Change (/systems/{system.slug}/edit/); "
        "at the command line create_system takes --backup EMAIL and --fallback-message TEXT. A test key needs neither.",
        state={"system": system.slug, "missing": list(gaps)},
    )


def _read_facts(facts: SystemFacts) -> dict[str, Any]:
    if facts.risk_tier not in AISystem.RiskTier.values:
        raise refuse_field("risk_tier", f"Risk tiers: {', '.join(AISystem.RiskTier.values)}.")
    if facts.fallback_verdict not in AISystem.FallbackVerdict.values:
        raise refuse_field("fallback_verdict", f"Fallbacks: {', '.join(AISystem.FallbackVerdict.values)}.")
    if not 0 <= facts.approvals_taught_percent <= 100:
        raise refuse_field("approvals_taught_percent", "A whole number from 0 to 100.")
    if not 1 <= facts.held_out_percent <= 100:
        raise refuse_field("held_out_percent", "A whole number from 1 to 100.")
    if facts.backup is not None and facts.backup.pk == facts.owner.pk:
        raise refuse_field("backup", "The backup must be somebody else than the owner.")
    return {
        "name": read_text(facts.name, field="name", limit=200),
        "purpose": read_text(facts.purpose, field="purpose", limit=4000, is_multiline=True),
        "owner": facts.owner,
        "backup": facts.backup,
        "risk_tier": str(facts.risk_tier),
        "fallback_message": read_text(
            facts.fallback_message, field="fallback_message", limit=2000, is_required=False, is_multiline=True
        ),
        "fallback_verdict": str(facts.fallback_verdict),
        "fallback_queue": read_slug(facts.fallback_queue, field="fallback_queue") if facts.fallback_queue else "",
        "schemas": read_schemas(facts.schemas or {}),
        "approvals_taught_percent": facts.approvals_taught_percent,
        "held_out_percent": facts.held_out_percent,
    }


def _require_answerable(organization: Organization, facts: SystemFacts) -> None:
    require_standing(organization.pk, facts.owner)
    if facts.backup is not None:
        require_standing(organization.pk, facts.backup)


def _describe(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the log keeps them: people by address, schemas as canonical text."""
    words = {**fields, "owner": fields["owner"].email, "backup": fields["backup"].email if fields["backup"] else None}
    return {**words, "schemas": canonicalize(fields["schemas"])}
