"""The pages of policies: what is in force, what waits for whom, each version with what it changes, and the ledger."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.errors import Conflict, DomainError, Invalid, NotPermitted
from governance.models import Activation, Policy, PolicyVersion
from governance.permissions import may
from governance.policy_changes import Change, DiffLine, compare_documents, compare_lines, unify
from governance.policy_selectors import (
    activations_of,
    approvers_of,
    describe_state,
    find_policy,
    find_version_by_number,
    list_policies,
    newest_activation,
    versions_of,
    wrote_text,
)
from governance.rules.document import InvalidPolicy, PolicyDocument, load_policy_document
from governance.services.policy_activation import activate_version, roll_back
from governance.services.policy_checking import check_text
from governance.services.policy_life import approve_version, open_policy, reject_version, withdraw_version
from governance.web.session import page
from governance.web.systems import find_system

Status = PolicyVersion.Status
LONGEST_HISTORY = 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a text changes against another one. `lines` is None where the texts are too long to compare by line."""

    before: PolicyVersion | None
    changes: Sequence[Change]
    lines: Sequence[DiffLine] | None

    @property
    def unified(self) -> Sequence[DiffLine]:
        return unify(self.lines or ())


def compare(before: PolicyVersion | None, source: str, document: PolicyDocument | None) -> Comparison:
    """A text against a version; the rule-by-rule part needs a valid document."""
    changes = compare_documents(load_document(before), document) if document else []
    return Comparison(before, changes, compare_lines(before.source if before else "", source))


def read_number(text: str) -> int | None:
    """A whole number of a form's hidden field, or None for anything that a form of ours never holds."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def load_document(version: PolicyVersion | None) -> PolicyDocument | None:
    """The document of a version as it was pinned, or of a draft's text where that is valid."""
    if version is None:
        return None
    try:
        return load_policy_document(json.loads(version.canonical) if version.canonical else version.source)
    except InvalidPolicy:
        return None


@page("policies.read")
@require_GET
def policy_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    rows = list_policies(actor=actor)
    mine = [(row, version) for row in rows for version in row.submitted if version.pk in row.approvable]
    return render(
        request, "policies/list.html", {"rows": rows, "to_approve": mine, "may_write": may(actor, "policies.write")}
    )


