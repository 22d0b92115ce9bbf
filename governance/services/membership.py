"""Who belongs to an organization and what they may do there.

Every verb here takes the organization's row first: two admins who take each other's role away at once, or a person who
leaves while being named owner, meet there, and the second sees what the first did. (SQLite has one writer anyway.)
"""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance.actors import Actor
from governance.errors import Conflict, NotFound
from governance.models import AccessToken, AISystem, Group, Membership, Organization, User
from governance.permissions import ADMIN, OWNER, ROLES, require_within
from governance.services.fields import read_email, read_slug, read_text, refuse_field
from governance.services.recording import record


class LastAdmin(Conflict):
    code, title = "last-admin", "An organization keeps one admin"


class OwnsSystems(Conflict):
    code, title = "owns-systems", "This person still answers for AI systems"


class MemberElsewhere(Conflict):
    code, title = "member-elsewhere", "This account is not this organization's alone"


class NotAMember(Conflict):
    code, title = "not-a-member", "This person holds no role here"


class GroupExists(Conflict):
    code, title = "group-exists", "There is a group of this name"


def lock_organization(organization_id: uuid.UUID) -> Organization:
    """The organization's row, held until the caller's transaction ends."""
    organization = Organization.objects.select_for_update().filter(pk=organization_id).first()
    if organization is None:
        raise NotFound()
    return organization


def add_person(*, actor: Actor, organization: Organization, email: str, role: str, name: str = "") -> tuple[User, bool]:
    """The person with this address, holding `role` here; and whether the account is new. Safe to repeat.

    An account is one person's in all organizations: an existing one keeps its name and password. Refuses (Invalid) an
    unknown role and what is no address. Needs `people.manage`.
    """
    require_within(actor, "people.manage", organization.pk)
    address = read_email(email)
    chosen_name = read_text(name, field="name", limit=200, is_required=False)
    _check_role(role)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        user, is_new = User.objects.get_or_create(
            email=address, defaults={"name": chosen_name or address.partition("@")[0], "password": _no_password()}
        )
        if is_new:
            record(
                organization_id=organization.pk,
                type="person.created",
                actor=actor,
                subject=f"user:{user.pk}",
                payload={"email": user.email, "name": user.name},
            )
        give_role(actor=actor, organization_id=organization.pk, user=user, role=role)
    return user, is_new


def add_role(*, actor: Actor, organization: Organization, user: User, role: str) -> bool:
    """Whether the person now holds a role that they did not hold before. Refuses (Invalid) an unknown role, (NotFound)
    somebody who holds no role here. Needs `people.manage`."""
    require_within(actor, "people.manage", organization.pk)
    _check_role(role)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        _require_member(organization.pk, user)
        return give_role(actor=actor, organization_id=organization.pk, user=user, role=role)


def give_role(*, actor: Actor, organization_id: uuid.UUID, user: User, role: str) -> bool:
    """The step of giving one role, within the caller's transaction; records it where it is new."""
    _, is_new = Membership.objects.get_or_create(organization_id=organization_id, user=user, role=role)
    if is_new:
        record(
            organization_id=organization_id,
            type="role.added",
            actor=actor,
            subject=f"user:{user.pk}",
            payload={"email": user.email, "role": role},
        )
    return is_new


def remove_role(*, actor: Actor, organization: Organization, user: User, role: str) -> None:
    """Take one role away. Refuses (LastAdmin) the organization's last admin, (OwnsSystems) the owner role of somebody
    who owns a system here, and the last role of whoever answers for one. Needs `people.manage`."""
    require_within(actor, "people.manage", organization.pk)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        held = set(_require_member(organization.pk, user))
        if role not in held:
            return
        if role == ADMIN:
            _require_another_admin(organization.pk, user)
        if role == OWNER:
            _require_no_systems(organization.pk, user, is_backup_counted=False)
        if held == {role}:
            _require_no_systems(organization.pk, user)
            _close_access(organization.pk, user)
        Membership.objects.filter(organization=organization, user=user, role=role).delete()
        record(
            organization_id=organization.pk,
            type="role.removed",
            actor=actor,
            subject=f"user:{user.pk}",
            payload={"email": user.email, "role": role},
        )


def remove_person(*, actor: Actor, organization: Organization, user: User) -> None:
    """Take a person out of the organization: roles, groups and tokens here end at once, the account stays. Refuses
    (LastAdmin, OwnsSystems) whom it can't do without. Needs `people.manage`."""
    require_within(actor, "people.manage", organization.pk)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        held = _require_member(organization.pk, user)
        _require_replaceable(organization.pk, user, held)
        _close_access(organization.pk, user)
        Membership.objects.filter(organization=organization, user=user).delete()
        record(
            organization_id=organization.pk,
            type="person.removed",
            actor=actor,
            subject=f"user:{user.pk}",
            payload={"email": user.email, "roles": held},
        )


def deactivate_person(*, actor: Actor, organization: Organization, user: User) -> None:
    """Close a person's account: no session, token or password opens it; roles stay for their return.

    Refuses (MemberElsewhere) an account that works in another organization too, which is not this one's to close;
    (LastAdmin, OwnsSystems) whom the organization can't do without. Needs `people.manage`.
    """
    require_within(actor, "people.manage", organization.pk)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        held = _require_member(organization.pk, user)
        _require_no_other_organization(organization.pk, user)
        _require_replaceable(organization.pk, user, held)
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            record(
                organization_id=organization.pk,
                type="person.deactivated",
                actor=actor,
                subject=f"user:{user.pk}",
                payload={"email": user.email},
            )


