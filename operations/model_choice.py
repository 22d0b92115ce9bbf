"""Which model does for which kind of task: the cheapest whose quality can be told not to be worse, with its evidence.

Read from roll-ups by action and model, so it costs the same however many decisions there were. What it compares is what the
models did in traffic: they did not decide the same cases, so a choice is a reason to let a gate test it, no proof.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from evaluations.statistics import Estimate, Interval, NotEnough
from governance.models import AISystem
from operations.budget_selectors import price_review, rates_of
from operations.figure_selectors import Figures, Period, breakdown_of
from operations.model_pairs import split_pair
from operations.models import RollUp

# By how much of a share a model may be worse than the best and still pass as not worse; the gates' own default.
MARGIN: Final = 0.02
RULE: Final = (
    "Of the models whose error rate can be estimated, the one with the lowest is the best. A model is not worse if the 95 % "
    "interval of the difference to the best ends at 2 points at the most. Of these the cheapest a decision is named; "
    "at least two models have to be estimated."
)
PAIRS_AT_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """What one model did at one kind of task. Costs are millionths of a dollar a decision: `models_micros` what the model
    costs, `cost_micros` with the reviewers' time that its decisions took at the organization's rate (without a rate the
    same). `difference`: its error rate less the best's, with its 95 % interval; None where either can't be told."""

    model: str
    decisions: int
    priced: int
    models_micros: float | None
    cost_micros: float | None
    review_seconds: float
    error: Estimate | NotEnough
    difference: Interval | None = None
    is_best: bool = False

    @property
    def is_not_worse(self) -> bool:
        return self.is_best or (self.difference is not None and self.difference.high <= MARGIN)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One kind of task. `chosen`: the model that RULE names, None where it names none; `reason` says which and why, or what
    is missing, in a sentence. `present` has decided most. `action` is "" for outputs without an action."""

    action: str
    period: Period
    models: Sequence[ModelEvidence]
    present: str
    chosen: str | None
    reason: str


def choose_models(system: AISystem, period: Period) -> list[ModelChoice]:
    """For each action of a period (whole UTC days) in which a model was named, the most decisions first: two queries. Review
    time is priced at the rate of the period's last day."""
    last = (period.until - period.step).date()
    hour_micros = rates_of([system.organization_id])[system.organization_id].on(last)
    by_action: dict[str, list[tuple[str, Figures]]] = defaultdict(list)
    for value, figures in breakdown_of(system, RollUp.Dimension.ACTION_MODEL, period, PAIRS_AT_MOST):
        pair = split_pair(value)
        if pair is not None and pair[1]:
            by_action[pair[0]].append((pair[1], figures))
    return [
        choose(action, [weigh(model, figures, hour_micros) for model, figures in found], period)
        for action, found in by_action.items()
    ]


def weigh(model: str, figures: Figures, hour_micros: int | None) -> ModelEvidence:
    """The evidence of one model from its sums."""
    own = figures.cost_micros / figures.priced if figures.priced else None
    seconds = figures.review_seconds / figures.decisions if figures.decisions else 0.0
    review = price_review(figures.review_seconds, hour_micros or 0) / figures.decisions if figures.decisions else 0.0
    return ModelEvidence(
        model=model,
        decisions=figures.decisions,
        priced=figures.priced,
        models_micros=own,
        cost_micros=None if own is None else own + review,
        review_seconds=seconds,
        error=figures.error,
    )


def choose(action: str, evidence: Sequence[ModelEvidence], period: Period) -> ModelChoice:
    """Applies RULE to the models of one action (in the order in which they decided most). Pure."""
    judged = [one for one in evidence if isinstance(one.error, Estimate)]
    compared = list(evidence)
    chosen: ModelEvidence | None = None
    if len(judged) > 1:
        best = min(judged, key=lambda one: (_rate(one), one.cost_micros is None, one.cost_micros or 0.0, one.model))
        compared = [_compare(one, best) for one in evidence]
        passing = [one for one in compared if one.is_not_worse and one.cost_micros is not None]
        chosen = min(passing, key=lambda one: (one.cost_micros or 0.0, _rate(one), one.model), default=None)
    return ModelChoice(
        action=action,
        period=period,
        models=compared,
        present=evidence[0].model,
        chosen=chosen.model if chosen else None,
        reason=_say(compared, chosen),
    )


def subtract_errors(first: Estimate, second: Estimate) -> Interval:
    """The 95 % interval of first - second, put together from theirs (MOVER; G. Y. Zou, A. Donner, Statistics in Medicine 27
    (2008), 1693-1702)."""
    difference = first.rate - second.rate
    low = difference - sqrt((first.rate - first.low) ** 2 + (second.high - second.rate) ** 2)
    high = difference + sqrt((first.high - first.rate) ** 2 + (second.rate - second.low) ** 2)
    return Interval(low, high)


def _rate(one: ModelEvidence) -> float:
    return one.error.rate if isinstance(one.error, Estimate) else 1.0


def _compare(one: ModelEvidence, best: ModelEvidence) -> ModelEvidence:
    if one.model == best.model:
        return replace(one, is_best=True)
    if not isinstance(one.error, Estimate) or not isinstance(best.error, Estimate):
        return one
    return replace(one, difference=subtract_errors(one.error, best.error))


def _say(models: Sequence[ModelEvidence], chosen: ModelEvidence | None) -> str:
    """Why one is named, or none; and who might be cheaper, could it be judged."""
    if len(models) == 1:
        return "Only one model did this: there is nothing to compare."
    if chosen is None:
        judged = sum(isinstance(one.error, Estimate) for one in models)
        if judged > 1:
            return "What the models that are not worse cost is not known; state a price."
        return f"No model can be named: {_missing(models)}."
    cheaper = [
        one
        for one in models
        if isinstance(one.error, NotEnough)
        and one.cost_micros is not None
        and one.cost_micros < (chosen.cost_micros or 0)
    ]
    why = (
        "it has the lowest estimated error rate, and no cheaper one can be told not to be worse"
        if chosen.is_best
        else "the cheapest that is not worse than the best"
    )
    also = f" A cheaper one can't be judged yet: {_missing(cheaper)}." if cheaper else ""
    return f"{chosen.model}: {why}.{also}"


def _missing(models: Sequence[ModelEvidence]) -> str:
    said = [
        f"{one.model} lacks {one.error.reviews_needed:,} review{'' if one.error.reviews_needed == 1 else 's'}"
        for one in models
        if isinstance(one.error, NotEnough)
    ]
    return ", ".join(said)
