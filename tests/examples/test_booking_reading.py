"""What the booking agent reads in a message, and how sure it is: the parts, the ambiguous ones, and the whole stream."""

from datetime import datetime

import pytest

from examples.booking_agent.messages import write_messages
from examples.booking_agent.reading import read_message

# A Monday.
AT = datetime.fromisoformat("2026-03-02T10:00")


@pytest.mark.parametrize(
    ("text", "start", "party_size"),
    [
        ("Table for 4 on Friday at 7:30pm please", "2026-03-06T19:30", 4),
        ("Could we have a table for two tomorrow at 12.30pm?", "2026-03-03T12:30", 2),
        ("We'd love to come on 12 March, ideally at 19:00. We are six.", "2026-03-12T19:00", 6),
        ("Table for 3, on March 12 at noon", "2026-03-12T12:00", 3),
        ("Table for 3, on 3/15 at 20:00", "2026-03-15T20:00", 3),
        ("Guten Tag, bitte einen Tisch für vier Personen am Freitag um 19:30 Uhr", "2026-03-06T19:30", 4),
        ("Hallo, ist heute um 20 Uhr noch ein Tisch frei? Wir sind zu sechst", "2026-03-02T20:00", 6),
        ("Bitte Tisch für zwei am 12.3. um 18:00", "2026-03-12T18:00", 2),
        ("Hola, quisiera una mesa para cuatro el viernes a las 20:30", "2026-03-06T20:30", 4),
        (
            "Mesa para 2 personas el 12/3 a las nueve y media de la noche, por favor, el jueves no",
            "2026-03-12T21:30",
            2,
        ),
    ],
)
def test_a_plain_message_is_read_with_certainty(text, start, party_size):
    reading = read_message(text, AT)
    assert reading.wish == "book"
    assert reading.start == datetime.fromisoformat(start)
    assert reading.parts["party_size"].value == party_size
    assert reading.confidence == 1.0


@pytest.mark.parametrize(
    ("text", "time"),
    [("bitte Tisch für 2 heute um halb acht", "19:30"), ("mesa para dos hoy a las ocho y media", "20:30")],
)
def test_half_an_hour_is_half_an_hour_in_every_language(text, time):
    assert read_message(text, AT).parts["time"].value.isoformat(timespec="minutes") == time


@pytest.mark.parametrize(
    "text",
    [
        "Table for 4 next Friday at 7pm",
        "Table for 4 on 4/5 at 7pm",
        "Table for 3 or 4 on Friday at 7pm",
        "Table for 4 on Friday in the evening",
        "Table on Friday at 7pm",
        "Table for 4 at 7pm",
        "Table for 4 on Frdiay at 7pm",
        "Hello, are you open on holidays?",
    ],
)
def test_what_is_ambiguous_or_absent_is_not_sure(text):
    assert read_message(text, AT).confidence < 0.8


def test_a_guest_who_names_the_hour_alone_means_the_evening():
    reading = read_message("Table for 2 tomorrow at 7", AT)
    assert reading.start == datetime.fromisoformat("2026-03-03T19:00")
    assert reading.confidence == 0.9


def test_a_time_today_that_has_passed_is_doubted():
    assert read_message("Table for 2 today at 12:00", AT.replace(hour=15)).confidence < 0.8


def test_a_change_names_its_booking():
    moved = read_message("Please move our booking HH-0042: on Friday at 7pm.", AT)
    assert (moved.wish, moved.parts["booking"].value) == ("move", "HH-0042")
    cancelled = read_message("Leider müssen wir hh-0042 absagen. Bitte stornieren.", AT)
    assert (cancelled.wish, cancelled.parts["booking"].value, cancelled.confidence) == ("cancel", "HH-0042", 1.0)


def test_a_change_without_a_booking_is_not_sure():
    reading = read_message("We have to cancel our booking.", AT)
    assert (reading.missing, reading.confidence) == (("booking",), 0.2)


def test_why_it_is_unsure_stands_in_the_rationale():
    rationale = read_message("Table for 4 next Friday", AT).rationale
    assert "“next friday” (60%)" in rationale
    assert "no time" in rationale


def test_the_stream_is_the_same_each_time_and_another_with_another_seed():
    assert write_messages(50) == write_messages(50)
    assert write_messages(50) != write_messages(50, seed=1)


def test_no_message_gives_away_what_was_meant():
    assert all(str(message.meant) not in message.text for message in write_messages(100))


def test_confidence_tells_right_from_wrong():
    """Of what it is sure of almost nothing is wrong, and of what it is unsure of much is: or it would not be worth asking."""
    wrong = {True: 0, False: 0}
    count = {True: 0, False: 0}
    for message in write_messages(1500):
        reading = read_message(message.text, message.received_at)
        is_sure = reading.confidence >= 0.8
        found = {name: part.value for name, part in reading.parts.items()}
        meant = message.meant
        is_right = (reading.wish, found.get("booking"), found.get("party_size")) == (
            meant.wish,
            meant.booking,
            meant.party_size,
        ) and (meant.wish == "cancel" or reading.start == meant.start)
        count[is_sure] += 1
        wrong[is_sure] += not is_right
    assert count[True] / 1500 > 0.7
    assert 0 < wrong[True] / count[True] < 0.01
    assert wrong[False] / count[False] > 0.3
