"""States, designs and results as plain JSON and back, to the last bit, so that a monitor can be stored and go on."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from operations.detectors.arrivals import SilenceDesign
from operations.detectors.cusum import BernoulliCusum, Excursion, GaussianCusum, Signal
from operations.detectors.designs import DetectableChange, RateDesign
from operations.detectors.inputs import TrigramModel
from operations.detectors.means import MeanDesign, MeanMonitor
from operations.detectors.shortfalls import InsufficientData
from operations.detectors.volume import VolumeBaseline, VolumeMonitor
from operations.detectors.windows import KsResult, PsiResult

KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        BernoulliCusum,
        DetectableChange,
        Excursion,
        GaussianCusum,
        InsufficientData,
        KsResult,
        MeanDesign,
        MeanMonitor,
        PsiResult,
        RateDesign,
        Signal,
        SilenceDesign,
        TrigramModel,
        VolumeBaseline,
        VolumeMonitor,
    )
}


def to_json(thing: Any) -> dict[str, Any]:
    """A dataclass of this package as a JSON object: its fields, and `kind`, the name of its class. Refuses others with
    TypeError."""
    if type(thing).__name__ not in KINDS:
        raise TypeError(f"{type(thing).__name__} is none of the detectors' documents.")
    return {"kind": type(thing).__name__} | {field.name: _plain(getattr(thing, field.name)) for field in fields(thing)}


def from_json(document: dict[str, Any]) -> Any:
    """What `to_json` was given, equal to the last bit. Refuses an unknown kind, missing and unknown fields with
    ValueError."""
    kind = KINDS.get(document.get("kind", ""))
    if kind is None:
        raise ValueError(f"There is no detectors' document of the kind {document.get('kind')!r}.")
    given = {name: _rich(value) for name, value in document.items() if name != "kind"}
    if given.keys() != {field.name for field in fields(kind)}:
        raise ValueError(f"These are not the fields of {document['kind']}: {', '.join(sorted(given))}.")
    return kind(**given)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_json(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        return from_json(value)
    return tuple(_rich(item) for item in value) if isinstance(value, list) else value
