"""What the story counts, and the stage that it is played on."""

from email.message import EmailMessage

import pytest

from examples.booking_agent.agent import Case
from examples.booking_agent.desk import Ruled, label_of, right_action, ruling_on
from examples.booking_agent.messages import write_messages
from examples.booking_agent.reading import read_message
from examples.booking_agent.telling import among, hours_left, out_of_order, told
from examples.installation import NotInstalled, Product, environment, mails_in, options, run_command
from examples.telling import named

BOOKING = next(message for message in write_messages(50) if message.meant.wish == "book")


def ruled(priority, due_at, asked_at):
    """One that was asked for then and taken a second later."""
    return Ruled("HH-0001", "approve", "approval", priority, due_at, asked_at + 1, asked_at + 2, asked_at)


def test_what_is_taken_by_urgency_is_in_order():
    worked = [
        ruled("urgent", "2026-03-02T12:00Z", 0),
        ruled("high", "2026-03-02T11:00Z", 2),
        ruled("high", "2026-03-02T13:00Z", 4),
    ]
    assert out_of_order(worked) == 0


def test_what_is_taken_before_something_more_urgent_is_counted():
    high = [ruled("high", "2026-03-02T11:00Z", 0), ruled("high", "2026-03-02T13:00Z", 2)]
    assert out_of_order([*high, ruled("urgent", "2026-03-02T12:00Z", 4)]) == 2


def test_of_two_that_are_asked_for_at_once_either_may_come_first():
    assert out_of_order([ruled("high", "2026-03-02T11:00Z", 0), ruled("urgent", "2026-03-02T12:00Z", 0.5)]) == 0


def test_a_case_is_as_soon_as_the_table_that_was_meant():
    case = Case(BOOKING, read_message(BOOKING.text, BOOKING.received_at))
    assert BOOKING.meant.start is not None
    assert hours_left(case) == (BOOKING.meant.start - BOOKING.received_at).total_seconds() / 3600
    assert told([case], "fallback") == 0


def test_counts_are_said_in_words():
    assert among([]) == "none"
    assert among([3, 1]) == "ruled as number 1 to 3"
    assert named({"name": "Olga", "email": "olga@example.com"}) == "Olga <olga@example.com>"
    assert named(None) == "nobody"


def test_the_desk_approves_what_is_right_and_corrects_what_is_not():
    right = right_action(BOOKING.meant, BOOKING)
    assert ruling_on(right, BOOKING) == {"verdict": "approve"}
    wrong = {**right, "arguments": {**right["arguments"], "time": "12:15"}}
    assert ruling_on(wrong, BOOKING) == {"verdict": "correct", "action": right, "labels": ["wrong-time"]}


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"name": "cancel"}, "wrong-wish"),
        ({"party_size": None}, "missing-party-size"),
        ({"date": "2026-01-01"}, "wrong-date"),
    ],
)
def test_a_correction_is_labelled_by_what_was_wrong(change, label):
    right = right_action(BOOKING.meant, BOOKING)
    arguments = {name: value for name, value in {**right["arguments"], **change}.items() if value and name != "name"}
    assert label_of({"name": change.get("name", "book"), "arguments": arguments}, right) == label


def test_the_product_gets_a_data_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgres://somewhere/else")
    variables = environment(tmp_path)
    assert "DATABASE_URL" not in variables
    assert variables["COUNTERSIGN_DATA_DIR"] == str(tmp_path)
    assert environment(None)["DATABASE_URL"] == "postgres://somewhere/else"


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(NotInstalled, match="create_token"):
        run_command(["create_token", *options(user="nobody@example.com")], environment(tmp_path))


def test_a_product_that_does_not_start_is_said_to(tmp_path):
    with (
        pytest.raises(NotInstalled, match=r"product\.log says why"),
        Product(directory=tmp_path, port=70000, say=print),
    ):
        pass


def test_mail_is_read_from_the_outbox(tmp_path):
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "olga@example.com", "Critical: " + "bookings fail at the calendar " * 4
    mail.set_content("Look.")
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "1.log").write_bytes(mail.as_bytes() + b"\n" + b"-" * 79 + b"\n" + mail.as_bytes())
    found = mails_in(tmp_path)
    assert len(found) == 2
    assert set(found) == {("olga@example.com", str(mail["Subject"]).strip())}
