"""What the verbs on datasets' versions refuse beyond the common vocabulary."""

from governance.errors import Conflict


class DatasetEmpty(Conflict):
    code, title = "dataset-empty", "The dataset has no active example to seal"


class DatasetUnchanged(Conflict):
    code, title = "dataset-unchanged", "Nothing has changed since the newest version"
