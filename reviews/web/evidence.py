"""What a reviewer sees of a decision: facts, conversation, what the rules read, what people ruled before. Plain values for
templates; every text in it is an AI's or its user's, and is shown as `inert` text."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from governance.canonical import canonicalize
from reviews.models import Decision, Escalation
from reviews.proposals import describe_scalar

WORD = re.compile(r"\s+|\w+|[^\w\s]")
ROWS_AT_MOST = 200
# Comparing takes the square of this: about a quarter of a second for texts with nothing in common.
COMPARED_AT_MOST = 2_500
DEEPEST = 4
SPEAKERS_OF_AI = frozenset({"assistant", "ai", "model", "bot"})


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a facts list. `is_read`: a rule that matched looked at it."""

    label: str
    value: str
    is_read: bool = False
    depth: int = 0
    is_mono: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    who: str
    text: str
    is_ai: bool
    is_mono: bool = False


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """What one rule said, with what it read as (path, value) texts."""

    id: str
    result: str
    verdict: str
    reason: str
    error: str
    inputs: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a word diff: `kind` is same, removed or added."""

    kind: str
    text: str


def list_facts(value: Any, *, path: str, read: frozenset[str] = frozenset()) -> list[Fact]:
    """A JSON value as lines, nested ones indented; beyond `ROWS_AT_MOST` one line says how many are left out. `path` is
    its place in a rule's words (`action.arguments`)."""
    facts = list(_facts(value, path, read, 0))
    left_out = len(facts) - ROWS_AT_MOST
    if left_out > 0:
        facts[ROWS_AT_MOST:] = [
            Fact(label="…", value=f"{left_out:,} more fields are not shown here; the raw JSON has all.")
        ]
    return facts


def list_proposal(proposal: dict[str, Any], read: frozenset[str]) -> list[Fact]:
    """What the AI proposes: the action's name and then its arguments, or the output."""
    if "action" not in proposal:
        return list_facts(proposal["output"], path="output", read=read)
    action = proposal["action"]
    name = Fact(label="action", value=action["name"], is_read=is_read("action.name", read), is_mono=True)
    return [name, *list_facts(action["arguments"], path="action.arguments", read=read)]


def _facts(value: Any, path: str, read: frozenset[str], depth: int) -> Iterator[Fact]:
    if not isinstance(value, dict):
        yield Fact(label=path.rsplit(".", 1)[-1], value=write_value(value), is_read=is_read(path, read))
        return
    for key, member in value.items():
        below = f"{path}.{key}"
        if isinstance(member, dict) and member and depth < DEEPEST:
            yield Fact(label=key, value="", depth=depth)
            yield from _facts(member, below, read, depth + 1)
        else:
            mono = not isinstance(member, str)
            yield Fact(label=key, value=write_value(member), is_read=is_read(below, read), depth=depth, is_mono=mono)


def write_value(value: Any) -> str:
    """Text as it is; other scalars as JSON writes them; the rest as indented JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)) and value:
        return json.dumps(value, ensure_ascii=False, indent=2)
    return canonicalize(value)


def is_read(path: str, read: frozenset[str]) -> bool:
    return any(path == other or path.startswith(f"{other}.") for other in read)


def list_turns(*values: Any) -> list[Turn]:
    """The conversation in the first value that has one: a list of {role, content}, or an object with such `messages`."""
    for value in values:
        messages = value.get("messages") if isinstance(value, dict) else value
        if isinstance(messages, list) and messages and all(_is_message(message) for message in messages):
            turns = [_turn(message) for message in messages[:ROWS_AT_MOST]]
            if left_out := len(messages) - len(turns):
                turns.append(
                    Turn("…", f"{left_out:,} more messages are not shown here; the raw JSON has all.", is_ai=False)
                )
            return turns
    return []


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message


def _turn(message: dict[str, Any]) -> Turn:
    content = message["content"]
    is_text = isinstance(content, str)
    return Turn(
        who=" ".join(message["role"].split())[:40] or "somebody",
        text=content if is_text else json.dumps(content, ensure_ascii=False, indent=2),
        is_ai=message["role"].lower() in SPEAKERS_OF_AI,
        is_mono=not is_text,
    )


def list_rules(evaluation: dict[str, Any]) -> list[RuleTrace]:
    """Every rule's result, those that mattered first."""
    traces = [
        RuleTrace(
            id=rule["id"],
            result=rule["result"],
            verdict=rule.get("verdict", ""),
            reason=rule.get("reason") or "",
            error=rule.get("error") or "",
            inputs=[(path, write_value(value)) for path, value in rule.get("inputs", {}).items()],
        )
        for rule in evaluation.get("rules", [])
    ]
    order = {"hit": 0, "error": 1, "shadow": 2, "miss": 3}
    return sorted(traces, key=lambda trace: order.get(trace.result, 4))


