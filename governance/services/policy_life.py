"""How a text becomes a version that may rule: drafted, edited, submitted, ruled on by others.

Every step is one compare-and-set on the version's status (and, while it is a draft, on its revision), so that two
people who act at once can't both be right: one changes the row, the other is told what stands there now.
"""

import unicodedata
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from governance.actors import Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import Activation, AISystem, Policy, PolicyApproval, PolicyVersion, User
from governance.permissions import require, require_within
from governance.policy_selectors import (
    find_policy,
    find_version,
    newest_activation,
    wrote_text,
)
from governance.rules.limits import MAX_DOCUMENT_BYTES
from governance.services.fields import read_slug, read_text
from governance.services.policy_checking import require_submittable
from governance.services.policy_refusals import (
    ApprovedTextDiffers,
    DraftChanged,
    OwnTextNotApproved,
    PolicyBaseMoved,
    PolicyExists,
    PolicyKeyTaken,
    VersionClosed,
    VersionNotDraft,
    VersionNotSubmitted,
    VersionWasInForce,
)
from governance.services.recording import record

LONGEST_REASON = 2_000
Status = PolicyVersion.Status

EXAMPLE = """\
apiVersion: governance/v1
kind: Policy
metadata:
  key: "{key}"
  description: What this system may do by itself
# What holds where no rule matches. Begin with review: a person looks until you know better.
default: review
on_error: review
rules:
  - id: sure-enough
    when: confidence != null && confidence >= 0.95
    verdict: allow
    reason: The model is sure
tests:
  - name: a sure decision goes ahead
    context: {{action: {{name: example}}, confidence: 0.99}}
    expect: {{verdict: allow, rules: [sure-enough]}}
  - name: an unsure one waits for a person
    context: {{action: {{name: example}}, confidence: 0.40}}
    expect: {{verdict: review, rules: []}}
"""


def open_policy(*, actor: Actor, system: AISystem, key: str = "", source: str | None = None) -> PolicyVersion:
    """A policy for a system that has none, with its first draft; the key is the system's slug unless told.

    Refuses (PolicyExists) a second policy of a system, (PolicyKeyTaken) a key that another one bears. Needs
    `policies.write`.
    """
    require_within(actor, "policies.write", system.organization_id)
    chosen = read_slug(key or system.slug, field="key")
    text = EXAMPLE.format(key=chosen) if source is None else _read_source(source)
    with transaction.atomic(durable=True):
        policy = create_policy(actor=actor, system=system, key=chosen)
        return append_draft(actor=actor, policy=policy, source=text, origin="new policy")


def create_policy(*, actor: Actor, system: AISystem, key: str) -> Policy:
    """The step that `open_policy` and the command line share; joins the caller's transaction."""
    try:
        with transaction.atomic():
            policy = Policy.objects.create(organization_id=system.organization_id, system=system, key=key)
    except IntegrityError as error:
        if Policy.objects.filter(system=system).exists():
            raise PolicyExists(f"{system.slug} has a policy; draft a new version of it instead.") from error
        raise PolicyKeyTaken(f"Another policy of this organization has the key {key}.") from error
    record(
        organization_id=policy.organization_id,
        type="policy.created",
        actor=actor,
        subject=f"policy:{policy.pk}",
        payload={"policy": policy.key, "system": system.slug},
    )
    return policy


def draft_version(
    *,
    actor: Actor,
    policy_id: uuid.UUID,
    source: str | None = None,
    copy_of: uuid.UUID | None = None,
    base_id: uuid.UUID | None = None,
) -> PolicyVersion:
    """A new draft on top of the version in force: with this text, or that of a version (`copy_of`), or that in force.

    Refuses (PolicyBaseMoved) where `base_id` is given and is not in force any more. Whoever wrote a text that is copied
    becomes an editor of the copy: a detour by somebody else must not let them approve their own words. Needs
    `policies.write`.
    """
    require(actor, "policies.write")
    policy = find_policy(actor=actor, policy_id=policy_id)
    copied = _find_sibling(policy, copy_of) if copy_of else None
    text = _read_source(source) if source is not None else None
    with transaction.atomic(durable=True):
        base = lock_base(policy)
        if base_id is not None and (base is None or base.pk != base_id):
            raise _base_moved(base)
        if text is None:
            origin = copied or base
            text = origin.source if origin else EXAMPLE.format(key=policy.key)
        draft = append_draft(
            actor=actor,
            policy=policy,
            source=text,
            base=base,
            origin=f"version {copied.number}" if copied else "",
        )
        if copied is not None and (base is None or copied.pk != base.pk):
            writers = User.objects.filter(
                Q(authored_policy_versions=copied) | Q(edited_policy_versions=copied)
            ).distinct()
            draft.editors.add(*(writer for writer in writers if writer.pk != draft.author_id))
    return draft


