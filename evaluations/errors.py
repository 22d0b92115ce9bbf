"""What the verbs on versions, releases and runs refuse beyond the common vocabulary."""

from governance.errors import Conflict


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