def reactivate_person(*, actor: Actor, organization: Organization, user: User) -> None:
    """Open a closed account again, with the roles that it had. Refuses (MemberElsewhere) as closing does. Needs
    `people.manage`."""
    require_within(actor, "people.manage", organization.pk)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        _require_member(organization.pk, user)
        _require_no_other_organization(organization.pk, user)
        if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            record(
                organization_id=organization.pk,
                type="person.reactivated",
                actor=actor,
                subject=f"user:{user.pk}",
                payload={"email": user.email},
            )


def create_group(
    *, actor: Actor, organization: Organization, slug: str, name: str, members: Iterable[User] = ()
) -> Group:
    """A group to which escalations can be handed. Refuses (GroupExists) a slug that is taken, (NotAMember) members from
    outside. Needs `people.manage`."""
    require_within(actor, "people.manage", organization.pk)
    chosen_slug, chosen_name = read_slug(slug), read_text(name, field="name", limit=200)
    people = list(members)
    with transaction.atomic(durable=True):
        lock_organization(organization.pk)
        _require_members(organization.pk, people)
        group, is_new = Group.objects.get_or_create(
            organization=organization, slug=chosen_slug, defaults={"name": chosen_name}
        )
        if not is_new:
            raise GroupExists(f"The group {chosen_slug} exists already.")
        group.members.set(people)
        _record_group("group.created", actor, group, people)
    return group


def update_group(*, actor: Actor, group: Group, name: str, members: Iterable[User]) -> Group:
    """Rename a group and say who is in it; its slug stays, since policies name it. Refuses (NotAMember) members from
    outside. Needs `people.manage`."""
    require_within(actor, "people.manage", group.organization_id)
    chosen_name = read_text(name, field="name", limit=200)
    people = list(members)
    with transaction.atomic(durable=True):
        lock_organization(group.organization_id)
        _require_members(group.organization_id, people)
        if not Group.objects.filter(pk=group.pk).update(name=chosen_name):
            raise NotFound()
        group.name = chosen_name
        group.members.set(people)
        _record_group("group.changed", actor, group, people)
    return group


def require_standing(organization_id: uuid.UUID, user: User) -> None:
    """Refuses (NotAMember) somebody whose account is closed or who holds no role here: they answer for nothing."""
    if not Membership.objects.filter(organization_id=organization_id, user=user, user__is_active=True).exists():
        raise NotAMember(f"{user.email} holds no role in this organization, or the account is closed.")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise refuse_field("role", f"{role[:40]!r} is no role. Roles: {', '.join(ROLES)}.")


def _no_password() -> str:
    unset = User()
    unset.set_unusable_password()
    return unset.password


def _require_member(organization_id: uuid.UUID, user: User) -> list[str]:
    """The roles that the person holds here; who holds none is not there for this organization (NotFound)."""
    memberships = Membership.objects.filter(organization_id=organization_id, user=user)
    held = sorted(memberships.values_list("role", flat=True))
    if not held:
        raise NotFound()
    return held


def _require_members(organization_id: uuid.UUID, people: list[User]) -> None:
    known = set(
        Membership.objects.filter(organization_id=organization_id, user__in=people).values_list("user_id", flat=True)
    )
    strangers = [person.email for person in people if person.pk not in known]
    if strangers:
        raise NotAMember(f"Not in this organization: {', '.join(sorted(strangers))}.")


def _require_replaceable(organization_id: uuid.UUID, user: User, held: list[str]) -> None:
    if ADMIN in held:
        _require_another_admin(organization_id, user)
    _require_no_systems(organization_id, user)


def _require_another_admin(organization_id: uuid.UUID, user: User) -> None:
    admins = Membership.objects.filter(organization_id=organization_id, role=ADMIN, user__is_active=True)
    if not admins.exclude(user=user).exists():
        raise LastAdmin("Make somebody else an admin first: without one nobody could manage the organization.")


def _require_no_systems(organization_id: uuid.UUID, user: User, *, is_backup_counted: bool = True) -> None:
    answering = Q(owner=user) | Q(backup=user) if is_backup_counted else Q(owner=user)
    systems = list(
        AISystem.objects.filter(answering, organization_id=organization_id)
        .order_by("name")
        .values_list("slug", flat=True)
    )
    if systems:
        raise OwnsSystems(
            f"{user.get_short_name()} is owner or backup of {', '.join(systems)}. "
            "Hand over first: no AI decision without an owner.",
            state={"systems": systems},
        )


def _require_no_other_organization(organization_id: uuid.UUID, user: User) -> None:
    if Membership.objects.filter(user=user).exclude(organization_id=organization_id).exists():
        raise MemberElsewhere("The account works in another organization too. Remove the person from this one instead.")


def _close_access(organization_id: uuid.UUID, user: User) -> None:
    """Without a role no token opens anything; revoking them too keeps them shut if the person ever comes back."""
    tokens = AccessToken.objects.filter(organization_id=organization_id, user=user, revoked_at__isnull=True)
    tokens.update(revoked_at=timezone.now())
    Group.members.through.objects.filter(group__organization_id=organization_id, user=user).delete()


def _record_group(type: str, actor: Actor, group: Group, people: list[User]) -> None:
    record(
        organization_id=group.organization_id,
        type=type,
        actor=actor,
        subject=f"group:{group.pk}",
        payload={"slug": group.slug, "name": group.name, "members": sorted(person.email for person in people)},
    )
