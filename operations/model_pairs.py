"""An action and a model as one value of a roll-up, so that what a model does at one kind of task is counted like any other cut.

The action's length stands in front: both may hold any character, and no separator could be told from a name.
"""


def join_pair(action: str, model: str) -> str:
    return f"{len(action)}:{action}{model}"


def split_pair(value: str) -> tuple[str, str] | None:
    """Action and model; None for what is no pair, as the sum of an hour's rarest is none."""
    length, separator, names = value.partition(":")
    if not separator or not (length.isascii() and length.isdigit()) or int(length) > len(names):
        return None
    return names[: int(length)], names[int(length) :]
