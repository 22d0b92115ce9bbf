"""Runs: a candidate's answers to a sealed version come in, are scored, and the gate says once what they mean."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from evaluations.demands import read_demands, refuse_senseless
from evaluations.errors import ResultDiffers, RunClosed
from evaluations.models import DatasetVersion, EvaluationRun, Example, Release, RunResult
from evaluations.results import AskedResult
from evaluations.run_selectors import examples_of_run, lay_out_cases, read_spending
from evaluations.scoring.gates import Judgement, judge
from evaluations.scoring.scorers import InvalidScorer, make_scorer
from governance.actors import Actor
from governance.canonical import canonicalize, sha256_hex
from governance.errors import Invalid, NotFound
from governance.permissions import require_within
from governance.services.recording import record

MOST_REPEATS = 100
# Of each kind of flip so many are named in the evidence; the results themselves say the rest.
FLIPS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, and what is demanded. `split`: the part that was held out, unless said otherwise; empty is all examples,
    those to learn from too. `scorer` and `demands` as in evaluations/scoring and evaluations/demands.py."""

    candidate: str
    split: str = Example.Split.TEST
    baseline_id: uuid.UUID | None = None
    goal: str = EvaluationRun.Goal.NOT_WORSE
    scorer: Mapping[str, Any] = field(default_factory=lambda: {"kind": "exact"})
    repeats: int = 1
    demands: Mapping[str, Any] = field(default_factory=dict)


def open_run(*, actor: Actor, version: DatasetVersion, plan: Plan) -> EvaluationRun:
    """Begin a run of a release on a sealed version.

    Refuses (403, 404) as the table of capabilities says, (422) a release that nobody knows, a part without examples, a
    scorer or demands that make no sense, and a baseline that is not a closed run of another release on the same version, part,
    scorer and repeats: its answers would not be pairs of these, or pairs of a release with itself.
    """
    require_within(actor, "evaluations.run", version.organization_id)
    read_demands(plan.goal, plan.demands)
    refuse_senseless(plan.demands)
    _refuse_scorer(plan.scorer)
    system = version.dataset.system
    release = Release.objects.filter(system=system, name=plan.candidate).first()
    if release is None:
        raise Invalid(errors=[{"pointer": "/candidate", "detail": "Nobody knows this release: state it first."}])
    baseline = _find_baseline(version, plan, release)
    now = timezone.now()
    run = EvaluationRun(
        organization_id=version.organization_id,
        system=system,
        version=version,
        split=plan.split,
        candidate=release,
        baseline=baseline,
        goal=plan.goal,
        scorer=plan.scorer["kind"],
        repeats=plan.repeats,
        demands={**plan.demands, "scorer": dict(plan.scorer)},
        created_by_label=actor.label,
        created_at=now,
    )
    if not examples_of_run(run).exists():
        detail = "The version has no example of this part; “all” takes those too that a release may have learned from."
        raise Invalid(errors=[{"pointer": "/split", "detail": detail if plan.split else "The version has no example."}])
    with transaction.atomic(durable=True):
        run.save(force_insert=True)
        record(
            organization_id=run.organization_id,
            type="evaluation.opened",
            actor=actor,
            subject=f"evaluation_run:{run.pk}",
            payload={
                "system": system.slug,
                "release": release.name,
                "dataset": version.dataset.slug,
                "version": version.number,
                "goal": run.goal,
            },
            occurred_at=now,
        )
    return run


def _refuse_scorer(scorer: Mapping[str, Any]) -> None:
    try:
        make_scorer(scorer)
    except InvalidScorer as error:
        raise Invalid(errors=[{"pointer": "/scorer", "detail": str(error)}]) from error


