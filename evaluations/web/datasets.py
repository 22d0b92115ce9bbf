"""The datasets' pages: what was taught, by which rulings, where they contradict each other, and how to take it along."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from evaluations.models import Dataset, Example
from evaluations.selectors import (
    COUNTED_AT_MOST,
    SOURCES_COUNTED_AT_MOST,
    Selection,
    choose_examples,
    find_dataset,
    find_example,
    list_disputes,
    with_figures,
    with_heads,
)
from evaluations.services.adjudicating import adjudicate_example
from evaluations.version_selectors import newest_version
from evaluations.web.exports import write_page_url
from evaluations.web.forms import AdjudicationForm, ExampleFilterForm
from evaluations.web.texts import excerpt_expected, excerpt_input, is_rejection, lay_out, lay_out_expected
from governance.actors import Actor
from governance.errors import Invalid
from governance.models import PolicyVersion
from governance.permissions import may
from governance.web.paging import take_page
from governance.web.session import page
from reviews.models import Decision, DecisionPayload, Review
from reviews.services.resolution import STATUS_BY_VERDICT
from reviews.web.evidence import describe_change
from reviews.web.keyset import take_keyset_page
from reviews.web.list_filters import describe_applied

DISPUTES_SHOWN = 5
RIVALS_SHOWN = 6
SOURCES_SHOWN = 20


@page("datasets.read")
@require_GET
def dataset_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    listed = take_page(request, with_figures(Dataset.objects.visible_to(actor)).order_by("name", "id"))
    rows = [{"dataset": dataset, **say_figures(dataset)} for dataset in listed.rows]
    return render(request, "evaluations/datasets.html", {"page": listed, "rows": rows})


@page("datasets.read")
@require_GET
def dataset_detail(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID) -> HttpResponse:
    dataset = find_dataset(actor=actor, dataset_id=dataset_id)
    form = ExampleFilterForm(request.GET)
    chosen = form.read_selection()
    listed = take_keyset_page(request, with_heads(choose_examples(dataset, chosen)), ("-id",))
    is_start = listed.is_first and chosen == Selection(statuses=())
    disputes = list_disputes(dataset, inputs=DISPUTES_SHOWN, rivals=RIVALS_SHOWN) if is_start else []
    rulings = find_rulings(actor, [rival.review_id for rivals in disputes for rival in rivals])
    context = {
        "dataset": dataset,
        **say_figures(dataset),
        "form": form,
        "applied": describe_applied(request, form),
        "page": listed,
        "examples": [describe_row(example) for example in listed.rows],
        "disputes": [
            {
                "input": excerpt_input(rivals[0].input_head, rivals[0].input_length),
                "rivals": [{**describe_row(rival), **say_ruling(rulings.get(rival.review_id))} for rival in rivals],
            }
            for rivals in disputes
        ],
        "may_adjudicate": may(actor, "datasets.adjudicate"),
        "newest": newest_version(dataset),
        "chosen_url": write_page_url(dataset.pk, chosen),
    }
    return render(request, "evaluations/dataset.html", context)


@page("datasets.read")
@require_GET
def example_detail(request: HttpRequest, actor: Actor, dataset_id: uuid.UUID, example_id: uuid.UUID) -> HttpResponse:
    example = find_example(actor=actor, dataset_id=dataset_id, example_id=example_id)
    return show_example(request, actor, example, AdjudicationForm())


@page("datasets.adjudicate")
@require_POST
def example_adjudicate(
    request: HttpRequest, actor: Actor, dataset_id: uuid.UUID, example_id: uuid.UUID
) -> HttpResponse:
    form = AdjudicationForm(request.POST)
    if not form.is_valid():
        example = find_example(actor=actor, dataset_id=dataset_id, example_id=example_id)
        return show_example(request, actor, example, form)
    adjudicate_example(
        actor=actor,
        dataset_id=dataset_id,
        example_id=example_id,
        seen=read_ids(request.POST.getlist("seen")),
        reason=form.cleaned_data["reason"],
    )
    messages.success(request, "Settled: this example holds, the others are retired.")
    return redirect("example-detail", dataset_id, example_id)


def show_example(request: HttpRequest, actor: Actor, example: Example, form: AdjudicationForm) -> HttpResponse:
    same_input = Example.objects.filter(dataset_id=example.dataset_id, input_sha256=example.input_sha256)
    rivals: list[Any] = list(with_heads(same_input.exclude(pk=example.pk)).order_by("id")[: RIVALS_SHOWN + 1])
    sources = list(example.sources.order_by("-id")[: SOURCES_SHOWN + 1])
    rulings = find_rulings(actor, [*(source.review_id for source in sources), *(rival.review_id for rival in rivals)])
    versions = find_versions(actor, [source.policy_version_id for source in sources[:SOURCES_SHOWN]])
    turns, facts = lay_out(example.input, path="input")
    proposal = find_proposal(actor, sources[0].decision_id) if sources else None
    expected = json.loads(example.expected)
    is_disputed = example.status == Example.Status.DISPUTED
    context = {
        "dataset": example.dataset,
        "example": example,
        "turns": turns,
        "input_facts": facts,
        "expected_facts": lay_out_expected(example.expected),
        "is_rejection": is_rejection(expected),
        "proposal_facts": lay_out_expected(proposal) if proposal else [],
        "change": describe_change(json.loads(proposal), expected) if proposal else [],
        "has_proposal": proposal is not None,
        "sources": [
            {
                "source": source,
                **say_ruling(rulings.get(source.review_id)),
                "version": versions.get(source.policy_version_id),
            }
            for source in sources[:SOURCES_SHOWN]
        ],
        "has_more_sources": len(sources) > SOURCES_SHOWN,
        "rivals": [
            {**describe_row(rival), **say_ruling(rulings.get(rival.review_id))} for rival in rivals[:RIVALS_SHOWN]
        ],
        "has_more_rivals": len(rivals) > RIVALS_SHOWN,
        "is_disputed": is_disputed,
        "may_adjudicate": is_disputed and may(actor, "datasets.adjudicate"),
        "seen": same_input.disputed().values_list("pk", flat=True)
        if len(rivals) > RIVALS_SHOWN
        else seen_of(example, rivals),
        "form": form,
    }
    return render(request, "evaluations/example.html", context, status=422 if form.errors else 200)


def seen_of(example: Example, rivals: Iterable[Any]) -> list[uuid.UUID]:
    return [example.pk, *(rival.pk for rival in rivals if rival.status == Example.Status.DISPUTED)]


def say_figures(dataset: Any) -> dict[str, str]:
    """The counts of `with_figures` in words: "418", "1,000+"."""
    return {
        "active": _capped(dataset.active_count, COUNTED_AT_MOST),
        "disputed": _capped(dataset.disputed_count, COUNTED_AT_MOST),
    }


def _capped(count: int | None, cap: int) -> str:
    return f"{cap:,}+" if (count or 0) > cap else f"{count or 0:,}"


def describe_row(example: Any) -> dict[str, Any]:
    """An example of `with_heads` for a list."""
    return {
        "example": example,
        "input": excerpt_input(example.input_head, example.input_length),
        "expected": excerpt_expected(example.expected_head, example.expected_length),
        "sources": _capped(example.source_count, SOURCES_COUNTED_AT_MOST),
        "more_sources": max((example.source_count or 0) - 1, 0),
    }


def find_rulings(actor: Actor, review_ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, Review]:
    """The rulings that still stand in the database, by id; provenance outlives them."""
    wanted = {review_id for review_id in review_ids if review_id}
    rulings = Review.objects.visible_to(actor).filter(pk__in=wanted)
    return rulings.only("verdict", "reviewer_label", "reason", "labels", "created_at", "decision_id").in_bulk()


def say_ruling(ruling: Review | None) -> dict[str, Any]:
    """A ruling with what it did in one word: "Corrected"."""
    said = Decision.Status(STATUS_BY_VERDICT[Review.Verdict(ruling.verdict)]).label if ruling else ""
    return {"ruling": ruling, "said": said}


def find_versions(actor: Actor, version_ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID | None, PolicyVersion]:
    wanted = {version_id for version_id in version_ids if version_id}
    versions = PolicyVersion.objects.visible_to(actor).filter(pk__in=wanted).select_related("policy")
    return {version.pk: version for version in versions.only("number", "policy__key")}


def find_proposal(actor: Actor, decision_id: uuid.UUID) -> str | None:
    """What the AI proposed in a decision, as canonical text; None where its payload is gone."""
    payloads = DecisionPayload.objects.filter(
        Q(decision__organization_id=actor.member_organization_id), decision_id=decision_id
    )
    return payloads.values_list("proposal", flat=True).first()


def read_ids(texts: Iterable[str]) -> list[uuid.UUID]:
    """Refuses (Invalid) what is no id."""
    try:
        return [uuid.UUID(text) for text in texts]
    except ValueError as error:
        raise Invalid("The form has been changed on its way.") from error
