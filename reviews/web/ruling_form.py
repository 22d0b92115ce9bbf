"""The ruling form: what it shows of an attempt, and how a posted one is read. The API's rules decide; this only translates."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from governance.actors import Actor
from governance.canonical import canonicalize, sha256_hex
from governance.errors import FieldError
from governance.models import Group, Organization
from reviews.errors import InvalidRuling
from reviews.models import Escalation, ReviewDraft
from reviews.proposals import ABSENT
from reviews.rulings import Ruling
from reviews.services.rulings import Submission, read_asked_of
from reviews.web.correction_form import PREFIX, CorrectionField, lay_out, read_back
from reviews.web.evidence import describe_change, list_action_names

VERDICTS = (
    ("approve", "Approve", "a"),
    ("correct", "Correct", "e"),
    ("reject", "Reject", "d"),
    ("answer", "Answer myself", "t"),
    ("escalate", "Escalate", "u"),
    ("need_information", "Need information", "i"),
)
SUGGESTED_LABELS = ("wrong-action", "wrong-details", "missing-context", "against-policy", "unsafe")
NEVER_DRAFTED = {"csrfmiddlewaretoken", "claim_token", "submission"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person has typed: a submission that came back, a draft, or nothing yet."""

    fields: Mapping[str, str]
    labels: tuple[str, ...] = ()
    faults: tuple[FieldError, ...] = ()
    problem: str = ""
    shows_change: bool = False


def describe_form(escalation: Escalation, attempt: Attempt) -> dict[str, Any]:
    """The right-hand side: verdicts, correction fields, labels, groups; with what was typed and what was wrong with it."""
    asked = read_asked_of(escalation)
    kind, proposed = next(iter(asked.proposal.items()))
    submitted = attempt.fields if any(name.startswith(PREFIX) for name in attempt.fields) else None
    fields = lay_out(
        value=proposed["arguments"] if kind == "action" else proposed, schema=asked.schema, submitted=submitted
    )
    summary = place_faults(fields, attempt.faults, kind)
    organization = Organization.objects.get(pk=escalation.organization_id)
    known = list(dict.fromkeys([*organization.labels, *(() if organization.labels else SUGGESTED_LABELS)]))[:9]
    change: list[Any] = []
    if attempt.shows_change:
        corrected, faults = read_correction(attempt.fields, escalation)
        change = [] if faults else describe_change(asked.proposal, corrected)
    open_verdicts = {*asked.allowed, "escalate", *(() if asked.has_happened else ("need_information",))}
    return {
        "verdicts": [(value, label, key) for value, label, key in VERDICTS if value in open_verdicts],
        "chosen": attempt.fields.get("verdict", ""),
        "correction_fields": fields,
        "action_names": list_action_names(escalation.decision) if kind == "action" else [],
        "fixed_action": attempt.fields.get("action_name", escalation.decision.action_name),
        "known_labels": [(label, label in attempt.labels, str(index)) for index, label in enumerate(known, 1)],
        "other_labels": ", ".join(label for label in attempt.labels if label not in known),
        "groups": Group.objects.filter(organization_id=escalation.organization_id),
        "summary": summary,
        "change": change,
        "claim_token": escalation.claim_token,
        "submission": attempt.fields.get("submission") or uuid.uuid4().hex,
    }


def place_faults(fields: list[CorrectionField], faults: tuple[FieldError, ...], kind: str) -> list[dict[str, str]]:
    """Put each fault on its field; the error summary's lines, each with the field that it leads to."""
    root = "/action/arguments" if kind == "action" else "/output"
    known = {root + entry.pointer: entry for entry in fields}
    anchors = {"/labels": "other-labels", "/reason": "reason", "/note": "note", "/answer": "answer", "/group": "group"}
    anchors |= {"/verdict": "verdict", "/action": "action-name"}
    summary = []
    for fault in faults:
        entry = known.get(fault["pointer"]) or known.get(fault["pointer"].rsplit("/", 1)[0])
        if entry is not None:
            entry.error = fault["detail"]
            summary.append({"anchor": entry.html_id, "label": entry.label, "text": fault["detail"]})
        else:
            base = "/" + fault["pointer"].split("/")[1] if "/" in fault["pointer"] else ""
            summary.append({"anchor": anchors.get(base, "ruling"), "label": "", "text": fault["detail"]})
    return summary


