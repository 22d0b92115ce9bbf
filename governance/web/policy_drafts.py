"""The editor of a draft: a text area that the server checks, tries out, compares, saves and submits.

Everything works by the form's buttons alone; a script only asks for the same fragments while one types.
"""

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from governance.actors import Actor
from governance.errors import DomainError, Invalid
from governance.models import PolicyVersion
from governance.permissions import may
from governance.policy_changes import compare_lines, unify
from governance.policy_selectors import find_policy, find_version_by_number, newest_activation
from governance.rules.evaluation import Evaluation
from governance.services.policy_checking import check_text, evaluate_text, read_context
from governance.services.policy_life import draft_version, edit_draft, submit_version
from governance.services.policy_refusals import (
    DraftChanged,
    PolicyBaseMoved,
    PolicyKeyDiffers,
    PolicyNotValid,
    PolicyTestsFailed,
    VersionNotDraft,
)
from governance.web.policies import compare, load_document, read_number
from governance.web.session import page

Status = PolicyVersion.Status
EXAMPLE_CONTEXT = {
    "action": {"name": "refund", "arguments": {"amount": 240.0}},
    "input": {"message": "Where is my refund?"},
    "confidence": 0.91,
}


@page("policies.write")
@require_http_methods(["GET", "POST"])
def policy_draft_start(request: HttpRequest, actor: Actor, policy_id: uuid.UUID) -> HttpResponse:
    """Begins a draft (POST), from the version in force or from `copy_of`; a GET shows the drafts that are open."""
    policy = find_policy(actor=actor, policy_id=policy_id)
    if request.method == "GET":
        drafts = policy.versions.filter(status=Status.DRAFT).select_related("author").order_by("-number")
        return render(request, "policies/drafts.html", {"policy": policy, "drafts": drafts})
    copied = read_number(request.POST.get("copy_of", ""))
    copy_of = find_version_by_number(actor=actor, policy_id=policy_id, number=copied).pk if copied else None
    draft = draft_version(actor=actor, policy_id=policy_id, copy_of=copy_of)
    return redirect("policy-draft", policy_id, draft.number)


@page("policies.write")
@require_http_methods(["GET", "POST"])
def policy_draft(request: HttpRequest, actor: Actor, policy_id: uuid.UUID, number: int) -> HttpResponse:
    version = find_version_by_number(actor=actor, policy_id=policy_id, number=number)
    if request.method == "GET":
        if version.status != Status.DRAFT:
            return redirect("policy-version", policy_id, number)
        return _show_editor(request, actor, version)
    match request.POST.get("intent"):
        case "save":
            return _save(request, actor, version)
        case "submit":
            return _submit(request, actor, version)
        case "try":
            return _show_editor(request, actor, version, **_try_out(request, actor))
        case _:
            return _show_editor(request, actor, version)


@page("policies.write")
@require_POST
def policy_draft_check(request: HttpRequest, actor: Actor, policy_id: uuid.UUID, number: int) -> HttpResponse:
    """The fragment beside the text: faults, tests, warnings and what the text would change."""
    version = find_version_by_number(actor=actor, policy_id=policy_id, number=number)
    return render(request, "policies/_checking.html", _checking(version, _posted_text(request)))


@page("policies.read")
@require_POST
def policy_draft_try(request: HttpRequest, actor: Actor, policy_id: uuid.UUID, number: int) -> HttpResponse:
    """The fragment of the playground: what the text would say of the context."""
    find_version_by_number(actor=actor, policy_id=policy_id, number=number)
    return render(request, "policies/_trial.html", _try_out(request, actor))


def _save(request: HttpRequest, actor: Actor, version: PolicyVersion) -> HttpResponse:
    try:
        edit_draft(actor=actor, version_id=version.pk, source=_posted_text(request), revision=_posted_revision(request))
    except (DraftChanged, VersionNotDraft, Invalid) as refusal:
        return _show_editor(request, actor, version, refusal=refusal)
    messages.success(request, "The draft is saved.")
    return redirect("policy-draft", version.policy_id, version.number)