def _find_baseline(version: DatasetVersion, plan: Plan, release: Release) -> EvaluationRun | None:
    if plan.baseline_id is None:
        return None
    baseline = EvaluationRun.objects.filter(pk=plan.baseline_id, organization_id=version.organization_id).first()
    wanted = (version.pk, plan.split, plan.repeats, canonicalize(plan.scorer), EvaluationRun.Status.CLOSED)
    found = baseline and (
        baseline.version_id,
        baseline.split,
        baseline.repeats,
        canonicalize(baseline.demands["scorer"]),
        baseline.status,
    )
    if found != wanted:
        detail = "The baseline has to be a closed run of the same version, part, scorer and repeats."
        raise Invalid(errors=[{"pointer": "/baseline", "detail": detail}])
    if baseline is not None and baseline.candidate_id == release.pk:
        detail = "That is a run of the same release, and nothing is better or worse than itself."
        raise Invalid(errors=[{"pointer": "/baseline", "detail": detail}])
    return baseline


@dataclass(frozen=True, slots=True)
class Taken:
    """How many results are new, and how many stood already."""

    added: int
    repeated: int


def add_results(*, actor: Actor, run: EvaluationRun, results: Sequence[AskedResult]) -> Taken:
    """Score these answers and keep them, all or none. What was sent before in the same words is passed over.

    Refuses (403, 404), (422) an example that the run is not about and a repeat beyond its number, (RunClosed, 409) after
    the verdict, (ResultDiffers, 409) another answer where one stands.
    """
    require_within(actor, "evaluations.run", run.organization_id)
    examples = _find_examples(run, results)
    rows = _score(run, results, examples)
    with transaction.atomic(durable=True):
        # One writer a run: the verdict is about all results that were taken before it.
        status = EvaluationRun.objects.select_for_update().values_list("status", flat=True).get(pk=run.pk)
        if status != EvaluationRun.Status.OPEN:
            raise RunClosed(state={"id": str(run.pk), "status": status})
        standing = RunResult.objects.filter(run=run, example__in=examples.values())
        known = {
            (example_id, repeat): sha256
            for example_id, repeat, sha256 in standing.values_list("example_id", "repeat", "request_sha256")
        }
        new: list[RunResult] = []
        for row in rows:
            before = known.setdefault((row.example_id, row.repeat), "")
            if before and before != row.request_sha256:
                raise ResultDiffers(state={"example": f"{row.example_id}", "repeat": row.repeat})
            if not before:
                known[row.example_id, row.repeat] = row.request_sha256
                new.append(row)
        RunResult.objects.bulk_create(new)
    return Taken(added=len(new), repeated=len(rows) - len(new))


def _find_examples(run: EvaluationRun, results: Sequence[AskedResult]) -> dict[str, Example]:
    wanted = {result.content_sha256 for result in results}
    found = examples_of_run(run).filter(content_sha256__in=wanted).only("content_sha256", "expected")
    examples = {example.content_sha256: example for example in found}
    for place, result in enumerate(results):
        if result.content_sha256 not in examples:
            raise Invalid(errors=[{"pointer": f"/{place}/example", "detail": "The run is not about this example."}])
        if result.repeat > run.repeats:
            raise Invalid(errors=[{"pointer": f"/{place}/repeat", "detail": f"The run has {run.repeats}."}])
    return examples


def _score(run: EvaluationRun, results: Sequence[AskedResult], examples: Mapping[str, Example]) -> list[RunResult]:
    score = make_scorer(run.demands["scorer"])
    now = timezone.now()
    return [
        RunResult(
            organization_id=run.organization_id,
            run=run,
            example=example,
            repeat=result.repeat,
            output=None if result.answer is None else canonicalize(result.answer),
            error=result.error,
            score=0.0 if result.answer is None else score(result.taught_by(example.expected), result.answer),
            cost_micros=result.cost_micros,
            latency_ms=result.latency_ms,
            request_sha256=result.sha256,
            created_at=now,
        )
        for result in results
        for example in [examples[result.content_sha256]]
    ]


