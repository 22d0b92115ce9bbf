"""A run's page: what the gate said, what it rests on, and the examples that changed sides with their rulings."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from evaluations.models import Example
from evaluations.run_selectors import find_run
from evaluations.scoring.cases import say_p
from evaluations.selectors import with_heads
from evaluations.web.datasets import describe_row, find_rulings, say_ruling
from governance.actors import Actor
from governance.web.session import page

FLIPS_SHOWN = 25


@page("datasets.read")
@require_GET
def run_detail(request: HttpRequest, actor: Actor, run_id: uuid.UUID) -> HttpResponse:
    run = find_run(actor=actor, run_id=run_id)
    evidence: dict[str, Any] = json.loads(run.evidence) if run.evidence else {}
    interval = evidence.get("interval")
    is_graded = evidence.get("score") is not None
    context = {
        "run": run,
        "evidence": evidence,
        "right": say_share(evidence, "right"),
        "baseline_right": say_share(evidence, "baseline_right"),
        "difference": say_points(evidence.get("difference")),
        "interval": f"{say_points(interval[0])} to {say_points(interval[1])}" if interval and run.baseline_id else "",
        "is_graded": is_graded,
        "score": say_percent(evidence.get("score")),
        "baseline_score": say_percent(evidence.get("baseline_score")),
        "method": name_method(evidence),
        "slices": [describe_slice(one) for one in evidence.get("slices", [])],
        "p_value": "" if evidence.get("p_value") is None else say_p(evidence["p_value"]),
        "sides": [
            (
                title,
                evidence.get(f"{kind}_count", len(evidence.get(kind, []))),
                list_flips(actor, evidence.get(kind, [])),
            )
            for title, kind in (("Critical failures", "critical_failures"), ("Broken", "broken"), ("Fixed", "fixed"))
            if kind != "critical_failures" or evidence.get(kind)
        ],
        "demands": json.dumps(run.demands, indent=2, sort_keys=True),
    }
    return render(request, "evaluations/run.html", context)


def name_method(evidence: dict[str, Any]) -> str:
    """By which test the difference was judged. Runs that were judged before subjects were counted have no clusters."""
    if evidence.get("score") is not None:
        return "by subjects"
    grouped = (evidence.get("clusters") or evidence.get("examples", 0)) < evidence.get("examples", 0)
    return "exact, whole subjects" if grouped else "exact McNemar"


def say_share(evidence: dict[str, Any], name: str) -> str:
    """ "402 of 418"; empty where it is not known."""
    return f"{evidence[name]:,} of {evidence['examples']:,}" if evidence.get(name) is not None else ""


def say_points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.1f}"


def say_percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def describe_slice(one: dict[str, Any]) -> dict[str, Any]:
    """A slice of the evidence in words, with the tag of how it stands."""
    return {
        **one,
        "candidate": say_percent(one["candidate"]),
        "baseline": say_percent(one["baseline"]),
        "p_adjusted": "" if one["p_adjusted"] is None else say_p(one["p_adjusted"]),
        "tag": {"worse": "block", "better": "allow"}.get(one["standing"], "outline"),
        "said": one["standing"].replace("_", " "),
    }


def list_flips(actor: Actor, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The first of these examples with what they are, and the newest ruling that taught each."""
    shown = with_heads(Example.objects.visible_to(actor).filter(pk__in=keys[:FLIPS_SHOWN])).order_by("id")
    rows: list[Any] = list(shown)
    rulings = find_rulings(actor, [row.review_id for row in rows])
    return [{**describe_row(row), **say_ruling(rulings.get(row.review_id))} for row in rows]
