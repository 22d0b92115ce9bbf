"""Channels: a real server is told once, through Apprise, and nothing of our own network is ever reached by accident."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from governance.actors import SYSTEM, Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, AuditEntry, AuditPayload, ReaderCursor
from governance.services.sequencing import sequence_entries
from operations.errors import ChannelExists, ChannelFailed, TooManyChannels
from operations.models import Channel, Delivery
from operations.sealing import SealBroken, seal, unseal
from operations.services.breaker import open_breaker
from operations.services.channels import create_channel, remove_channel, update_channel
from operations.services.channels import test_channel as try_channel
from operations.services.delivering import MOST_ATTEMPTS, deliver_due, write_deliveries
from operations.services.incidents import comment_on_incident, resolve_incident
from operations.services.reporting import attest_report, freeze_report
from operations.services.sending import NotSent, UnfitAddress, is_public, read_address, send_message, write_plainly
from tests.factories import actor_of, make_actor, make_organization, make_system
from tests.operations.incident_scenes import alarm_on
from tests.operations.report_scenes import MONTH, make_month
from tests.support.races import race

pytestmark = pytest.mark.django_db


@dataclass
class Server:
    """A service on this machine that keeps what it is told and answers `status`, or `location` with a redirect."""

    address: str = ""
    status: int = 200
    location: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    kept = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.told.append(json.loads(body))
            self.send_response(302 if kept.location else kept.status)
            if kept.location:
                self.send_header("location", kept.location)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Tests are quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    kept.address = f"json://127.0.0.1:{listening.server_address[1]}/hook"
    yield kept
    listening.shutdown()
    listening.server_close()
    thread.join(timeout=10)


@pytest.fixture
def private(settings: Any) -> None:
    settings.ALLOW_PRIVATE_CHANNELS = True


def read_on() -> int:
    while sequence_entries():
        pass
    written = 0
    while count := write_deliveries():
        written += count
    return written


def admin_of(system: AISystem) -> Actor:
    return make_actor(system.organization, "admin")


# -------------------------------------------------------------------------------------------------------- telling


@pytest.mark.usefixtures("private")
def test_an_incident_is_told_to_a_real_service(server: Server) -> None:
    system = make_system(name="Refund bot")
    channel = create_channel(actor=admin_of(system), name="Ops", url=server.address)
    incident = alarm_on(system)
    assert (read_on(), deliver_due()) == (1, 1)
    (told,) = server.told
    assert told["title"] == "Countersign: Warning: Overrides rose from 5 % to 20 % (Refund bot)"
    assert told["message"].endswith(f"http://127.0.0.1:8000/incidents/{incident.pk}/")
    delivery = Delivery.objects.get()
    assert (delivery.attempts, delivery.due_at, delivery.error) == (1, None, "")
    channel.refresh_from_db()
    assert channel.last_delivered_at is not None
    assert (read_on(), deliver_due()) == (0, 0)


@pytest.mark.usefixtures("private")
def test_opened_assigned_resolved_and_the_breaker_are_told_and_comments_are_not(server: Server) -> None:
    system = make_system()
    create_channel(actor=admin_of(system), name="Ops", url=server.address)
    incident = open_breaker(actor=SYSTEM, system=system, reason="Wrong.")
    comment_on_incident(actor=SYSTEM, incident_id=incident.pk, text="Hm.")
    resolve_incident(actor=SYSTEM, incident_id=incident.pk, note="Over.")
    read_on()
    kinds = AuditEntry.objects.in_bulk(Delivery.objects.values_list("entry_id", flat=True))
    assert sorted(entry.type for entry in kinds.values()) == ["breaker.opened", "incident.opened", "incident.resolved"]


@pytest.mark.usefixtures("private")
def test_a_month_that_is_frozen_and_signed_is_told(server: Server) -> None:
    system = make_system()
    AISystem.objects.filter(pk=system.pk).update(created_at=datetime(2026, 7, 1, tzinfo=UTC))
    make_month(system, MONTH, days=3)
    system.refresh_from_db()
    create_channel(actor=admin_of(system), name="Ops", url=server.address)
    owner = actor_of(system.owner, system.organization)
    report = freeze_report(actor=owner, system=system, month=MONTH)
    attest_report(actor=owner, report=report, statement="I have read it.")
    assert (read_on(), deliver_due()) == (2, 2)
    assert all(f"/reports/{system.slug}/2026-09/" in told["message"] for told in server.told)
    kinds = AuditEntry.objects.in_bulk(Delivery.objects.values_list("entry_id", flat=True))
    assert sorted(entry.type for entry in kinds.values()) == ["report.attested", "report.frozen"]


@pytest.mark.usefixtures("private")
def test_what_joins_an_incident_is_told_where_it_makes_it_graver(server: Server) -> None:
    system = make_system()
    create_channel(actor=admin_of(system), name="Ops", url=server.address)
    for kind in ("release", "latency", "failed_outcomes"):
        alarm_on(system, kind)
    read_on()
    titles = list(Delivery.objects.order_by("id").values_list("title", flat=True))
    assert len(titles) == 2
    assert titles[1].startswith("Critical now: Overrides rose")


@pytest.mark.usefixtures("private")
def test_channels_of_others_switched_off_and_younger_ones_are_told_nothing(server: Server) -> None:
    system = make_system()
    off = create_channel(actor=admin_of(system), name="Off", url=server.address)
    update_channel(actor=admin_of(system), channel_id=off.pk, name="Off", is_on=False)
    create_channel(actor=admin_of(make_system()), name="Others", url=server.address)
    alarm_on(system)
    create_channel(actor=admin_of(system), name="Younger", url=server.address)
    assert read_on() == 0


@pytest.mark.usefixtures("private")
def test_what_is_not_taken_is_tried_again_with_growing_pauses_and_then_given_up(server: Server) -> None:
    system = make_system()
    channel = create_channel(actor=admin_of(system), name="Ops", url=server.address)
    alarm_on(system)
    read_on()
    server.status = 503
    now, pauses = timezone.now(), []
    for _ in range(MOST_ATTEMPTS):
        assert deliver_due(now=now) == 0
        delivery = Delivery.objects.get()
        if delivery.due_at is None:
            break
        pauses.append(delivery.due_at - now)
        assert deliver_due(now=delivery.due_at - timedelta(seconds=1)) == 0
        now = delivery.due_at
    assert (len(server.told), len(pauses)) == (8, 7)
    assert pauses == sorted(pauses)
    assert (delivery.attempts, delivery.delivered_at, delivery.error) == (8, None, "The service answered 503.")
    channel.refresh_from_db()
    assert channel.last_error == "The service answered 503."


@pytest.mark.usefixtures("private")
def test_a_later_attempt_that_is_taken_mends_the_channel(server: Server) -> None:
    system = make_system()
    channel = create_channel(actor=admin_of(system), name="Ops", url=server.address)
    alarm_on(system)
    read_on()
    server.status = 500
    deliver_due()
    server.status = 200
    assert deliver_due(now=timezone.now() + timedelta(minutes=1)) == 1
    channel.refresh_from_db()
    assert channel.last_error == ""


@pytest.mark.usefixtures("private")
def test_what_a_dead_worker_held_is_sent_after_its_lease(server: Server) -> None:
    system = make_system()
    create_channel(actor=admin_of(system), name="Ops", url=server.address)
    alarm_on(system)
    read_on()
    Delivery.objects.update(attempts=1, due_at=timezone.now() + timedelta(minutes=2))
    assert deliver_due() == 0
    assert deliver_due(now=timezone.now() + timedelta(minutes=3)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("private")
def test_two_workers_at_once_send_once(server: Server) -> None:
    system = make_system()
    create_channel(actor=admin_of(system), name="Ops", url=server.address)
    alarm_on(system)
    while sequence_entries():
        pass
    race(*[write_deliveries] * 3)
    assert Delivery.objects.count() == 1
    assert sorted(race(*[deliver_due] * 3)) == [0, 0, 1]
    assert len(server.told) == 1


def test_the_reader_goes_on_from_where_it_was() -> None:
    alarm_on(make_system())
    read_on()
    cursor = ReaderCursor.objects.get(reader="channels").next_index
    assert cursor > 0
    assert write_deliveries() == 0
    alarm_on(make_system())
    read_on()
    assert ReaderCursor.objects.get(reader="channels").next_index > cursor


def test_what_a_stranger_wrote_becomes_plain_words() -> None:
    hostile = "Refund <!channel> @everyone\n see https://evil.example `x`\u202egnp.exe\u200b"
    assert write_plainly(hostile) == "Refund ‹!channel› (at)everyone see https: //evil.example 'x'gnp.exe"
    assert len(write_plainly("x" * 1000, limit=250)) == 250


# ------------------------------------------------------------------------------------------------------ addresses


def test_an_address_is_sealed_and_stands_nowhere_else() -> None:
    system = make_system()
    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    channel = create_channel(actor=admin_of(system), name="Ops", url=url)
    assert (channel.scheme, unseal(channel.sealed_url)) == ("slack", url)
    assert "TIiajkdn" not in channel.sealed_url
    assert not any("TIiajkdn" in text for text in AuditPayload.objects.values_list("payload", flat=True))


def test_another_secret_key_does_not_open_it(settings: Any) -> None:
    sealed = seal("slack://secret")
    settings.SECRET_KEY = "another key of more than thirty-two characters"
    with pytest.raises(SealBroken):
        unseal(sealed)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "syslog://",
        "dbus://",
        "windows://",
        "macosx://",
        "exec://ls",
        "mailto://user:password@example.org",
        "nonsense",
        "",
        "slack://",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/?Template=file:///etc/passwd",
        "ntfys://topic/?attach=file:///etc/passwd",
        # Apprise reads these as options, other parsers do not.
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/?a=b;template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/?%20template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/?\u2003template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/#x?template=/etc/passwd",
        "ntfys://topic/?x#&attach=file:///etc/passwd",
        "jsons://example.org/?rto=900",
        "json://127.0.0.1/x",
        "json://localhost:6379/x",
        "json://[::1]/x",
        "json://10.0.0.8/x",
        "json://169.254.169.254/latest/meta-data",
        "json://[::ffff:127.0.0.1]/x",
        "gotify://192.168.1.1/token",
        f"jsons://example.org/{'x' * 2000}",
    ],
)
def test_what_would_reach_this_machine_or_its_network_is_refused(url: str) -> None:
    system = make_system()
    with pytest.raises(Invalid) as refusal:
        create_channel(actor=admin_of(system), name="Ops", url=url)
    assert refusal.value.errors[0]["pointer"] == "/url"
    assert not Channel.objects.exists()


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("fec0::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("example.org", False),
    ],
)
def test_private_addresses_are_known_in_every_disguise(address: str, is_it: bool) -> None:
    assert is_public(address) is is_it


def test_an_address_that_was_let_in_before_an_option_was_refused_is_not_used(private: None) -> None:
    with pytest.raises(NotSent, match="can't be used here: template"):
        send_message(
            url="discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/?a=b;template=/etc/passwd", title="t", body="b"
        )


def test_a_name_that_comes_to_point_inside_is_not_reached_either(server: Server, settings: Any) -> None:
    """What was let in while the setting was on, or when the name pointed elsewhere."""
    settings.ALLOW_PRIVATE_CHANNELS = False
    with pytest.raises(NotSent, match=r"^The address leads into a private network"):
        send_message(url=server.address, title="t", body="b")
    with pytest.raises(NotSent, match="private network"):
        send_message(url=server.address.replace("127.0.0.1", "localhost"), title="t", body="b")
    assert server.told == []


def test_the_guard_ends_with_the_message(server: Server, settings: Any) -> None:
    with pytest.raises(NotSent):
        send_message(url=server.address, title="t", body="b")
    settings.ALLOW_PRIVATE_CHANNELS = True
    send_message(url=server.address, title="t", body="b")
    assert len(server.told) == 1


@pytest.mark.usefixtures("private")
def test_a_service_that_is_away_is_said_without_its_address(server: Server) -> None:
    with pytest.raises(NotSent) as failure:
        send_message(url="json://127.0.0.1:9/secret-token", title="t", body="b")
    assert str(failure.value) == "The service could not be reached."


def test_addresses_of_remote_services_are_read() -> None:
    assert read_address("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ") == "slack"
    assert read_address("ntfys://alerts-of-ours") == "ntfys"
    with pytest.raises(UnfitAddress):
        read_address("twitter://x")


# ---------------------------------------------------------------------------------------------------- keeping them


def test_only_admins_keep_channels_and_only_their_own() -> None:
    system = make_system()
    channel = create_channel(actor=admin_of(system), name="Ops", url="ntfys://alerts-of-ours")
    for role in ("owner", "lead", "viewer"):
        actor = make_actor(system.organization, role)
        with pytest.raises(NotPermitted):
            create_channel(actor=actor, name="Mine", url="ntfys://alerts-of-ours")
        with pytest.raises(NotPermitted):
            remove_channel(actor=actor, channel_id=channel.pk)
    stranger = make_actor(make_organization(), "admin")
    with pytest.raises(NotFound):
        update_channel(actor=stranger, channel_id=channel.pk, name="Mine", is_on=True)
    with pytest.raises(NotFound):
        try_channel(actor=stranger, channel_id=channel.pk)
    with pytest.raises(NotFound):
        remove_channel(actor=stranger, channel_id=channel.pk)


def test_a_channel_is_changed_and_removed_and_the_log_says_so() -> None:
    admin = admin_of(make_system())
    channel = create_channel(actor=admin, name="Ops", url="ntfys://alerts-of-ours")
    with pytest.raises(ChannelExists):
        create_channel(actor=admin, name="Ops", url="ntfys://alerts-of-ours")
    changed = update_channel(actor=admin, channel_id=channel.pk, name="On call", is_on=False)
    assert (changed.name, changed.is_on, unseal(changed.sealed_url)) == ("On call", False, "ntfys://alerts-of-ours")
    moved = update_channel(
        actor=admin, channel_id=channel.pk, name="On call", is_on=True, url="spike://0123456789abcdef0123456789abcdef"
    )
    assert moved.scheme == "spike"
    remove_channel(actor=admin, channel_id=channel.pk)
    assert not Channel.objects.exists()
    types = AuditEntry.objects.about(f"channel:{channel.pk}").values_list("type", flat=True)
    assert list(types) == ["channel.created", "channel.changed", "channel.changed", "channel.removed"]


def test_an_organization_has_twenty_channels_at_the_most() -> None:
    admin = admin_of(make_system())
    for number in range(20):
        create_channel(actor=admin, name=f"Ops {number}", url="ntfys://alerts-of-ours")
    with pytest.raises(TooManyChannels):
        create_channel(actor=admin, name="Ops", url="ntfys://alerts-of-ours")
    create_channel(actor=admin_of(make_system()), name="Ops", url="ntfys://alerts-of-ours")


@pytest.mark.usefixtures("private")
def test_a_channel_is_tried_before_it_is_needed(server: Server) -> None:
    admin = replace(admin_of(make_system()), label="<!channel>")
    channel = create_channel(actor=admin, name="Ops", url=server.address)
    assert try_channel(actor=admin, channel_id=channel.pk).last_delivered_at is not None
    assert server.told[0]["title"] == "Countersign: a test"
    assert server.told[0]["message"].startswith("‹!channel› has tested this channel.")
    server.status = 404
    with pytest.raises(ChannelFailed, match="answered 404"):
        try_channel(actor=admin, channel_id=channel.pk)
    channel.refresh_from_db()
    assert channel.last_error == "The service answered 404."
