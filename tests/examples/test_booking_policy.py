"""The booking agent's policy: its own tests pass, and it fits what the agent sends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from examples.booking_agent import questions
from examples.booking_agent.desk import right_action
from examples.booking_agent.messages import write_messages
from examples.booking_agent.questions import Setback, errand_of, question_for
from examples.booking_agent.reading import read_message
from governance.canonical import canonicalize
from governance.rules.document import load_policy_document
from governance.rules.evaluation import compile_policy, run_tests

POLICY = Path(questions.__file__).with_name("policy.yaml")
READ_BY_RULES = ("action", "input", "confidence", "subject", "model", "release", "context")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = write_messages(400)


@pytest.fixture(scope="module")
def document():
    return load_policy_document(POLICY.read_text())


def judged(document, question):
    context = {name: question[name] for name in READ_BY_RULES}
    return compile_policy(document).evaluate(context, now=NOW, draws=[1.0])


def asked(message, **how):
    return question_for(message, read_message(message.text, message.received_at), **{"booked_for": None, **how})


def test_the_policys_own_tests_pass(document):
    results = run_tests(document)
    assert len(results) >= 14
    assert [result for result in results if not result.passed] == []
    assert document.warnings == ()


def test_every_rule_has_a_test_that_it_hits(document):
    hit = {rule for test in document.tests for rule in test.expect_rules or ()}
    assert {rule.id for rule in document.rules} == hit


def test_one_in_twenty_of_what_it_does_alone_is_looked_at(document):
    assert [(sampling.rate, sampling.of) for sampling in document.sampling] == [(0.05, "allow")]


def test_it_judges_every_message_without_an_error_and_asks_of_few(document):
    verdicts = []
    for message in MESSAGES:
        evaluation = judged(document, asked(message))
        assert not any(result.result == "error" for result in evaluation.rules)
        verdicts.append(evaluation.verdict)
    assert set(verdicts) == {"allow", "review"}
    assert 0.1 < verdicts.count("review") / len(verdicts) < 0.35


def test_whatever_is_asked_goes_to_the_desk_with_a_time(document):
    for message in MESSAGES:
        evaluation = judged(document, asked(message))
        if evaluation.verdict == "review":
            assert evaluation.decisive.queue == "booking-desk"
            assert evaluation.decisive.sla is not None


@pytest.mark.parametrize(
    ("hours", "priority", "respond"), [(2, "urgent", 1800), (20, "high", 7200), (100, "normal", 86400)]
)
def test_what_could_not_be_booked_is_as_urgent_as_the_table_is_soon(document, hours, priority, respond):
    message = MESSAGES[0]
    start = message.received_at + timedelta(hours=hours)
    action = {
        "name": "book",
        "arguments": {"request": message.id, "date": f"{start:%Y-%m-%d}", "time": f"{start:%H:%M}", "party_size": 2},
    }
    question = asked(message, attempt=2, setback=Setback("calendar", "shows no booking"), action=action)
    evaluation = judged(document, question)
    assert evaluation.verdict == "review"
    assert evaluation.decisive.priority == priority
    assert evaluation.decisive.sla.respond_s == respond
    assert question["context"]["earlier_attempt"]["error"] == "shows no booking"


def test_a_change_is_as_urgent_as_the_earlier_of_old_and_new_time():
    message = next(one for one in MESSAGES if one.meant.wish == "move")
    soon = message.received_at + timedelta(hours=3)
    assert asked(message, booked_for=soon)["context"]["hours_until"] == 3.0


def test_the_sooner_the_table_the_shorter_the_time_to_answer():
    message = MESSAGES[0]
    times = []
    for hours in (0.2, 3, 20):
        start = message.received_at + timedelta(hours=hours)
        action = {"name": "book", "arguments": {"date": f"{start:%Y-%m-%d}", "time": f"{start:%H:%M}"}}
        times.append(asked(message, action=action)["deadline_s"])
    assert times == [15 * 60, 2.5 * 3600, 19.5 * 3600]


def test_a_day_without_a_time_counts_from_its_beginning_and_no_day_is_unknown():
    message = MESSAGES[0]
    today, tomorrow = (f"{message.received_at + timedelta(days=days):%Y-%m-%d}" for days in (0, 1))

    def hours(**arguments):
        return asked(message, action={"name": "book", "arguments": arguments})["context"]["hours_until"]

    assert hours(date=today) == 0.0
    assert hours(date=tomorrow) == 24 - message.received_at.hour
    assert hours(time="19:30") is None


def test_every_question_is_what_the_api_takes():
    for message in MESSAGES:
        question = asked(message)
        canonicalize(question)
        schema = question["review"]["schema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(question["action"]["arguments"], schema)
        # What people may make of it passes too.
        jsonschema.validate(right_action(message.meant, message)["arguments"], schema)


def test_no_question_gives_away_what_the_guest_meant():
    for message in MESSAGES:
        assert "meant" not in canonicalize(asked(message))


@pytest.mark.parametrize(
    "action",
    [
        None,
        {"name": "refund", "arguments": {"request": "HH-0001"}},
        {"name": "book", "arguments": {"request": "HH-0002", "date": "2026-03-06", "time": "19:30", "party_size": 2}},
        {"name": "book", "arguments": {"request": "HH-0001", "date": "2026-03-06", "party_size": 2}},
        {"name": "book", "arguments": {"request": "HH-0001", "date": "2026-02-31", "time": "19:30", "party_size": 2}},
        {"name": "book", "arguments": {"request": "HH-0001", "date": "2026-03-06", "time": "19:30", "party_size": 0}},
        {"name": "book", "arguments": {"request": "HH-0001", "date": "2026-03-06", "time": "19:30", "party_size": 2.5}},
        {
            "name": "book",
            "arguments": {"request": "HH-0001", "date": "2026-03-06", "time": "19:30", "party_size": True},
        },
        {"name": "move", "arguments": {"request": "HH-0001", "booking": "HH-0009"}},
        {"name": "cancel", "arguments": {"request": "HH-0001"}},
        {"name": "book", "arguments": ["HH-0001"]},
    ],
)
def test_what_the_agent_can_not_do_for_this_message_it_does_not_do(action):
    assert MESSAGES[0].id == "HH-0001"
    assert errand_of(action, MESSAGES[0]) is None
