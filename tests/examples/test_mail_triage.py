"""The application against a service on a real socket: it asks, does what was answered, and otherwise nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from countersign import AsyncClient
from examples.mail_triage.app import Hopeless, Options, Triage, _until_stopped, main
from examples.mail_triage.mails import Acquaintances, read_part

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(classifier, service, tmp_path):
    """Read `limit` mails (or resume), to the end or for at most `for_s` seconds; whether it came to its end."""

    def go(limit, *, for_s=20.0, mails=None, loop=False):
        async def scenario():
            client = AsyncClient(service.url, "key", max_retries=0, timeout=2)
            triage = Triage(
                client=client,
                classifier=classifier,
                acquaintances=Acquaintances(read_part("train")),
                mails=mails or read_part("later"),
                options=Options(0.0, limit, loop, tmp_path),
            )
            task = asyncio.ensure_future(_until_stopped(triage, client))
            done, _ = await asyncio.wait({task}, timeout=for_s)
            if not done:
                task.cancel()
                await asyncio.wait({task})
                return False
            return await task

        return asyncio.run(scenario())

    return go


def placed(tmp_path):
    path = tmp_path / "mailboxes.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line]


def test_what_is_allowed_is_done_and_reported(run, service, tmp_path):
    assert run(5)
    assert len(placed(tmp_path)) == 5
    assert [body["status"] for _, body in service.outcomes] == ["executed"] * 5
    asked = [question["action"]["name"] for question in service.questions.values()]
    assert [entry["action"] for entry in placed(tmp_path)] == asked


def test_what_is_blocked_or_rejected_stays_where_it_is(run, service, tmp_path):
    service.verdict = lambda question: "block" if "deliver" in question["action"]["name"] else "review"
    service.ruling = lambda question: ("rejected", None)
    assert run(8)
    assert placed(tmp_path) == []
    assert service.outcomes == []


def test_what_a_person_said_instead_is_said(run, service, capsys):
    service.verdict = lambda question: "review"
    service.extra = {"ruling": {"verdict": "reject", "labels": ["wrong-action"], "reason": "Known \x1b[31msender"}}
    service.ruling = lambda question: ("rejected", None)
    assert run(1)
    service.extra = {"substitute": "I wrote to them myself.\x07"}
    service.ruling = lambda question: ("answered", None)
    assert run(2)
    said = capsys.readouterr().out
    assert "stays where it is. A person (Rita Reviewer) rejected it: wrong-action, Known  [31msender." in said
    assert "A person (Rita Reviewer) answered instead: “I wrote to them myself. ”." in said
    assert "\x1b" not in said and "\x07" not in said


def test_a_correction_is_carried_out_and_said(run, service, tmp_path, capsys):
    service.verdict = lambda question: "review"

    def correct(question):
        name = "quarantine" if question["action"]["name"] == "deliver" else "deliver"
        return "corrected", {
            "name": name,
            "arguments": {**question["action"]["arguments"], "folder": "lists"},
        }

    service.ruling = correct
    assert run(1)
    asked = next(iter(service.questions.values()))["action"]["name"]
    corrected = "quarantine" if asked == "deliver" else "deliver"
    assert [entry["action"] for entry in placed(tmp_path)] == [corrected]
    assert f"A person (Rita Reviewer) corrected: {corrected} instead of {asked}." in capsys.readouterr().out
    assert service.outcomes[0][1] == {"status": "executed"}


def test_a_correction_to_another_mail_is_not_carried_out(run, service, tmp_path):
    service.verdict = lambda question: "review"
    service.ruling = lambda question: (
        "corrected",
        {"name": "delete", "arguments": {**question["action"]["arguments"], "message_id": "another"}},
    )
    assert run(1)
    assert placed(tmp_path) == []
    assert service.outcomes[0][1]["status"] == "failed"


def test_it_reads_on_while_a_person_thinks(run, service, tmp_path):
    first = []
    service.verdict = lambda question: "allow" if first else (first.append(True) or "review")
    assert not run(6, for_s=3)
    assert len(service.questions) == 6
    assert len(placed(tmp_path)) == 5


def test_a_restart_asks_nothing_twice_and_settles_what_was_open(run, service, tmp_path):
    service.verdict = lambda question: "review"
    assert not run(3, for_s=2)
    assert placed(tmp_path) == []
    service.ruling = lambda question: ("approved", question["action"])
    assert run(2)
    assert len(service.questions) == 5
    assert all(len(bodies) == 1 for bodies in service.bodies.values())
    assert sorted(entry["mail"] for entry in placed(tmp_path)) == sorted(
        question["external_id"] for question in service.questions.values()
    )


def test_a_question_repeated_after_a_crash_says_the_same_words(run, service, tmp_path):
    # Stopped between sending and hearing the answer: the service has gone, the question is written down.
    service.stop()
    assert not run(1, for_s=1)
    kept = json.loads((tmp_path / "state.json").read_text())["asking"]
    service.start()
    assert run(1)
    assert next(iter(service.questions.values()))["latency_ms"] == kept["question"]["latency_ms"]


def test_while_the_service_is_away_mail_is_held_and_reading_goes_on_afterwards(run, service, tmp_path, capsys):
    service.stop()
    seen_while_away = []

    def come_back():
        time.sleep(1.5)
        seen_while_away.extend(placed(tmp_path))
        service.start()

    thread = threading.Thread(target=come_back)
    thread.start()
    assert run(3)
    thread.join()
    said = capsys.readouterr().out
    assert seen_while_away == []
    assert "The service is away, so nothing is delivered or deleted." in said
    assert "The service is back." in said
    assert len(placed(tmp_path)) == 3


def test_a_service_that_fails_moves_no_mail(run, service, tmp_path):
    service.refusal = 503
    assert not run(1, for_s=1.5)
    assert placed(tmp_path) == []


def test_a_question_that_is_refused_holds_its_mail_alone(run, service, tmp_path, capsys):
    service.refusal = 422
    assert run(2)
    assert placed(tmp_path) == []
    assert capsys.readouterr().out.count("the service refuses the question") == 2


def test_a_refused_key_ends_it_with_words(run, service):
    service.refusal = 401
    with pytest.raises(Hopeless, match="401"):
        run(1)


def test_a_reviewer_who_asks_back_is_told(run, service):
    service.verdict = lambda question: "review"
    service.information = {"question": "Who is this?", "asked_at": "2026-01-01T00:00:00Z"}
    service.ruling = lambda question: ("approved", question["action"]) if service.told else None
    assert run(1)
    assert set(service.told[0]) == {"words", "is_from_a_list", "earlier_mails", "note"}


def test_a_new_round_asks_with_new_keys(run, service):
    assert not run(None, mails=read_part("later")[:2], loop=True, for_s=1.5)
    rounds = {key.split("/")[1] for key in service.bodies}
    assert {"1", "2"} <= rounds


def test_hostile_subjects_do_not_reach_the_terminal_raw(run, service, capsys):
    mail = read_part("later")[0]
    hostile = type(mail)(**{**vars(mail), "subject": "\x1b]0;owned\x07 hello", "sender_name": "\x1b[2J"})
    assert run(1, mails=[hostile])
    assert "\x1b" not in capsys.readouterr().out


def test_without_a_key_it_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("COUNTERSIGN_API_KEY", raising=False)
    assert main(["--data-dir", str(tmp_path)]) == 2
    assert "COUNTERSIGN_API_KEY" in capsys.readouterr().err


def test_ctrl_c_ends_it_cleanly_and_soon(service, tmp_path):
    service.verdict = lambda question: "review"
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.mail_triage", "--url", service.url, "--interval", "0.1"],
        cwd=ROOT,
        env={**os.environ, "COUNTERSIGN_API_KEY": "key", "COUNTERSIGN_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not service.questions and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        said, complaints = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - started < 5
    assert (process.returncode, complaints) == (0, "")
    assert "Stopped:" in said
