"""What a person was told, newest first, and the marks of what they have read."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.actors import Actor
from governance.errors import Invalid
from governance.web.session import page
from reviews.services.notices import mark_all_read, mark_read, own_notifications
from reviews.web.keyset import take_keyset_page

LARGEST_ID = 2**63 - 1


@require_GET
@page("overview.read")
def show(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    listed = take_keyset_page(request, own_notifications(actor), ("-id",))
    return render(
        request,
        "reviews/notifications.html",
        {
            "page": listed,
            "newest": max((one.pk for one in listed.rows), default=0),
            "has_unread": any(one.read_at is None for one in listed.rows),
        },
    )


@require_GET
@page("overview.read")
def open_one(request: HttpRequest, actor: Actor, notification_id: int) -> HttpResponseBase:
    """Go where it leads; who has been there has read it."""
    notification = mark_read(actor=actor, notification_id=min(notification_id, LARGEST_ID))
    return redirect(notification.path)


@require_POST
@page("overview.read")
def read_one(request: HttpRequest, actor: Actor, notification_id: int) -> HttpResponseBase:
    mark_read(actor=actor, notification_id=min(notification_id, LARGEST_ID))
    return redirect("notifications")


@require_POST
@page("overview.read")
def read_all(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    """Reads off what stood on the page, not what has come since."""
    text = request.POST.get("up_to", "")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_ID):
        raise Invalid(errors=[{"pointer": "/up_to", "detail": "Must be the number of a notification."}])
    count = mark_all_read(actor=actor, up_to=int(text))
    messages.success(request, f"{count} marked as read." if count else "Everything was read already.")
    return redirect("notifications")