def _submit(request: HttpRequest, actor: Actor, version: PolicyVersion) -> HttpResponse:
    """Saves what the person sees, then submits exactly that."""
    text, revision = _posted_text(request), _posted_revision(request)
    try:
        if text != version.source or revision != version.revision:
            revision = edit_draft(actor=actor, version_id=version.pk, source=text, revision=revision).revision
        submit_version(actor=actor, version_id=version.pk, reason=request.POST.get("reason", ""), revision=revision)
    except (
        DraftChanged,
        VersionNotDraft,
        Invalid,
        PolicyBaseMoved,
        PolicyKeyDiffers,
        PolicyNotValid,
        PolicyTestsFailed,
    ) as refusal:
        return _show_editor(request, actor, version, refusal=refusal)
    messages.success(request, f"Version {version.number} awaits approval by another person.")
    return redirect("policy-version", version.policy_id, version.number)


def _show_editor(
    request: HttpRequest,
    actor: Actor,
    version: PolicyVersion,
    *,
    refusal: DomainError | None = None,
    trial: Evaluation | None = None,
    trial_refusal: DomainError | None = None,
) -> HttpResponse:
    """The editor with what was typed, or with the saved text on arrival. After a conflict a save goes over the revision
    that stands now, so that it is the person who decides, having seen both."""
    version.refresh_from_db()
    text = _posted_text(request) if request.method == "POST" else version.source
    theirs = version.source if isinstance(refusal, (DraftChanged, VersionNotDraft)) else None
    if isinstance(refusal, DraftChanged) or request.method == "GET":
        revision = version.revision
    else:
        revision = _posted_revision(request)
        if refusal is not None and version.source == text:
            # The save went through and the submission did not.
            revision = version.revision
    checking = _checking(version, text, revision=revision)
    context = {
        "policy": version.policy,
        "version": version,
        "text": text,
        "revision": revision,
        "is_unsaved": text != version.source,
        "refusal": refusal,
        "is_overtaken": theirs is not None,
        "theirs": (their_lines := compare_lines(theirs, text) if theirs is not None else None),
        "theirs_unified": unify(their_lines or ()),
        "reason": request.POST.get("reason", ""),
        "context_text": request.POST.get("context") or _example_context(checking),
        "trial": trial,
        "trial_refusal": trial_refusal,
        "was_checked": request.POST.get("intent") == "check",
        "may_approve_later": may(actor, "policies.approve"),
        **checking,
    }
    status = (refusal or trial_refusal).status if refusal or trial_refusal else 200  # type: ignore[union-attr]
    return render(request, "policies/draft.html", context, status=status)


def _checking(version: PolicyVersion, text: str, revision: int | None = None) -> dict[str, Any]:
    checked = check_text(text, key=version.policy.key)
    newest = newest_activation(version.policy_id)
    in_force = newest.version if newest else None
    lines = text.splitlines()
    return {
        "checked": checked,
        "faults": [
            {
                "fault": fault,
                "text": lines[fault.line - 1].strip()[:200] if fault.line and fault.line <= len(lines) else "",
            }
            for fault in checked.errors
        ],
        "comparison": compare(in_force, text, checked.document),
        "in_force": in_force,
        "has_moved": (in_force.pk if in_force else None) != version.base_id,
        "version": version,
        "policy": version.policy,
    }


def _try_out(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    try:
        context = read_context(request.POST.get("context", ""))
        trial = evaluate_text(actor=actor, document=_posted_text(request), context=context)
    except Invalid as refusal:
        return {"trial": None, "trial_refusal": refusal}
    return {"trial": trial, "trial_refusal": None}


def _posted_text(request: HttpRequest) -> str:
    return request.POST.get("document", "").replace("\r\n", "\n")


def _posted_revision(request: HttpRequest) -> int:
    return read_number(request.POST.get("revision", "")) or 0


def _example_context(checking: dict[str, Any]) -> str:
    """The playground begins with the first test's context, of the text or else of what is in force."""
    document = checking["checked"].document or load_document(checking["in_force"])
    context = document.tests[0].context if document and document.tests else EXAMPLE_CONTEXT
    return json.dumps(context, indent=2, ensure_ascii=False)
