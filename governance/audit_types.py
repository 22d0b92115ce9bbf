"""The vocabulary of the audit log: every type of entry, with the words that people read.

Upper floors record their own types; the words stand here because the log's page and its filter are on this floor. A test
holds the table to the code. An entry of a type that is not listed is shown by its code.
"""

ERASURE_TYPE = "audit.payload_erased"
EXPORT_TYPE = "audit.exported"
# The subject of an erasure's entry, followed by the id of the entry that it erased; nothing else is recorded under it.
ERASURE_SUBJECT = "audit_entry:"

AUDIT_TYPES: dict[str, dict[str, str]] = {
    "Decisions": {
        "decision.created": "Decision made",
        "decision.escalated": "Decision sent to people",
        "decision.resolved": "Decision resolved by a ruling",
        "decision.expired": "Decision expired unanswered",
        "decision.allowed_by_timeout": "Decision allowed after its time ran out",
        "decision.cancelled": "Decision cancelled by the application",
        "decision.outcome_reported": "Outcome reported",
        "decision.information_requested": "Information requested",
        "decision.information_given": "Information given",
        "quality.judged": "Quality judged",
    },
    "Escalations": {
        "escalation.claimed": "Escalation claimed",
        "escalation.released": "Escalation released",
        "escalation.reassigned": "Escalation reassigned",
        "escalation.handed_over": "Escalation handed to a group",
        "escalation.ruled": "Ruling given",
        "escalation.undone": "Ruling taken back",
        "escalation.breaching": "Escalation overdue",
    },
    "Policies": {
        "policy.created": "Policy created",
        "policy.drafted": "Policy version drafted",
        "policy.edited": "Policy draft edited",
        "policy.submitted": "Policy version submitted",
        "policy.approved": "Policy version approved",
        "policy.rejected": "Policy version rejected",
        "policy.withdrawn": "Policy version withdrawn",
        "policy.activated": "Policy version put in force",
        "policy.rolled_back": "Policy rolled back",
    },
    "Corrections and datasets": {
        "example.added": "Example added",
        "example.disputed": "Example disputed",
        "example.adjudicated": "Disputed example settled",
        "dataset.exported": "Dataset exported",
        "dataset.version_published": "Dataset version sealed",
        "dataset.sealing_changed": "Sealing of a dataset changed",
    },
    "Releases": {
        "release.stated": "Release stated",
        "release.first_seen": "Release first seen in traffic",
        "evaluation.opened": "Evaluation run opened",
        "evaluation.judged": "Gate's verdict on a release",
    },
    "People and access": {
        "person.created": "Account created",
        "person.invited": "Person invited",
        "person.password_set": "Password set",
        "person.renamed": "Person renamed",
        "person.removed": "Person removed from the organization",
        "person.deactivated": "Account deactivated",
        "person.reactivated": "Account reactivated",
        "role.added": "Role given",
        "role.removed": "Role taken",
        "group.created": "Group created",
        "group.changed": "Group changed",
        "api_key.created": "API key created",
        "api_key.revoked": "API key revoked",
        "access_token.created": "Access token created",
        "access_token.revoked": "Access token revoked",
    },
    "Systems": {
        "organization.created": "Organization created",
        "system.created": "AI system registered",
        "system.changed": "AI system changed",
        "queue.changed": "Queue changed",
    },
    "Monitors": {
        "monitor.changed": "Monitor set",
        "monitor.baseline_sealed": "Monitor's baseline sealed",
        "monitor.rearmed": "Monitor watches again",
        "monitor.failed": "Monitor could not read an entry",
        "alarm.raised": "Alarm raised",
        "alarm.judged": "Alarm judged",
        "alarm.ended": "What raised an alarm ended by itself",
    },
    "Incidents": {
        "incident.opened": "Incident opened",
        "incident.joined": "Alarm joined an incident",
        "incident.assigned": "Incident assigned to the next one",
        "incident.acknowledged": "Incident acknowledged",
        "incident.commented": "Comment on an incident",
        "incident.mitigated": "Incident contained",
        "incident.resolved": "Incident resolved",
        "incident.reviewed": "Incident reviewed",
    },
    "Breakers": {
        "breaker.opened": "Breaker opened",
        "breaker.half_opened": "Breaker half-opened",
        "breaker.closed": "Breaker closed",
        "recovery.started": "Recovery started",
        "recovery.passed": "Recovery passed",
        "recovery.failed": "Recovery failed",
        "recovery.stopped": "Recovery stopped",
    },
    "Prices": {
        "price.stated": "Price stated",
        "price.withdrawn": "Price withdrawn",
    },
    "Costs": {
        "review_rate.stated": "Review rate stated",
        "review_rate.withdrawn": "Review rate withdrawn",
        "budget.stated": "Budget stated",
        "budget.withdrawn": "Budget withdrawn",
        "budget.warned": "Budget nearly or wholly spent",
        "costs.repricing_requested": "Repricing of past decisions asked for",
        "costs.repricing_finished": "Repricing of past decisions finished",
    },
    "Channels": {
        "channel.created": "Channel added",
        "channel.changed": "Channel changed",
        "channel.removed": "Channel removed",
        "channel.tested": "Channel tested",
    },
    "Ownership": {
        "report.frozen": "Month's report frozen",
        "report.attested": "Month's report attested",
        "improvement.decided": "Improvement decided",
        "improvement.closed": "Improvement closed",
    },
    "The log itself": {
        EXPORT_TYPE: "Audit log exported",
        ERASURE_TYPE: "Payload erased",
    },
}
_WORDS = {type: words for group in AUDIT_TYPES.values() for type, words in group.items()}


def describe_type(type: str) -> str:
    """What people read for a type; the code itself where there are no words for it."""
    return _WORDS.get(type, type)
