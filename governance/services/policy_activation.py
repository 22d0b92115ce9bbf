"""What goes into force: the append-only ledger, where one row more is the whole change.

Rows of a policy are numbered without gaps. Two people who act at once take the same number, and the database lets one
of them have it; the other is told that somebody was faster.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.actors import Actor
from governance.errors import NotPermitted
from governance.models import Activation, AISystem, Policy, PolicyVersion
from governance.permissions import require, require_within
from governance.policy_selectors import find_policy, find_version, newest_activation
from governance.rules.document import PolicyDocument
from governance.services.fields import read_slug, read_text
from governance.services.policy_checking import load_or_refuse, require_submittable
from governance.services.policy_life import (
    LONGEST_REASON,
    append_draft,
    create_policy,
    lock_base,
    record_step,
    refuse_moved_base,
)
from governance.services.policy_refusals import (
    ActivationOvertaken,
    AlreadyRolledBack,
    NothingToRollBackTo,
    PolicyAlreadyInForce,
    VersionNotApproved,
    VersionWasInForce,
)

Status = PolicyVersion.Status
BOOTSTRAP_REASON = "Loaded at the command line"


def activate_version(*, actor: Actor, version_id: uuid.UUID, reason: str = "") -> Activation:
    """Put an approved version into force; the reason is that of its submission unless told. Needs `policies.activate`.

    Refuses (VersionNotApproved) any other status, (VersionWasInForce) one that is or was in force: to come back to it
    takes a rollback or a new approval, (PolicyBaseMoved) one that was made from another version than today's,
    (ActivationOvertaken) where somebody was faster.
    """
    require(actor, "policies.activate")
    version = find_version(actor=actor, version_id=version_id)
    why = read_text(
        reason,
        field="reason",
        limit=LONGEST_REASON,
        is_required=False,
        is_multiline=True,
    )
    with _one_number_each(), transaction.atomic(durable=True):
        # The update changes nothing but holds the row: a withdrawal at the same moment waits, then sees the ledger.
        approved = PolicyVersion.objects.filter(pk=version.pk, status=Status.APPROVED)
        if not approved.update(status=Status.APPROVED):
            status = PolicyVersion.objects.values_list("status", flat=True).get(pk=version.pk)
            raise VersionNotApproved(f"Version {version.number} is {status}.", state={"status": status})
        if version.activations.exists():
            raise VersionWasInForce(
                f"Version {version.number} is or was in force. To bring it back, draft a new version from its text."
            )
        return _append_activation(
            actor=actor,
            version=version,
            origin=Activation.Origin.APPROVAL,
            reason=why or version.reason,
            last=refuse_moved_base(version),
        )


def roll_back(*, actor: Actor, policy_id: uuid.UUID, reason: str, activation: int | None = None) -> Activation:
    """Bring back the version that was in force just before: one step, at once, without a second person.

    `activation` is the number of the ledger's row that the person wants to undo. Refuses (NothingToRollBackTo) where
    there was none before, (AlreadyRolledBack) a second step in a row: going on backwards, or forwards again, is a
    change that needs approval, (ActivationOvertaken) where another row stands there now, (Invalid) without a reason.
    Needs `policies.roll_back`.
    """
    require(actor, "policies.roll_back")
    why = read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)
    policy = find_policy(actor=actor, policy_id=policy_id)
    with _one_number_each(), transaction.atomic(durable=True):
        newest = newest_activation(policy.pk)
        if newest is not None and activation is not None and newest.number != activation:
            raise ActivationOvertaken(
                f"Version {newest.version.number} is in force meanwhile; nothing was rolled back.",
                state={"activation": newest.number, "version": newest.version.number},
            )
        if newest is not None and newest.origin == Activation.Origin.ROLLBACK:
            raise AlreadyRolledBack(
                f"Version {newest.version.number} came back by a rollback. Any other version needs approval: draft "
                "a new version from its text."
            )
        earlier = policy.activations.filter(number__lt=newest.number if newest else 0).order_by("-number").first()
        if newest is None or earlier is None:
            raise NothingToRollBackTo()
        version = find_version(actor=actor, version_id=earlier.version_id)
        return _append_activation(
            actor=actor,
            version=version,
            origin=Activation.Origin.ROLLBACK,
            reason=why,
            last=newest,
        )


def load_draft(*, actor: Actor, system: AISystem, source: str) -> PolicyVersion:
    """A draft from a file, of the system's policy or a new one, for people to submit.

    Refuses (PolicyNotValid, PolicyTestsFailed) a text that can't rule, (PolicyKeyDiffers) another key than the
    policy's, (PolicyKeyTaken) another system's key. Needs `policies.write`.
    """
    require_within(actor, "policies.write", system.organization_id)
    document = _read_for(system, source)
    with transaction.atomic(durable=True):
        return _append_loaded(actor, system, source, document)


def activate_first_version(*, actor: Actor, system: AISystem, source: str) -> Activation:
    """The first version of a system, in force at once at the operator's word; recorded as the bootstrap activation.

    Refuses like `load_draft`, and (PolicyAlreadyInForce) where any version is in force: from then on a change takes two
    people. Only the operator may (NotPermitted).
    """
    if actor.kind != "system":
        raise NotPermitted("Only the operator puts a first version into force; people submit it and have it approved.")
    document = _read_for(system, source)
    with _one_number_each(), transaction.atomic(durable=True):
        version = _append_loaded(actor, system, source, document)
        if version.base is not None:
            raise PolicyAlreadyInForce(
                f"Version {version.base.number} of {document.key} is in force; a change needs approval."
            )
        now = timezone.now()
        PolicyVersion.objects.filter(pk=version.pk, status=Status.DRAFT).update(
            status=Status.APPROVED,
            canonical=document.canonical,
            sha256=document.sha256,
            reason=BOOTSTRAP_REASON,
            submitted_at=now,
            closed_at=now,
        )
        return _append_activation(
            actor=actor,
            version=find_version(actor=actor, version_id=version.pk),
            origin=Activation.Origin.BOOTSTRAP,
            reason=BOOTSTRAP_REASON,
            last=None,
        )


def _read_for(system: AISystem, source: str) -> PolicyDocument:
    policy = Policy.objects.filter(system=system).first()
    return require_submittable(source, key=policy.key if policy else load_or_refuse(source).key)


def _append_loaded(actor: Actor, system: AISystem, source: str, document: PolicyDocument) -> PolicyVersion:
    policy = Policy.objects.select_related("system").filter(system=system).first()
    if policy is None:
        policy = create_policy(actor=actor, system=system, key=read_slug(document.key, field="key"))
    return append_draft(actor=actor, policy=policy, source=source, base=lock_base(policy), origin="file")


def _append_activation(
    *,
    actor: Actor,
    version: PolicyVersion,
    origin: str,
    reason: str,
    last: Activation | None,
) -> Activation:
    """One row more, and its entry. It is numbered after `last`, the row that the verb has looked at: where another one has come
    since, the number is taken. Looking again here would let both of two through that were made from the same text."""
    activation = Activation.objects.create(
        organization_id=version.organization_id,
        policy_id=version.policy_id,
        version=version,
        origin=origin,
        number=last.number + 1 if last else 1,
        effective_from=timezone.now(),
        actor_id=actor.id,
        actor_label=actor.label,
        reason=reason,
    )
    record_step(
        "policy.rolled_back" if origin == Activation.Origin.ROLLBACK else "policy.activated",
        actor=actor,
        version=version,
        reason=reason,
        origin=str(origin),
        activation=activation.number,
        replaced=last.version.number if last else None,
    )
    return activation


@contextmanager
def _one_number_each() -> Iterator[None]:
    """Turns the loss of a race for a number, which the database decides, into a refusal."""
    try:
        yield
    except IntegrityError as error:
        raise ActivationOvertaken("Look at what is in force now, then decide again.") from error