def edit_draft(*, actor: Actor, version_id: uuid.UUID, source: str, revision: int) -> PolicyVersion:
    """Save a draft's text over the revision that the person has seen; they join its editors.

    Refuses (DraftChanged) where somebody saved in between, (VersionNotDraft) from submission on. Needs
    `policies.write`.
    """
    require(actor, "policies.write")
    version = find_version(actor=actor, version_id=version_id)
    text = _read_source(source)
    with transaction.atomic(durable=True):
        drafts = PolicyVersion.objects.filter(pk=version.pk, status=Status.DRAFT, revision=revision)
        if not drafts.update(source=text, revision=F("revision") + 1):
            raise _draft_refusal(version.pk)
        _join_editors(actor, version)
        record_step("policy.edited", actor=actor, version=version, revision=revision + 1)
    return find_version(actor=actor, version_id=version_id)


def submit_version(*, actor: Actor, version_id: uuid.UUID, reason: str, revision: int | None = None) -> PolicyVersion:
    """Ask others to approve a draft: its canonical text and hash are pinned, and nobody edits it from here on.

    Refuses (PolicyNotValid, PolicyKeyDiffers, PolicyTestsFailed) a text that can't rule, (PolicyBaseMoved) one that was
    made from another version than today's, (DraftChanged) where somebody saved in between, (Invalid) without a reason.
    Whoever submits a text stands behind it like its editors. Needs `policies.write`.
    """
    require(actor, "policies.write")
    why = _read_reason(reason)
    version = find_version(actor=actor, version_id=version_id)
    seen = version.revision if revision is None else revision
    if version.status != Status.DRAFT or version.revision != seen:
        raise _draft_refusal(version.pk)
    document = require_submittable(version.source, key=version.policy.key)
    with transaction.atomic(durable=True):
        refuse_moved_base(version)
        drafts = PolicyVersion.objects.filter(pk=version.pk, status=Status.DRAFT, revision=seen)
        if not drafts.update(
            status=Status.SUBMITTED,
            canonical=document.canonical,
            sha256=document.sha256,
            reason=why,
            submitted_at=timezone.now(),
        ):
            raise _draft_refusal(version.pk)
        _join_editors(actor, version)
        version.sha256 = document.sha256
        record_step("policy.submitted", actor=actor, version=version, reason=why)
    return find_version(actor=actor, version_id=version_id)


def withdraw_version(*, actor: Actor, version_id: uuid.UUID, reason: str = "") -> PolicyVersion:
    """Take a version back, wherever it stands before it is in force. Needs `policies.write`.

    Refuses (VersionClosed) one that was rejected or withdrawn, (VersionWasInForce) one that is or was in force.
    """
    require(actor, "policies.write")
    version = find_version(actor=actor, version_id=version_id)
    why = read_text(
        reason,
        field="reason",
        limit=LONGEST_REASON,
        is_required=False,
        is_multiline=True,
    )
    with transaction.atomic(durable=True):
        living = PolicyVersion.objects.filter(
            pk=version.pk, status__in=[Status.DRAFT, Status.SUBMITTED, Status.APPROVED]
        )
        if not living.update(status=Status.WITHDRAWN, closed_at=timezone.now()):
            raise VersionClosed(
                f"{_name(version)} was {_status_now(version.pk)}.",
                state=_state(version.pk),
            )
        # The row is ours since the update; an activation that was faster is visible from here on.
        if version.activations.exists():
            raise VersionWasInForce(f"{_name(version)} is or was in force; roll back instead.")
        record_step("policy.withdrawn", actor=actor, version=version, reason=why)
    return find_version(actor=actor, version_id=version_id)


