"""The audit log as people read it: searched, entry by entry, taken away as a file."""

import json
import re
from datetime import UTC
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.audit_export import stream_csv, stream_json_lines
from governance.audit_selectors import EntryFilter, filter_entries, find_batch, find_entries, find_entry, newest_batch
from governance.audit_types import AUDIT_TYPES, ERASURE_SUBJECT, ERASURE_TYPE, EXPORT_TYPE, describe_type
from governance.errors import Invalid, InvalidParameter, NotFound
from governance.models import AuditEntry, AuditPayload
from governance.permissions import may
from governance.services.erasing import LONGEST_REASON, erase_payload
from governance.services.recording import record
from governance.services.verifying import verify_entry
from governance.templatetags.hostile import truncate
from governance.web.session import page

# What a page shows of one payload; the export has all of it.
SHOWN_CHARACTERS = 64 * 1024
IDENTIFIER = re.compile(r"sha256:|[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{64}$")
EXPORTS = {
    "jsonl": (stream_json_lines, "application/x-ndjson"),
    "csv": (stream_csv, "text/csv; charset=utf-8"),
}


def _instant_field(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")
    formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
    return forms.DateTimeField(label=label, required=False, widget=widget, input_formats=formats)


class AuditFilterForm(forms.Form):
    """What to look for. Times are UTC, as everything in the log."""

    q = forms.CharField(label="Search in what the entries say", required=False, max_length=200)
    type = forms.ChoiceField(label="What happened", required=False)
    actor = forms.CharField(label="Who: a name or an id", required=False, max_length=254)
    subject = forms.CharField(label="About: decision:…, policy:… or an id", required=False, max_length=128)
    after = _instant_field("From (UTC)")
    before = _instant_field("Until (UTC)")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(title, list(types.items())) for title, types in AUDIT_TYPES.items()]
        field = self.fields["type"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Anything"), *groups]

    def wanted(self) -> EntryFilter:
        fields = self.cleaned_data
        return EntryFilter(
            type=fields["type"],
            actor=fields["actor"],
            subject=fields["subject"],
            text=fields["q"],
            after=fields["after"],
            before=fields["before"],
        )


class ErasureForm(forms.Form):
    reason = forms.CharField(
        label="Why it is erased",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It is recorded as an entry of its own, with your name.",
    )


@page("audit.read")
@require_GET
def audit_log(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    context: dict[str, Any] = {"form": form, "batch": newest_batch(), "clear_url": reverse("audit-log")}
    if not form.is_valid():
        return render(request, "audit/log.html", context, status=400)
    older, newer = _read_place(request, "older"), _read_place(request, "newer")
    found = find_entries(actor=actor, wanted=form.wanted(), older_than=older, newer_than=newer)
    context |= {
        "rows": [_describe_row(entry) for entry in found.entries],
        "applied": _applied_filters(request, form),
        "previous_url": _address(request, newer=found.entries[0].pk) if found.has_newer and found.entries else "",
        "next_url": _address(request, older=found.entries[-1].pk) if found.has_older and found.entries else "",
        "further_url": _address(request, older=found.searched_to) if found.searched_to else "",
        "newest_url": _address(request),
        "is_first_page": older is None and newer is None,
        "awaiting": AuditEntry.objects.visible_to(actor).unsequenced().count(),
        "exports": [(name, f"{reverse('audit-export', args=[name])}{_address(request)}") for name in EXPORTS],
    }
    return render(request, "audit/log.html", context)


@page("audit.read")
@require_GET
def audit_entry(request: HttpRequest, actor: Actor, entry_id: int) -> HttpResponse:
    return _show_entry(request, actor, find_entry(actor=actor, entry_id=entry_id), ErasureForm())


@page("audit.erase")
@require_POST
def audit_erase(request: HttpRequest, actor: Actor, entry_id: int) -> HttpResponse:
    form = ErasureForm(request.POST)
    if form.is_valid():
        try:
            erase_payload(actor=actor, entry_id=entry_id, reason=form.cleaned_data["reason"])
        except Invalid as refusal:
            form.add_error("reason", refusal.detail)
        else:
            messages.success(request, "The payload is erased. The entry and its proof stay.")
            return redirect("audit-entry", entry_id)
    return _show_entry(request, actor, find_entry(actor=actor, entry_id=entry_id), form, status=422)


@page("audit.read")
@require_GET
def audit_export(request: HttpRequest, actor: Actor, format: str) -> HttpResponseBase:
    """The filtered log as a file. That it was taken away is an entry too, the last one of the file's own time."""
    if format not in EXPORTS:
        raise NotFound()
    form = AuditFilterForm(request.GET)
    if not form.is_valid():
        name, faults = next(iter(form.errors.items()))
        raise InvalidParameter(f"{name}: {faults[0]}")
    stream, media_type = EXPORTS[format]
    with transaction.atomic(durable=True):
        exported = record(
            organization_id=actor.member_organization_id,
            type=EXPORT_TYPE,
            actor=actor,
            subject=f"organization:{actor.member_organization_id}",
            payload={
                "format": format,
                "filter": {key: request.GET[key] for key in form.fields if request.GET.get(key)},
            },
        )
    entries = filter_entries(actor=actor, wanted=form.wanted()).filter(pk__lte=exported.pk)
    response = StreamingHttpResponse(stream(entries), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="audit-log.{format}"'
    return response


def _show_entry(
    request: HttpRequest, actor: Actor, entry: AuditEntry, form: ErasureForm, status: int = 200
) -> HttpResponse:
    kept: AuditPayload | None = getattr(entry, "payload", None)
    shown, hidden = truncate(_indent(kept.payload), SHOWN_CHARACTERS) if kept else ("", 0)
    erasure = None
    if kept is None:
        erasures = AuditEntry.objects.visible_to(actor).filter(type=ERASURE_TYPE)
        erasure = erasures.filter(payload__subject=f"{ERASURE_SUBJECT}{entry.pk}").first()
    may_erase = (
        may(actor, "audit.erase")
        and kept is not None
        and entry.type != ERASURE_TYPE
        and not entry.type.startswith("policy.")
    )
    context = {
        "entry": entry,
        "words": describe_type(entry.type),
        "kept": kept,
        "payload": shown,
        "hidden_characters": hidden,
        "batch": find_batch(entry),
        "holds": verify_entry(entry),
        "erasure": erasure,
        "form": form if may_erase else None,
    }
    return render(request, "audit/entry.html", context, status=status)


def _indent(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        # Somebody altered it; it is shown as it stands.
        return payload


def _summarize(payload: str) -> str:
    """The telling members of a payload as a line of words; identifiers and digests stand on the entry's own page."""
    try:
        members = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(members, dict):
        return payload
    said = []
    for name, value in members.items():
        written = ", ".join(map(_write, value)) if isinstance(value, list) else _write(value)
        is_told = value is not None and value is not False and not isinstance(value, dict)
        if is_told and written and not IDENTIFIER.match(written):
            said.append(f"{name.replace('_', ' ')}: {written}")
    return " · ".join(said) or payload


def _write(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _describe_row(entry: AuditEntry) -> dict[str, Any]:
    kept: AuditPayload | None = getattr(entry, "payload", None)
    return {
        "entry": entry,
        "words": describe_type(entry.type),
        "subject": kept.subject if kept else None,
        "payload": truncate(_summarize(kept.payload), 160)[0] if kept else None,
    }


def _applied_filters(request: HttpRequest, form: AuditFilterForm) -> list[dict[str, str]]:
    applied = []
    for name, value in form.cleaned_data.items():
        if not value:
            continue
        words = {"type": describe_type(value) if name == "type" else "", "q": f"“{value}”", "actor": f"who: {value}"}
        words |= {"subject": f"about: {value}"}
        if name in {"after", "before"}:
            words[name] = f"{'from' if name == 'after' else 'until'} {value.astimezone(UTC):%Y-%m-%d %H:%M}"
        applied.append({"label": words[name], "remove_url": _address(request, without=name)})
    return applied


def _address(request: HttpRequest, without: str = "", **places: int) -> str:
    """The same search from another place, or without one of its filters."""
    parameters = request.GET.copy()
    for name in ("older", "newer", without):
        parameters.pop(name, None)
    for name, place in places.items():
        parameters[name] = str(place)
    for name in [name for name, value in parameters.items() if not value]:
        del parameters[name]
    return f"?{parameters.urlencode()}"


def _read_place(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
