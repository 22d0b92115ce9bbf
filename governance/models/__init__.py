"""The nouns of the ground floor."""

from governance.models.audit import AuditBatch, AuditEntry, AuditPayload
from governance.models.people import AccessToken, Group, Membership, Organization, User
from governance.models.policies import Activation, Policy, PolicyApproval, PolicyVersion
from governance.models.runtime import Heartbeat, Lease, ReaderCursor
from governance.models.sign_in import SignInFailures
from governance.models.systems import AISystem, ApiKey

__all__ = [
    "AISystem",
    "AccessToken",
    "Activation",
    "ApiKey",
    "AuditBatch",
    "AuditEntry",
    "AuditPayload",
    "Group",
    "Heartbeat",
    "Lease",
    "Membership",
    "Organization",
    "Policy",
    "PolicyApproval",
    "PolicyVersion",
    "ReaderCursor",
    "SignInFailures",
    "User",
]
