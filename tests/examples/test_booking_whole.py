"""The whole way against the product itself: ordinary booking, the silent change, the desk's queue, and the repair."""

import asyncio
import json

import pytest
from django.db import connections

from countersign import AsyncClient
from examples.booking_agent.agent import Agent
from examples.booking_agent.calendar_client import Calendar
from examples.booking_agent.calendar_service import SECOND, CalendarService
from examples.booking_agent.desk import DESK, Desk
from examples.booking_agent.messages import write_messages
from examples.booking_agent.stage import POLICY
from examples.booking_agent.telling import out_of_order
from examples.owner import NotOrdinary, Owner
from governance.actors import OPERATOR
from governance.services.credentials import create_access_token
from operations.models import Monitor
from operations.services.breaker import close_breaker, open_breaker
from operations.services.incidents import resolve_incident
from reviews.models import Decision, Escalation, Outcome
from tests.factories import actor_of, make_key, make_organization, make_person, make_queue, make_system, put_in_force
from tests.operations.watch_scenes import make_monitor

FALLBACK = "We have your request, and a person will confirm it by tonight."
BEFORE, DURING, WITH_BREAKER = 15, 10, 5


@pytest.fixture
def stage(live_service):
    """The product with people, a system, its rules, a key and reviewers' tokens, as the story's commands make them."""
    organization = make_organization()
    system = make_system(organization, slug="booking-agent", fallback_message=FALLBACK, fallback_queue=DESK)
    put_in_force(system, POLICY.read_text())
    for slug in (DESK, "booking-quality"):
        make_queue(organization, slug=slug, undo_window_s=0)
    _, key = make_key(system)
    tokens = [
        create_access_token(
            actor=OPERATOR, user=make_person(organization, "reviewer"), organization=organization, name="desk"
        )[1]
        for _ in range(2)
    ]
    return live_service, system, key, tokens


def in_a_thread(question):
    """Ask the database from a scenario, whose event loop Django keeps out, and leave no connection behind."""

    def ask():
        try:
            return question()
        finally:
            connections.close_all()

    return asyncio.to_thread(ask)


def test_what_the_calendar_silently_refuses_waits_at_the_desk_and_is_booked_after_the_repair(stage):
    url, system, key, tokens = stage
    messages = write_messages(BEFORE + DURING + WITH_BREAKER)
    before, during, late = messages[:BEFORE], messages[BEFORE:-WITH_BREAKER], messages[-WITH_BREAKER:]
    owner = actor_of(system.owner, system.organization)
    service = CalendarService()
    service.start()

    async def scenario():
        async with (
            AsyncClient(url, key) as client,
            Calendar(service.url) as adapter,
            Calendar(service.url, SECOND) as repaired,
            Desk(url, tokens, {message.id: message for message in messages}) as desk,
        ):
            agent = Agent(client=client, calendar=adapter, fallback_message=FALLBACK)
            for message in before:
                await agent.accept(message)
            await desk.clear()
            await agent.settled()
            assert [case.state for case in agent.cases.values()] == ["served"] * BEFORE
            assert len(service.confirmed()) >= BEFORE - 3
            booked = len(service.confirmed())

            service.deploy(SECOND)
            for message in during:
                await agent.accept(message)
            failures = await in_a_thread(lambda: list(Outcome.objects.filter(status="failed")))
            assert len(failures) == len(agent.failed_at) >= DURING / 2
            for failure in failures:
                detail = json.loads(failure.detail)
                assert detail["dependency"] == "calendar"
                assert detail["error"].startswith("answered 200, but shows")
            assert len(service.confirmed()) == booked
            told = {letter.request: letter.text for letter in agent.letters if letter.kind == "fallback"}
            assert len(told) == len(failures)
            assert set(told.values()) == {FALLBACK}

            await in_a_thread(lambda: open_breaker(actor=owner, system=system, reason="Nothing is booked."))
            for message in late:
                case = await agent.accept(message)
                assert case.state == "waiting"
                assert case.told == [FALLBACK]
            waiting = agent.waiting()
            assert {case.message.id for case in waiting} == {message.id for message in during + late}
            open_ones = await in_a_thread(
                lambda: list(Escalation.objects.filter(status="open", kind="approval").select_related("queue"))
            )
            assert len(open_ones) == len(waiting)
            assert {escalation.queue.slug for escalation in open_ones} == {DESK}

            agent.calendar = repaired
            ruled = len(desk.ruled)
            await desk.clear()
            await agent.settled()
            assert {case.state for case in waiting} == {"served"}
            worked = sorted(desk.ruled[ruled:], key=lambda one: one.taken_at)
            assert len(worked) == len(waiting)
            assert out_of_order(worked) == 0
            agreed = [case for case in agent.cases.values() if case.message.meant.wish == "book"]
            right = {(case.message.id, case.message.meant.start) for case in agreed}
            assert right == {(entry.reference, entry.start) for entry in service.confirmed()}

    try:
        asyncio.run(scenario())
    finally:
        service.stop()
    assert not Decision.objects.filter(status="pending").exists()


def test_the_story_begins_only_where_days_are_ordinary(stage):
    url, system, _, _ = stage
    person = system.owner
    token = create_access_token(actor=OPERATOR, user=person, organization=system.organization, name="story")[1]

    def ask():
        async def scenario():
            owner = Owner(url, token, system.slug)
            try:
                return await owner.observed()
            finally:
                await owner.aclose()

        return asyncio.run(scenario())

    assert ask() == 0
    owner = actor_of(person, system.organization)
    incident = open_breaker(actor=owner, system=system, reason="Nothing is booked.")
    with pytest.raises(NotOrdinary, match="the breaker is open"):
        ask()
    close_breaker(actor=owner, system=system, reason="It books again.")
    with pytest.raises(NotOrdinary, match="” is acknowledged and not resolved"):
        ask()
    resolve_incident(actor=owner, incident_id=incident.pk, note="Over.", is_false_alarm=False)
    make_monitor(system, kind="action_mix", observations=41)
    failed = make_monitor(system, kind="failed_outcomes")
    assert ask() == 41
    Monitor.objects.filter(pk=failed.pk).update(status="alarmed")
    with pytest.raises(NotOrdinary, match="failed outcomes is alarmed"):
        ask()
