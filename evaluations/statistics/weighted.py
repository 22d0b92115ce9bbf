"""The error rate of the whole traffic, from reviews that are anything but a random sample of it.

What rules send to people is the difficult part, so a rate over the reviewed alone says more about the rules than about
the AI. But every decision stores, when it is made, the probability π of being reviewed; weighting each ruling by 1/π
gives every decision its say back. The sums are kept per hour and add up; the estimate is made of their total.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from evaluations.statistics.intervals import normal_quantile, wilson_of_share


@dataclass(frozen=True)
class ReviewSums:
    """What an hour contributes to the estimate. All add up: `a + b`, `sum(cells, ReviewSums())`.

    *certain*: decisions with π = 1 (a rule sends each to a person). *sampled*: those with 0 < π < 1. Decisions with π
    = 0 are in no cell: nothing can be said of them. *selected*: to be reviewed; *ruled*: a final ruling is there;
    *errors*, y = 1: it corrected or rejected. The four sums run over the sampled decisions that were ruled on.
    """

    certain_selected: int = 0
    certain_ruled: int = 0
    certain_errors: int = 0
    sampled_selected: int = 0
    sampled_ruled: int = 0
    sampled_weight: float = 0.0  # Σ 1/π
    sampled_weight_errors: float = 0.0  # Σ y/π
    sampled_spread: float = 0.0  # Σ (1-π)/π²
    sampled_spread_errors: float = 0.0  # Σ y(1-π)/π²
    sampled_population: int = 0  # all decisions with 0 < π < 1, selected or not

    def __add__(self, other: ReviewSums) -> ReviewSums:
        return ReviewSums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @classmethod
    def of_decision(cls, probability: float, *, selected: bool, ruled: bool, error: bool) -> ReviewSums:
        """One decision's share. Refuses π outside 0 < π ≤ 1, a ruling on what was not selected, and an error without a
        ruling, with ValueError."""
        if not 0 < probability <= 1:
            raise ValueError(
                f"A decision that may be reviewed has a probability above 0, at most 1, not {probability}."
            )
        if (ruled and not selected) or (error and not ruled):
            raise ValueError("An error is a ruling, and only what was selected is ruled on.")
        if probability == 1:
            return cls(certain_selected=1, certain_ruled=int(ruled), certain_errors=int(error))
        weight, spread = 1 / probability, (1 - probability) / probability**2
        return cls(
            sampled_selected=int(selected),
            sampled_ruled=int(ruled),
            sampled_weight=weight * ruled,
            sampled_weight_errors=weight * error,
            sampled_spread=spread * ruled,
            sampled_spread_errors=spread * error,
            sampled_population=1,
        )


@dataclass(frozen=True)
class Estimate:
    """The error rate of the `covered` decisions (all with π > 0), as a share, with its interval; made of `reviewed`
    rulings.

    `more_reviews`: how many further sampled rulings would bring the interval to the wanted half-width at this rate (0:
    it is there). The rate over the reviewed alone is left out on purpose.
    """

    rate: float
    low: float
    high: float
    reviewed: int
    covered: int
    more_reviews: int


@dataclass(frozen=True)
class NotEnough:
    """Too few rulings to say anything. `reviews_needed`: further rulings until something can be said; `waiting`: how
    many that were selected are not ruled on yet (these may suffice)."""

    reviews_needed: int
    waiting: int


@dataclass(frozen=True)
class _Part:
    """One class, certain or sampled: its share of the decisions, its error rate, and the effective number of reviews
    behind it."""

    share: float
    size: int
    ruled: int
    rate: float
    effective: float
    # By how much unequal probabilities make one review worth less (Kish's design effect, ≥ 1).
    loss: float = 1.0

    def reach(self, z: float) -> tuple[float, float]:
        """How far the class carries the whole's interval, downwards and upwards."""
        interval = wilson_of_share(self.rate, self.effective, z)
        return self.share * (self.rate - interval.low), self.share * (interval.high - self.rate)

    def reach_without_errors(self, z: float) -> float:
        """How far upwards it would carry it if no error at all had been found: a matter of the design, not of what was
        found."""
        if self.ruled == 0:
            return self.share
        return self.share * wilson_of_share(0.0, self.reviews_worth(self.ruled), z).high

    def reviews_worth(self, ruled: int) -> float:
        """Effective reviews, with the finite-population correction, that so many rulings amount to."""
        left = 1 - ruled / self.size
        return math.inf if left <= 0 else ruled / self.loss / left

    def needed(self, widest: float, z: float) -> int:
        """Further rulings until the reach without errors is at most `widest`."""
        if self.share <= widest and self.ruled > 0:
            return 0
        aim = min(1.0, widest / self.share)
        effective = z * z * (1 - aim) / aim
        total = math.ceil(effective / (1 / self.loss + effective / self.size) - 1e-9)
        return max(0, min(self.size, max(1, total)) - self.ruled)


