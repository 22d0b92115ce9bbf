"""Reads of evaluation runs: which examples one is about, what still lacks an answer, and which answers changed sides."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Count, IntegerField, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from evaluations.demands import GateDemands
from evaluations.models import EvaluationRun, ExampleSource, Release, RunResult
from evaluations.querysets import ExampleQuerySet
from evaluations.scoring.gates import Case, Spending
from evaluations.version_selectors import examples_of
from governance.actors import Actor
from governance.errors import NotFound
from governance.permissions import require
from reviews.models import Review


def runs_of(actor: Actor) -> QuerySet[EvaluationRun, EvaluationRun]:
    """Every run that the actor may see, with what it is about. Refuses (403) whoever may not read datasets."""
    require(actor, "datasets.read")
    related = ("system", "candidate", "version__dataset", "baseline__candidate")
    return EvaluationRun.objects.visible_to(actor).select_related(*related)


def find_run(*, actor: Actor, run_id: uuid.UUID) -> EvaluationRun:
    """One run. Refuses as `runs_of`, (404) what is not there."""
    run = runs_of(actor).filter(pk=run_id).first()
    if run is None:
        raise NotFound()
    return run


def examples_of_run(run: EvaluationRun) -> ExampleQuerySet:
    """The examples that the run is about, in the order of ids."""
    examples = examples_of(run.version)
    return examples.filter(split=run.split) if run.split else examples


def unanswered(run: EvaluationRun) -> ExampleQuerySet:
    """Those that lack a result of some repeat; each with `answered`, the number of results that it has."""
    own = RunResult.objects.filter(run=run, example=OuterRef("pk")).order_by().values("example")
    counted = own.annotate(n=Count("pk")).values("n")
    examples = examples_of_run(run).annotate(answered=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
    return examples.filter(answered__lt=run.repeats)


def lay_out_cases(run: EvaluationRun, demands: GateDemands) -> list[Case]:
    """Each example with whether candidate and baseline were right. Where an example is answered several times, all
    answers have to be right."""
    candidate = _read_outcomes(run, demands.pass_score)
    baseline = _read_outcomes(run.baseline, demands.pass_score) if run.baseline else {}
    rows = examples_of_run(run).values_list("pk", "labels").iterator(chunk_size=5_000)
    return [
        Case(str(key), candidate.get(key), baseline.get(key), not demands.critical_labels.isdisjoint(labels))
        for key, labels in rows
    ]


def _read_outcomes(run: EvaluationRun, pass_score: float) -> dict[uuid.UUID, bool]:
    results = RunResult.objects.filter(run=run).order_by().values("example_id")
    whole = results.annotate(n=Count("pk"), worst=Min("score")).filter(n=run.repeats)
    return {key: worst >= pass_score for key, worst in whole.values_list("example_id", "worst").iterator(5_000)}


def read_spending(run: EvaluationRun) -> Spending:
    """Means over all results; None for what not every result says."""
    n = priced = timed = 0
    cost, latency = 0, 0.0
    for micros, took in RunResult.objects.filter(run=run).values_list("cost_micros", "latency_ms").iterator(5_000):
        n += 1
        priced += micros is not None
        timed += took is not None
        cost += micros or 0
        latency += took or 0.0
    return Spending(
        cost_micros=cost / n if n and priced == n else None, latency_ms=latency / n if n and timed == n else None
    )


def find_teachers(actor: Actor, example_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Review]:
    """The newest ruling behind each of these examples, where it still stands in the database."""
    sources = ExampleSource.objects.filter(example_id__in=example_ids).order_by("id")
    newest: dict[uuid.UUID, uuid.UUID] = dict(sources.values_list("example_id", "review_id"))
    rulings: dict[uuid.UUID, Any] = Review.objects.visible_to(actor).in_bulk(list(newest.values()))
    return {example_id: rulings[review_id] for example_id, review_id in newest.items() if review_id in rulings}


def find_newest_runs(releases: Collection[Release]) -> dict[uuid.UUID, EvaluationRun]:
    """The newest run of each of these releases, by the release's id."""
    newest = EvaluationRun.objects.filter(candidate=OuterRef("pk")).order_by("-created_at", "-id").values("pk")[:1]
    keys = Release.objects.filter(pk__in=[one.pk for one in releases]).annotate(run_id=Subquery(newest))
    runs = EvaluationRun.objects.filter(pk__in=[key for key in keys.values_list("run_id", flat=True) if key])
    return {run.candidate_id: run for run in runs.only("candidate_id", "verdict", "status")}
