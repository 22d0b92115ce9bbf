"""The parts of the examples: a candidate that gains on the whole may lose where it matters, and a part that is worse fails the
gate. Several parts are several tests, and Holm's correction keeps the chance of any false alarm among them at alpha."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from evaluations.scoring.cases import Case, Demands, Slice, Standing
from evaluations.scoring.measures import DIFFERENCES, differences, mean_of, net_flips, scores
from evaluations.statistics import clustered_mean, holm_adjusted, sign_flip_exact

MOST_SLICES = 50


def judge_slices(cases: Sequence[Case], demands: Demands, *, has_baseline: bool) -> tuple[tuple[Slice, ...], int]:
    """The largest parts with how the candidate stands in each, and how many further ones were left out.

    A part of all examples is no part; one of so few subjects that not even all of them together could convince the exact test is
    not tested, which is known before any answer is.
    """
    known = [case for case in cases if case.candidate is not None and (case.baseline is not None or not has_baseline)]
    parts: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in known:
        for part in case.slices:
            parts[part].append(case)
    fewest = math.ceil(1 + math.log2(1 / demands.alpha))
    worth = [
        (part, own)
        for part, own in parts.items()
        if len(own) < len(known) and len({case.whom for case in own}) >= fewest
    ]
    worth.sort(key=lambda item: (-len(item[1]), item[0]))
    found = [_look_at(part, own, demands, has_baseline) for part, own in worth[:MOST_SLICES]]
    if has_baseline:
        adjusted = holm_adjusted([one.p_value or 0.0 for one in found])
        found = [
            replace(one, p_adjusted=p, standing=_stand(one, p, demands.alpha))
            for one, p in zip(found, adjusted, strict=True)
        ]
    return tuple(found), len(parts) - len(found)


def _look_at(part: tuple[str, str], cases: Sequence[Case], demands: Demands, has_baseline: bool) -> Slice:
    fixed = sum(case.candidate is True and case.baseline is False for case in cases)
    broken = sum(case.candidate is False and case.baseline is True for case in cases)
    candidate = mean_of(scores(cases, demands.measure))
    one = Slice(by=part[0], name=part[1], examples=len(cases), candidate=candidate, fixed=fixed, broken=broken)
    if not has_baseline:
        return one
    ahead = differences(cases, demands.measure)
    one = replace(one, baseline=candidate - mean_of(ahead))
    if demands.measure == "score":
        found = clustered_mean(ahead, bounds=DIFFERENCES, confidence=1 - demands.alpha)
        return replace(one, p_value=found.p_value)
    return replace(one, p_value=sign_flip_exact(net_flips(cases)))


def _stand(one: Slice, p_adjusted: float, alpha: float) -> Standing:
    if p_adjusted > alpha or one.baseline is None:
        return "unclear"
    return "worse" if one.candidate < one.baseline else "better"
