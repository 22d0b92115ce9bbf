"""What is to become better: deciding on it, and closing it with a word on what came of it."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import transaction

from governance.actors import Actor
from governance.errors import Invalid, NotFound, NotPermitted
from governance.models import AISystem, User
from governance.permissions import may_about
from governance.services.fields import read_text
from governance.services.membership import lock_organization, require_standing
from governance.services.recording import record
from operations.errors import ImprovementClosed
from operations.models import ImprovementItem
from operations.months import month_of, name_month
from operations.report_parts.measures import UNITS
from reviews.services.clock import database_now

Status = ImprovementItem.Status
LONGEST_TITLE: Final = 300
LONGEST_NOTE: Final = 2_000
LONGEST_TERM: Final = timedelta(days=5 * 366)
# A time of a ruling beyond a week, or a case beyond a million dollars, is a slip of the pen.
MOST: Final = {"share": 1.0, "usd": 1_000_000.0, "seconds": 604_800.0}


@dataclass(frozen=True, slots=True)
class Intention:
    """What shall become better. `month`: on whose figures it is decided; `expected_value`: a share, dollars or seconds, as the
    metric has it."""

    month: date
    title: str
    metric: str
    expected_value: float
    owner_id: uuid.UUID | None
    due_on: date


def decide_improvement(*, actor: Actor, system: AISystem, intention: Intention) -> ImprovementItem:
    """What is open already, said again, stays as it is. Refuses (NotFound, NotPermitted) whom the system does not concern,
    (Invalid, a pointer for each) what is missing or makes no sense, (NotAMember) an owner from outside."""
    _require(actor, system)
    now = database_now()
    title = read_text(intention.title, field="title", limit=LONGEST_TITLE)
    owner = _read_intention(intention, running=month_of(now), today=now.date())
    with transaction.atomic(durable=True):
        lock_organization(system.organization_id)
        require_standing(system.organization_id, owner)
        stated = {
            "system": system,
            "month": intention.month,
            "title": title,
            "metric": intention.metric,
            "expected_value": intention.expected_value,
            "owner": owner,
            "due_on": intention.due_on,
        }
        standing: ImprovementItem | None = ImprovementItem.objects.filter(**stated, status=Status.OPEN).first()
        if standing is not None:
            return standing
        item = ImprovementItem.objects.create(
            organization_id=system.organization_id,
            **stated,
            created_by_label=actor.label,
            created_at=now,
        )
        _record("improvement.decided", item, actor, title=f"Yours by {item.due_on:%-d %b %Y}: {title} ({system.name})")
    return item


def _read_intention(intention: Intention, *, running: date, today: date) -> User:
    faults: list[dict[str, str]] = []

    def refuse(field: str, detail: str) -> None:
        faults.append({"pointer": f"/{field}", "detail": detail})

    if intention.metric not in ImprovementItem.Metric.values:
        refuse("metric", f"Choose one of: {', '.join(ImprovementItem.Metric.values)}.")
    elif not (math.isfinite(intention.expected_value) and intention.expected_value >= 0):
        refuse("expected_value", "This is a number from 0 on.")
    elif intention.expected_value > (most := MOST[UNITS[intention.metric]]):
        refuse(
            "expected_value", f"This is {most:,g} at the most, in the unit of the metric ({UNITS[intention.metric]})."
        )
    if intention.month > running:
        refuse("month", "This month has not begun.")
    if not today <= intention.due_on <= today + LONGEST_TERM:
        refuse("due_on", "This is a day from today on, five years ahead at the most.")
    owner = User.objects.filter(pk=intention.owner_id).first() if intention.owner_id else None
    if owner is None:
        refuse("owner", "Name who will see to it.")
    if faults or owner is None:
        raise Invalid("An improvement says what, who, until when, and which figure it moves.", errors=faults)
    return owner


def close_improvement(*, actor: Actor, item: ImprovementItem, status: str, note: str) -> ImprovementItem:
    """Done or dropped, with a note. Whether the figure followed is for the reports to say. Refuses (NotPermitted) whom neither
    item nor system concern, (Invalid) no note and an unknown status, (ImprovementClosed) a second time."""
    system = item.system
    if not (actor.is_person and actor.user_id == item.owner_id and actor.organization_id == item.organization_id):
        _require(actor, system)
    if status not in {Status.DONE, Status.DROPPED}:
        raise Invalid(errors=[{"pointer": "/status", "detail": "Choose one of: done, dropped."}])
    chosen = read_text(note, field="note", limit=LONGEST_NOTE, is_multiline=True)
    with transaction.atomic(durable=True):
        closed = ImprovementItem.objects.filter(pk=item.pk, status=Status.OPEN).update(
            status=status, closed_at=database_now(), closing_note=chosen
        )
        item.refresh_from_db()
        if not closed:
            raise ImprovementClosed(state={"id": str(item.pk), "status": item.status})
        _record("improvement.closed", item, actor, title=f"{item.get_status_display()}: {item.title} ({system.name})")
    return item


def _require(actor: Actor, system: AISystem) -> None:
    if actor.kind != "system" and actor.organization_id != system.organization_id:
        raise NotFound()
    if not may_about(actor, "improvements.manage", system):
        raise NotPermitted("This is for leads, owners and admins, and for the system's owner and backup.")


def _record(type: str, item: ImprovementItem, actor: Actor, *, title: str) -> None:
    month = name_month(item.month)
    note = {"note": item.closing_note} if item.closing_note else {}
    record(
        organization_id=item.organization_id,
        type=type,
        actor=actor,
        subject=f"improvement:{item.pk}",
        payload={
            "improvement": str(item.pk),
            "system": item.system.slug,
            "month": month,
            "metric": item.metric,
            "expected_value": item.expected_value,
            "due_on": f"{item.due_on:%Y-%m-%d}",
            "status": str(item.status),
            **note,
            "to": [str(item.owner_id)],
            "title": title[:300],
            "path": f"/improvements/?system={item.system.slug}",
        },
    )