@page("policies.write")
@require_POST
def policy_open(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """A policy for a system that has none: its first draft is a small example."""
    draft = open_policy(actor=actor, system=find_system(actor, slug))
    messages.success(request, "This is a first draft. Nothing is in force before another person has approved it.")
    return redirect("policy-draft", draft.policy_id, draft.number)


@page("policies.read")
@require_GET
def policy_detail(request: HttpRequest, actor: Actor, policy_id: uuid.UUID) -> HttpResponse:
    return _show_policy(request, actor, find_policy(actor=actor, policy_id=policy_id))


@page("policies.roll_back")
@require_POST
def policy_roll_back(request: HttpRequest, actor: Actor, policy_id: uuid.UUID) -> HttpResponse:
    policy = find_policy(actor=actor, policy_id=policy_id)
    seen, reason = request.POST.get("activation", ""), request.POST.get("reason", "")
    try:
        activation = roll_back(actor=actor, policy_id=policy.pk, reason=reason, activation=read_number(seen))
    except (Conflict, Invalid) as refusal:
        return _show_policy(request, actor, policy, refusal=refusal, reason=reason)
    messages.success(request, f"Version {activation.version.number} is in force again.")
    return redirect("policy-detail", policy.pk)


@page("policies.read")
@require_GET
def policy_version(request: HttpRequest, actor: Actor, policy_id: uuid.UUID, number: int) -> HttpResponse:
    version = find_version_by_number(actor=actor, policy_id=policy_id, number=number)
    return _show_version(request, actor, version)


VERBS = {
    "approve": ("policies.approve", "is approved. It is not in force yet."),
    "reject": ("policies.approve", "is rejected."),
    "withdraw": ("policies.write", "is withdrawn."),
    "activate": ("policies.activate", "is in force."),
}


@page("policies.read")
@require_POST
def policy_version_rule(
    request: HttpRequest, actor: Actor, policy_id: uuid.UUID, number: int, verb: str
) -> HttpResponse:
    """One step of a version's life, by the button of its page. The services check the role."""
    version = find_version_by_number(actor=actor, policy_id=policy_id, number=number)
    posted = {name: request.POST.get(name, "") for name in ("sha256", "reason", "comment")}
    try:
        _carry_out(verb, actor, version, posted)
    except (Conflict, Invalid, NotPermitted) as refusal:
        return _show_version(request, actor, version, refusal=refusal, posted={**posted, "verb": verb})
    messages.success(request, f"Version {version.number} of {version.policy.key} {VERBS[verb][1]}")
    return redirect("policy-version", policy_id, number)


def _carry_out(verb: str, actor: Actor, version: PolicyVersion, posted: dict[str, str]) -> None:
    match verb:
        case "approve":
            approve_version(actor=actor, version_id=version.pk, sha256=posted["sha256"], comment=posted["comment"])
        case "reject":
            reject_version(actor=actor, version_id=version.pk, sha256=posted["sha256"], reason=posted["reason"])
        case "withdraw":
            withdraw_version(actor=actor, version_id=version.pk, reason=posted["reason"])
        case "activate":
            activate_version(actor=actor, version_id=version.pk)


def _show_policy(
    request: HttpRequest, actor: Actor, policy: Policy, *, refusal: DomainError | None = None, reason: str = ""
) -> HttpResponse:
    activations = list(activations_of(policy)[:LONGEST_HISTORY])
    versions = list(versions_of(policy)[:LONGEST_HISTORY])
    current = activations[0] if activations else None
    activated = set(policy.activations.values_list("version_id", flat=True))
    in_force_id = current.version_id if current else None
    document = load_document(current.version) if current else None
    context = {
        "policy": policy,
        "current": current,
        "document": document,
        "activations": activations,
        "versions": [
            (version, describe_state(version, in_force_id=in_force_id, activated=activated)) for version in versions
        ],
        "open_drafts": [version for version in versions if version.status == Status.DRAFT],
        "roll_back_to": _roll_back_target(activations),
        "may_write": may(actor, "policies.write"),
        "may_roll_back": may(actor, "policies.roll_back"),
        "refusal": refusal,
        "reason": reason,
        "longest_history": LONGEST_HISTORY,
    }
    return render(request, "policies/detail.html", context, status=refusal.status if refusal else 200)


def _roll_back_target(activations: Sequence[Activation]) -> Activation | None:
    """What one step back would bring, where a step back is allowed (roll_back decides)."""
    if len(activations) < 2 or activations[0].origin == Activation.Origin.ROLLBACK:
        return None
    return activations[1]


def _show_version(
    request: HttpRequest,
    actor: Actor,
    version: PolicyVersion,
    *,
    refusal: DomainError | None = None,
    posted: dict[str, str] | None = None,
) -> HttpResponse:
    version.refresh_from_db()
    checked = check_text(version.source, key=version.policy.key)
    newest = newest_activation(version.policy_id)
    in_force = newest.version if newest else None
    activated = list(version.activations.order_by("-number"))
    state = describe_state(
        version, in_force_id=in_force.pk if in_force else None, activated={one.version_id for one in activated}
    )
    has_moved = (in_force.pk if in_force else None) != version.base_id
    context = {
        "policy": version.policy,
        "version": version,
        "state": state,
        "checked": checked,
        "lines": version.source.splitlines(),
        "wrong_lines": {fault.line for fault in checked.errors if fault.line},
        "comparison": compare(version.base, version.source, checked.document),
        # Against today's too, where that is neither this version nor the one that it was made from.
        "against_today": compare(in_force, version.source, checked.document)
        if has_moved and in_force and not activated
        else None,
        "has_moved": has_moved and not activated,
        "in_force": in_force,
        "activations": activated,
        "approvals": version.approvals.select_related("approver"),
        "editors": version.editors.all(),
        "refusal": refusal,
        "posted": posted or {},
        **_offers(actor, version, has_moved=has_moved, was_active=bool(activated)),
    }
    return render(request, "policies/version.html", context, status=refusal.status if refusal else 200)


def _offers(actor: Actor, version: PolicyVersion, *, has_moved: bool, was_active: bool) -> dict[str, Any]:
    """What this person may do with the version now, and who else could; the services decide again."""
    is_submitted = version.status == Status.SUBMITTED
    wrote = is_submitted and wrote_text(actor=actor, version=version)
    may_rule = is_submitted and may(actor, "policies.approve") and not wrote
    is_living = version.status in (Status.DRAFT, Status.SUBMITTED, Status.APPROVED) and not was_active
    return {
        "approvers": approvers_of(version)[:50] if is_submitted else (),
        "may_approve": may_rule and not has_moved,
        "may_reject": may_rule,
        "wrote": wrote,
        "may_activate": version.status == Status.APPROVED
        and not was_active
        and not has_moved
        and may(actor, "policies.activate"),
        "may_withdraw": is_living and may(actor, "policies.write"),
        "may_edit": version.status == Status.DRAFT and may(actor, "policies.write"),
        "may_write": may(actor, "policies.write"),
    }