def approve_version(*, actor: Actor, version_id: uuid.UUID, sha256: str, comment: str = "") -> PolicyVersion:
    """Approve exactly the text whose hash is given. Refusals as of `rule_on_version`, and (PolicyBaseMoved) a text that
    was made from another version than today's. Needs `policies.approve`."""
    require(actor, "policies.approve")
    note = read_text(
        comment,
        field="comment",
        limit=LONGEST_REASON,
        is_required=False,
        is_multiline=True,
    )
    return _rule_on_version(actor, version_id, sha256, note, PolicyApproval.Verdict.APPROVE)


def reject_version(*, actor: Actor, version_id: uuid.UUID, sha256: str, reason: str) -> PolicyVersion:
    """Reject exactly the text whose hash is given, with a reason for its authors. Refusals as of `approve_version` but
    for the base. Needs `policies.approve`."""
    require(actor, "policies.approve")
    return _rule_on_version(actor, version_id, sha256, _read_reason(reason), PolicyApproval.Verdict.REJECT)


def _rule_on_version(actor: Actor, version_id: uuid.UUID, sha256: str, comment: str, verdict: str) -> PolicyVersion:
    """One person's word on one exact text. Refuses (OwnTextNotApproved) whoever wrote it, (ApprovedTextDiffers) another
    hash, (VersionNotSubmitted) where somebody ruled or withdrew first."""
    version = find_version(actor=actor, version_id=version_id)
    if actor.user_id is None:
        raise NotPermitted("Only a person can rule on a policy.")
    refuse_own_text(actor, version)
    is_approved = verdict == PolicyApproval.Verdict.APPROVE
    seen = sha256.strip().lower().removeprefix("sha256:")
    with transaction.atomic(durable=True):
        ruled = PolicyVersion.objects.filter(pk=version.pk, status=Status.SUBMITTED, sha256=seen).update(
            status=Status.APPROVED if is_approved else Status.REJECTED,
            closed_at=timezone.now(),
        )
        if not ruled:
            raise _ruling_refusal(version.pk)
        # Again, now that nobody can join its writers any more: it may have been a draft when we looked.
        version.sha256 = seen
        refuse_own_text(actor, version)
        if is_approved:
            refuse_moved_base(version)
        PolicyApproval.objects.create(
            organization_id=version.organization_id,
            version=version,
            approver_id=actor.user_id,
            verdict=verdict,
            sha256=seen,
            comment=comment,
        )
        record_step(
            "policy.approved" if is_approved else "policy.rejected",
            actor=actor,
            version=version,
            reason=comment,
        )
    return find_version(actor=actor, version_id=version_id)


# Steps that the ledger's verbs share (policy_activation) -----------------------------------------------------------


def lock_base(policy: Policy) -> PolicyVersion | None:
    """The version in force, with the policy locked for the rest of the transaction: numbers are given one at a time."""
    Policy.objects.select_for_update().get(pk=policy.pk)
    newest = newest_activation(policy.pk)
    return newest.version if newest else None


def refuse_own_text(actor: Actor, version: PolicyVersion) -> None:
    """OwnTextNotApproved for whoever wrote the version's text or a part of it."""
    if wrote_text(actor=actor, version=version):
        raise OwnTextNotApproved(f"You wrote {_name(version)} or a part of it; another person has to rule on it.")


def refuse_moved_base(version: PolicyVersion) -> Activation | None:
    """The ledger's last row, from whose version this one was made; PolicyBaseMoved where it was made from another one."""
    newest = newest_activation(version.policy_id)
    if (newest.version_id if newest else None) != version.base_id:
        raise _base_moved(newest.version if newest else None, version)
    return newest


def append_draft(
    *,
    actor: Actor,
    policy: Policy,
    source: str,
    base: PolicyVersion | None = None,
    origin: str = "",
) -> PolicyVersion:
    """A draft under the next number; joins the caller's transaction. `origin` says where its text is from."""
    newest = policy.versions.order_by("-number").values_list("number", flat=True).first()
    draft = PolicyVersion.objects.create(
        organization_id=policy.organization_id,
        policy=policy,
        number=(newest or 0) + 1,
        source=source,
        base=base,
        author_id=actor.user_id,
    )
    record_step(
        "policy.drafted",
        actor=actor,
        version=draft,
        origin=origin or (f"version {base.number}" if base else "example"),
    )
    return draft


