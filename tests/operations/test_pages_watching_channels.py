"""The pages of channels: an address goes in and never comes out, and whoever tests one learns what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.models import Organization
from operations.models import Channel, Delivery
from tests.factories import make_organization, make_person
from tests.operations.watch_scenes import make_channel

pytestmark = pytest.mark.django_db
ADDRESS = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/alarms"


@pytest.fixture
def organization(client: Client) -> Organization:
    organization = make_organization()
    client.force_login(make_person(organization, "admin"))
    return organization


def send(client: Client, view: str, /, *arguments: Any, status: int = 302, **fields: Any) -> str:
    answer = client.post(reverse(view, args=arguments), fields)
    assert answer.status_code == status, answer.content.decode()[:3000]
    return answer.content.decode()


def read(client: Client, name: str = "channel-list", *arguments: Any) -> str:
    return client.get(reverse(name, args=arguments)).content.decode()


def test_a_channel_is_added_and_its_address_is_never_shown(client: Client, organization: Organization) -> None:
    assert "No channel yet" in read(client)
    send(client, "channel-add", name="On call", url=ADDRESS)
    channel = Channel.objects.get(organization=organization)
    assert channel.scheme == "slack" and "TIiaj" not in channel.sealed_url
    for page in (read(client), read(client, "channel-edit", channel.pk), read(client, "channel-remove", channel.pk)):
        assert "On call" in page and "slack://…" in page and "TIiaj" not in page


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "json://127.0.0.1/x", ""])
def test_an_address_that_is_refused_is_not_sent_back(client: Client, organization: Organization, url: str) -> None:
    body = send(client, "channel-add", status=422, name="On call", url=url)
    assert "error-summary" in body and 'value="On call"' in body
    assert not url or url not in body
    assert not Channel.objects.exists()


def test_a_name_that_is_taken_is_refused(client: Client, organization: Organization) -> None:
    make_channel(organization, name="On call")
    assert "There is a channel On call already." in send(client, "channel-add", status=422, name="On call", url=ADDRESS)


def test_a_channel_is_renamed_switched_off_and_removed(client: Client, organization: Organization) -> None:
    channel = make_channel(organization)
    send(client, "channel-edit", channel.pk, name="Night watch")
    channel.refresh_from_db()
    assert (channel.name, channel.is_on, channel.sealed_url) == ("Night watch", False, "sealed")
    assert '<span class="tag outline">off</span>' in read(client)
    send(client, "channel-remove", channel.pk)
    assert not Channel.objects.exists()


def test_a_test_that_does_not_arrive_says_why_in_the_row(client: Client, organization: Organization) -> None:
    # Nothing that this installation sealed: it fails before anything is sent.
    channel = make_channel(organization)
    send(client, "channel-test", channel.pk)
    body = read(client)
    assert "The message did not arrive." in body and "failing" in body
    channel.refresh_from_db()
    assert channel.last_error and channel.last_error[:20] in body


def test_the_last_deliveries_stand_there_with_their_errors(client: Client, organization: Organization) -> None:
    channel, now = make_channel(organization), timezone.now()
    fields: dict[str, Any] = {"organization": organization, "channel": channel, "body": "b", "created_at": now}
    Delivery.objects.create(**fields, entry_id=1, title="Taken one", attempts=1, delivered_at=now)
    later = now + timedelta(minutes=5)
    Delivery.objects.create(**fields, entry_id=2, title="<b>Waits</b>\u202e", attempts=2, due_at=later, error="Busy<i>")
    Delivery.objects.create(**fields, entry_id=3, title="Given up", attempts=8, error="Gone")
    Delivery.objects.create(
        **{**fields, "organization": make_organization(), "channel": make_channel()}, entry_id=4, title="Theirs"
    )
    body = read(client)
    for said in (
        "Taken one",
        "&lt;b&gt;Waits&lt;/b&gt;",
        "U+202E",
        "Busy&lt;i&gt;",
        "next attempt in",
        "Gone",
        "given up",
    ):
        assert said in body
    assert "Theirs" not in body and "<b>Waits" not in body


def test_nobody_but_an_admin_sees_them(client: Client, organization: Organization) -> None:
    channel = make_channel(organization)
    client.force_login(make_person(organization, "owner", "lead"))
    assert client.get(reverse("channel-list")).status_code == 403
    client.force_login(make_person(make_organization(), "admin"))
    assert client.get(reverse("channel-edit", args=[channel.pk])).status_code == 404
    assert channel.name not in read(client)
