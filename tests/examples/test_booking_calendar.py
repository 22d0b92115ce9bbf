"""The calendar over HTTP, before and after its silent change, and the adapter that believes none of its answers."""

import asyncio
from datetime import datetime

import httpx
import pytest

from examples.booking_agent.calendar_client import Calendar, CalendarFault, NotBookable
from examples.booking_agent.calendar_service import FIRST, SECOND, TABLES, CalendarService

EVENING = datetime.fromisoformat("2026-03-06T19:30")


@pytest.fixture
def calendar():
    service = CalendarService()
    service.start()
    yield service
    service.stop()


@pytest.fixture
def use(calendar):
    """Call verbs of an adapter: `use("book", reference=…)`; `edition` is what the adapter speaks."""

    def call(verb, *, edition=FIRST, **arguments):
        async def scenario():
            async with Calendar(calendar.url, edition) as adapter:
                return await getattr(adapter, verb)(**arguments)

        return asyncio.run(scenario())

    return call


def wish(reference="HH-0001", start=EVENING, party_size=4):
    return {"reference": reference, "name": "Anna Berg", "start": start, "party_size": party_size}


def test_a_table_is_booked_moved_and_cancelled(use, calendar):
    assert use("book", **wish()).start == EVENING
    assert use("move", reference="HH-0001", start=EVENING.replace(hour=20)).start == EVENING.replace(hour=20)
    assert use("cancel", reference="HH-0001").status == "cancelled"
    assert calendar.confirmed() == []


def test_the_first_edition_answers_with_its_fields(calendar):
    sent = {"reference": "HH-0001", "name": "Anna", "party_size": 2, "start": "2026-03-06T19:30"}
    booked = httpx.post(f"{calendar.url}/bookings", json=sent)
    assert booked.status_code == 200
    assert {"start", "end", "resource", "status"} < set(booked.json())
    slots = httpx.get(f"{calendar.url}/slots", params={"date": "2026-03-06", "party_size": 2}).json()["slots"]
    assert set(slots[0]) == {"start", "end", "resource"}


def test_the_same_reference_books_once(use, calendar):
    assert use("book", **wish()).id == use("book", **wish()).id
    assert len(calendar.confirmed()) == 1


def test_a_party_gets_a_table_that_holds_it(use, calendar):
    use("book", **wish(party_size=5))
    assert TABLES[calendar.confirmed()[0].table] == 6


def test_a_full_hall_answers_409_with_times_that_are_free(use):
    for number in range(TABLES.count(20)):
        use("book", **wish(f"HH-{number:04}", party_size=20))
    with pytest.raises(NotBookable) as refused:
        use("book", **wish("HH-9999", party_size=20))
    assert refused.value.reason == "slot_taken"
    assert refused.value.free[0] == "2026-03-06T17:30"


def test_nobody_sits_down_at_midnight(use):
    with pytest.raises(NotBookable, match="closed"):
        use("book", **wish(start=EVENING.replace(hour=0)))


def test_a_change_of_no_booking_is_refused(use):
    with pytest.raises(NotBookable, match="no_such_booking"):
        use("cancel", reference="HH-0404")


def test_after_the_change_the_answer_is_200_and_nothing_is_booked(calendar):
    calendar.deploy(SECOND)
    sent = {"reference": "HH-0001", "name": "Anna", "party_size": 2, "start": "2026-03-06T19:30"}
    answer = httpx.post(f"{calendar.url}/bookings", json=sent)
    assert answer.status_code == 200
    assert {"starts_at", "ends_at", "resource_id", "state"} < set(answer.json())
    assert "status" not in answer.json()
    assert calendar.confirmed() == []


def test_after_the_change_the_adapter_finds_out_by_reading_back(use, calendar):
    use("book", **wish("HH-0001"))
    calendar.deploy(SECOND)
    with pytest.raises(CalendarFault, match="shows no booking under HH-0002"):
        use("book", **wish("HH-0002"))
    with pytest.raises(CalendarFault, match="answered 200, but shows HH-0001"):
        use("move", reference="HH-0001", start=EVENING.replace(hour=20))
    with pytest.raises(CalendarFault, match="not cancelled"):
        use("cancel", reference="HH-0001")
    assert [(entry.reference, entry.start) for entry in calendar.confirmed()] == [("HH-0001", EVENING)]


def test_the_repaired_adapter_books_again_also_what_was_sent_in_vain(use, calendar):
    calendar.deploy(SECOND)
    with pytest.raises(CalendarFault):
        use("book", **wish())
    assert use("book", edition=SECOND, **wish()).start == EVENING
    assert len(calendar.confirmed()) == 1
    assert use("cancel", edition=SECOND, reference="HH-0001").status == "cancelled"


def test_a_calendar_that_is_away_is_a_fault(use, calendar):
    url = calendar.url
    calendar.stop()

    async def scenario():
        async with Calendar(url, timeout_s=1) as adapter:
            await adapter.book(**wish())

    with pytest.raises(CalendarFault, match="could not be reached"):
        asyncio.run(scenario())


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"reference": 1}', b'{"reference": "a", "party_size": "4"}'])
def test_nonsense_is_refused_and_books_nothing(calendar, body):
    assert httpx.post(f"{calendar.url}/bookings", content=body).status_code in (400, 422)
    assert calendar.confirmed() == []
