"""Reads that cross the ground floor's tables: who is asking, in which organization, with which roles."""

import hashlib
import uuid
from collections.abc import Iterable

from django.db.models import CharField

from governance.actors import Actor
from governance.models import AccessToken, AISystem, ApiKey, Membership, Organization, User
from governance.prepared import Bound, PreparedQuery

# Asked for every request that brings a key.
_LIVE_KEY = PreparedQuery(
    lambda: (
        ApiKey.objects.filter(secret_sha256=Bound("secret_sha256", CharField()), revoked_at__isnull=True)
        .select_related("system")
        .order_by()
    )
)


def find_live_key(secret: str) -> ApiKey | None:
    """The key that this secret opens, with its system, unless it was revoked."""
    return _LIVE_KEY.first(secret_sha256=hashlib.sha256(secret.encode()).hexdigest())


def find_live_token(secret: str) -> AccessToken | None:
    """The token that this secret opens, unless it was revoked or its person left."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return (
        AccessToken.objects.select_related("user", "organization")
        .filter(secret_sha256=digest, revoked_at__isnull=True, user__is_active=True)
        .first()
    )


def actor_for_key(key: ApiKey) -> Actor:
    return Actor(
        kind="api_key",
        id=str(key.pk),
        label=f"{key.system.slug} ({key.prefix}…)",
        organization_id=key.organization_id,
        system_id=key.system_id,
    )


def actor_for_person(user: User, organization_id: uuid.UUID) -> Actor | None:
    """The person with their roles in one organization; None where they hold none there."""
    roles = Membership.objects.filter(organization_id=organization_id, user=user).values_list("role", flat=True)
    return _as_actor(user, organization_id, frozenset(roles))


def actor_in_first_organization(user: User) -> Actor | None:
    """The person with their roles in the first of their organizations by name, in one question; None where they have none."""
    roles = Membership.objects.filter(user=user).order_by("organization__name", "organization_id")
    held = list(roles.values_list("organization_id", "role"))
    if not held:
        return None
    first = held[0][0]
    return _as_actor(user, first, frozenset(role for organization_id, role in held if organization_id == first))


def _as_actor(user: User, organization_id: uuid.UUID, roles: frozenset[str]) -> Actor | None:
    if not roles:
        return None
    return Actor(
        kind="person",
        id=str(user.pk),
        label=user.name or user.email,
        organization_id=organization_id,
        roles=roles,
        user_id=user.pk,
        email=user.email,
    )


def organizations_of(user: User) -> Iterable[Organization]:
    """The organizations in which a person holds any role, by name."""
    return Organization.objects.filter(memberships__user=user).distinct().order_by("name")


def people_standing(systems: Iterable[AISystem]) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Of the owners and backups of these systems, who still answers for one: (organization, person) of everybody who has an open
    account and a role in that organization."""
    named = list(systems)
    people = {person for system in named for person in (system.owner_id, system.backup_id) if person}
    standing = Membership.objects.filter(
        organization_id__in={system.organization_id for system in named}, user_id__in=people, user__is_active=True
    )
    return set(standing.order_by().values_list("organization_id", "user_id").distinct())