def close_run(*, actor: Actor, run: EvaluationRun) -> EvaluationRun:
    """Take no further result and let the gate say what they mean; the verdict never changes again.

    Refuses (403, 404), (RunClosed, 409) a run that has its verdict. Missing results are no reason to refuse: the verdict is
    then that it could not be evaluated.
    """
    require_within(actor, "evaluations.run", run.organization_id)
    now = timezone.now()
    with transaction.atomic(durable=True):
        locked = EvaluationRun.objects.select_for_update(of=("self",)).select_related(
            "version__dataset", "candidate", "system", "baseline"
        )
        standing = locked.filter(pk=run.pk).first()
        if standing is None:
            raise NotFound()
        if standing.status != EvaluationRun.Status.OPEN:
            raise RunClosed(state={"id": str(run.pk), "status": standing.status})
        demands = read_demands(
            standing.goal, {name: value for name, value in standing.demands.items() if name != "scorer"}
        )
        judgement = judge(
            lay_out_cases(standing, demands),
            demands.gate,
            has_baseline=standing.baseline is not None,
            spending=read_spending(standing),
        )
        _write_verdict(actor, standing, _without_learned_pass(standing, judgement), now)
    run.refresh_from_db()
    return run


def _without_learned_pass(run: EvaluationRun, judgement: Judgement) -> Judgement:
    """What a release does on examples that it may all have learned from lets it out nowhere."""
    if run.split != Example.Split.TRAIN or judgement.verdict != "pass":
        return judgement
    reason = "These are the examples to learn from, so it may have learned them: ask about what was held out."
    return replace(judgement, verdict="not_evaluated", reasons=(reason, *judgement.reasons))


def _write_verdict(actor: Actor, run: EvaluationRun, judgement: Judgement, now: datetime) -> None:
    evidence = canonicalize(describe_evidence(run, judgement))
    EvaluationRun.objects.filter(pk=run.pk, status=EvaluationRun.Status.OPEN).update(
        status=EvaluationRun.Status.CLOSED,
        verdict=judgement.verdict,
        evidence=evidence,
        evidence_sha256=sha256_hex(evidence),
        closed_at=now,
    )
    record(
        organization_id=run.organization_id,
        type="evaluation.judged",
        actor=actor,
        subject=f"evaluation_run:{run.pk}",
        payload={
            "system": run.system.slug,
            "release": run.candidate.name,
            "dataset": run.version.dataset.slug,
            "version": run.version.number,
            "verdict": judgement.verdict,
            "reasons": list(judgement.reasons),
            "evidence": f"sha256:{sha256_hex(evidence)}",
        },
        occurred_at=now,
    )


def describe_evidence(run: EvaluationRun, judgement: Judgement) -> dict[str, Any]:
    """All that the verdict rests on, as JSON; flips beyond a thousand of a kind are counted, not named."""
    interval = judgement.interval
    return {
        "release": run.candidate.name,
        "dataset": run.version.dataset.slug,
        "version": run.version.number,
        "root": f"sha256:{run.version.root_sha256}",
        "split": run.split or None,
        "baseline": str(run.baseline_id) if run.baseline_id else None,
        "goal": run.goal,
        "demands": run.demands,
        "verdict": judgement.verdict,
        "reasons": list(judgement.reasons),
        "examples": judgement.examples,
        "right": judgement.right,
        "missing": judgement.missing,
        "baseline_right": judgement.baseline_right,
        "difference": judgement.difference,
        "interval": [interval.low, interval.high] if interval else None,
        "p_value": judgement.p_value,
        "more_examples": judgement.more_examples,
        "fixed_count": len(judgement.fixed),
        "broken_count": len(judgement.broken),
        "fixed": list(judgement.fixed[:FLIPS_KEPT]),
        "broken": list(judgement.broken[:FLIPS_KEPT]),
        "critical_failures": list(judgement.critical_failures[:FLIPS_KEPT]),
        "score": judgement.score,
        "baseline_score": judgement.baseline_score,
        "clusters": judgement.clusters,
        "slices": [asdict(one) for one in judgement.slices],
        "slices_left_out": judgement.slices_left_out,
    }
