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


class MonitorChanged(Conflict):
    code, title = "monitor-changed", "Somebody, or an alarm, has changed the monitor meanwhile"


class MonitorIsOff(Conflict):
    code, title = "monitor-is-off", "The monitor is off"


class MonitorNotAlarmed(Conflict):
    code, title = "monitor-not-alarmed", "The monitor is not alarmed"


class NothingToLearn(Conflict):
    code, title = "nothing-to-learn", "This kind of monitor has no baseline"


class AlarmJudged(Conflict):
    code, title = "alarm-judged", "The alarm was judged before"


class ChannelExists(Conflict):
    code, title = "channel-exists", "There is a channel of this name"


class ChannelFailed(Conflict):
    code, title = "channel-failed", "The channel did not take the message"


class TooManyChannels(Conflict):
    code, title = "too-many-channels", "The organization has as many channels as it may have"


class RepricingRunning(Conflict):
    code, title = "repricing-running", "A repricing of this system is still running"


class BudgetWithdrawn(Conflict):
    code, title = "budget-withdrawn", "The budget has been withdrawn, or replaced, before"


class ReviewRateWithdrawn(Conflict):
    code, title = "review-rate-withdrawn", "The rate has been withdrawn before"


class MonthNotOver(Conflict):
    code, title = "month-not-over", "The month is not over"


class NothingToReport(Conflict):
    code, title = "nothing-to-report", "There is nothing to report about this month"


class RollUpsBehind(Conflict):
    code, title = "roll-ups-behind", "Something of this month is not counted yet; try again in a minute"


class ReportAttested(Conflict):
    code, title = "report-attested", "The report was attested before"


class ImprovementClosed(Conflict):
    code, title = "improvement-closed", "The improvement was closed before"
