"""Channels: where else than in the console and by mail incidents are told. Addresses go in and never come out again."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.actors import Actor
from governance.errors import Conflict, Invalid
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.session import page
from operations.errors import ChannelFailed
from operations.services.channels import create_channel, remove_channel, test_channel, update_channel
from operations.watch_selectors import channels_of, find_channel, recent_deliveries

# The address is masked, and not sent back after a refusal: it holds secrets.
_MASKED = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})


class ChannelForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="As people here call it, for example: On call.")
    url = forms.CharField(
        label="Address",
        max_length=2000,
        widget=_MASKED,
        help_text="As Apprise writes it, for example slack://token/channel, or workflows://… for Teams. It is stored "
        "encrypted and never shown again; after a refusal it has to be typed anew.",
    )


class ChannelChangeForm(ChannelForm):
    is_on = forms.BooleanField(label="On", required=False, help_text="Off, nothing is sent to it.")
    field_order = ("name", "is_on", "url")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["url"].required = False
        self.fields["url"].label = "Another address"
        self.fields["url"].help_text = "Left empty, the present one stays."


@page("channels.manage")
@require_GET
def channel_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """All channels, and what was sent last."""
    listed = take_page(request, channels_of(actor))
    context = {"page": listed, "deliveries": recent_deliveries(actor)}
    return render(request, "operations/channels.html", context)


@never_cache
@page("channels.manage")
@require_http_methods(["GET", "POST"])
def channel_add(request: HttpRequest, actor: Actor) -> HttpResponse:
    form = ChannelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            create_channel(actor=actor, name=form.cleaned_data["name"], url=form.cleaned_data["url"])
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request, "The channel is there. Test it, so that nobody learns too late that it is silent."
            )
            return redirect("channel-list")
    return render(request, "operations/channel.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@page("channels.manage")
@require_http_methods(["GET", "POST"])
def channel_edit(request: HttpRequest, actor: Actor, channel_id: uuid.UUID) -> HttpResponse:
    channel = find_channel(actor=actor, channel_id=channel_id)
    initial = {"name": channel.name, "is_on": channel.is_on}
    form = ChannelChangeForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            update_channel(
                actor=actor, channel_id=channel_id, name=typed["name"], is_on=typed["is_on"], url=typed["url"]
            )
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, "The channel is saved.")
            return redirect("channel-list")
    context = {"form": form, "channel": channel}
    return render(request, "operations/channel.html", context, status=422 if form.errors else 200)


@page("channels.manage")
@require_POST
def channel_test(request: HttpRequest, actor: Actor, channel_id: uuid.UUID) -> HttpResponse:
    """Sends a message now. Why it did not arrive stands in the channel's row."""
    try:
        test_channel(actor=actor, channel_id=channel_id)
    except ChannelFailed:
        messages.error(request, "The message did not arrive. The channel's row says why.")
    else:
        messages.success(request, "The message was taken. Look whether it is there.")
    return redirect("channel-list")


@page("channels.manage")
@require_http_methods(["GET", "POST"])
def channel_remove(request: HttpRequest, actor: Actor, channel_id: uuid.UUID) -> HttpResponse:
    """Asks, then takes the channel away."""
    channel = find_channel(actor=actor, channel_id=channel_id)
    if request.method == "POST":
        remove_channel(actor=actor, channel_id=channel_id)
        messages.success(request, "The channel is removed; its address is gone.")
        return redirect("channel-list")
    return render(request, "operations/channel_remove.html", {"channel": channel})
