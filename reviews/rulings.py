"""What a person says of an escalation, checked against what may be said: plain values, no database."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import jsonpatch

from governance.canonical import canonicalize
from governance.errors import FieldError
from reviews.errors import InvalidRuling
from reviews.proposals import ABSENT, Absent
from reviews.schemas import find_faults

LABEL = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
LABELS_AT_MOST = 20
LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Ruling:
    """A ruling as submitted. `action` is {name, arguments}; `group` the slug of the group to hand over to."""

    verdict: str
    action: dict[str, Any] | None = None
    output: Any = ABSENT
    answer: Any = ABSENT
    labels: tuple[str, ...] = ()
    reason: str = ""
    note: str = ""
    group: str = ""

    @property
    def question(self) -> str:
        """What need_information asks: the reason, or the note where none is given."""
        return (self.reason or self.note).strip()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a ruling is measured against: the proposal ({"action": …} or {"output": …}), which verdicts the request left
    open, the schema of corrections (of the action's arguments, or of the output), and whether it already happened."""

    proposal: dict[str, Any]
    allowed: tuple[str, ...]
    schema: Any = None
    has_happened: bool = False


@dataclass(frozen=True, slots=True)
class CheckedRuling:
    """A ruling that fits: RFC 8785 texts of correction, answer and RFC 6902 patch, where it has them."""

    ruling: Ruling
    correction: str | None = None
    answer: str | None = None
    patch: str | None = None
    labels: list[str] = field(default_factory=list)


def check_ruling(*, ruling: Ruling, asked: Asked) -> CheckedRuling:
    """Refuses (InvalidRuling, with pointers) a verdict that is not open here, a correction that equals the original, is
    of another kind or breaks the schema, and a verdict that lacks what it needs."""
    faults = _find_verdict_faults(ruling, asked) + _find_text_faults(ruling)
    correction = answer = patch = None
    if ruling.verdict == "correct" and not faults:
        corrected, found = _read_correction(ruling, asked)
        faults += found
        if not faults:
            correction = canonicalize(corrected)
            patch = canonicalize(jsonpatch.make_patch(asked.proposal, corrected).patch)
    elif ruling.verdict == "answer":
        if isinstance(ruling.answer, Absent):
            faults.append(
                FieldError(
                    pointer="/answer",
                    detail="Write the `answer` that goes out in the AI's stead.",
                )
            )
        else:
            answer = canonicalize(ruling.answer)
    if faults:
        raise InvalidRuling(errors=faults)
    return CheckedRuling(ruling, correction, answer, patch, sorted(set(ruling.labels)))


def _find_verdict_faults(ruling: Ruling, asked: Asked) -> list[FieldError]:
    verdict = ruling.verdict
    strange = [name for name, belongs in _belongings(ruling).items() if verdict != belongs]
    if strange:
        # An approval that brings an edited action must not let the original run.
        return [
            FieldError(pointer=f"/{name}", detail=f"This does not go with the verdict {verdict}.") for name in strange
        ]
    if verdict in {"approve", "correct", "reject", "answer"} and verdict not in asked.allowed:
        allowed = ", ".join(asked.allowed)
        return [FieldError(pointer="/verdict", detail=f"The request allows only: {allowed}.")]
    if verdict == "need_information":
        if asked.has_happened:
            return [
                FieldError(
                    pointer="/verdict",
                    detail="The decision has already happened; nobody waits to be asked.",
                )
            ]
        if not ruling.question:
            return [FieldError(pointer="/reason", detail="Say what you need to know.")]
    if verdict == "reject" and not ruling.labels and not ruling.reason.strip():
        return [FieldError(pointer="/labels", detail="A rejection needs a label or a reason.")]
    return []


def _belongings(ruling: Ruling) -> dict[str, str]:
    """Which verdict each of the fields that were sent belongs to."""
    return {
        **({"action": "correct"} if ruling.action is not None else {}),
        **({} if isinstance(ruling.output, Absent) else {"output": "correct"}),
        **({} if isinstance(ruling.answer, Absent) else {"answer": "answer"}),
        **({"group": "escalate"} if ruling.group else {}),
    }


def _find_text_faults(ruling: Ruling) -> list[FieldError]:
    faults = [
        FieldError(
            pointer=f"/labels/{index}",
            detail="A label is a slug: lower-case letters, digits, - and _.",
        )
        for index, label in enumerate(ruling.labels)
        if len(label) > 63 or not LABEL.fullmatch(label)
    ]
    if len(ruling.labels) > LABELS_AT_MOST:
        faults.append(FieldError(pointer="/labels", detail=f"At most {LABELS_AT_MOST} labels."))
    for name, text in (("reason", ruling.reason), ("note", ruling.note)):
        if len(text) > LONGEST_TEXT:
            faults.append(FieldError(pointer=f"/{name}", detail=f"At most {LONGEST_TEXT:,} characters."))
    return faults


def _read_correction(ruling: Ruling, asked: Asked) -> tuple[dict[str, Any], list[FieldError]]:
    if "action" in asked.proposal:
        if ruling.action is None:
            return {}, [
                FieldError(
                    pointer="/action",
                    detail="The proposal is an action; correct it by `action`.",
                )
            ]
        corrected: dict[str, Any] = {"action": ruling.action}
        at, bound = "/action/arguments", ruling.action["arguments"]
    else:
        if isinstance(ruling.output, Absent):
            return {}, [
                FieldError(
                    pointer="/output",
                    detail="The proposal is an output; correct it by `output`.",
                )
            ]
        corrected = {"output": ruling.output}
        at, bound = "/output", ruling.output
    if canonicalize(corrected) == canonicalize(asked.proposal):
        return {}, [
            FieldError(
                pointer=at.rsplit("/arguments", 1)[0],
                detail="The correction equals the original.",
            )
        ]
    if asked.schema is not None:
        return corrected, find_faults(schema=asked.schema, value=bound, at=at)
    return corrected, []


def read_asked(
    *,
    proposal: str,
    review_options: str | None,
    has_happened: bool,
) -> Asked:
    """What a stored decision leaves to its reviewer, from its payload's RFC 8785 texts."""
    options = json.loads(review_options) if review_options else {}
    return Asked(
        proposal=json.loads(proposal),
        allowed=tuple(options.get("allowed") or ("approve", "correct", "reject", "answer")),
        schema=options.get("schema"),
        has_happened=has_happened,
    )
