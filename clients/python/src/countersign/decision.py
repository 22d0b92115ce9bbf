"""A decision as the service answers it, read so that whatever is not understood means "do not act"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PENDING = "pending"
MAY_PROCEED = frozenset({"allowed", "approved", "corrected"})
UNRECORDED_KIND = "unavailable"


@dataclass(frozen=True)
class Decision:
    """One decision in the state in which it was read.

    `proceed` is the field to act on: it is true only where the service says so *and* the status is one of
    allowed, approved and corrected. A status that this version does not know means False, whatever else the answer
    says. `effective_action` (`{"name", "arguments"}`), or `effective_output`, is then what may run: the proposal, or
    what a person made of it. `raw` is the answer as it came, for fields that are not named here.
    """

    id: str
    status: str
    verdict: str | None = None
    proceed: bool = False
    effective_action: Mapping[str, Any] | None = None
    effective_output: Any = None
    substitute: Any = None
    message: str | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()
    policy: Mapping[str, Any] | None = None
    digest: str | None = None
    effective_digest: str | None = None
    escalation: Mapping[str, Any] | None = None
    information: Mapping[str, Any] | None = None
    decided_by: Mapping[str, Any] | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Decision:
        """Read the service's JSON. Raises ValueError where it has no id or no status, and so is no decision."""
        decision_id, status = answer.get("id"), answer.get("status")
        if not (isinstance(decision_id, str) and decision_id and isinstance(status, str)):
            raise ValueError("The answer has no id and status.")
        proceed = answer.get("proceed") is True and status in MAY_PROCEED
        return cls(
            id=decision_id,
            status=status,
            verdict=answer.get("verdict"),
            proceed=proceed,
            effective_action=_mapping(answer.get("effective_action")) if proceed else None,
            effective_output=answer.get("effective_output") if proceed else None,
            substitute=answer.get("substitute"),
            message=answer.get("message"),
            reasons=tuple(reason for reason in answer.get("reasons") or () if isinstance(reason, Mapping)),
            policy=_mapping(answer.get("policy")),
            digest=answer.get("digest"),
            effective_digest=answer.get("effective_digest"),
            escalation=_mapping(answer.get("escalation")),
            information=_mapping(answer.get("information")),
            decided_by=_mapping(answer.get("decided_by")),
            decided_at=_instant(answer.get("decided_at")),
            expires_at=_instant(answer.get("expires_at")),
            links=_mapping(answer.get("links")) or {},
            raw=answer,
        )

    @classmethod
    def unrecorded(cls, *, action: Mapping[str, Any] | None, output: Any, message: str) -> Decision:
        """What `unavailable="allow"` answers with while the service is away: the proposal may run as it is, nobody
        was asked, and there is no id. `is_recorded` tells it apart.
        """
        return cls(
            id="",
            status="allowed",
            proceed=True,
            effective_action=action,
            effective_output=output if action is None else None,
            message=message,
            decided_by={"kind": UNRECORDED_KIND},
        )

    @property
    def is_recorded(self) -> bool:
        """Whether the service knows of this decision."""
        return bool(self.id)

    @property
    def is_pending(self) -> bool:
        """Whether a person is still awaited. A status that is not known here counts as final, so that nobody waits
        for ever on words they do not understand.
        """
        return self.status == PENDING

    @property
    def why(self) -> str:
        """The reasons in one line of plain words, for logs and messages; empty where there are none."""
        texts = [str(reason.get("text") or reason.get("rule") or "") for reason in self.reasons]
        return "; ".join(text.removesuffix(".") for text in [self.message or "", *texts] if text)


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
