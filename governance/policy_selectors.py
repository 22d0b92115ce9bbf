"""Reads on policies that cross tables: what is in force, what waits for whom, and who may approve which text."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery

from governance.actors import Actor
from governance.errors import NotFound
from governance.models import Activation, AISystem, Policy, PolicyVersion, User
from governance.permissions import CAPABILITIES, may

Status = PolicyVersion.Status


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One AI system in the list of policies: what is in force, and which versions are on their way."""

    system: AISystem
    policy: Policy | None = None
    activation: Activation | None = None
    drafts: Sequence[PolicyVersion] = ()
    submitted: Sequence[PolicyVersion] = ()
    approved: Sequence[PolicyVersion] = ()
    approvable: frozenset[uuid.UUID] = frozenset()


def find_policy(*, actor: Actor, policy_id: uuid.UUID) -> Policy:
    """One policy with its system; NotFound where the actor's organization has none of this id."""
    policies = Policy.objects.select_related("system", "organization")
    visible = policies if actor.kind == "system" else policies.visible_to(actor)
    policy: Policy | None = visible.filter(pk=policy_id).first()
    if policy is None:
        raise NotFound()
    return policy


def find_version(*, actor: Actor, version_id: uuid.UUID) -> PolicyVersion:
    """One version with its policy, author and base; NotFound where the actor's organization has none of this id."""
    versions = PolicyVersion.objects.select_related("policy__system", "author", "base")
    visible = versions if actor.kind == "system" else versions.visible_to(actor)
    version = visible.filter(pk=version_id).first()
    if version is None:
        raise NotFound()
    return version


def find_version_by_number(*, actor: Actor, policy_id: uuid.UUID, number: int) -> PolicyVersion:
    """As `find_version`, by the number that people use."""
    version = PolicyVersion.objects.visible_to(actor).filter(policy_id=policy_id, number=number).first()
    if version is None:
        raise NotFound()
    return find_version(actor=actor, version_id=version.pk)


def newest_activation(policy_id: uuid.UUID) -> Activation | None:
    """The last row of a policy's ledger, with its version.

    Verbs compare with the last row rather than with the clock: on a host whose clock is behind, a row that has just
    been written would not be in force yet, and a change that was made from an older text would pass.
    """
    return Activation.objects.select_related("version").filter(policy_id=policy_id).order_by("-number").first()


def activations_of(policy: Policy) -> QuerySet[Activation]:
    """A policy's ledger, newest first."""
    return policy.activations.select_related("version").order_by("-number")


def versions_of(policy: Policy) -> QuerySet[PolicyVersion]:
    """A policy's versions, newest first, without their texts: a list shows none."""
    return (
        policy.versions.select_related("author", "base")
        .defer("source", "canonical", "base__source", "base__canonical")
        .order_by("-number")
    )


def describe_state(
    version: PolicyVersion,
    *,
    in_force_id: uuid.UUID | None,
    activated: Iterable[uuid.UUID],
) -> str:
    """Where a version stands: its own status, or what the ledger says of it ("in_force", "superseded")."""
    if version.pk == in_force_id:
        return "in_force"
    return "superseded" if version.pk in set(activated) else version.status


def authors_of_same_text(version: PolicyVersion) -> Q:
    """Whoever wrote this text: the version's author and editors, and those of every version that says the same."""
    same = Q(authored_policy_versions=version.pk) | Q(edited_policy_versions=version.pk)
    if version.sha256:
        twin = {"policy_id": version.policy_id, "sha256": version.sha256}
        same |= Q(authored_policy_versions__in=PolicyVersion.objects.filter(**twin).values("pk"))
        same |= Q(edited_policy_versions__in=PolicyVersion.objects.filter(**twin).values("pk"))
    return same


def wrote_text(*, actor: Actor, version: PolicyVersion) -> bool:
    """Whether the actor wrote the version's text or a part of it, under this number or another one."""
    if actor.user_id is None:
        return False
    return User.objects.filter(authors_of_same_text(version), pk=actor.user_id).exists()


def approvers_of(version: PolicyVersion) -> QuerySet[User]:
    """The people who may approve a version: they hold the role, and they did not write the text."""
    writers = User.objects.filter(authors_of_same_text(version)).values("pk")
    return (
        User.objects.filter(
            is_active=True,
            memberships__organization_id=version.organization_id,
            memberships__role__in=CAPABILITIES["policies.approve"],
        )
        .exclude(pk__in=writers)
        .distinct()
        .order_by("name", "email")
    )


def list_policies(*, actor: Actor) -> list[PolicyRow]:
    """Every system that the actor may see, with what is in force and what is on its way; a fixed number of queries."""
    newest = Activation.objects.filter(policy=OuterRef("pk")).order_by("-number").values("pk")[:1]
    policies = {
        policy.system_id: policy
        for policy in Policy.objects.visible_to(actor)
        .annotate(newest_id=Subquery(newest))
        .prefetch_related(Prefetch("versions", queryset=_open_versions(), to_attr="open_versions"))
    }
    activations = (
        Activation.objects.select_related("version")
        .defer("version__source", "version__canonical")
        .in_bulk([policy.newest_id for policy in policies.values() if policy.newest_id])
    )
    return [
        _row(actor, system, policies.get(system.pk), activations)
        for system in AISystem.objects.visible_to(actor).select_related("owner").order_by("name", "slug")
    ]


def _open_versions() -> QuerySet[PolicyVersion]:
    return (
        PolicyVersion.objects.filter(status__in=[Status.DRAFT, Status.SUBMITTED, Status.APPROVED])
        .filter(activations__isnull=True)
        .select_related("author")
        .prefetch_related("editors")
        .defer("source", "canonical")
        .order_by("-number")
    )


def _row(
    actor: Actor,
    system: AISystem,
    policy: Policy | None,
    activations: dict[int, Activation],
) -> PolicyRow:
    if policy is None:
        return PolicyRow(system)
    versions: list[PolicyVersion] = policy.open_versions  # type: ignore[attr-defined]
    submitted = [version for version in versions if version.status == Status.SUBMITTED]
    approvable = frozenset(
        version.pk
        for version in submitted
        if may(actor, "policies.approve")
        and actor.user_id != version.author_id
        and all(actor.user_id != editor.pk for editor in version.editors.all())
    )
    return PolicyRow(
        system=system,
        policy=policy,
        activation=activations.get(policy.newest_id),  # type: ignore[attr-defined]
        drafts=[version for version in versions if version.status == Status.DRAFT],
        submitted=submitted,
        approved=[version for version in versions if version.status == Status.APPROVED],
        approvable=approvable,
    )
