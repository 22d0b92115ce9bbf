"""An example in few words: what a row or a side-by-side comparison shows of texts that may have a megabyte."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evaluations.selectors import HEAD
from reviews.proposals import describe_arguments, describe_scalar
from reviews.web.evidence import Fact, Turn, list_facts, list_turns, write_value

SHOWN = 240


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text in one line, and how many characters of what is stored are not in it."""

    text: str
    hidden: int = 0


def excerpt_input(head: str, length: int) -> Excerpt:
    """What the AI was given: the last turn of a conversation, the fields of an object, or the text itself."""
    if length > HEAD:
        return _cut(head, length)
    value = json.loads(head)
    turns = list_turns(value)
    if turns:
        return _cut(f"{turns[-1].who}: {turns[-1].text}")
    return _cut(_in_one_line(value))


def excerpt_expected(head: str, length: int) -> Excerpt:
    """What people said should come out, in plain words."""
    if length > HEAD:
        return _cut(head, length)
    expected = json.loads(head)
    if is_rejection(expected):
        return Excerpt("Nothing: it was rejected")
    action = expected.get("action")
    if action is None:
        return _cut(_in_one_line(expected.get("output")))
    said = describe_arguments(action.get("arguments", {}), at_most=4)
    return _cut(f"{action.get('name')}: {said}" if said else str(action.get("name")))


def is_rejection(expected: dict[str, Any]) -> bool:
    """Whether people taught only that what was proposed is wrong: `{"action": null}` or `{"output": null}`."""
    return all(value is None for value in expected.values())


def lay_out(text: str, *, path: str) -> tuple[list[Turn], list[Fact]]:
    """A stored text as conversation where it is one, else as lines."""
    value = json.loads(text)
    turns = list_turns(value)
    return turns, [] if turns else list_facts(value, path=path)


def lay_out_expected(text: str) -> list[Fact]:
    """The expected value as lines: the action's name and its arguments, or the output."""
    expected = json.loads(text)
    if is_rejection(expected):
        return []
    action = expected.get("action")
    if action is None:
        return list_facts(expected.get("output"), path="output")
    name = Fact(label="action", value=str(action.get("name")), is_mono=True)
    return [name, *list_facts(action.get("arguments", {}), path="action.arguments")]


def _in_one_line(value: Any) -> str:
    if not isinstance(value, dict):
        return describe_scalar(value) or write_value(value)
    if len(value) == 1:
        (only,) = value.values()
        return describe_scalar(only) or write_value(only)
    return " · ".join(f"{key}: {describe_scalar(member) or write_value(member)}" for key, member in value.items())


def _cut(text: str, length: int = 0) -> Excerpt:
    return Excerpt(text[:SHOWN], max(length, len(text)) - len(text[:SHOWN]))
