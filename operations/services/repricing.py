"""Pricing past decisions anew, because a price was wrong: new entries of the ledger, never a change of old ones.

A repricing is a row with a cursor. The sweep goes through its decisions in steps; each step's entries, the hours that have
to be recounted and the cursor are one transaction, and the cursor moves by compare-and-set: killed anywhere it goes on
where it was, and of two sweeps at once one has its effect. Which prices apply stands in docs/reference/costs.md.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Q, Subquery

from governance.actors import SYSTEM, Actor
from governance.models import AISystem
from governance.permissions import require_within
from governance.services.fields import read_text, refuse_field
from governance.services.recording import record
from governance.services.sweeping import sweep
from operations.errors import RepricingRunning
from operations.figure_selectors import floor_to
from operations.models import CostEntry, Repricing
from operations.services.costs import PRICED_BY, price_decision, prices_as_of
from operations.services.rollups import note_due_step
from reviews.models import Decision
from reviews.services.clock import database_now

LONGEST_REASON: Final = 2000
LONGEST: Final = timedelta(days=800)
# A step keeps every other writer waiting on SQLite; this many entries take some ten milliseconds.
STEP: Final = 200


def request_repricing(*, actor: Actor, system: AISystem, since: datetime, until: datetime, reason: str) -> Repricing:
    """Have the system's decisions from `since` up to, not including, `until` priced anew by the prices that stand now. What is
    still to come is cut off. A cost that the application reported stays, and so does one for which no price fits any more.

    Refuses (NotPermitted, NotFound) whoever may not manage prices there, (Invalid) a stretch without an end, of more than
    800 days or without a reason, (RepricingRunning) a second one of the system at once.
    """
    require_within(actor, "prices.manage", system.organization_id)
    stated = read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)
    now = database_now()
    begins, ends = since.astimezone(UTC), min(until.astimezone(UTC), now)
    if begins >= ends:
        raise refuse_field("since", "Must be before the end, and in the past.")
    if ends - begins > LONGEST:
        raise refuse_field("since", f"At most {LONGEST.days} days at a time.")
    try:
        with transaction.atomic(durable=True):
            repricing = Repricing.objects.create(
                organization_id=system.organization_id,
                system=system,
                since_at=begins,
                until_at=ends,
                reason=stated,
                requested_by_label=actor.label,
                created_at=now,
            )
            _record(actor, repricing, "costs.repricing_requested", now, reason=stated)
    except IntegrityError as error:
        raise RepricingRunning("One of this system is still running; wait until it is finished.") from error
    return repricing


def reprice_requested(*, budget_s: float = 2.0) -> int:
    """Go on with every repricing that is not finished, step by step until the budget is spent; returns how many decisions
    were looked at. May run twice, late or never."""
    give_up = time.monotonic() + budget_s
    looked_at = 0

    def work(repricing: Repricing) -> bool:
        nonlocal looked_at
        begun = looked_at
        while time.monotonic() < give_up:
            step = reprice_step(repricing_id=repricing.pk)
            if step is None:
                break
            looked_at += step
        return looked_at > begun

    sweep(Repricing.objects.filter(finished_at__isnull=True).order_by("created_at", "id"), work)
    return looked_at


def reprice_step(*, repricing_id: uuid.UUID, limit: int = STEP) -> int | None:
    """Price the next decisions of a repricing anew; returns how many were looked at, None where it is finished or somebody
    else took this step."""
    repricing = Repricing.objects.filter(pk=repricing_id, finished_at__isnull=True).first()
    if repricing is None:
        return None
    decisions = _next_decisions(repricing, limit)
    now = database_now()
    entries, difference = draft_new_entries(decisions=decisions, repricing=repricing, now=now)
    dates = {decision.pk: decision.created_at for decision in decisions}
    hours = {(one.system_id, floor_to(dates[one.decision_id], "hour")) for one in entries}
    is_last = len(decisions) < limit
    try:
        with transaction.atomic(durable=True):
            moved = Repricing.objects.filter(
                pk=repricing.pk, after_decision=repricing.after_decision, finished_at__isnull=True
            ).update(
                after_decision=decisions[-1].pk if decisions else repricing.after_decision,
                looked_at=F("looked_at") + len(decisions),
                changed=F("changed") + len(entries),
                difference_micros=F("difference_micros") + difference,
                finished_at=now if is_last else None,
            )
            if not moved:
                return None
            CostEntry.objects.bulk_create(entries)
            note_due_step(hours=hours, now=now)
            if is_last:
                repricing.refresh_from_db()
                _record(SYSTEM, repricing, "costs.repricing_finished", now, **_result(repricing))
    except IntegrityError:
        # The reader of roll-ups has just written the first entry of one of them; the next sweep sees it.
        return None
    return None if is_last else len(decisions)


def draft_new_entries(
    *, decisions: Sequence[Decision], repricing: Repricing, now: datetime
) -> tuple[list[CostEntry], int]:
    """The entries that take the place of those that hold, not yet written, and by how many micros they differ in all. Only
    where the amount differs; a decision that had none gets its first."""
    prices = prices_as_of(organization_id=repricing.organization_id, instant=repricing.created_at)
    entries, difference = [], 0
    for decision in decisions:
        if decision.cost_usd_micros is not None:
            continue
        held, sequence = getattr(decision, "held_micros", None), getattr(decision, "held_sequence", None)
        entry = price_decision(decision=decision, prices=prices, now=now)
        if entry is None or entry.amount_micros == held:
            continue
        entry.sequence = (sequence or 0) + 1
        entries.append(entry)
        difference += entry.amount_micros - (held or 0)
    return entries, difference


def _next_decisions(repricing: Repricing, limit: int) -> list[Decision]:
    """In the order in which they were made, which an index holds; each with the entry that holds."""
    newest = CostEntry.objects.filter(decision_id=OuterRef("pk")).order_by("-sequence")
    rows = Decision.objects.real().filter(
        system_id=repricing.system_id, created_at__gte=repricing.since_at, created_at__lt=repricing.until_at
    )
    if repricing.after_decision is not None:
        at = Decision.objects.filter(pk=repricing.after_decision).values_list("created_at", flat=True).first()
        if at is not None:
            is_later = Q(created_at__gt=at) | Q(created_at=at, pk__gt=repricing.after_decision)
            rows = rows.filter(is_later, created_at__gte=at)
    return list(
        rows.order_by("created_at", "pk")
        .only(*PRICED_BY)
        .annotate(held_micros=Subquery(newest.values("amount_micros")[:1]))
        .annotate(held_sequence=Subquery(newest.values("sequence")[:1]))[:limit]
    )


def _result(repricing: Repricing) -> dict[str, int]:
    return {
        "looked_at": repricing.looked_at,
        "changed": repricing.changed,
        "difference_micros": repricing.difference_micros,
    }


def _record(actor: Actor, repricing: Repricing, type: str, now: datetime, **facts: Any) -> None:
    record(
        organization_id=repricing.organization_id,
        type=type,
        actor=actor,
        subject=f"system:{repricing.system_id}",
        payload={
            "repricing": str(repricing.pk),
            "since": repricing.since_at.isoformat(),
            "until": repricing.until_at.isoformat(),
            **facts,
        },
        occurred_at=now,
    )
