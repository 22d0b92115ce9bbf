"""The filters of the queue and decision pages: those of the API, with choices to pick from and chips to take them off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, Subquery
from django.http import HttpRequest

from governance.actors import Actor
from governance.models import AISystem
from governance.templatetags.hostile import inert_line
from reviews.api.filters import DecisionFilter, EscalationFilter, InstantFilter
from reviews.models import Decision, Escalation, Outcome, Queue, Review
from reviews.querysets import DecisionQuerySet
from reviews.web.keyset import AFTER, BEFORE

Choices = list[tuple[str, str]]

# What the pages of figures count, so that each of their numbers can be opened.
COUNTED: Choices = [
    ("real", "Any figure (no test keys)"),
    ("allowed", "Allowed by policy"),
    ("asked", "Sent to people by policy"),
    ("blocked", "Blocked by policy"),
    ("diverted", "Diverted by the breaker"),
    ("ruled", "Ruled on by people"),
    ("overridden", "Overridden: corrected or rejected"),
    ("sampled", "Quality samples"),
    ("wrong", "Wrong in a quality sample"),
    ("reviewed", "Reviewed: asked or sampled"),
    ("resolved", "Resolved, as reported"),
    ("unreviewable", "Went ahead, could never be reviewed"),
]


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
    q = django_filters.CharFilter(
        method="filter_text", label="Search titles and reasons", max_length=255, widget=forms.TextInput()
    )

    def __init__(self, *args: Any, queues: Choices, systems: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["queue"].extra["choices"] = queues
        self.filters["system"].extra["choices"] = systems


class DecisionPageFilter(DecisionFilter):
    """What the decisions page offers of DecisionFilter, and what the pages of figures lead to: `outcome` (the newest report)
    and `counted` (as what the decision counts in a figure)."""

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
    outcome = django_filters.ChoiceFilter(
        label="Outcome", empty_label="Any outcome", choices=Outcome.Status.choices, method="filter_outcome"
    )
    counted = django_filters.ChoiceFilter(
        label="Counted as", empty_label="Anything", choices=COUNTED, method="filter_counted"
    )
    created_after = InstantFilter(field_name="created_at", lookup_expr="gte", **_instant("Made from"))
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt", **_instant("Made before"))
    q = django_filters.CharFilter(
        method="filter_text", label="Search inputs and ids", max_length=255, widget=forms.TextInput()
    )

    def __init__(self, *args: Any, systems: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["system"].extra["choices"] = systems

    def filter_outcome(self, queryset: DecisionQuerySet, name: str, value: str) -> DecisionQuerySet:
        return queryset.annotate(outcome=_newest_outcome("status")).filter(outcome=value)

    def filter_counted(self, queryset: DecisionQuerySet, name: str, value: str) -> DecisionQuerySet:
        counted = queryset.real()
        closed = Escalation.objects.filter(decision=OuterRef("pk"), closure=Escalation.Closure.RULED)
        approvals, samples = closed.filter(kind="approval"), closed.filter(kind="quality")
        asking = (Decision.Verdict.REVIEW, Decision.Verdict.ESCALATE)
        conditions: dict[str, Q | Exists] = {
            "real": Q(),
            "allowed": Q(verdict=Decision.Verdict.ALLOW, is_diverted=False),
            "asked": Q(verdict__in=asking, is_diverted=False),
            "blocked": Q(verdict=Decision.Verdict.BLOCK, is_diverted=False),
            "diverted": Q(is_diverted=True),
            "ruled": Exists(approvals),
            "overridden": Exists(approvals.filter(ruling__verdict__in=Review.OVERRIDING)),
            "sampled": Exists(Escalation.objects.filter(decision=OuterRef("pk"), kind="quality")),
            "wrong": Exists(samples.filter(ruling__verdict__in=Review.OVERRIDING)),
            "reviewed": Exists(closed),
            "resolved": Q(is_resolved=True),
            "unreviewable": Q(status__in=(Decision.Status.ALLOWED, Decision.Status.OBSERVED), review_probability=0),
        }
        if value == "resolved":
            counted = counted.annotate(is_resolved=_newest_outcome("is_resolved"))
        return counted.filter(conditions[value])


def _newest_outcome(field: str) -> Subquery:
    return Subquery(Outcome.objects.filter(decision=OuterRef("pk")).order_by("-id").values(field)[:1])


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
