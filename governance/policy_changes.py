"""What differs between two texts of a policy: line by line for the eye, rule by rule for the meaning.

Pure: it knows neither database nor pages.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.canonical import canonicalize
from governance.rules.document import PolicyDocument

LINES_AROUND = 3
# Beyond this a comparison takes seconds, and nobody reads it line by line.
MOST_LINES = 4_000
LONGEST_COMPARED_LINE = 400
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line; `is_changed` marks what the other side does not have."""

    text: str
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One row: a line of either side (number from 1 and its parts), or a gap of `hidden` equal lines."""

    kind: str
    before: int | None = None
    after: int | None = None
    before_parts: tuple[Part, ...] = ()
    after_parts: tuple[Part, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that says something else; an empty side was not there."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a version does differently. `kind`: "added", "changed", "removed"; `part`: "rule", "test" …"""

    kind: str
    part: str
    name: str
    differences: tuple[Difference, ...] = ()


def compare_lines(before: str, after: str) -> list[DiffLine] | None:
    """The rows of a side-by-side diff, equal stretches folded; empty where nothing differs, None beyond 4,000 lines."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        return None
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    rows: list[DiffLine] = []
    shown = 0
    for group in matcher.get_grouped_opcodes(LINES_AROUND):
        if group[0][1] > shown:
            rows.append(DiffLine("gap", hidden=group[0][1] - shown))
        for tag, i1, i2, j1, j2 in group:
            rows.extend(_rows(tag, old, i1, i2, new, j1, j2))
        shown = group[-1][2]
    if rows and len(old) > shown:
        rows.append(DiffLine("gap", hidden=len(old) - shown))
    return rows


def _rows(tag: str, old: Sequence[str], i1: int, i2: int, new: Sequence[str], j1: int, j2: int) -> Iterator[DiffLine]:
    for offset in range(max(i2 - i1, j2 - j1)):
        i, j = i1 + offset, j1 + offset
        before, after = (old[i] if i < i2 else None), (new[j] if j < j2 else None)
        if tag == "equal":
            yield DiffLine("equal", i + 1, j + 1, (Part(before or ""),), (Part(after or ""),))
        elif after is None:
            yield DiffLine("removed", i + 1, None, (Part(before or ""),), ())
        elif before is None:
            yield DiffLine("added", None, j + 1, (), (Part(after),))
        else:
            yield DiffLine("changed", i + 1, j + 1, *_compare_words(before, after))


def _compare_words(before: str, after: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    if max(len(before), len(after)) > LONGEST_COMPARED_LINE:
        return (Part(before),), (Part(after),)
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.4:
        return (Part(before, True),), (Part(after, True),)
    codes = matcher.get_opcodes()
    left = tuple(Part("".join(old[i1:i2]), tag != "equal") for tag, i1, i2, _, _ in codes if i2 > i1)
    right = tuple(Part("".join(new[j1:j2]), tag != "equal") for tag, _, _, j1, j2 in codes if j2 > j1)
    return left, right


def unify(rows: Sequence[DiffLine]) -> list[DiffLine]:
    """The same rows for a narrow screen: of each changed stretch first what goes, then what comes."""
    lines: list[DiffLine] = []
    coming: list[DiffLine] = []
    for row in rows:
        if row.kind in ("equal", "gap"):
            lines += [*coming, row]
            coming = []
            continue
        if row.before is not None:
            lines.append(DiffLine("removed", row.before, None, row.before_parts))
        if row.after is not None:
            coming.append(DiffLine("added", None, row.after, (), row.after_parts))
    return lines + coming


def compare_documents(before: PolicyDocument | None, after: PolicyDocument) -> list[Change]:
    """What the later document does differently, settings first, then rules, sampling and tests. Without an earlier one
    everything is new."""
    old: dict[str, Any] = json.loads(before.canonical) if before else {}
    new: dict[str, Any] = json.loads(after.canonical)
    return [
        *_compare_settings(old, new),
        *_compare_named("rule", old.get("rules", []), new.get("rules", []), "id"),
        *_compare_whole("sampling", old.get("sampling"), new.get("sampling")),
        *_compare_whole("retires", old.get("retires"), new.get("retires")),
        *_compare_named("test", old.get("tests", []), new.get("tests", []), "name"),
    ]


def _compare_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    flat_old, flat_new = _settings(old), _settings(new)
    for name in flat_old | flat_new:
        if flat_old.get(name) != flat_new.get(name):
            difference = Difference(name, _say(flat_old.get(name)), _say(flat_new.get(name)))
            yield Change("changed" if old else "added", "setting", name, (difference,))


def _settings(document: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: document[name] for name in ("default", "on_error") if name in document}
    return settings | {f"metadata.{name}": value for name, value in document.get("metadata", {}).items()}


def _compare_whole(part: str, old: Any, new: Any) -> Iterator[Change]:
    if old != new:
        kind = "added" if not old else "removed" if not new else "changed"
        yield Change(kind, part, "", (Difference(part, _say(old), _say(new)),))


def _compare_named(part: str, old: Sequence[Any], new: Sequence[Any], name: str) -> Iterator[Change]:
    """Rules by id and tests by name; tests may share a name, so each is matched once."""
    waiting: dict[str, list[Mapping[str, Any]]] = {}
    for entry in old:
        waiting.setdefault(entry[name], []).append(entry)
    for entry in new:
        twins = waiting.get(entry[name])
        if not twins:
            yield Change("added", part, entry[name], _differences({}, entry, name))
            continue
        earlier = twins.pop(0)
        if earlier != entry:
            yield Change("changed", part, entry[name], _differences(earlier, entry, name))
    for entry in (entry for entries in waiting.values() for entry in entries):
        yield Change("removed", part, entry[name], _differences(entry, {}, name))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> tuple[Difference, ...]:
    fields = [field for field in {**old, **new} if field != name and old.get(field) != new.get(field)]
    return tuple(Difference(field, _say(old.get(field)), _say(new.get(field))) for field in sorted(fields, key=_order))


_FIRST = ("when", "verdict", "queue", "priority", "sla", "mode", "reason", "expect", "context")


def _order(field: str) -> int:
    return _FIRST.index(field) if field in _FIRST else len(_FIRST)


def _say(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonicalize(value)
