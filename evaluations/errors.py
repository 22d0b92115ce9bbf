"""What the verbs on versions and releases refuse beyond the common vocabulary."""

from governance.errors import Conflict


class DatasetEmpty(Conflict):
    code, title = "dataset-empty", "The dataset has no active example to seal"


class DatasetUnchanged(Conflict):
    code, title = "dataset-unchanged", "Nothing has changed since the newest version"


class ReleaseAlreadyStated(Conflict):
    code, title = "release-already-stated", "Somebody has stated this release"
