"""What a gate demands, read from a request: every field known, of its type, and none ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evaluations.scoring.gates import Demands
from governance.errors import FieldError, Invalid

SHARES = ("margin", "alpha", "smallest_effect", "minimum")
CEILINGS = ("cost_ceiling_micros", "latency_ceiling_ms")
# Above these a pass would say nothing; below the least alpha no number of examples convinces.
SENSIBLE = {"alpha": (1e-6, 0.2), "margin": (1e-6, 0.5)}
MOST_LABELS = 50
# By what the examples can be parted.
SLICES = ("label", "action")


@dataclass(frozen=True, slots=True)
class GateDemands:
    """The gate's own demands; the score from which an answer is right; labels whose examples are critical; by what the
    examples are parted into slices."""

    gate: Demands
    pass_score: float
    critical_labels: frozenset[str]
    slices: tuple[str, ...] = SLICES


def read_demands(goal: str, asked: Mapping[str, Any]) -> GateDemands:
    """Refuses (Invalid, 422) unknown fields, wrong types, shares outside 0..1 and negative ceilings."""
    errors: list[FieldError] = []
    for name, value in asked.items():
        if name not in KNOWN:
            errors.append({"pointer": f"/demands/{name}", "detail": f"Known here: {', '.join(sorted(KNOWN))}."})
        elif not KNOWN[name](value):
            errors.append({"pointer": f"/demands/{name}", "detail": "This does not fit."})
    pass_score = asked.get("pass_score", 1.0)
    if not errors and not 0 < pass_score <= 1:
        errors.append({"pointer": "/demands/pass_score", "detail": "A score lies above 0 and is 1 at the most."})
    if errors:
        raise Invalid(errors=errors)
    given: dict[str, Any] = {name: float(asked[name]) for name in (*SHARES, *CEILINGS) if name in asked}
    try:
        gate = Demands(
            goal="better" if goal == "better" else "not_worse",
            measure="score" if asked.get("measure") == "score" else "right",
            **given,
        )
    except ValueError as error:
        raise Invalid(errors=[{"pointer": "/demands", "detail": str(error)}]) from error
    return GateDemands(
        gate,
        float(pass_score),
        frozenset(asked.get("critical_labels", [])),
        tuple(name for name in SLICES if name in asked.get("slices", SLICES)),
    )


def refuse_senseless(asked: Mapping[str, Any]) -> None:
    """Refuses (Invalid, 422) an alpha or a margin that asks for nothing or for what can't be. By itself, so that a run that was
    opened when others were allowed can be closed."""
    errors: list[FieldError] = [
        {"pointer": f"/demands/{name}", "detail": f"From {least:g} to {most:g}."}
        for name, (least, most) in SENSIBLE.items()
        if not least <= asked.get(name, least) <= most
    ]
    if errors:
        raise Invalid(errors=errors)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_LABELS and all(isinstance(one, str) for one in value)


KNOWN: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys((*SHARES, *CEILINGS, "pass_score"), _is_number),
    "critical_labels": _is_texts,
    "slices": lambda value: _is_texts(value) and set(value) <= set(SLICES),
    "measure": lambda value: value in ("right", "score"),
}
