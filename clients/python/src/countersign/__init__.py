"""Ask before an AI acts, and act only on the answer.

What an application needs is here: two clients with the same verbs, the decision that they answer with, the decorator
that lets a function run on approval alone, and the errors, named for what happened.
"""

from countersign.approval import requires_approval
from countersign.client import AsyncClient, Client
from countersign.decision import Decision
from countersign.errors import ApiProblem, CountersignError, NotAllowed, Unavailable, WaitTimedOut

__all__ = [
    "ApiProblem",
    "AsyncClient",
    "Client",
    "CountersignError",
    "Decision",
    "NotAllowed",
    "Unavailable",
    "WaitTimedOut",
    "requires_approval",
]
