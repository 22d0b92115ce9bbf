"""What the life of a policy refuses, each named for what happened, so that page, API and command say the same."""

from governance.errors import Conflict, DomainError, Invalid, NotPermitted


class PolicyNotValid(Invalid):
    """`errors` carries pointer, line, column, detail and, where there is one, a suggestion for every fault."""

    code, title = "policy-not-valid", "The policy document is not valid"


class PolicyTestsFailed(Invalid):
    code, title = "policy-tests-failed", "The policy's own tests fail"


class PolicyKeyDiffers(Invalid):
    code, title = "policy-key-differs", "The document bears another policy's key"


class PolicyKeyTaken(Conflict):
    code, title = "policy-key-taken", "Another system's policy has this key"


class PolicyExists(Conflict):
    code, title = "policy-exists", "The system has a policy already"


class PolicyBaseMoved(Conflict):
    """The version in force is no longer the one from which the text was made."""

    code, title = "policy-base-moved", "The version in force has changed meanwhile"


class PolicyAlreadyInForce(Conflict):
    code, title = (
        "policy-already-in-force",
        "A version of this policy is in force already",
    )


class DraftChanged(DomainError):
    """Somebody saved the draft in between; `state` has the revision that stands now."""

    code, status, title = (
        "draft-changed",
        412,
        "Somebody else has saved this draft meanwhile",
    )


class VersionNotDraft(Conflict):
    code, title = "version-not-draft", "This version is no longer a draft"


class VersionNotSubmitted(Conflict):
    code, title = "version-not-submitted", "This version does not await approval"


class VersionNotApproved(Conflict):
    code, title = "version-not-approved", "This version is not approved"


class VersionClosed(Conflict):
    code, title = "version-closed", "This version's life is over"


class VersionWasInForce(Conflict):
    code, title = "version-was-in-force", "This version has been in force before"


class ApprovedTextDiffers(Conflict):
    """The hash that was ruled on is not the hash of the version's text."""

    code, title = "approved-text-differs", "This is not the text that was submitted"


class OwnTextNotApproved(NotPermitted):
    code, title = "own-text", "Whoever wrote a text can't approve it"


class ActivationOvertaken(Conflict):
    code, title = (
        "activation-overtaken",
        "Somebody else changed what is in force at the same moment",
    )


class NothingToRollBackTo(Conflict):
    code, title = (
        "nothing-to-roll-back-to",
        "No other version was in force before this one",
    )


class AlreadyRolledBack(Conflict):
    code, title = "already-rolled-back", "What is in force came by a rollback already"
