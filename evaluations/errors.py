"""What the verbs on versions, releases, runs and exports refuse beyond the common vocabulary."""

from governance.errors import Conflict, DomainError


class DatasetEmpty(Conflict):
    code, title = "dataset-empty", "The dataset has no active example to seal"


class DatasetUnchanged(Conflict):
    code, title = "dataset-unchanged", "Nothing has changed since the newest version"


class ReleaseAlreadyStated(Conflict):
    code, title = "release-already-stated", "Somebody has stated this release"


class RunClosed(Conflict):
    code, title = "run-closed", "The run has its verdict"


class ResultDiffers(Conflict):
    code, title = "result-differs", "Another answer to this example stands already"


class FormatUnavailable(DomainError):
    code, status, title = "format-unavailable", 501, "This server can't write that format"
