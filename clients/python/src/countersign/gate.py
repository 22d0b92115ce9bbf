"""The gate in a pipeline: what to send, what the answer means for the build, and the same as JUnit XML.

Nothing here sends; `countersign.cli` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

PASS, FAIL, INCONCLUSIVE, NOT_EVALUATED = range(4)
EXIT_CODES = {"pass": PASS, "fail": FAIL, "inconclusive": INCONCLUSIVE, "not_evaluated": NOT_EVALUATED}
MOST_LINES = 1_000
MOST_BYTES = 1024 * 1024


def exit_code(gate: Mapping[str, Any]) -> int:
    """0 pass, 1 fail, 2 inconclusive, 3 could not be evaluated; 3 too for an open run and a verdict nobody knows."""
    return EXIT_CODES.get(str(gate.get("verdict")), NOT_EVALUATED)


def cut(lines: Iterable[bytes]) -> Iterator[bytes]:
    """JSON lines as bodies that the service takes: 1,000 lines and 1 MiB each at the most. Empty lines are left out.

    Raises ValueError for one line that is larger than that.
    """
    body, count = b"", 0
    for raw in lines:
        line = raw.strip()
        if not line:
            continue
        if len(line) >= MOST_BYTES:
            raise ValueError("A result is larger than the 1 MiB that the service takes.")
        if count == MOST_LINES or len(body) + len(line) + 1 > MOST_BYTES:
            yield body
            body, count = b"", 0
        body, count = body + line + b"\n", count + 1
    if body:
        yield body


def say(gate: Mapping[str, Any]) -> str:
    """The verdict, its reasons, how the mean score changed, the slices and the flips in plain lines."""
    evidence = gate.get("evidence") or {}
    lines = [f"{gate.get('verdict') or 'open'}: {' '.join(evidence.get('reasons', ())) or 'no verdict yet.'}"]
    if evidence.get("score") is not None:
        lines.append(f"mean score: {_change(evidence.get('baseline_score'), evidence['score'])}")
    lines += [f"{one.get('standing')}: {_slice(one)}" for one in evidence.get("slices") or ()]
    for flip in gate.get("flips", ()):
        lines.append(f"{flip.get('change')}: example {flip.get('example')}{_ruled(flip)}")
    return "\n".join(_printable(line) for line in lines)


def junit(gate: Mapping[str, Any]) -> bytes:
    """One test for the verdict, one for each slice (those that are worse fail), and one for each example that changed
    sides (the broken ones fail)."""
    evidence = gate.get("evidence") or {}
    code, flips, slices = exit_code(gate), list(gate.get("flips", ())), list(evidence.get("slices") or ())
    failed = sum(flip.get("change") == "broken" for flip in flips) + sum(map(_is_worse, slices))
    suite = ElementTree.Element(
        "testsuite",
        name=_printable(f"countersign gate {evidence.get('release', '')}".strip()),
        tests=str(1 + len(slices) + len(flips)),
        failures=str(failed + (code == FAIL)),
        errors=str(int(code in (INCONCLUSIVE, NOT_EVALUATED))),
    )
    verdict = ElementTree.SubElement(suite, "testcase", classname="countersign.gate", name="verdict")
    if code != PASS:
        tag = "failure" if code == FAIL else "error"
        found = ElementTree.SubElement(verdict, tag, type=str(gate.get("verdict") or "open"), message=_first_line(gate))
        found.text = say(gate)
    for one in slices:
        name = _printable(f"{one.get('by')}: {one.get('name')}")
        case = ElementTree.SubElement(suite, "testcase", classname="countersign.slice", name=name)
        if _is_worse(one):
            ElementTree.SubElement(case, "failure", type="worse", message=_printable(_slice(one)))
    for flip in flips:
        name = _printable(str(flip.get("example")))
        case = ElementTree.SubElement(suite, "testcase", classname="countersign.example", name=name)
        if flip.get("change") == "broken":
            ElementTree.SubElement(
                case, "failure", type="broken", message=_printable(f"The baseline was right{_ruled(flip)}")
            )
    text: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text


def _first_line(gate: Mapping[str, Any]) -> str:
    return say(gate).partition("\n")[0]


def _is_worse(one: Mapping[str, Any]) -> bool:
    return one.get("standing") == "worse"


def _slice(one: Mapping[str, Any]) -> str:
    said = f"{one.get('by')} {one.get('name')}, {one.get('examples')} examples"
    p = one.get("p_adjusted")
    tested = "" if p is None else f" (p = {p:.4f} by Holm)" if p >= 0.0001 else " (p < 0.0001 by Holm)"
    return f"{said}: {_change(one.get('baseline'), one.get('candidate'))}{tested}"


def _change(before: float | None, now: float | None) -> str:
    shares = [f"{100 * share:.1f} %" for share in (before, now) if share is not None]
    return " to ".join(shares)


def _ruled(flip: Mapping[str, Any]) -> str:
    ruling = flip.get("ruling")
    if not ruling:
        return ""
    said = f" ({ruling.get('verdict')} by {ruling.get('reviewer')}, decision {ruling.get('decision')})"
    return f"{said}: {ruling['reason']}" if ruling.get("reason") else said


def _printable(text: str) -> str:
    """One line without control characters: what people wrote may neither steer a terminal nor break XML 1.0."""
    return "".join(character if character.isprintable() else " " for character in text)
