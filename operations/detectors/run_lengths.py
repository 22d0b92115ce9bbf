"""How long a CUSUM runs until it signals: what turns a wanted interval between false alarms into a threshold, and a
threshold into the delay that a monitor can promise.

A CUSUM is a Markov chain, so mean and quantiles of its run length are computed, not simulated (the simulations that
check them are in tests/simulations). All run lengths are in observations and start at score 0, the slowest start there
is. Sources: E. S. Page, Biometrika 41 (1954); D. Brook, D. A. Evans, Biometrika 59 (1972), 539-549; M. R. Reynolds, Z.
G. Stoumbos, J. Quality Technology 31 (1999), 87-108 (Bernoulli CUSUM); NIST/SEMATECH e-Handbook 6.3.2.3 (Gaussian).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The finest chain that is computed, and into how many places the smaller step is divided at the most.
MOST_STATES = 4_000
MOST_PLACES = 24
# After so many steps of a run's distribution its tail is taken to be geometric.
MOST_STEPS = 20_000
# Beyond this no run length is told from another: one false alarm in a thousand years of a decision a second.
LONGEST = 3e10
# What stands for infinity where run lengths are joined.
UNENDING = 1e15


def bernoulli_steps(p0: float, p1: float) -> tuple[float, float]:
    """The log-likelihood ratio that an observation without and with the event adds to the score. Refuses shares outside
    0 < p < 1 and equal ones with ValueError."""
    if not (0 < p0 < 1 and 0 < p1 < 1):
        raise ValueError(f"Rates of a CUSUM lie between 0 and 1, not at {p0} and {p1}.")
    if p0 == p1:
        raise ValueError("A CUSUM tells two different rates apart.")
    return math.log((1 - p1) / (1 - p0)), math.log(p1 / p0)


def bernoulli_arl(p0: float, p1: float, h: float, p: float) -> float:
    """Mean observations until the Bernoulli CUSUM of p0 against p1 with threshold h signals, when the rate is p (0 ≤ p
    ≤ 1).

    p1 > p0 looks for a rise, p1 < p0 for a fall. `LONGEST` at most. Refuses p outside 0..1, h ≤ 0 and what
    `bernoulli_steps` refuses with ValueError.
    """
    _refuse_no_rate(p)
    return min(LONGEST, _mean_run(_bernoulli_chain(p0, p1, h, p)))


def bernoulli_run_length_quantile(p0: float, p1: float, h: float, p: float, *, probability: float = 0.95) -> int:
    """Within how many observations the share `probability` of the runs has signalled, when the rate is p. Refuses what
    `bernoulli_arl` refuses, and a probability outside 0 < probability < 1, with ValueError."""
    _refuse_no_rate(p)
    _refuse_no_probability(probability)
    chain = _bernoulli_chain(p0, p1, h, p)
    return _quantile(lambda alive: chain @ alive, chain.shape[0], probability)


@lru_cache(maxsize=512)
def bernoulli_threshold(p0: float, p1: float, arl0: float) -> float:
    """The least h, to a thousandth, at which the Bernoulli CUSUM runs at least `arl0` observations on average while
    the rate is p0.

    Refuses arl0 outside 2..`LONGEST`/10 and what `bernoulli_steps` refuses with ValueError.
    """
    bernoulli_steps(p0, p1)
    return _least_threshold(lambda h: bernoulli_arl(p0, p1, h, p0), arl0)


def gaussian_arl(k: float, h: float, shift: float) -> float:
    """Mean observations until the two-sided CUSUM of standardised values (reference value k, threshold h) signals,
    when the mean has shifted by `shift` standard deviations. `LONGEST` at most. Refuses k < 0 and h ≤ 0 with
    ValueError.

    k = .5, h = 4: 168 without a shift, 8.38 with one of 1 (NIST). Source: the integral equation of Page (1954), by
    Gauss-Legendre quadrature; two sides by C. S. van Dobben de Bruyn, Cumulative Sum Tests (1968): 1/ARL = 1/ARL⁺ +
    1/ARL⁻.
    """
    upper, lower = (_mean_run_of_kernel(_gaussian_kernel(k, h, side * shift)) for side in (1, -1))
    return min(LONGEST, 1 / (1 / upper + 1 / lower))


def gaussian_run_length_quantile(k: float, h: float, shift: float, *, probability: float = 0.95) -> int:
    """Within how many observations the share `probability` of the runs has signalled. Only the side that the shift
    pushes is counted, which errs on the long side. Refuses what `gaussian_arl` refuses, and a probability outside 0 <
    probability < 1."""
    _refuse_no_probability(probability)
    kernel = _gaussian_kernel(k, h, abs(shift))
    return _quantile(lambda alive: kernel @ alive, kernel.shape[0], probability)


@lru_cache(maxsize=512)
def gaussian_threshold(k: float, arl0: float, *, shift: float = 0.0) -> float:
    """The least h, to a thousandth, at which the two-sided Gaussian CUSUM runs at least `arl0` observations on average
    while the mean has shifted by `shift` (standard deviations; 0: not at all).
    Refuses k < 0 and arl0 outside 2..`LONGEST`/10 with ValueError."""
    return _least_threshold(lambda h: gaussian_arl(k, h, shift), arl0)


def _bernoulli_chain(p0: float, p1: float, h: float, p: float) -> Any:
    """The transitions between the scores 0, δ, 2δ … ≤ h (a sparse matrix); what a row lacks to 1 signals.

    δ divides both steps, the larger of them replaced by the nearest fraction of the smaller that the number of states
    allows. Where even the smaller step is finer than the states, each step is split between two neighbours so that its
    mean is kept.
    """
    import numpy as np
    from scipy.sparse import csr_array

    if h <= 0:
        raise ValueError(f"A threshold lies above 0, not at {h}.")
    quiet, event = bernoulli_steps(p0, p1)
    smaller, larger = sorted((abs(quiet), abs(event)))
    places = min(MOST_PLACES, int(MOST_STATES * smaller / h))
    ratio = Fraction(larger / smaller).limit_denominator(places) if places else None
    unit = smaller / ratio.denominator if ratio else h / MOST_STATES
    states = np.arange(math.floor(h / unit + 1e-9) + 1)
    rows, columns, chances = [], [], []
    for step, chance in ((quiet, 1 - p), (event, p)):
        exact = step / unit
        if ratio:
            exact = math.copysign(ratio.numerator if abs(step) == larger else ratio.denominator, step)
        for places_moved, share in ((math.floor(exact), 1 - exact % 1), (math.floor(exact) + 1, exact % 1)):
            reached = np.maximum(states + places_moved, 0)
            kept = reached < len(states)
            rows.append(states[kept])
            columns.append(reached[kept])
            chances.append(np.full(int(kept.sum()), chance * share))
    places_of_all = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(chances), places_of_all), shape=(len(states), len(states)))


def _mean_run(chain: Any) -> float:
    """Mean steps from score 0 until the chain is left: E = 1 + chain E. In natural order and without pivoting, for I -
    chain is an M-matrix, whose elimination subtracts nothing that matters."""
    import numpy as np
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    matrix = (eye_array(chain.shape[0], format="csc") - chain).tocsc()
    try:
        mean = float(splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0).solve(np.ones(chain.shape[0]))[0])
    except RuntimeError:
        # Exactly singular: the chain is never left.
        return LONGEST
    return mean if math.isfinite(mean) and mean > 0 else LONGEST


def _gaussian_kernel(k: float, h: float, shift: float) -> NDArray[np.float64]:
    """One side's transitions between score 0 and the nodes of the quadrature on (0, h)."""
    import numpy as np
    from scipy.special import ndtr

    if k < 0 or h <= 0:
        raise ValueError(f"A Gaussian CUSUM has k of at least 0 and h above 0, not {k} and {h}.")
    nodes, weights = np.polynomial.legendre.leggauss(max(48, math.ceil(12 * h)))
    scores = np.concatenate(([0.0], (nodes + 1) * h / 2))
    # From score z to x: the observation is x - z + k.
    reached = scores[None, 1:] - scores[:, None] + k - shift
    density = np.exp(-(reached**2) / 2) / math.sqrt(2 * math.pi) * (weights * h / 2)
    return np.column_stack((ndtr(k - shift - scores), density))


def _mean_run_of_kernel(kernel: NDArray[np.float64]) -> float:
    import numpy as np

    size = kernel.shape[0]
    try:
        mean = float(np.linalg.solve(np.eye(size) - kernel, np.ones(size))[0])
    except np.linalg.LinAlgError:
        return UNENDING
    # Where next to nothing leaves, rounding can turn the sign.
    return mean if 0 < mean < UNENDING else UNENDING


def _quantile(step: Callable[[Any], Any], states: int, probability: float) -> int:
    """The number of steps after which at most 1 - probability of the runs from score 0 go on. Once runs end at a
    steady rate, the rest is geometric."""
    import numpy as np

    alive, left, observations = np.ones(states), 1.0, 0
    steady = 0
    rate = 0.0
    while left > 1 - probability:
        alive = step(alive)
        observations += 1
        before, left = left, float(alive[0])
        previous, rate = rate, 1 - left / before
        steady = steady + 1 if rate > 0 and abs(rate - previous) <= 1e-7 * rate else 0
        if steady >= 200 or (observations >= MOST_STEPS and rate > 0):
            return observations + math.ceil(math.log((1 - probability) / left) / math.log1p(-rate))
    return observations


def _least_threshold(arl: Callable[[float], float], arl0: float) -> float:
    if not 2 <= arl0 <= LONGEST / 10:
        raise ValueError(
            f"An interval between false alarms lies between 2 and {LONGEST / 10:.0e} observations, not at {arl0}."
        )
    low, high = 0.0, 1.0
    while arl(high) < arl0:
        low, high = high, high * 1.5
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if arl(middle) < arl0 else (low, middle)
    return high


def _refuse_no_rate(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"A rate lies between 0 and 1, not at {p}.")


def _refuse_no_probability(probability: float) -> None:
    if not 0 < probability < 1:
        raise ValueError(f"A probability lies between 0 and 1, not at {probability}.")
