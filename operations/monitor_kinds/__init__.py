"""Every kind of monitor, one small module a family; `KINDS` finds one by its name."""

from __future__ import annotations

from typing import Final

from operations.monitor_kinds.arrivals import Silence, Volume
from operations.monitor_kinds.base import Finding, Json, MonitorKind, Run, Sealed, Setting
from operations.monitor_kinds.categories import ActionMix, Model, Release
from operations.monitor_kinds.distributions import Confidence
from operations.monitor_kinds.inputs import InputShift
from operations.monitor_kinds.numbers import Cost, Latency
from operations.monitor_kinds.outcomes import FailedOutcomes, MissingOutcomes
from operations.monitor_kinds.rates import Corrections, EscalationRate, OverrideRate, SampledErrors
from operations.monitor_kinds.standing import Ownership, QueueAge, ReportOverdue, UngatedRelease

ALL: Final[tuple[MonitorKind, ...]] = (
    Silence(),
    Volume(),
    EscalationRate(),
    OverrideRate(),
    Corrections(),
    SampledErrors(),
    ActionMix(),
    Confidence(),
    InputShift(),
    Model(),
    Release(),
    Latency(),
    Cost(),
    FailedOutcomes(),
    MissingOutcomes(),
    QueueAge(),
    Ownership(),
    UngatedRelease(),
    ReportOverdue(),
)
KINDS: Final[dict[str, MonitorKind]] = {kind.kind: kind for kind in ALL}

__all__ = ["ALL", "KINDS", "Finding", "Json", "MonitorKind", "Run", "Sealed", "Setting"]
