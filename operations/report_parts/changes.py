"""What was shipped in a month: releases with their gates' evidence, policy versions that went into force, and what answered
users though no gate had passed it by the month's end."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from evaluations.models import EvaluationRun, Release
from evaluations.scoring.gates import Demands
from governance.models import Activation, AISystem, PolicyApproval
from operations.models import RollUp
from operations.months import end_of_month, start_of_month
from operations.report_parts import plain
from operations.report_parts.figures import Month
from operations.report_parts.plain import Json

RELEASES_AT_MOST: Final = 50
# What a gate takes where a run does not say.
DEFAULTS: Final = Demands()


@dataclass(frozen=True, slots=True)
class Standing:
    """A release as it stood at a month's end. `runs`: those that were judged by then, the newest first, without their evidence."""

    release: Release
    runs: Sequence[EvaluationRun]
    decisions: int

    @property
    def newest(self) -> EvaluationRun | None:
        return self.runs[0] if self.runs else None

    @property
    def passing(self) -> EvaluationRun | None:
        """The newest run by which it may answer users."""
        return next((run for run in self.runs if run.is_passing), None)

    @property
    def earlier_pass(self) -> EvaluationRun | None:
        """What let it out once, where its newest run would not."""
        return None if self.newest is None or self.newest.is_passing else self.passing

    @property
    def is_ungated_traffic(self) -> bool:
        return self.decisions > 0 and self.passing is None


def say_changes(month: Month) -> Json:
    since, until = start_of_month(month.month), end_of_month(month.month)
    answered = {name: sums["decisions"] for name, sums in month.cuts[RollUp.Dimension.RELEASE]}
    standings = _read_standings(month.system, answered, since, until)
    shown = standings[:RELEASES_AT_MOST]
    runs = _read_runs({run.pk for one in shown for run in (one.newest, one.earlier_pass) if run is not None})
    return {
        "releases": [_say_release(one, runs, until) for one in shown],
        "more_releases": len(standings) - len(shown),
        "ungated": [
            {"release": one.release.name, "decisions": one.decisions} for one in standings if one.is_ungated_traffic
        ],
        "unnamed_decisions": answered.get("", 0),
        "policies": _say_policies(month.system, since, until),
    }


def _read_standings(system: AISystem, answered: Mapping[str, int], since: datetime, until: datetime) -> list[Standing]:
    """Of the releases that belong into the month, by the instant at which they were first seen, else stated, then by name."""
    judged = EvaluationRun.objects.filter(system=system, status=EvaluationRun.Status.CLOSED, closed_at__lt=until)
    runs: dict[UUID, list[EvaluationRun]] = defaultdict(list)
    for run in judged.only("candidate_id", "verdict", "split", "closed_at").order_by("-closed_at", "-id"):
        runs[run.candidate_id].append(run)
    found = [
        Standing(release, runs.get(release.pk, ()), answered.get(release.name, 0))
        for release in Release.objects.filter(system=system).order_by("created_at", "id")
    ]
    belonging = [one for one in found if _belongs(one, since, until)]
    return sorted(belonging, key=lambda one: (_place(one.release, until), one.release.name))


def _belongs(one: Standing, since: datetime, until: datetime) -> bool:
    """Whether it was stated, seen for the first time or judged in the month, or answers without a gate."""
    moments = [one.release.stated_at, one.release.first_seen_at, *(run.closed_at for run in one.runs)]
    return one.is_ungated_traffic or any(moment is not None and since <= moment < until for moment in moments)


def _place(release: Release, until: datetime) -> str:
    return _known(release.first_seen_at, until) or _known(release.stated_at, until) or "9"


def _known(instant: datetime | None, until: datetime) -> str | None:
    """What happened only after the month's end is not known yet."""
    return plain.at(instant) if instant is not None and instant < until else None


def _read_runs(keys: Collection[UUID]) -> Mapping[UUID, EvaluationRun]:
    """The runs that are shown, with their evidence and what they are about."""
    runs = EvaluationRun.objects.filter(pk__in=keys).select_related("version__dataset", "baseline__candidate")
    return runs.defer("baseline__evidence").in_bulk()


def _say_release(one: Standing, runs: Mapping[UUID, EvaluationRun], until: datetime) -> Json:
    """As it stood at the month's end. `gate`: its newest run; `earlier_pass`: an older one that passed, where that did not."""
    release, stated_at = one.release, _known(one.release.stated_at, until)
    return {
        "name": release.name,
        "reason": release.reason if stated_at else "",
        "stated_by": release.stated_by_label if stated_at else "",
        "stated_at": stated_at,
        "first_seen_at": _known(release.first_seen_at, until),
        "decisions": one.decisions,
        "gate": None if one.newest is None else _say_run(runs[one.newest.pk]),
        "earlier_pass": None if one.earlier_pass is None else _say_run(runs[one.earlier_pass.pk]),
        "judgements": len(one.runs),
        "is_ungated_traffic": one.is_ungated_traffic,
    }


def _say_run(run: EvaluationRun) -> Json:
    """The verdict with what it rests on and what was demanded; the whole evidence has this hash. The interval's level is
    1 − `alpha`."""
    evidence: dict[str, Any] = json.loads(run.evidence)
    interval = evidence.get("interval")
    return {
        "run": str(run.pk),
        "verdict": run.verdict,
        "goal": run.goal,
        "closed_at": plain.at(run.closed_at),
        "dataset": run.version.dataset.slug,
        "version": run.version.number,
        "split": run.part,
        "baseline": run.baseline.candidate.name if run.baseline else None,
        **_say_demands(run.demands),
        "examples": evidence.get("examples"),
        "clusters": evidence.get("clusters"),
        "right": evidence.get("right"),
        "baseline_right": evidence.get("baseline_right"),
        "difference": plain.places(evidence.get("difference")),
        "interval": [plain.places(end) for end in interval] if interval else None,
        "p_value": plain.significant(evidence.get("p_value")),
        "more_examples": evidence.get("more_examples"),
        "evidence_sha256": run.evidence_sha256,
    }


def _say_demands(asked: Mapping[str, Any]) -> Json:
    """What was asked for, and what the gate takes where nothing was."""
    shares = ("margin", "alpha", "smallest_effect", "minimum")
    return {
        "measure": asked.get("measure", DEFAULTS.measure),
        **{name: plain.places(asked.get(name, getattr(DEFAULTS, name))) for name in shares},
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
