"""The circuit breaker of a system: open, nothing acts without people (or nothing at all); half-open, a share acts again.

A breaker is never open for nothing: whoever opens it by hand joins the system's incident or opens one, so that somebody
answers for the way back. Rows are taken in one order everywhere (monitor, incident, system, recovery), so that an alarm, a person and
a recovery that meet can't wait for each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from governance.actors import Actor
from governance.errors import NotFound, NotPermitted
from governance.models import AISystem, AuditEntry
from governance.permissions import may
from governance.services.fields import read_text, refuse_field
from governance.services.registry import BREAKER_TYPES, set_breaker_step
from operations.errors import BreakerUnchanged
from operations.models import Incident, Monitor, Recovery
from operations.services.baselines import rearm_step
from operations.services.opening import BEHAVIOUR, Cause, grade, open_or_join_step
from operations.services.recovering import end_recovery_step, record_recovery
from operations.services.timeline import record_of_incident
from reviews.services.clock import database_now

Breaker = AISystem.Breaker
LONGEST_REASON: Final = 1000
MOST_WANTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which a half-open breaker closes: so many rulings and outcomes, with at most these rates of overrides and
    failures. 0 wanted: that condition is not asked for. `share` of what policy allows may act meanwhile."""

    share: float = 0.1
    wanted_rulings: int = 20
    most_overridden: float = 0.2
    wanted_outcomes: int = 20
    most_failed: float = 0.1


def may_operate(actor: Actor, system: AISystem) -> bool:
    """The roles of `breaker.operate`, and always the system's owner and backup."""
    if actor.kind == "system":
        return True
    is_theirs = actor.is_person and actor.user_id in {system.owner_id, system.backup_id}
    return actor.organization_id == system.organization_id and (may(actor, "breaker.operate") or is_theirs)


def open_breaker(*, actor: Actor, system: AISystem, reason: str) -> Incident:
    """Stop a system by hand: from the next request on nothing acts by policy alone. Joins the system's incident or opens
    one, acknowledged by whoever opened it. Refuses (BreakerUnchanged) one that is open, (Invalid) no reason, (NotPermitted)
    whom the system does not concern."""
    _require(actor, system)
    chosen_reason = read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)
    cause = Cause(
        fingerprint=BEHAVIOUR,
        title=f"Breaker opened by hand: {' '.join(chosen_reason.split())}",
        severity=grade(gravity=1, risk_tier=system.risk_tier),
        facts={"reason": chosen_reason},
        known_to=actor.user_id,
    )
    with transaction.atomic(durable=True):
        now = database_now()
        incident, _ = open_or_join_step(actor=actor, system=system, cause=cause, now=now)
        if not trip_step(actor=actor, incident=incident, reason=chosen_reason, now=now):
            raise _unchanged(system)
    return incident


def trip_step(*, actor: Actor, incident: Incident, reason: str, now: datetime) -> bool:
    """Within an open transaction: open the breaker of the incident's system and end the recovery that runs: failed where a
    monitor does it, stopped where a person does. False where the breaker is open already."""
    system = incident.system
    opened = _set(actor, system, Breaker.OPEN, (Breaker.CLOSED, Breaker.HALF_OPEN), reason, incident=incident, now=now)
    if opened:
        status = Recovery.Status.STOPPED if actor.is_person else Recovery.Status.FAILED
        end_recovery_step(actor=actor, system=system, status=status, finding=reason, now=now)
    return opened


def half_open_breaker(*, actor: Actor, system: AISystem, conditions: Conditions, reason: str = "") -> Recovery:
    """Let a share act again and start a recovery, which closes the breaker or opens it again by its conditions. Takes the
    place of a recovery that runs. Refuses (BreakerUnchanged) a closed breaker, (Invalid) conditions that say nothing."""
    _require(actor, system)
    chosen_reason = read_text(reason, field="reason", limit=LONGEST_REASON, is_required=False, is_multiline=True)
    _check(conditions)
    with transaction.atomic(durable=True):
        now = database_now()
        state = AISystem.objects.filter(pk=system.pk).values_list("breaker", flat=True).first()
        incident = _unresolved(system)
        if state not in {Breaker.OPEN, Breaker.HALF_OPEN} or not _set(
            actor,
            system,
            Breaker.HALF_OPEN,
            (state,),
            chosen_reason,
            incident=incident,
            share=conditions.share,
            now=now,
        ):
            raise _unchanged(system)
        end_recovery_step(
            actor=actor, system=system, status=Recovery.Status.STOPPED, finding="Another one was started.", now=now
        )
        recovery = Recovery.objects.create(
            organization_id=system.organization_id,
            system=system,
            incident=incident,
            share=conditions.share,
            wanted_rulings=conditions.wanted_rulings,
            most_overridden=conditions.most_overridden,
            wanted_outcomes=conditions.wanted_outcomes,
            most_failed=conditions.most_failed,
            started_at=now,
        )
        record_recovery(actor=actor, recovery=recovery, type="recovery.started", now=now)
    return recovery


