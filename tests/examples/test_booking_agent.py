"""The booking agent between a service and a calendar, both on real sockets: it books what it may, as it may, and nothing else."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime

import pytest

from countersign import AsyncClient
from examples.booking_agent.agent import FALLBACK_MESSAGE, MOST_ATTEMPTS, Agent, Hopeless
from examples.booking_agent.app import main
from examples.booking_agent.calendar_client import Calendar
from examples.booking_agent.calendar_service import FIRST, SECOND, CalendarService
from examples.booking_agent.messages import Meant, Message

AT = datetime.fromisoformat("2026-03-02T10:00")
PLAIN = Message("HH-0001", "Anna Berg", "en", "Table for 4 on Friday at 19:30 please", AT, Meant("book"))


@pytest.fixture
def calendar():
    running = CalendarService()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def run(service, calendar, tmp_path):
    """Accept messages and follow them to their end, or for at most `for_s` seconds; the agent as it is then."""

    def go(*messages, for_s=20.0, edition=FIRST, repair_after=None):
        async def scenario():
            async with (
                AsyncClient(service.url, "key", max_retries=0, timeout=2) as client,
                Calendar(calendar.url, edition) as adapter,
                Calendar(calendar.url, SECOND) as repaired,
            ):
                agent = Agent(client=client, calendar=adapter, directory=tmp_path)
                try:
                    async with asyncio.timeout(for_s):
                        for message in messages:
                            await agent.accept(message)
                        if repair_after is not None:
                            agent.calendar = repaired
                            repair_after()
                        await agent.settled()
                except TimeoutError:
                    pass
                finally:
                    await agent.aclose()
                return agent

        return asyncio.run(scenario())

    return go


def booked(calendar):
    return [(entry.reference, entry.party_size) for entry in calendar.confirmed()]


def test_what_is_allowed_is_booked_reported_and_confirmed(run, service, calendar):
    agent = run(PLAIN)
    assert booked(calendar) == [("HH-0001", 4)]
    assert [body for _, body in service.outcomes] == [{"status": "executed", "resolved": True}]
    assert [(letter.kind, letter.text) for letter in agent.letters] == [
        ("confirmed", "Your table is booked for 06 March 2026 at 19:30. Your code is HH-0001.")
    ]


def test_the_question_carries_the_proposal_and_a_real_confidence(run, service):
    run(PLAIN, replace(PLAIN, id="HH-0002", text="Table for 3 or 4 next Friday around 19:30"))
    sure, unsure = service.questions.values()
    assert sure["action"] == {
        "name": "book",
        "arguments": {
            "request": "HH-0001",
            "guest": "Anna Berg",
            "date": "2026-03-06",
            "time": "19:30",
            "party_size": 4,
        },
    }
    assert sure["confidence"] == 1.0
    assert unsure["confidence"] == pytest.approx(0.6 * 0.5 * 0.85)


@pytest.mark.parametrize("status", ["rejected", "expired", "cancelled", "superseded", "invented"])
def test_nothing_is_booked_without_proceed(run, service, calendar, status):
    service.verdict = lambda question: "review"
    service.ruling = lambda question: (status, question["action"])
    agent = run(PLAIN)
    assert booked(calendar) == []
    assert service.outcomes == []
    assert agent.cases["HH-0001"].state in ("refused", "unserved")
    assert len(agent.letters) == 1


def test_what_is_blocked_is_not_booked(run, service, calendar):
    service.verdict = lambda question: "block"
    run(PLAIN)
    assert booked(calendar) == []


def test_while_nobody_has_ruled_nothing_is_booked(run, service, calendar):
    service.verdict = lambda question: "review"
    agent = run(PLAIN, for_s=1.5)
    assert booked(calendar) == []
    assert [case.state for case in agent.waiting()] == ["waiting"]


def test_while_the_service_is_away_nothing_is_booked(run, service, calendar):
    service.stop()
    run(PLAIN, for_s=1.5)
    assert booked(calendar) == []


def test_a_question_that_the_service_refuses_is_not_booked(run, service, calendar):
    service.refusal = 422
    agent = run(PLAIN)
    assert booked(calendar) == []
    assert agent.cases["HH-0001"].state == "unserved"


def test_a_key_that_opens_no_door_ends_the_agent(run, service):
    service.refusal = 401
    with pytest.raises(Hopeless):
        run(PLAIN)


def test_a_correction_is_booked_as_corrected(run, service, calendar):
    service.verdict = lambda question: "review"

    def correct(question):
        return "corrected", {
            "name": "book",
            "arguments": {**question["action"]["arguments"], "party_size": 6, "time": "20:00"},
        }

    service.ruling = correct
    agent = run(PLAIN)
    assert booked(calendar) == [("HH-0001", 6)]
    assert "at 20:00" in agent.letters[-1].text


def test_a_correction_to_another_guests_request_is_not_booked(run, service, calendar):
    service.verdict = lambda question: "review"
    service.ruling = lambda question: (
        "corrected",
        {"name": "book", "arguments": {**question["action"]["arguments"], "request": "HH-0777"}},
    )
    run(PLAIN)
    assert booked(calendar) == []
    assert service.outcomes[0][1]["status"] == "failed"


def test_an_approval_of_half_a_booking_books_nothing_and_says_so(run, service, calendar):
    service.verdict = lambda question: "review"
    service.ruling = lambda question: ("approved", question["action"])
    agent = run(replace(PLAIN, text="Table for 4 on Friday please"))
    assert booked(calendar) == []
    assert service.outcomes[0][1]["status"] == "failed"
    assert "dependency" not in service.outcomes[0][1]["detail"]
    assert [letter.text for letter in agent.letters] == [FALLBACK_MESSAGE]


def test_an_answer_in_the_agents_stead_reaches_the_guest(run, service, calendar):
    service.verdict = lambda question: "review"

    def answered(question):
        for state in service.states.values():
            state["substitute"] = {"message": "We have rung you up."}
        return "answered", None

    service.ruling = answered
    agent = run(PLAIN)
    assert booked(calendar) == []
    assert [(letter.kind, letter.text) for letter in agent.letters] == [("answer", "We have rung you up.")]


def test_a_full_hall_is_no_failure_of_the_calendar(run, service, calendar):
    messages = [replace(PLAIN, id=f"HH-{number:04}", text="Table for 20 on Friday at 19:30") for number in range(1, 4)]
    agent = run(*messages)
    assert len(booked(calendar)) == 2
    last = service.outcomes[-1][1]
    assert (last["status"], last["detail"]["error"]) == ("failed", "slot_taken")
    assert "dependency" not in last["detail"]
    assert agent.letters[-1].kind == "alternatives"
    assert agent.failed_at == []


def test_after_the_silent_change_the_outcome_names_the_dependency(run, service, calendar):
    calendar.deploy(SECOND)
    service.verdict = lambda question: "review" if question["context"]["attempt"] > 1 else "allow"
    agent = run(PLAIN, for_s=1.5)
    assert booked(calendar) == []
    assert [body for _, body in service.outcomes] == [
        {
            "status": "failed",
            "resolved": False,
            "detail": {"dependency": "calendar", "error": "answered 200, but shows no booking under HH-0001"},
        }
    ]
    assert [(letter.kind, letter.text) for letter in agent.letters] == [("fallback", FALLBACK_MESSAGE)]


def test_a_failed_booking_goes_to_people_as_a_question_of_its_own(run, service, calendar):
    calendar.deploy(SECOND)
    service.verdict = lambda question: "review" if question["context"]["attempt"] > 1 else "allow"
    run(PLAIN, for_s=1.5)
    first, second = service.questions.values()
    assert second["action"] == first["action"]
    assert second["context"]["attempt"] == 2
    assert second["context"]["earlier_attempt"]["dependency"] == "calendar"
    keys = [key for key in service.bodies if key.endswith(("/1", "/2"))]
    assert [key.partition("/HH-")[2] for key in keys] == ["0001/1", "0001/2"]


def test_after_the_repair_what_people_approve_is_booked(run, service, calendar):
    calendar.deploy(SECOND)
    service.verdict = lambda question: "review" if question["context"]["attempt"] > 1 else "allow"

    def approve_all():
        service.ruling = lambda question: ("approved", question["action"])

    agent = run(PLAIN, repair_after=approve_all)
    assert booked(calendar) == [("HH-0001", 4)]
    assert [letter.kind for letter in agent.letters] == ["fallback", "confirmed"]
    assert [body["status"] for _, body in service.outcomes] == ["failed", "executed"]


def test_what_fails_again_and_again_ends_with_people_and_not_in_a_circle(run, service, calendar):
    calendar.deploy(SECOND)
    agent = run(PLAIN)
    assert len(service.questions) == MOST_ATTEMPTS
    assert agent.cases["HH-0001"].state == "unserved"
    assert [letter.kind for letter in agent.letters] == ["fallback"]


def test_the_services_message_is_told_while_its_breaker_is_open(run, service):
    service.verdict = lambda question: "review"
    asked = service._ask

    def with_message(key, question, body):
        status, state = asked(key, question, body)
        state["message"] = "We are checking by hand today."
        return status, state

    service._ask = with_message
    agent = run(PLAIN, for_s=1.5)
    assert [(letter.kind, letter.text) for letter in agent.letters] == [("fallback", "We are checking by hand today.")]


def test_a_message_that_comes_twice_is_asked_and_booked_once(run, service, calendar):
    run(PLAIN, PLAIN)
    assert len(service.questions) == 1
    assert len(booked(calendar)) == 1


def test_letters_are_kept(run, tmp_path):
    run(PLAIN)
    kept = [json.loads(line) for line in (tmp_path / "letters.jsonl").read_text().splitlines()]
    assert [(letter["request"], letter["kind"]) for letter in kept] == [("HH-0001", "confirmed")]


def test_the_agent_alone_runs_from_the_command_line(service, monkeypatch, capsys):
    monkeypatch.setenv("COUNTERSIGN_API_KEY", "key")
    assert main(["--url", service.url, "--messages", "5", "--interval", "0"]) == 0
    assert len(service.questions) == 5
    assert "All messages are read; 0 wait for people." in capsys.readouterr().out


def test_the_agent_alone_books_a_changed_calendar_when_repaired(service, monkeypatch, capsys):
    monkeypatch.setenv("COUNTERSIGN_API_KEY", "key")
    arguments = ["--url", service.url, "--messages", "5", "--interval", "0", "--calendar-changed"]
    assert main([*arguments, "--repair"]) == 0
    failures = [body for _, body in service.outcomes if "dependency" in (body.get("detail") or {})]
    assert len(service.outcomes) == 5
    assert failures == []


def test_without_a_key_it_says_so(monkeypatch, capsys):
    monkeypatch.delenv("COUNTERSIGN_API_KEY", raising=False)
    assert main(["--messages", "1"]) == 2
    assert "API key" in capsys.readouterr().err
