"""Reads of evaluation runs: which examples one is about, what still lacks an answer, and which answers changed sides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, IntegerField, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from evaluations.demands import GateDemands
from evaluations.models import EvaluationRun, ExampleSource, Release, RunResult
from evaluations.querysets import ExampleQuerySet
from evaluations.scoring.gates import Case, Spending
from evaluations.version_selectors import examples_of
from governance.actors import Actor
from governance.errors import NotFound
from governance.permissions import require
from reviews.models import Decision, Review

KEYS_A_QUERY = 5_000
LONGEST_NAME = 255


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """All repeats of one example: right if every one was, and their mean score."""

    is_right: bool
    score: float


def lay_out_cases(run: EvaluationRun, demands: GateDemands) -> list[Case]:
    """Each example with what candidate and baseline made of it, whom it is about, and the slices that it belongs to. Where
    an example is answered several times, all answers have to be right, and its score is their mean."""
    candidate = _read_outcomes(run, demands.pass_score)
    baseline = _read_outcomes(run.baseline, demands.pass_score) if run.baseline else {}
    clusters = _find_clusters(run)
    rows = examples_of_run(run).values_list("pk", "labels", "expected").iterator(chunk_size=5_000)
    cases = []
    for key, labels, expected in rows:
        found, before = candidate.get(key), baseline.get(key)
        cases.append(
            Case(
                key=str(key),
                candidate=found.is_right if found else None,
                baseline=before.is_right if before else None,
                is_critical=not demands.critical_labels.isdisjoint(labels),
                candidate_score=found.score if found else None,
                baseline_score=before.score if before else None,
                cluster=clusters.get(key, ""),
                slices=_name_slices(demands.slices, labels, expected),
            )
        )
    return cases


def _read_outcomes(run: EvaluationRun, pass_score: float) -> dict[uuid.UUID, Outcome]:
    results = RunResult.objects.filter(run=run).order_by().values("example_id")
    whole = results.annotate(n=Count("pk"), worst=Min("score"), mean=Avg("score")).filter(n=run.repeats)
    rows = whole.values_list("example_id", "worst", "mean").iterator(5_000)
    # A database may add up to a hair above 1.
    return {key: Outcome(worst >= pass_score, min(mean, 1.0)) for key, worst, mean in rows}


def _find_clusters(run: EvaluationRun) -> dict[uuid.UUID, str]:
    """Whom each example is about: the subject, else the session, of the decision that first taught it. Examples without
    either are not here, and neither are those whose decision is gone."""
    first = ExampleSource.objects.filter(example=OuterRef("pk")).order_by("id").values("decision_id")[:1]
    asked = dict(examples_of_run(run).annotate(asked_in=Subquery(first)).values_list("pk", "asked_in"))
    decisions = Decision.objects.filter(organization_id=run.organization_id, system_id=run.system_id)
    whom: dict[uuid.UUID, str] = {}
    wanted = sorted({decision_id for decision_id in asked.values() if decision_id})
    for start in range(0, len(wanted), KEYS_A_QUERY):
        found = decisions.filter(pk__in=wanted[start : start + KEYS_A_QUERY])
        for key, subject, session in found.values_list("pk", "subject", "session_id"):
            if subject or session:
                whom[key] = f"subject:{subject}" if subject else f"session:{session}"
    return {key: whom[decision_id] for key, decision_id in asked.items() if decision_id in whom}


def _name_slices(by: Collection[str], labels: Collection[str], expected: str) -> tuple[tuple[str, str], ...]:
    """Every label, and the name of the action that people taught; "none" where they rejected without another one."""
    named = [("label", label) for label in sorted(set(labels))] if "label" in by else []
    taught = json.loads(expected) if "action" in by else {}
    if "action" in taught:
        action = taught["action"] or {"name": "none"}
        named.append(("action", str(action.get("name", ""))[:LONGEST_NAME]))
    return tuple(named)


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
