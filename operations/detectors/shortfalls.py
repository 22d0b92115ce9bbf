"""A baseline or a window that is too small is an answer of its own, and never a guess."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InsufficientData:
    """Nothing can be said. `reason` is a sentence for people; `observations_needed`: how many further ones would do,
    None where no number of the same kind would."""

    reason: str
    observations_needed: int | None
