"""Reading the audit log for people: filtered, a page at a time, never another organization's."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from governance.actors import Actor
from governance.canonical import InvalidJson, canonicalize
from governance.errors import NotFound
from governance.models import AuditBatch, AuditEntry

# A bare id in the filter for the subject may be any of these.
SUBJECT_KINDS = ("decision", "policy", "system", "user", "group", "queue", "dataset", "organization", "audit_entry")
# Words, names and times have no index: one page looks at so many entries at the most, and says where it stopped.
SEARCH_WINDOW = 20_000


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What somebody is looking for; empty is everything. `actor` is an id or a part of the name, `subject` `kind:id` or an
    id alone, `text` a part of the payload."""

    type: str = ""
    actor: str = ""
    subject: str = ""
    text: str = ""
    after: datetime | None = None
    before: datetime | None = None

    @property
    def is_scanning(self) -> bool:
        """Whether entries have to be looked at one by one."""
        return bool(self.actor or self.text or self.after or self.before)


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries, newest first; `is_before` and `is_after`: whether there are older and newer ones. `searched_to` is the id of
    the oldest entry that was looked at, where the search stopped before the log's beginning."""

    entries: list[AuditEntry]
    has_older: bool = False
    has_newer: bool = False
    searched_to: int | None = None


def filter_entries(*, actor: Actor, wanted: EntryFilter) -> QuerySet[AuditEntry]:
    """The organization's entries that fit, each with its payload."""
    entries = AuditEntry.objects.visible_to(actor).select_related("payload")
    if wanted.type:
        entries = entries.filter(type=wanted.type)
    if wanted.actor:
        entries = entries.filter(Q(actor_id=wanted.actor) | Q(actor_label__icontains=wanted.actor))
    if wanted.subject:
        known = [wanted.subject] if ":" in wanted.subject else [f"{kind}:{wanted.subject}" for kind in SUBJECT_KINDS]
        entries = entries.filter(payload__organization_id=actor.organization_id, payload__subject__in=known)
    if wanted.after:
        entries = entries.filter(occurred_at__gte=wanted.after)
    if wanted.before:
        entries = entries.filter(occurred_at__lt=wanted.before)
    if wanted.text:
        entries = entries.filter(payload__payload__icontains=_as_written(wanted.text))
    return entries


def find_entries(
    *, actor: Actor, wanted: EntryFilter, older_than: int | None = None, newer_than: int | None = None, size: int = 50
) -> EntryPage:
    """One page, newest first, from the end or from beside an entry. A search that has no index looks at `SEARCH_WINDOW`
    entries at the most."""
    entries = filter_entries(actor=actor, wanted=wanted)
    if newer_than is not None:
        ascending = entries.filter(id__gt=newer_than).order_by("id")
        floor = None
        if wanted.is_scanning and not wanted.subject:
            floor = _edge(actor, id__gt=newer_than, order="id")
            ascending = ascending.filter(id__lte=floor) if floor else ascending
        taken = list(ascending[: size + 1])
        return EntryPage(taken[:size][::-1], has_older=True, has_newer=len(taken) > size or floor is not None)
    bounds = {} if older_than is None else {"id__lt": older_than}
    descending = entries.filter(**bounds).order_by("-id")
    floor = None
    if wanted.is_scanning and not wanted.subject:
        floor = _edge(actor, order="-id", **bounds)
        descending = descending.filter(id__gte=floor) if floor else descending
    taken = list(descending[: size + 1])
    is_cut = floor is not None and len(taken) <= size
    return EntryPage(
        taken[:size],
        has_older=len(taken) > size,
        has_newer=older_than is not None,
        searched_to=floor if is_cut else None,
    )


def _edge(actor: Actor, *, order: str, **bounds: int) -> int | None:
    """The id of the last entry within the window from here on; None where the log ends before."""
    ids = AuditEntry.objects.visible_to(actor).filter(**bounds).order_by(order).values_list("id", flat=True)
    return next(iter(ids[SEARCH_WINDOW - 1 : SEARCH_WINDOW]), None)


def _as_written(text: str) -> str:
    """A text as it stands within canonical JSON: quotes and line ends are escaped there."""
    try:
        return canonicalize(text)[1:-1]
    except InvalidJson:
        return text


def find_entry(*, actor: Actor, entry_id: int) -> AuditEntry:
    """One entry with its payload; NotFound where the actor's organization has none of this id."""
    if entry_id >= 2**63:
        raise NotFound()
    entry = AuditEntry.objects.visible_to(actor).select_related("payload").filter(pk=entry_id).first()
    if entry is None:
        raise NotFound()
    return entry


def find_batch(entry: AuditEntry) -> AuditBatch | None:
    """The batch that sealed an entry, or None while it awaits sequencing."""
    if entry.leaf_index is None:
        return None
    return AuditBatch.objects.filter(tree_size__gt=entry.leaf_index).order_by("tree_size").first()


def newest_batch() -> AuditBatch | None:
    return AuditBatch.objects.order_by("-tree_size").first()