def record_step(type: str, *, actor: Actor, version: PolicyVersion, **more: Any) -> None:
    """The audit entry of one step: which version, which text, why."""
    payload = {
        "policy": version.policy.key,
        "system": version.policy.system.slug,
        "version": version.number,
        "version_id": str(version.pk),
        "sha256": f"sha256:{version.sha256}" if version.sha256 else None,
        "base": version.base.number if version.base else None,
    }
    record(
        organization_id=version.organization_id,
        type=type,
        actor=actor,
        subject=f"policy:{version.policy_id}",
        payload=payload | more,
    )


def _join_editors(actor: Actor, version: PolicyVersion) -> None:
    """Whoever touches a text is one of its writers; the product's own actor is nobody."""
    if actor.user_id is not None and actor.user_id != version.author_id:
        version.editors.add(User.objects.get(pk=actor.user_id))


def _find_sibling(policy: Policy, version_id: uuid.UUID) -> PolicyVersion:
    version = policy.versions.filter(pk=version_id).first()
    if version is None:
        raise NotFound()
    return version


def _read_source(source: str) -> str:
    """A draft may be wrong in any way but these: too large to load, or with characters that no database can hold."""
    text = source.replace("\r\n", "\n")
    if len(text) > MAX_DOCUMENT_BYTES or len(text.encode("utf-8", "replace")) > MAX_DOCUMENT_BYTES:
        detail = f"The document may have {MAX_DOCUMENT_BYTES // 1024} KB at the most."
        raise Invalid(detail, errors=[{"pointer": "/document", "detail": detail}])
    if "\x00" in text or any(unicodedata.category(sign) == "Cs" for sign in text):
        detail = "The document holds characters that can't be stored (U+0000, or half of a surrogate pair)."
        raise Invalid(detail, errors=[{"pointer": "/document", "detail": detail}])
    return text


def _read_reason(reason: str) -> str:
    return read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)


def _name(version: PolicyVersion) -> str:
    return f"Version {version.number}"


def _state(version_id: uuid.UUID) -> dict[str, Any]:
    """What stands there now, for whoever was slower."""
    version = PolicyVersion.objects.only("number", "status", "revision", "sha256").get(pk=version_id)
    return {
        "number": version.number,
        "status": version.status,
        "revision": version.revision,
        "sha256": f"sha256:{version.sha256}" if version.sha256 else None,
    }


def _status_now(version_id: uuid.UUID) -> str:
    return str(_state(version_id)["status"])


def _draft_refusal(version_id: uuid.UUID) -> DraftChanged | VersionNotDraft:
    state = _state(version_id)
    if state["status"] != Status.DRAFT:
        return VersionNotDraft(
            f"Version {state['number']} is {state['status']}; its text stands still.",
            state=state,
        )
    return DraftChanged(
        "Nothing of yours was saved; look at what stands there now, then save again.",
        state=state,
    )


def _ruling_refusal(version_id: uuid.UUID) -> ApprovedTextDiffers | VersionNotSubmitted:
    state = _state(version_id)
    if state["status"] != Status.SUBMITTED:
        return VersionNotSubmitted(f"Version {state['number']} is {state['status']}.", state=state)
    return ApprovedTextDiffers(
        f"The text of version {state['number']} has the hash {state['sha256']}.",
        state=state,
    )


def _base_moved(in_force: PolicyVersion | None, version: PolicyVersion | None = None) -> PolicyBaseMoved:
    stands = f"version {in_force.number} is in force" if in_force else "no version is in force"
    made = "another version"
    if version is not None:
        made = f"version {version.base.number}" if version.base else "no version"
    return PolicyBaseMoved(
        f"This text was made from {made}, but {stands} now. Start a new draft from this text on today's version, and "
        "look at what it would change.",
        state={"in_force": in_force.number if in_force else None},
    )
