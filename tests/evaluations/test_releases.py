"""Releases: stated once with a reason, noticed once in traffic, by whichever comes first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from evaluations.errors import ReleaseAlreadyStated
from evaluations.models import Release
from evaluations.services.releases import READER, read_releases, state_release
from governance.actors import OPERATOR
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AuditEntry, ReaderCursor
from governance.services.sequencing import sequence_entries
from tests.factories import make_actor, make_key, make_organization, make_person, make_system
from tests.reviews.scenes import SMALL, open_desk
from tests.support.races import race

pytestmark = pytest.mark.django_db


def read_on() -> int:
    while sequence_entries():
        pass
    count = 0
    while read := read_releases(limit=3):
        count += read
    return count


def payloads(type: str) -> list[Any]:
    return [json.loads(entry.payload.payload) for entry in AuditEntry.objects.filter(type=type).order_by("pk")]


def test_a_release_is_stated_with_its_reason_and_on_record() -> None:
    system = make_system()
    actor = make_actor(system.organization, "owner")
    release = state_release(actor=actor, system=system, name=" v2 ", reason=" Reads currencies. ")
    assert (release.name, release.reason, release.stated_by_label) == ("v2", "Reads currencies.", actor.label)
    assert release.first_seen_at is None
    assert payloads("release.stated") == [{"system": system.slug, "release": "v2", "reason": "Reads currencies."}]
    with pytest.raises(ReleaseAlreadyStated):
        state_release(actor=actor, system=system, name="v2", reason="Again.")
    state_release(actor=actor, system=make_system(system.organization), name="v2", reason="Another system's.")


@pytest.mark.parametrize(("name", "reason"), [("", "x"), ("v", ""), ("x" * 256, "x"), ("v", "x" * 2_001), ("a\0", "x")])
def test_a_release_needs_a_name_and_a_reason(name: str, reason: str) -> None:
    with pytest.raises(Invalid):
        state_release(actor=OPERATOR, system=make_system(), name=name, reason=reason)
    assert not Release.objects.exists()


def test_others_can_not_state_it() -> None:
    system = make_system()
    with pytest.raises(NotPermitted):
        state_release(actor=make_actor(system.organization, "reviewer"), system=system, name="v", reason="x")
    with pytest.raises(NotFound):
        state_release(actor=make_actor(make_organization(), "owner"), system=system, name="v", reason="x")


def test_a_release_is_noticed_at_its_first_decision_and_never_again() -> None:
    desk = open_desk()
    first = desk.ask(SMALL, release="v1")
    desk.ask(SMALL, release="v1")
    desk.ask(SMALL)
    desk.ask(release="v2")
    assert read_on() > 0
    assert {one.name: one.first_seen_at for one in Release.objects.all()}["v1"] == first.created_at
    assert [(one["release"], one["is_stated"]) for one in payloads("release.first_seen")] == [
        ("v1", False),
        ("v2", False),
    ]
    ReaderCursor.objects.filter(reader=READER).update(next_index=0)
    desk.ask(SMALL, release="v1")
    read_on()
    assert (Release.objects.count(), len(payloads("release.first_seen"))) == (2, 2)


def test_test_keys_are_no_traffic() -> None:
    desk = open_desk()
    desk.key, _ = make_key(desk.system, kind="test")
    desk.ask(SMALL, release="v1")
    read_on()
    assert not Release.objects.exists()


def test_a_stated_release_comes_into_traffic_and_a_seen_one_is_stated_afterwards() -> None:
    desk = open_desk()
    for name in ("before", "after"):
        if name == "before":
            state_release(actor=OPERATOR, system=desk.system, name=name, reason="x")
        desk.ask(SMALL, release=name)
    read_on()
    assert [one["is_stated"] for one in payloads("release.first_seen")] == [True, False]
    state_release(actor=OPERATOR, system=desk.system, name="after", reason="It was urgent.")
    assert Release.objects.filter(stated_at__isnull=False, first_seen_at__isnull=False).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_readers_and_somebody_who_states_it_make_one_release() -> None:
    desk = open_desk()
    desk.ask(SMALL, release="v1")
    while sequence_entries():
        pass
    ReaderCursor.objects.get_or_create(reader=READER)

    def state() -> Release:
        return state_release(actor=OPERATOR, system=desk.system, name="v1", reason="x")

    results = race(read_releases, read_releases, state)
    assert not [result for result in results if isinstance(result, BaseException)]
    release = Release.objects.get()
    assert release.stated_at is not None and release.first_seen_at is not None
    assert len(payloads("release.first_seen")) == len(payloads("release.stated")) == 1


def test_releases_are_stated_and_listed_over_the_api(client: Client) -> None:
    system = make_system(slug="bot")
    client.force_login(make_person(system.organization, "lead"))
    body = {"system": "bot", "name": "v2", "reason": "Cheaper."}
    made = client.post("/api/v1/releases", body, content_type="application/json")
    assert made.status_code == 201
    assert client.get("/api/v1/releases?system=bot").json()["results"] == [made.json()]
    assert client.get("/api/v1/releases?name=v3").json()["results"] == []
    assert client.get("/api/v1/releases?nmae=v3").status_code == 400
    assert client.post("/api/v1/releases", body, content_type="application/json").status_code == 409
    body["system"] = "none"
    assert client.post("/api/v1/releases", body, content_type="application/json").status_code == 404


def test_the_page_states_and_lists_and_escapes(client: Client, django_assert_max_num_queries: Any) -> None:
    desk = open_desk()
    client.force_login(make_person(desk.organization, "owner"))
    page = "/systems/refund-bot/releases/"
    assert "No release yet" in client.get(page).content.decode()
    assert client.post(page, {"name": "v2", "reason": ""}).status_code == 422
    assert client.post(page, {"name": "v2", "reason": "<b>"}).status_code == 302
    assert client.post(page, {"name": "v2", "reason": "again"}).status_code == 409
    for number in range(20):
        desk.ask(SMALL, release=f"<i>{number}")
    read_on()
    with django_assert_max_num_queries(12):
        shown = client.get(page).content.decode()
    assert "&lt;i&gt;19" in shown and "&lt;b&gt;" in shown and "not stated" in shown
