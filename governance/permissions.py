"""Which roles may do what: one table, read by every verb and page, so that no view decides for itself."""

import uuid
from typing import TYPE_CHECKING

from governance.actors import Actor
from governance.errors import NotFound, NotPermitted

if TYPE_CHECKING:
    from governance.models import AISystem

VIEWER, REVIEWER, LEAD, POLICY_AUTHOR, POLICY_APPROVER, OWNER, ADMIN, AUDITOR = ROLES = (
    "viewer",
    "reviewer",
    "lead",
    "policy_author",
    "policy_approver",
    "owner",
    "admin",
    "auditor",
)
EVERYBODY = frozenset(ROLES)

CAPABILITIES: dict[str, frozenset[str]] = {
    "decisions.read": EVERYBODY,
    "escalations.read": EVERYBODY,
    "escalations.rule": frozenset({REVIEWER, LEAD}),
    "escalations.assign": frozenset({LEAD, ADMIN}),
    "policies.read": EVERYBODY,
    "policies.write": frozenset({POLICY_AUTHOR}),
    "policies.approve": frozenset({POLICY_APPROVER}),
    "policies.activate": frozenset({POLICY_APPROVER, POLICY_AUTHOR}),
    "policies.roll_back": frozenset({POLICY_APPROVER, POLICY_AUTHOR, OWNER}),
    "datasets.read": EVERYBODY,
    "datasets.adjudicate": frozenset({LEAD, OWNER}),
    "datasets.seal": frozenset({LEAD, OWNER}),
    "evaluations.run": frozenset({LEAD, OWNER, ADMIN}),
    "releases.state": frozenset({LEAD, OWNER, ADMIN}),
    "systems.read": EVERYBODY,
    "systems.manage": frozenset({ADMIN}),
    "keys.manage": frozenset({ADMIN}),
    "queues.manage": frozenset({ADMIN, LEAD}),
    "people.read": frozenset({ADMIN, AUDITOR, LEAD, OWNER}),
    "people.manage": frozenset({ADMIN}),
    "audit.read": frozenset({AUDITOR, ADMIN, OWNER, LEAD}),
    "audit.erase": frozenset({ADMIN}),
    "overview.read": EVERYBODY,
    "monitors.read": EVERYBODY,
    "monitors.manage": frozenset({OWNER, ADMIN}),
    "incidents.read": EVERYBODY,
    "incidents.handle": frozenset({OWNER, ADMIN, LEAD}),
    "breaker.operate": frozenset({OWNER, ADMIN, LEAD}),
    "prices.manage": frozenset({ADMIN, OWNER}),
    "budgets.manage": frozenset({ADMIN, OWNER}),
    "channels.manage": frozenset({ADMIN}),
    "reports.read": EVERYBODY,
    "reports.freeze": frozenset({OWNER, ADMIN, LEAD}),
    "improvements.manage": frozenset({OWNER, ADMIN, LEAD}),
}


def may(actor: Actor, capability: str) -> bool:
    """Whether the actor's roles carry a capability. The product's own actor may do everything; an API key nothing here."""
    allowed = CAPABILITIES[capability]
    return actor.kind == "system" or (actor.is_person and not allowed.isdisjoint(actor.roles))


def may_about(actor: Actor, capability: str, system: "AISystem") -> bool:
    """As `may`, about one AI system: its owner and its backup may as well, whatever their roles; nobody from elsewhere may."""
    if actor.kind == "system":
        return True
    is_theirs = actor.is_person and actor.user_id in {system.owner_id, system.backup_id}
    return actor.organization_id == system.organization_id and (may(actor, capability) or is_theirs)


def require(actor: Actor, capability: str) -> None:
    """Refuses (NotPermitted) an actor whose roles do not carry the capability."""
    if not may(actor, capability):
        roles = ", ".join(sorted(CAPABILITIES[capability])).replace("_", " ")
        raise NotPermitted(
            f"This needs one of the roles: {roles}." if "," in roles else f"This needs the role {roles}."
        )


def require_within(actor: Actor, capability: str, organization_id: uuid.UUID) -> None:
    """As `require`, in one organization: what belongs to another is not there at all (NotFound)."""
    require(actor, capability)
    if actor.kind != "system" and actor.organization_id != organization_id:
        raise NotFound()
