"""Where else incidents are told: an organization's channels, kept by its admins, their addresses sealed and never shown."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.db import IntegrityError, transaction

from governance.actors import Actor
from governance.errors import NotFound
from governance.permissions import require
from governance.services.fields import read_text, refuse_field
from governance.services.membership import lock_organization
from governance.services.recording import record
from operations.errors import ChannelExists, ChannelFailed, TooManyChannels
from operations.models import Channel
from operations.sealing import SealBroken, seal, unseal
from operations.services.sending import NotSent, UnfitAddress, read_address, send_message, write_plainly
from reviews.services.clock import database_now

LONGEST_NAME: Final = 100
# A service that does not answer holds a worker for seconds, and each incident is told to all of them.
MOST_CHANNELS: Final = 20


def create_channel(*, actor: Actor, name: str, url: str) -> Channel:
    """A channel that is told of incidents from now on; `url` as Apprise writes them. Refuses (Invalid) a service that is not
    on the list, an address in a private network, (ChannelExists) a name that is taken, (TooManyChannels) a twenty-first one.
    Needs `channels.manage`."""
    require(actor, "channels.manage")
    chosen_name = read_text(name, field="name", limit=LONGEST_NAME)
    scheme = _read_scheme(url)
    try:
        with transaction.atomic(durable=True):
            lock_organization(actor.member_organization_id)
            if Channel.objects.filter(organization_id=actor.member_organization_id).count() >= MOST_CHANNELS:
                raise TooManyChannels(f"An organization has {MOST_CHANNELS} channels at the most; remove one.")
            channel = Channel.objects.create(
                organization_id=actor.member_organization_id,
                name=chosen_name,
                scheme=scheme,
                sealed_url=seal(url.strip()),
                created_at=database_now(),
            )
            _record(actor, channel, "channel.created", {"name": chosen_name, "scheme": scheme})
    except IntegrityError as error:
        raise ChannelExists(f"There is a channel {chosen_name} already.") from error
    return channel


def update_channel(*, actor: Actor, channel_id: uuid.UUID, name: str, is_on: bool, url: str = "") -> Channel:
    """Rename a channel, switch it on or off, and give it another address where `url` is not empty. Refuses as creating
    does, and (NotFound). Needs `channels.manage`."""
    require(actor, "channels.manage")
    chosen_name = read_text(name, field="name", limit=LONGEST_NAME)
    changes: dict[str, Any] = {"name": chosen_name, "is_on": is_on}
    if url.strip():
        changes |= {"scheme": _read_scheme(url), "sealed_url": seal(url.strip()), "last_error": ""}
    try:
        with transaction.atomic(durable=True):
            channel = _find(actor, channel_id)
            Channel.objects.filter(pk=channel.pk).update(**changes)
            facts = {key: value for key, value in changes.items() if key in {"name", "is_on", "scheme"}}
            _record(actor, channel, "channel.changed", {**facts, "has_new_address": bool(url.strip())})
    except IntegrityError as error:
        raise ChannelExists(f"There is a channel {chosen_name} already.") from error
    channel.refresh_from_db()
    return channel


def remove_channel(*, actor: Actor, channel_id: uuid.UUID) -> None:
    """Take a channel away with what waits for it. Refuses (NotFound). Needs `channels.manage`."""
    require(actor, "channels.manage")
    with transaction.atomic(durable=True):
        channel = _find(actor, channel_id)
        _record(actor, channel, "channel.removed", {"name": channel.name, "scheme": channel.scheme})
        channel.delete()


def test_channel(*, actor: Actor, channel_id: uuid.UUID) -> Channel:
    """Send a message now, so that nobody learns in an emergency that it does not arrive. Refuses (ChannelFailed) with the
    reason where the service does not take it, (NotFound). Needs `channels.manage`."""
    require(actor, "channels.manage")
    channel = _find(actor, channel_id)
    error = ""
    try:
        send_message(
            url=unseal(channel.sealed_url),
            title="Countersign: a test",
            body=f"{write_plainly(actor.label)} has tested this channel. Incidents will be told here.",
        )
    except (NotSent, SealBroken) as failure:
        error = str(failure)
    with transaction.atomic(durable=True):
        reached = {} if error else {"last_delivered_at": database_now()}
        Channel.objects.filter(pk=channel.pk).update(last_error=error[:300], **reached)
        _record(actor, channel, "channel.tested", {"name": channel.name, "error": error})
    if error:
        raise ChannelFailed(error, state={"channel": str(channel.pk), "name": channel.name})
    channel.refresh_from_db()
    return channel


def _find(actor: Actor, channel_id: uuid.UUID) -> Channel:
    channel: Channel | None = Channel.objects.filter(
        pk=channel_id, organization_id=actor.member_organization_id
    ).first()
    if channel is None:
        raise NotFound()
    return channel


def _read_scheme(url: str) -> str:
    try:
        return read_address(url)
    except UnfitAddress as error:
        raise refuse_field("url", str(error)) from error


def _record(actor: Actor, channel: Channel, type: str, facts: dict[str, Any]) -> None:
    record(
        organization_id=channel.organization_id,
        type=type,
        actor=actor,
        subject=f"channel:{channel.pk}",
        payload={"channel": str(channel.pk), **facts},
    )
