"""What the watching floor refuses, named for what happened."""

from governance.errors import Conflict


class IncidentMovedOn(Conflict):
    code, title = "incident-moved-on", "The incident is in another state by now"


class BreakerUnchanged(Conflict):
    code, title = "breaker-unchanged", "The breaker is not in a state from which this is possible"
