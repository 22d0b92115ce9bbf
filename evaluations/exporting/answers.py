"""An example as a conversation and an answer, for the formats that know nothing else: who said what before, and what should
have been said."""

from __future__ import annotations

import json
from typing import Any

from governance.canonical import canonicalize

ROLES = frozenset({"system", "developer", "user", "assistant"})
REJECTED = frozenset({'{"action":null}', '{"output":null}'})


def has_answer(expected: str) -> bool:
    """Whether somebody said what is right, and not only that what was proposed is wrong."""
    return expected not in REJECTED


def write_answer(expected: str) -> str:
    """The answer as text: an output that is text, else the canonical JSON of the output or the action."""
    (value,) = json.loads(expected).values()
    if isinstance(value, str):
        return value
    # The one member's text, byte for byte: `{"action":…}` and `{"output":…}` have names of the same length.
    return expected[len('{"action":') : -1]


def read_messages(input: str) -> list[dict[str, str]]:
    """The messages of an input that is a conversation of texts (a list of {role, content}, or an object with nothing but
    such `messages`); else one message of the user: the text, or the canonical JSON of what is none."""
    value = json.loads(input)
    messages = value.get("messages") if isinstance(value, dict) and len(value) == 1 else value
    if isinstance(messages, list) and messages and all(map(_is_message, messages)):
        return [{"role": message["role"], "content": message["content"]} for message in messages]
    return [{"role": "user", "content": write_text(value, input)}]


def write_text(value: Any, text: str) -> str:
    """A text as it is, anything else as its canonical JSON."""
    return value if isinstance(value, str) else text


def write_messages(messages: list[dict[str, str]]) -> str:
    return canonicalize(messages)


def _is_message(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.keys() == {"role", "content"}
        and isinstance(message["content"], str)
        and message["role"] in ROLES
    )