def close_breaker(*, actor: Actor, system: AISystem, reason: str) -> None:
    """Let policy decide everything again, by hand; a recovery that runs is stopped. The incident stays to be resolved.
    Refuses (BreakerUnchanged) one that is closed, (Invalid) no reason."""
    _require(actor, system)
    chosen_reason = read_text(reason, field="reason", limit=LONGEST_REASON, is_multiline=True)
    with transaction.atomic(durable=True):
        now = database_now()
        _rearm(actor, system, chosen_reason, now)
        open_states = (Breaker.OPEN, Breaker.HALF_OPEN)
        if not _set(actor, system, Breaker.CLOSED, open_states, chosen_reason, incident=_unresolved(system), now=now):
            raise _unchanged(system)
        end_recovery_step(
            actor=actor, system=system, status=Recovery.Status.STOPPED, finding="Closed by hand.", now=now
        )


def close_step(*, actor: Actor, system: AISystem, reason: str, now: datetime) -> bool:
    """Within an open transaction: close a half-open breaker whose recovery has passed."""
    _rearm(actor, system, reason, now)
    return _set(actor, system, Breaker.CLOSED, (Breaker.HALF_OPEN,), reason, incident=_unresolved(system), now=now)


def _rearm(actor: Actor, system: AISystem, reason: str, now: datetime) -> None:
    """What may open the breaker has to watch as soon as everything acts again: the incident may stay unresolved for days.
    Before the other rows, as whoever raises an alarm takes them."""
    tripping = Monitor.objects.filter(system=system, trips_breaker=True, status=Monitor.Status.ALARMED)
    rearm_step(list(tripping), actor=actor, now=now, reason=f"The breaker closed: {reason}")


def _set(
    actor: Actor,
    system: AISystem,
    state: str,
    only_from: tuple[str, ...],
    reason: str,
    *,
    incident: Incident | None,
    share: float = 0.0,
    now: datetime,
) -> bool:
    """The ground floor's step, and the same entry in the incident's timeline, which nobody is told of twice."""
    facts: Mapping[str, Any] = {"incident": str(incident.pk), "path": f"/incidents/{incident.pk}/"} if incident else {}
    changed = set_breaker_step(
        actor=actor, system=system, state=state, only_from=only_from, reason=reason, share=share, facts=facts, now=now
    )
    if changed and incident is not None:
        record_of_incident(
            incident=incident,
            type=BREAKER_TYPES[Breaker(state)],
            actor=actor,
            to=[],
            title=reason,
            facts={"state": str(state), "share": share, "reason": reason},
            now=now,
        )
    return changed


def incident_of_breaker(system: AISystem) -> Incident | None:
    """The unresolved incident that the breaker is about: the one by which it was opened; of a closed one, the one that opening it
    by hand would join. None where that is resolved, whatever else is unresolved."""
    if system.breaker == Breaker.CLOSED:
        return _unresolved(system)
    subject = f"system:{system.pk}"
    opened = AuditEntry.objects.about(subject).filter(
        organization_id=system.organization_id,
        type=BREAKER_TYPES[Breaker.OPEN],
        payload__organization_id=system.organization_id,
    )
    entry = opened.select_related("payload").order_by("-id").first()
    named = json.loads(entry.payload.payload).get("incident") if entry is not None else None
    if named is None:
        return None
    return Incident.objects.filter(pk=named, system=system, status__in=Incident.UNRESOLVED).first()


def _unresolved(system: AISystem) -> Incident | None:
    return Incident.objects.filter(system=system, fingerprint=BEHAVIOUR, status__in=Incident.UNRESOLVED).first()


def _require(actor: Actor, system: AISystem) -> None:
    if actor.kind != "system" and actor.organization_id != system.organization_id:
        raise NotFound()
    if not may_operate(actor, system):
        raise NotPermitted("The breaker is operated by leads, owners and admins, and by the system's owner and backup.")


def _unchanged(system: AISystem) -> BreakerUnchanged:
    system.refresh_from_db(fields=["breaker", "breaker_share", "breaker_reason", "breaker_changed_at"])
    return BreakerUnchanged(
        f"The breaker is {system.get_breaker_display().lower()}.",
        state={"system": system.slug, "breaker": system.breaker, "share": system.breaker_share},
    )


def _check(conditions: Conditions) -> None:
    if not 0 < conditions.share <= 1:
        raise refuse_field("share", "The share that may act is above 0 and at most 1.")
    for name in ("most_overridden", "most_failed"):
        if not 0 <= getattr(conditions, name) < 1:
            raise refuse_field(name, "This is a share: at least 0, and below 1, or nothing could ever fail it.")
    for name in ("wanted_rulings", "wanted_outcomes"):
        if not 0 <= getattr(conditions, name) <= MOST_WANTED:
            raise refuse_field(name, f"Ask for {MOST_WANTED:,} at the most.")
    if not conditions.wanted_rulings and not conditions.wanted_outcomes:
        raise refuse_field("wanted_rulings", "Ask for some rulings or some outcomes: nothing would close the breaker.")