def read_submission(request: HttpRequest, escalation: Escalation) -> Submission:
    """The posted form as a ruling. Refuses (InvalidRuling) fields that don't parse, before anything is recorded."""
    form = request.POST
    verdict = form.get("verdict", "")
    if verdict not in {value for value, _, _ in VERDICTS}:
        raise InvalidRuling(errors=[{"pointer": "/verdict", "detail": "Choose a verdict."}])
    fields: dict[str, Any] = {}
    if verdict == "correct":
        corrected, faults = read_correction(form, escalation)
        if faults:
            raise InvalidRuling(errors=faults)
        fields = corrected
    if verdict == "need_information" and not form.get("reason", "").strip():
        # The note is for colleagues; on this screen it never becomes the question.
        raise InvalidRuling(errors=[{"pointer": "/reason", "detail": "Say what you need to know."}])
    tokens = read_uuids(form.get("claim_token", ""))
    return Submission(
        ruling=Ruling(
            verdict=verdict,
            action=fields.get("action"),
            output=fields.get("output", ABSENT),
            answer=(form.get("answer", "").strip() or ABSENT) if verdict == "answer" else ABSENT,
            labels=read_labels(request),
            reason=form.get("reason", ""),
            note=form.get("note", ""),
            group=form.get("group", "") if verdict == "escalate" else "",
        ),
        claim_token=tokens[0] if tokens else uuid.UUID(int=0),
        idempotency_key=form.get("submission", "")[:64],
        request_sha256=sha256_hex(canonicalize({"verdict": verdict, **drafted(request)})),
    )


def read_correction(form: Mapping[str, str], escalation: Escalation) -> tuple[dict[str, Any], list[FieldError]]:
    """The corrected proposal and the faults of its fields, as pointers of the API."""
    asked = read_asked_of(escalation)
    kind, proposed = next(iter(asked.proposal.items()))
    if kind == "output":
        corrected, faults = read_back(value=proposed, schema=asked.schema, submitted=form)
        return {"output": corrected}, [{**fault, "pointer": f"/output{fault['pointer']}"} for fault in faults]
    arguments, faults = read_back(value=proposed["arguments"], schema=asked.schema, submitted=form)
    name = form.get("action_name", proposed["name"]).strip()
    located: list[FieldError] = [{**fault, "pointer": f"/action/arguments{fault['pointer']}"} for fault in faults]
    if not 1 <= len(name) <= 100:
        located.append({"pointer": "/action", "detail": "The action needs a name of 1 to 100 characters."})
    return {"action": {"name": name, "arguments": arguments}}, located


def read_attempt(request: HttpRequest) -> Attempt:
    fields = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    return Attempt(fields=fields, labels=read_labels(request))


def read_labels(request: HttpRequest) -> tuple[str, ...]:
    typed = request.POST.get("other_labels", "").replace(";", ",").split(",")
    labels = [*request.POST.getlist("labels"), *("-".join(label.lower().split()) for label in typed)]
    return tuple(dict.fromkeys(label for label in labels if label))


def drafted(request: HttpRequest) -> dict[str, Any]:
    """What a draft keeps of a form: all but tokens."""
    fields = {name: value for name, value in request.POST.items() if name not in NEVER_DRAFTED}
    return {**fields, "labels": list(read_labels(request))}


def read_draft(actor: Actor, escalation: Escalation) -> Attempt:
    saved = ReviewDraft.objects.filter(escalation=escalation, reviewer_id=actor.user_id).first()
    if saved is None:
        return Attempt(fields={})
    fields = {name: value for name, value in saved.fields.items() if isinstance(value, str)}
    return Attempt(
        fields={**fields, "saved_at": saved.saved_at.isoformat()}, labels=tuple(saved.fields.get("labels", ()))
    )


def with_faults(attempt: Attempt, faults: tuple[FieldError, ...]) -> Attempt:
    return Attempt(attempt.fields, attempt.labels, faults)


def with_problem(attempt: Attempt, problem: str) -> Attempt:
    return Attempt(attempt.fields, attempt.labels, problem=problem)


def read_uuids(text: str) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []
