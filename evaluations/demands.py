"""What a gate demands, read from a request: every field known, of its type, and none ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluations.scoring.gates import Demands
from governance.errors import FieldError, Invalid

SHARES = ("margin", "alpha", "smallest_effect", "minimum")
CEILINGS = ("cost_ceiling_micros", "latency_ceiling_ms")
MOST_LABELS = 50


@dataclass(frozen=True, slots=True)
class GateDemands:
    """The gate's own demands; the score from which an answer is right; labels whose examples are critical."""

    gate: Demands
    pass_score: float
    critical_labels: frozenset[str]


def read_demands(goal: str, asked: Mapping[str, Any]) -> GateDemands:
    """Refuses (Invalid, 422) unknown fields, wrong types, shares outside 0..1 and negative ceilings."""
    numbers = {*SHARES, *CEILINGS, "pass_score"}
    errors: list[FieldError] = []
    for name, value in asked.items():
        if name == "critical_labels":
            is_fit = (
                isinstance(value, list) and len(value) <= MOST_LABELS and all(isinstance(one, str) for one in value)
            )
        else:
            is_fit = name in numbers and isinstance(value, int | float) and not isinstance(value, bool)
        if not is_fit:
            known = ", ".join(sorted({*numbers, "critical_labels"}))
            detail = "This does not fit." if name in {*numbers, "critical_labels"} else f"Known here: {known}."
            errors.append({"pointer": f"/demands/{name}", "detail": detail})
    pass_score = asked.get("pass_score", 1.0)
    if not errors and not 0 < pass_score <= 1:
        errors.append({"pointer": "/demands/pass_score", "detail": "A score lies above 0 and is 1 at the most."})
    if errors:
        raise Invalid(errors=errors)
    given: dict[str, Any] = {name: float(asked[name]) for name in (*SHARES, *CEILINGS) if name in asked}
    try:
        gate = Demands(goal="better" if goal == "better" else "not_worse", **given)
    except ValueError as error:
        raise Invalid(errors=[{"pointer": "/demands", "detail": str(error)}]) from error
    return GateDemands(gate, float(pass_score), frozenset(asked.get("critical_labels", [])))
