"""What one test may claim when there are many, and what a judge may claim who errs at a known rate."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float], q: float = 0.05) -> list[bool]:
    """Which hypotheses are rejected, in the order given, so that at most the share q of the rejections is expected to
    be false.

    Refuses p-values outside 0..1 with ValueError. Source: Y. Benjamini, Y. Hochberg, JRSS B 57 (1995), 289-300.
    """
    order = _ranked(p_values, q)
    passing = [rank for rank, index in enumerate(order, 1) if p_values[index] <= q * rank / len(order)]
    return _first(order, max(passing, default=0))


def holm(p_values: Sequence[float], alpha: float = 0.05) -> list[bool]:
    """Which hypotheses are rejected, in the order given, with at most the chance alpha of any false rejection.

    Refuses p-values outside 0..1 with ValueError. Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    order = _ranked(p_values, alpha)
    rejected = 0
    for step, index in enumerate(order):
        if p_values[index] > alpha / (len(order) - step):
            break
        rejected += 1
    return _first(order, rejected)


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values in the order given, each raised so that comparing it with alpha does what `holm` does.

    Refuses p-values outside 0..1 with ValueError. Source: S. Holm (1979), as `holm`.
    """
    order = _ranked(p_values, 0.5)
    adjusted, highest = [0.0] * len(order), 0.0
    for step, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(order) - step)))
        adjusted[index] = highest
    return adjusted


def bonferroni(p_values: Sequence[float], alpha: float = 0.05) -> list[bool]:
    """Which hypotheses are rejected, in the order given: those with p ≤ alpha / how many there are. Refuses p-values
    outside 0..1 with ValueError."""
    _ranked(p_values, alpha)
    return [p <= alpha / len(p_values) for p in p_values]


def rogan_gladen(apparent: float, *, sensitivity: float, specificity: float) -> float:
    """The true share (0..1) behind the `apparent` one, counted by a judge of known sensitivity and specificity.

    Cut off at 0 and 1, where chance carries the formula beyond. Refuses a judge no better than a coin (sensitivity +
    specificity ≤ 1) and values outside 0..1 with ValueError. Source: W. J. Rogan, B. Gladen, Am. J. Epidemiology 107
    (1978), 71-76.
    """
    for share in (apparent, sensitivity, specificity):
        if not 0 <= share <= 1:
            raise ValueError(f"A share lies between 0 and 1, not at {share}.")
    if sensitivity + specificity <= 1:
        raise ValueError("A judge with sensitivity + specificity of at most 1 tells nothing of the true share.")
    return min(1.0, max(0.0, (apparent + specificity - 1) / (sensitivity + specificity - 1)))


def _ranked(p_values: Sequence[float], level: float) -> list[int]:
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("A p-value lies between 0 and 1.")
    if not 0 < level < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {level}.")
    return sorted(range(len(p_values)), key=lambda index: p_values[index])


def _first(order: list[int], rejected: int) -> list[bool]:
    among = set(order[:rejected])
    return [index in among for index in range(len(order))]
