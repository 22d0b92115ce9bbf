"""`countersign gate`: nothing but a pass is exit code 0, whatever answers, and what people wrote stays text."""

import io
import json
import uuid
from xml.etree import ElementTree

import pytest

from countersign.cli import main
from countersign.gate import MOST_BYTES, cut, exit_code, junit, say

RUN = "0199c1f8-1b2c-7d10-8a55-3f1b9c2d4e5f"
RULING = {"verdict": "correct", "reviewer": "Rita", "decision": "d-1", "reason": "<b>\x1b[31m half\x00"}


def gate(verdict="pass", flips=()):
    evidence = {"release": "v2", "reasons": ["It is so."], "more_examples": 120 if verdict == "inconclusive" else None}
    return {"run": RUN, "status": "closed", "verdict": verdict, "evidence": evidence, "flips": list(flips)}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("COUNTERSIGN_TOKEN", "cs_pat_x")
    monkeypatch.delenv("COUNTERSIGN_URL", raising=False)


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 2), ("not_evaluated", 3)])
def test_each_verdict_has_its_exit_code(scripted_server, capsys, verdict, code):
    server = scripted_server((200, {}, gate(verdict), 0))
    assert main(["gate", RUN, "--url", server.url]) == code
    assert capsys.readouterr().out.startswith(f"{verdict}: It is so.")
    method, path, headers, _ = server.requests[0]
    assert (method, path) == ("GET", f"/api/v1/evaluation-runs/{RUN}/gate")
    assert headers["authorization"] == "Bearer cs_pat_x"


@pytest.mark.parametrize("shown", [gate(None), gate("splendid"), {"verdict": True}, {}])
def test_what_is_no_verdict_is_no_pass(scripted_server, shown):
    server = scripted_server((200, {}, shown, 0))
    assert main(["gate", RUN, "--url", server.url]) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
def test_a_refusal_is_no_pass(scripted_server, status):
    server = scripted_server((status, {}, gate("pass"), 0))
    assert main(["gate", RUN, "--url", server.url]) == 3


def test_what_the_terminal_can_not_show_changes_no_exit_code(scripted_server, monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, encoding="ascii"))
    server = scripted_server(
        (200, {}, gate("pass", [{"example": "e", "change": "fixed", "ruling": RULING | {"reason": "“ü”"}}]), 0)
    )
    assert main(["gate", RUN, "--url", server.url]) == 0
    assert rb"\u201c\xfc\u201d" in shown.getvalue()


def test_a_terminal_that_is_gone_is_no_pass_and_no_failure(scripted_server, monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    assert main(["gate", RUN, "--url", scripted_server((200, {}, gate("pass"), 0)).url]) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["gate"],
        ["gate", RUN, "--url", "http://[::1"],
        ["gate", "no-id"],
        ["gate", RUN, "--nonsense"],
        ["gate", RUN, "--url", "ftp://x"],
    ],
)
def test_wrong_use_is_no_pass(arguments):
    try:
        code = main(arguments)
    except SystemExit as ending:
        code = ending.code
    assert code == 3


def test_without_a_token_nobody_is_asked(monkeypatch):
    monkeypatch.delenv("COUNTERSIGN_TOKEN")
    assert main(["gate", RUN, "--url", "http://127.0.0.1:9"]) == 3


def test_results_are_sent_in_pieces_the_run_is_closed_and_judged(scripted_server, tmp_path):
    lines = [json.dumps({"example": f"sha256:{number:064x}", "answer": {"output": 1}}) for number in range(1_500)]
    file = tmp_path / "results.jsonl"
    file.write_text("\n".join(lines) + "\n\n")
    taken, closed = {"added": 1, "repeated": 0}, {"type": "urn:countersign:problem:run-closed", "title": "x"}
    server = scripted_server(
        (503, {"Retry-After": "0"}, {}, 0),
        (200, {}, taken, 0),
        (200, {}, taken, 0),
        (409, {}, closed, 0),
        (200, {}, gate("fail"), 0),
    )
    report = tmp_path / "gate.xml"
    arguments = ["gate", RUN, "--url", server.url, "--results", str(file), "--close", "--junit", str(report)]
    assert main(arguments) == 1
    bodies = [body for _, path, _, body in server.requests if path.endswith("/results")]
    assert bodies[0] == bodies[1]
    assert b"".join(bodies[1:]).decode().splitlines() == lines
    assert [path.rsplit("/", 1)[1] for _, path, _, _ in server.requests] == ["results"] * 3 + ["close", "gate"]
    assert b'failures="1"' in report.read_bytes()


def test_pieces_keep_to_both_bounds():
    assert [piece.count(b"\n") for piece in cut([b"{}\n"] * 2_001)] == [1_000, 1_000, 1]
    assert [len(piece) <= MOST_BYTES for piece in cut([b"x" * 600_000] * 3)] == [True] * 3
    assert list(cut([b"", b" \n"])) == []
    with pytest.raises(ValueError, match="1 MiB"):
        list(cut([b"x" * MOST_BYTES]))


@pytest.mark.parametrize(
    ("verdict", "failures", "errors"),
    [("pass", 1, 0), ("fail", 2, 0), ("inconclusive", 1, 1), ("not_evaluated", 1, 1), (None, 1, 1)],
)
def test_junit_names_what_changed_sides_and_survives_hostile_words(verdict, failures, errors):
    flips = [
        {"example": str(uuid.UUID(int=1)), "change": "broken", "ruling": RULING},
        {"example": str(uuid.UUID(int=2)), "change": "fixed", "ruling": None},
    ]
    shown = gate(verdict, flips)
    suite = ElementTree.fromstring(junit(shown))  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", str(failures), str(errors))
    assert len(suite.findall("testcase/failure")) == failures
    assert len(suite.findall("testcase/error")) == errors
    broken = suite.findall("testcase")[1].find("failure")
    assert broken is not None and "<b>" in broken.get("message", "")
    assert "\x1b" not in say(shown) and "\x00" not in say(shown)
    assert exit_code(shown) == {"pass": 0, "fail": 1, "inconclusive": 2}.get(verdict, 3)


def test_slices_and_scores_are_told_and_a_worse_slice_fails_in_the_report():
    shown = gate("fail")
    one = {"by": "label", "examples": 50, "baseline": 0.9, "candidate": 0.5, "p_adjusted": 0.0004}
    shown["evidence"] |= {
        "score": 0.81,
        "baseline_score": 0.8,
        "slices": [
            {**one, "name": "hard\x1b", "standing": "worse"},
            {"by": "action", "name": "pay", "examples": 9, "candidate": 1.0, "p_adjusted": None, "standing": "unclear"},
        ],
    }
    assert say(shown).splitlines()[1:] == [
        "mean score: 80.0 % to 81.0 %",
        "worse: label hard , 50 examples: 90.0 % to 50.0 % (p = 0.0004 by Holm)",
        "unclear: action pay, 9 examples: 100.0 %",
    ]
    suite = ElementTree.fromstring(junit(shown))  # noqa: S314 (our own)
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.get("name") for case in suite] == ["verdict", "label: hard ", "action: pay"]
    assert [len(case) for case in suite] == [1, 1, 0]
