"""What was shipped in a month: releases with their gates' evidence, policy versions that went into force, and what answered
users though no gate had passed it by the month's end."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from evaluations.models import EvaluationRun, Release
from governance.models import Activation, AISystem, PolicyApproval
from operations.models import RollUp
from operations.months import end_of_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.plain import Json

Verdict = EvaluationRun.Verdict
RELEASES_AT_MOST = 50


def say_changes(month: Month) -> Json:
    since, until = start_of_month(month.month), end_of_month(month.month)
    answered = {name: sums["decisions"] for name, sums in month.cuts[RollUp.Dimension.RELEASE]}
    runs = _runs_by_release(month.system, until)
    releases = [
        release
        for release in Release.objects.filter(system=month.system).order_by("created_at", "id")
        if _belongs(release, runs.get(release.pk, ()), answered, since, until)
    ]
    said = [_say_release(release, runs.get(release.pk, ()), answered, since, until) for release in releases]
    said.sort(key=lambda one: (one["first_seen_at"] or one["stated_at"] or "9", one["name"]))
    return {
        "releases": said[:RELEASES_AT_MOST],
        "more_releases": max(0, len(said) - RELEASES_AT_MOST),
        "ungated": [
            {"release": one["name"], "decisions": one["decisions"]} for one in said if one["is_ungated_traffic"]
        ],
        "unnamed_decisions": answered.get("", 0),
        "policies": _say_policies(month.system, since, until),
    }


def _runs_by_release(system: AISystem, until: datetime) -> Mapping[UUID, Sequence[EvaluationRun]]:
    """Runs that were judged by the month's end, the newest first."""
    runs = EvaluationRun.objects.filter(system=system, status=EvaluationRun.Status.CLOSED, closed_at__lt=until)
    found: dict[UUID, list[EvaluationRun]] = defaultdict(list)
    for run in runs.select_related("version__dataset", "baseline__candidate").order_by("-closed_at", "-id"):
        found[run.candidate_id].append(run)
    return found


def _is_within(instant: datetime | None, since: datetime, until: datetime) -> bool:
    return instant is not None and since <= instant < until


def _belongs(
    release: Release, runs: Sequence[EvaluationRun], answered: Mapping[str, int], since: datetime, until: datetime
) -> bool:
    """Whether it was stated, seen for the first time or judged in the month, or answers without a gate."""
    moments = [release.stated_at, release.first_seen_at, *(run.closed_at for run in runs)]
    is_new = any(_is_within(moment, since, until) for moment in moments)
    return is_new or (answered.get(release.name, 0) > 0 and not _passing(runs))


def _passing(runs: Sequence[EvaluationRun]) -> EvaluationRun | None:
    return next((run for run in runs if run.verdict == Verdict.PASS), None)


def _say_release(
    release: Release, runs: Sequence[EvaluationRun], answered: Mapping[str, int], since: datetime, until: datetime
) -> Json:
    """As it stood at the month's end: what was stated or seen only later is not known yet."""
    decisions, passing = answered.get(release.name, 0), _passing(runs)
    is_stated = release.stated_at is not None and release.stated_at < until
    is_seen = release.first_seen_at is not None and release.first_seen_at < until
    shown = passing or (runs[0] if runs else None)
    return {
        "name": release.name,
        "reason": release.reason if is_stated else "",
        "stated_by": release.stated_by_label if is_stated else "",
        "stated_at": plain.at(release.stated_at) if is_stated else None,
        "first_seen_at": plain.at(release.first_seen_at) if is_seen else None,
        "decisions": decisions,
        "gate": None if shown is None else _say_run(shown),
        "judgements": len(runs),
        "is_ungated_traffic": decisions > 0 and passing is None,
    }


def _say_run(run: EvaluationRun) -> Json:
    """The verdict with what it rests on; the whole evidence has this hash."""
    evidence: dict[str, Any] = json.loads(run.evidence)
    interval = evidence.get("interval")
    return {
        "run": str(run.pk),
        "verdict": run.verdict,
        "goal": run.goal,
        "closed_at": plain.at(run.closed_at),
        "dataset": run.version.dataset.slug,
        "version": run.version.number,
        "baseline": run.baseline.candidate.name if run.baseline else None,
        "examples": evidence.get("examples"),
        "right": evidence.get("right"),
        "baseline_right": evidence.get("baseline_right"),
        "difference": plain.places(evidence.get("difference")),
        "interval": [plain.places(end) for end in interval] if interval else None,
        "p_value": plain.significant(evidence.get("p_value")),
        "more_examples": evidence.get("more_examples"),
        "evidence_sha256": run.evidence_sha256,
    }


def _say_policies(system: AISystem, since: datetime, until: datetime) -> list[Json]:
    """Every version that went into force, with who approved just this text."""
    activations = list(
        Activation.objects.filter(policy__system=system, effective_from__gte=since, effective_from__lt=until)
        .select_related("policy", "version")
        .order_by("effective_from", "id")
    )
    approvers: dict[UUID, list[str]] = defaultdict(list)
    approvals = PolicyApproval.objects.filter(
        version__in={one.version_id for one in activations}, verdict=PolicyApproval.Verdict.APPROVE
    )
    for approval in approvals.select_related("approver").order_by("created_at", "id"):
        approvers[approval.version_id].append(approval.approver.get_short_name())
    return [
        {
            "policy": one.policy.key,
            "version": one.version.number,
            "origin": one.origin,
            "effective_from": plain.at(one.effective_from),
            "by": one.actor_label,
            "reason": one.reason,
            "approved_by": sorted(approvers[one.version_id]),
            "sha256": one.version.sha256,
        }
        for one in activations
    ]