def paths_read(rules: Iterable[RuleTrace]) -> frozenset[str]:
    """What the rules that matched looked at."""
    return frozenset(path for rule in rules if rule.result in {"hit", "error"} for path, _ in rule.inputs)


def list_similar(escalation: Escalation, *, at_most: int = 8) -> list[Escalation]:
    """Earlier escalations of the same system for the same rule, with what people ruled, newest first."""
    same = Escalation.objects.filter(
        organization_id=escalation.organization_id,
        system_id=escalation.system_id,
        rule=escalation.rule,
        kind=escalation.kind,
        status=Escalation.Status.CLOSED,
        closure=Escalation.Closure.RULED,
        decision__action_name=escalation.decision.action_name,
    )
    return list(same.exclude(pk=escalation.pk).select_related("ruling", "decision").order_by("-closed_at")[:at_most])


def list_action_names(decision: Decision) -> list[str]:
    """The actions that this system has proposed lately: what a correction may choose from."""
    recent = Decision.objects.filter(system_id=decision.system_id).order_by("-created_at", "-id")
    return sorted({name for name in recent.values_list("action_name", flat=True)[:300] if name})


def describe_change(before: Any, after: Any, *, path: str = "") -> list[tuple[str, list[Piece]]]:
    """What differs between two JSON values, leaf by leaf, each as a word diff."""
    if isinstance(before, dict) and isinstance(after, dict):
        changes: list[tuple[str, list[Piece]]] = []
        for key in [*before, *(key for key in after if key not in before)]:
            below = f"{path}.{key}" if path else key
            if key not in after:
                changes.append((below, [Piece("removed", write_value(before[key]))]))
            elif key not in before:
                changes.append((below, [Piece("added", write_value(after[key]))]))
            else:
                changes += describe_change(before[key], after[key], path=below)
        return changes
    if canonicalize(before) == canonicalize(after):
        return []
    return [(path or "value", diff_words(write_value(before), write_value(after)))]


def diff_words(before: str, after: str) -> list[Piece]:
    """The word diff of two texts. What they have in common at both ends is set apart first; where more than
    `COMPARED_AT_MOST` words and spaces are left between, those are shown whole, one after the other."""
    old, new = WORD.findall(before), WORD.findall(after)
    head = _in_common(old, new)
    tail = _in_common(old[head:][::-1], new[head:][::-1])
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    pieces = [
        _piece("same", old[:head]),
        *_compare(middle_old, middle_new),
        _piece("same", old[len(old) - tail :]),
    ]
    return [piece for piece in pieces if piece.text]


def _in_common(one: list[str], other: list[str]) -> int:
    """With how many equal words two lists begin."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _compare(old: list[str], new: list[str]) -> Iterator[Piece]:
    if len(old) + len(new) > COMPARED_AT_MOST:
        yield from (_piece("removed", old), _piece("added", new))
        return
    for operation, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if operation == "equal":
            yield _piece("same", old[a:b])
        else:
            yield from (_piece("removed", old[a:b]), _piece("added", new[c:d]))


def _piece(kind: str, words: list[str]) -> Piece:
    return Piece(kind, "".join(words))


def describe_effect(decision: Decision, proposal: dict[str, Any]) -> str:
    """What happens on approval, in one line: the action's name and its first arguments."""
    if "action" in proposal:
        action = proposal["action"]
        scalars = [
            f"{key} {text}"
            for key, value in action["arguments"].items()
            if (text := describe_scalar(value)) and len(text) < 80
        ]
        return f"{action['name']}" + (f" ({', '.join(scalars[:4])})" if scalars else "")
    return "the answer goes out as it is"
