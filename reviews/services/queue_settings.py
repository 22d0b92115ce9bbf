"""How a queue works: undo window, lease of a claim, time to answer, and who may take from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction

from governance.actors import Actor
from governance.errors import NotFound
from governance.models import Group
from governance.permissions import require_within
from governance.services.fields import read_text, refuse_field
from governance.services.recording import record
from reviews.models import Queue


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """All that can be set; lengths of time in seconds. Without groups everybody who rules may take from the queue."""

    name: str
    undo_window_s: int
    lease_s: int
    respond_s: int
    groups: Iterable[Group] = ()


BOUNDS = {
    "undo_window_s": (0, 3600),
    "lease_s": (30, 86_400),
    "respond_s": (1, 366 * 86_400),
}


def update_queue(*, actor: Actor, queue: Queue, settings: QueueSettings) -> Queue:
    """Set a queue; what already waits in it keeps its deadlines, claims their leases. Refuses (Invalid) lengths of time
    out of bounds and groups of another organization. Needs `queues.manage`."""
    require_within(actor, "queues.manage", queue.organization_id)
    fields = {"name": read_text(settings.name, field="name", limit=200)} | _read_times(settings)
    groups = list(settings.groups)
    if any(group.organization_id != queue.organization_id for group in groups):
        raise refuse_field("groups", "A group of another organization can't take from this queue.")
    with transaction.atomic(durable=True):
        before = Queue.objects.select_for_update().filter(pk=queue.pk).first()
        if before is None:
            raise NotFound()
        was = _describe({name: getattr(before, name) for name in fields}, list(before.groups.all()))
        now = _describe(fields, groups)
        changes = {name: [was[name], now[name]] for name in now if was[name] != now[name]}
        if changes:
            Queue.objects.filter(pk=queue.pk).update(**fields)
            before.groups.set(groups)
            record(
                organization_id=queue.organization_id,
                type="queue.changed",
                actor=actor,
                subject=f"queue:{queue.pk}",
                payload={"slug": queue.slug, "changes": changes},
            )
    queue.refresh_from_db()
    return queue


def _read_times(settings: QueueSettings) -> dict[str, int]:
    times: dict[str, int] = {}
    for name, (least, most) in BOUNDS.items():
        seconds: int = getattr(settings, name)
        if not least <= seconds <= most:
            raise refuse_field(name, f"This must be from {least:,} to {most:,} seconds.")
        times[name] = seconds
    return times


def _describe(fields: Mapping[str, object], groups: list[Group]) -> dict[str, object]:
    return {**fields, "groups": sorted(group.slug for group in groups)}