def estimate_error_rate(
    sums: ReviewSums, *, confidence: float = 0.95, wanted_half_width: float = 0.05
) -> Estimate | NotEnough:
    """The share of wrong decisions among all with π > 0 of the period, as they are (a finite population), or what is
    missing to say it.

    - **Rate.** In the sampled class the Hájek estimate Σ(y/π)/Σ(1/π); in the certain class the share of errors; the
      two joined by the classes' known sizes.
    - **Missing rulings.** Where not all that was selected is ruled on yet, the share that is enters the probability of
      that class: rulings are taken to be missing at random *within the class*.
    - **Interval.** Each class: Wilson's interval over the effective number of reviews rate(1-rate)/V, V the linearised
      variance of the Hájek estimate under Poisson sampling (the certain class: without replacement). Errors of rare
      probabilities are rare, and where none was seen yet V is too small; so z² errors, and z² others, of average
      weight are taken along in V (not in the rate), as Wilson's own interval takes along z² observations. The classes'
      intervals are joined by squares (MOVER).
    - **Not enough** where, even had no error been found, the interval would be wider than twice `wanted_half_width`:
      then no result could have said anything of that fineness. The rule looks at numbers of reviews alone, never at
      what they found, for showing only the intervals that came out narrow would spoil their confidence.

    Refuses nonsense in `confidence` and `wanted_half_width` with ValueError. An empty period needs one review.
    Sources: J. Hájek (1971), in Godambe & Sprott; C.-E. Särndal, B. Swensson, J. Wretman, Model Assisted Survey
    Sampling (1992), 5.7, 15.6; E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998), 193-201; G. Y. Zou, A.
    Donner, Stat. Med. 27 (2008), 1693-1702.
    """
    z = normal_quantile(confidence)
    if not 0 < wanted_half_width < 0.5:
        raise ValueError(f"A half-width of a share lies between 0 and .5, not at {wanted_half_width}.")
    covered = sums.certain_selected + sums.sampled_population
    waiting = sums.certain_selected - sums.certain_ruled + sums.sampled_selected - sums.sampled_ruled
    if covered == 0:
        return NotEnough(1, waiting)
    certain, sampled = _certain(sums, covered), _sampled(sums, covered, z)
    needed = _needed([part for part in (certain, sampled) if part.size], 2 * wanted_half_width, z)
    if needed:
        return NotEnough(needed, waiting)
    rate = certain.share * certain.rate + sampled.share * sampled.rate
    below, above = (math.hypot(*reaches) for reaches in zip(certain.reach(z), sampled.reach(z), strict=True))
    low, high = max(0.0, rate - below), min(1.0, rate + above)
    more = 0 if high - low <= 2 * wanted_half_width else _more_reviews(certain, sampled, wanted_half_width, z)
    return Estimate(rate, low, high, sums.certain_ruled + sums.sampled_ruled, covered, more)


def _certain(sums: ReviewSums, covered: int) -> _Part:
    size, ruled = sums.certain_selected, sums.certain_ruled
    rate = sums.certain_errors / ruled if ruled else 0.0
    effective = math.inf if ruled == size else ruled / (1 - ruled / size)
    return _Part(size / covered, size, ruled, rate, effective)


def _sampled(sums: ReviewSums, covered: int, z: float) -> _Part:
    size, ruled = sums.sampled_population, sums.sampled_ruled
    if not ruled:
        return _Part(size / covered, size, 0, 0.0, math.inf if size == 0 else 0.0)
    response = ruled / sums.sampled_selected
    weight, weight_errors = sums.sampled_weight / response, sums.sampled_weight_errors / response
    rate = min(1.0, weight_errors / weight)
    # Σ 1/(πρ)² - Σ 1/(πρ) = Σ (1-πρ)/(πρ)², of all and of errors alone, from the sums that add up.
    squares = (sums.sampled_spread + sums.sampled_weight) / response**2
    spread = max(0.0, squares - weight)
    spread_errors = max(0.0, (sums.sampled_spread_errors + sums.sampled_weight_errors) / response**2 - weight_errors)
    extra, mean = z * z * weight / ruled, spread / weight
    per_error = (spread_errors + extra * mean) / (weight_errors + extra)
    per_success = (spread - spread_errors + extra * mean) / (weight - weight_errors + extra)
    # rate(1-rate)/V with V = Σ (1-πρ)/(πρ)² (y-rate)² / weight²; rate(1-rate) cancels, so zero errors are no exception.
    scatter = (1 - rate) * per_error + rate * per_success
    effective = weight / scatter if scatter > 0 else math.inf
    return _Part(size / covered, size, ruled, rate, effective, max(1.0, ruled * squares / weight**2))


def _needed(parts: list[_Part], widest: float, z: float) -> int:
    """Further rulings until the classes' reaches without errors, joined, are at most `widest`, and each class has
    one."""
    unruled = sum(part.ruled == 0 for part in parts)
    if not unruled and math.hypot(*(part.reach_without_errors(z) for part in parts)) <= widest:
        return 0
    certain_first = parts[0] if len(parts) == 2 else None
    if certain_first is None:
        return max(1, parts[0].needed(widest, z))
    taken = min(certain_first.reach_without_errors(z), widest / math.sqrt(2))
    further = certain_first.needed(widest / math.sqrt(2), z)
    return max(1, further + parts[1].needed(math.sqrt(widest**2 - taken**2), z))


def _more_reviews(certain: _Part, sampled: _Part, half_width: float, z: float) -> int:
    """Further sampled rulings until the interval, at the rates found, has the half-width; at most all that were not
    reviewed."""
    if not sampled.ruled:
        return certain.size - certain.ruled
    # What the present rulings are worth beyond their number alone; carried over to more of the same kind.
    worth = sampled.effective / sampled.reviews_worth(sampled.ruled) if sampled.ruled < sampled.size else 1.0

    def width(ruled: int) -> float:
        grown = _Part(sampled.share, sampled.size, ruled, sampled.rate, sampled.reviews_worth(ruled) * worth)
        return sum(math.hypot(*reaches) for reaches in zip(certain.reach(z), grown.reach(z), strict=True))

    few, many = sampled.ruled, sampled.size
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if width(middle) <= 2 * half_width else (middle, many)
    return many - sampled.ruled
