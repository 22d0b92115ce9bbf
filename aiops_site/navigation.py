"""What every page of the console shows around its content: the rail, the organization, the person.

Nothing is read before a template asks: a fragment that draws no rail costs no query. All counts come from one query,
each of them stops at its cap, so that no page counts a large table.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from governance.actors import Actor
from governance.models import Organization, PolicyVersion, User
from governance.permissions import may
from governance.web.session import current_actor, own_organizations
from operations.watch_selectors import unresolved_incidents
from reviews.models import Notification
from reviews.queue_selectors import COUNT_CAP, count_capped, escalations_in

NOTIFICATIONS_CAP = 99


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the rail: its view, what it takes to see it, which count stands beside it."""

    label: str
    view: str
    capability: str
    arguments: tuple[str, ...] = ()
    count: str = ""
    is_hot: bool = False
    # Only for whoever belongs to several organizations.
    is_for_agencies: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    url: str
    is_current: bool
    count: str = ""
    is_hot: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    entries: list[Entry] = field(default_factory=list)


RAIL: dict[str, tuple[Place, ...]] = {
    "Review": (
        Place("Unclaimed", "queue", "escalations.read", ("unclaimed",), count="unclaimed"),
        Place("Mine", "queue", "escalations.rule", ("mine",), count="mine"),
        Place("Breaching", "queue", "escalations.read", ("breaching",), count="breaching", is_hot=True),
        Place("Waiting on the app", "queue", "escalations.read", ("waiting",), count="waiting"),
        Place("My history", "history", "escalations.rule"),
    ),
    "Govern": (
        Place("AI systems", "system-list", "systems.read"),
        Place("Policies", "policy-list", "policies.read", count="to_approve"),
        Place("Decisions", "decision-list", "decisions.read"),
        Place("Audit log", "audit-log", "audit.read"),
    ),
    "Improve": (Place("Datasets", "dataset-list", "datasets.read"),),
    "Operate": (
        Place("Overview", "overview", "overview.read"),
        Place("Clients", "client-list", "overview.read", is_for_agencies=True),
        Place("Incidents", "incident-list", "incidents.read", count="incidents", is_hot=True),
        Place("Monitors", "monitor-list", "monitors.read"),
        Place("Reports", "report-list", "reports.read"),
        Place("Costs", "cost-list", "overview.read"),
    ),
    "Manage": (
        Place("People", "people-list", "people.read"),
        Place("Groups", "group-list", "people.read"),
        Place("Queues", "queue-settings-list", "systems.read"),
        Place("Channels", "channel-list", "channels.manage"),
        Place("Prices", "price-list", "overview.read"),
    ),
}


def console(request: HttpRequest) -> dict[str, Any]:
    """The context of templates/base.html; empty for somebody who isn't signed in or belongs to no organization."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    person = {"person": user, "theme": user.theme, "keys": "on" if user.are_shortcuts_on else "off"}
    actor = current_actor(request)
    if actor is None:
        return person
    organizations = partial(own_organizations, request)
    counts = cache(lambda: count_places(actor))
    return {
        **person,
        "organizations": organizations,
        "organization": lambda: next((one for one in organizations() if one.pk == actor.organization_id), None),
        "unread_notifications": lambda: cap_words(counts()["unread"], NOTIFICATIONS_CAP),
        "navigation": cache(lambda: list_sections(request.path, actor, counts, organizations)),
    }


def list_sections(
    path: str, actor: Actor, counts: Callable[[], dict[str, int]], organizations: Callable[[], list[Organization]]
) -> list[Section]:
    """The rail for one person: only what their roles open, and where they stand in it."""
    addresses = {place: reverse(place.view, args=place.arguments) for places in RAIL.values() for place in places}
    # The longest address that leads here is where one is: /policies/refunds/ is under Policies.
    current = max((url for url in addresses.values() if path.startswith(url)), key=len, default="")
    sections = []
    for title, places in RAIL.items():
        entries = [
            Entry(
                label=place.label,
                url=addresses[place],
                is_current=addresses[place] == current,
                count=cap_words(counts()[place.count], COUNT_CAP) if place.count else "",
                is_hot=place.is_hot,
            )
            for place in places
            if may(actor, place.capability) and not (place.is_for_agencies and len(organizations()) < 2)
        ]
        if entries:
            sections.append(Section(title, entries))
    return sections


def count_places(actor: Actor) -> dict[str, int]:
    """All counts of the rail in one query: the same views that the queue page lists."""
    now = timezone.now()
    views = ("unclaimed", "mine", "breaching", "waiting")
    return count_capped(
        **{view: escalations_in(view, actor=actor, now=now) for view in views},
        to_approve=_to_approve(actor),
        incidents=unresolved_incidents(actor),
        unread=Notification.objects.filter(
            organization_id=actor.member_organization_id, user_id=actor.id, read_at__isnull=True
        ),
    )


def _to_approve(actor: Actor) -> QuerySet[PolicyVersion]:
    """What this person may approve: submitted by others. Nothing for who may not."""
    if not may(actor, "policies.approve"):
        return PolicyVersion.objects.none()
    return PolicyVersion.objects.visible_to(actor).awaiting_approval().exclude(author_id=actor.user_id).order_by()


def cap_words(count: int, cap: int) -> str:
    """ "38", "500+", or nothing for none."""
    if not count:
        return ""
    return f"{cap}+" if count > cap else str(count)
