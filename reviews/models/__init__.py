"""The nouns of the reviews floor."""

from reviews.models.decisions import (
    Decision,
    DecisionPayload,
    InformationExchange,
    Outcome,
)
from reviews.models.notifications import Notification
from reviews.models.queues import Escalation, Queue
from reviews.models.reviews import Correction, Review, ReviewDraft

__all__ = [
    "Correction",
    "Decision",
    "DecisionPayload",
    "Escalation",
    "InformationExchange",
    "Notification",
    "Outcome",
    "Queue",
    "Review",
    "ReviewDraft",
]
