"""What the watching floor refuses, named for what happened."""

from governance.errors import Conflict, Invalid


class IncidentMovedOn(Conflict):
    code, title = "incident-moved-on", "The incident is in another state by now"


class BreakerUnchanged(Conflict):
    code, title = "breaker-unchanged", "The breaker is not in a state from which this is possible"


class InvalidReview(Invalid):
    code, title = "invalid-review", "The review lacks what it must say"


class PriceWithdrawn(Conflict):
    code, title = "price-withdrawn", "The price has been withdrawn before"
