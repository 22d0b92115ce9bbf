"""What can be refused on this floor, by name."""

from governance.errors import Conflict, Invalid, NotPermitted


class IdempotencyKeyReused(Invalid):
    code, title = (
        "idempotency-key-reused",
        "This Idempotency-Key was used for another request",
    )


class IdempotencyInFlight(Conflict):
    code, title = (
        "idempotency-in-flight",
        "The first request with this Idempotency-Key is still being carried out",
    )


class DecisionNotPending(Conflict):
    code, title = "decision-not-pending", "The decision is not pending any more"


class DecisionStillPending(Conflict):
    code, title = "decision-still-pending", "The decision has not been answered yet"


class NoQuestionOpen(Conflict):
    code, title = "no-question-open", "Nobody has asked for information"


class EscalationAlreadyClaimed(Conflict):
    code, title = "escalation-already-claimed", "Somebody holds this escalation"


class EscalationNotClaimable(Conflict):
    code, title = "escalation-not-claimable", "This escalation can't be claimed now"


class ClaimLost(Conflict):
    code, title = "claim-lost", "This claim does not hold any more"


class EscalationAlreadyRuled(Conflict):
    code, title = "escalation-already-ruled", "This escalation was ruled on already"


class EscalationExpired(Conflict):
    code, title = "escalation-expired", "The time to answer has passed"


class UndoWindowClosed(Conflict):
    code, title = "undo-window-closed", "This ruling can't be taken back any more"


class OwnDecision(NotPermitted):
    code, title = "own-decision", "Nobody rules on a decision that they requested"


class OutsideGroups(NotPermitted):
    code, title = "outside-groups", "This belongs to a group that you are not in"


class InvalidRuling(Invalid):
    code, title = "invalid-ruling", "The ruling does not fit the decision"


class Overtaken(Exception):
    """Within a sweep: another way out was faster; the transaction is rolled back and nothing happened."""
