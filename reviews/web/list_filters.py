"""The filters of the queue and decision pages: those of the API, with choices to pick from and chips to take them off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import django_filters
from django import forms
from django.http import HttpRequest

from governance.actors import Actor
from governance.models import AISystem
from governance.templatetags.hostile import inert_line
from reviews.api.filters import DecisionFilter, EscalationFilter, InstantFilter
from reviews.models import Decision, Escalation, Queue
from reviews.web.keyset import AFTER, BEFORE

Choices = list[tuple[str, str]]


def _text(label: str) -> dict[str, Any]:
    return {"label": label, "max_length": 255, "widget": forms.TextInput(attrs={"autocomplete": "off"})}


def _instant(label: str) -> dict[str, Any]:
    # datetime-local carries no offset: what it sends is read as UTC, as every time on the page is.
    return {"label": f"{label} (UTC)", "widget": forms.DateTimeInput(attrs={"type": "datetime-local"})}


class QueuePageFilter(EscalationFilter):
    """What the queue page offers of EscalationFilter; the view itself stands for status and holder."""

    status = None
    holder = None
    kind = None
    queue = django_filters.ChoiceFilter(field_name="queue__slug", label="Queue", empty_label="Any queue")
    system = django_filters.ChoiceFilter(field_name="system__slug", label="AI system", empty_label="Any system")
    rule = django_filters.CharFilter(**_text("Rule"))
    priority = django_filters.ChoiceFilter(
        label="Priority",
        empty_label="Any priority",
        choices=[(label, label.capitalize()) for label in reversed(Escalation.Priority.labels)],
        method="filter_priority",
    )
    q = django_filters.CharFilter(method="filter_text", label="Search titles", max_length=255, widget=forms.TextInput())

    def __init__(self, *args: Any, queues: Choices, systems: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["queue"].extra["choices"] = queues
        self.filters["system"].extra["choices"] = systems


class DecisionPageFilter(DecisionFilter):
    """What the decisions page offers of DecisionFilter."""

    status = django_filters.ChoiceFilter(label="Status", empty_label="Any status", choices=Decision.Status.choices)
    verdict = django_filters.ChoiceFilter(
        label="Policy said", empty_label="Any verdict", choices=Decision.Verdict.choices
    )
    system = django_filters.ChoiceFilter(field_name="system__slug", label="AI system", empty_label="Any system")
    action = django_filters.CharFilter(field_name="action_name", **_text("Action"))
    rule = django_filters.CharFilter(**_text("Rule"))
    subject = django_filters.CharFilter(**_text("Subject"))
    model = django_filters.CharFilter(**_text("Model"))
    release = django_filters.CharFilter(**_text("Release"))
    label = django_filters.CharFilter(method="filter_label", **_text("Label"))
    created_after = InstantFilter(field_name="created_at", lookup_expr="gte", **_instant("Made from"))
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt", **_instant("Made before"))
    q = django_filters.CharFilter(
        method="filter_text", label="Search inputs and ids", max_length=255, widget=forms.TextInput()
    )

    def __init__(self, *args: Any, systems: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["system"].extra["choices"] = systems


def queue_choices(actor: Actor) -> Choices:
    return list(Queue.objects.visible_to(actor).order_by("name").values_list("slug", "name")[:500])


def system_choices(actor: Actor) -> Choices:
    return list(AISystem.objects.visible_to(actor).order_by("name").values_list("slug", "name")[:500])


def describe_applied(request: HttpRequest, form: forms.Form) -> list[dict[str, Any]]:
    """The filters that are on, in plain words, each with the address of the page without it."""
    applied = []
    for name, field in form.fields.items():
        value = request.GET.get(name, "").strip()
        if value:
            shown = dict(_flat(getattr(field, "choices", ()))).get(value, value)
            label = str(field.label).removesuffix(" (UTC)")
            said = "Search" if name == "q" else label
            applied.append({"label": inert_line(f"{said}: {shown[:100]}"), "remove_url": _without(request, name)})
    return applied


def _flat(choices: Iterable[Any]) -> Choices:
    return [(str(value), str(text)) for value, text in choices]


def _without(request: HttpRequest, name: str) -> str:
    parameters = request.GET.copy()
    for gone in (name, AFTER, BEFORE):
        parameters.pop(gone, None)
    return f"?{parameters.urlencode()}"
