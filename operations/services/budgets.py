"""What people say of money: what a system may cost in a month, and what an hour of their own time is worth.

Neither is ever changed: a newer row takes the place of an older one, so that what was held against it can be told later.
"""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, Final

from django.db import transaction

from governance.actors import Actor
from governance.errors import FieldError, Invalid, NotFound
from governance.models import AISystem
from governance.permissions import require, require_within
from governance.services.fields import read_text
from governance.services.membership import lock_organization
from governance.services.recording import record
from operations.errors import BudgetWithdrawn, ReviewRateWithdrawn
from operations.models import Budget, ReviewRate
from reviews.services.clock import database_now

LONGEST_NOTE: Final = 300
# A billion dollars a month, and ten thousand an hour: what is more is a slip, and sums of it would not fit into a column.
HIGHEST_BUDGET_MICROS: Final = 10**15
HIGHEST_HOUR_MICROS: Final = 10**10


def state_budget(
    *, actor: Actor, system: AISystem, monthly_micros: int, includes_review: bool = True, note: str = ""
) -> Budget:
    """Say what the system may cost in a calendar month (UTC), in millionths of a dollar, with or without the time of reviewers.
    It takes the place of the budget that stood, and warns anew; the same one said again stays as it is.

    Refuses (NotPermitted, NotFound) whoever may not manage budgets there and (Invalid, with pointers) an amount that can't
    be one. Needs `budgets.manage`.
    """
    require_within(actor, "budgets.manage", system.organization_id)
    said = read_text(note, field="note", limit=LONGEST_NOTE, is_required=False)
    if not 0 < monthly_micros <= HIGHEST_BUDGET_MICROS:
        raise _refuse("monthly_micros", "Must be more than nothing, and a billion dollars at the most.")
    with transaction.atomic(durable=True):
        lock_organization(system.organization_id)
        now = database_now()
        standing: Budget | None = Budget.objects.filter(system=system, withdrawn_at__isnull=True).first()
        stated = {"monthly_micros": monthly_micros, "includes_review": includes_review, "note": said}
        if standing is not None:
            if all(getattr(standing, name) == value for name, value in stated.items()):
                return standing
            Budget.objects.filter(pk=standing.pk).update(withdrawn_at=now)
        budget = Budget.objects.create(
            organization_id=system.organization_id,
            system=system,
            stated_by_label=actor.label,
            created_at=now,
            **stated,
        )
        replaced = {"replaces": str(standing.pk)} if standing else {}
        _record(actor, budget.organization_id, "budget.stated", f"system:{system.pk}", _describe(budget) | replaced)
    return budget


def withdraw_budget(*, actor: Actor, system: AISystem, budget_id: uuid.UUID) -> Budget:
    """Take the budget away: nothing is held against it any more. Refuses (NotFound) a budget of another system, (BudgetWithdrawn) one
    that was withdrawn or replaced meanwhile. Needs `budgets.manage`."""
    require(actor, "budgets.manage")
    with transaction.atomic(durable=True):
        budget = Budget.objects.visible_to(actor).filter(pk=budget_id, system=system).first()
        if budget is None:
            raise NotFound()
        now = database_now()
        if not Budget.objects.filter(pk=budget_id, withdrawn_at__isnull=True).update(withdrawn_at=now):
            raise BudgetWithdrawn()
        budget.withdrawn_at = now
        subject = f"system:{budget.system_id}"
        _record(actor, budget.organization_id, "budget.withdrawn", subject, _describe(budget))
    return budget  # type: ignore[no-any-return]


def state_review_rate(*, actor: Actor, hour_micros: int, effective_from: date, note: str = "") -> ReviewRate:
    """Say what an hour of review costs the actor's organization, in millionths of a dollar, from a day (UTC) on. Days in the
    past are taken: months that are not frozen are counted by it. What holds from that day on already, said again, stays as it is.

    Refuses (Invalid, with pointers) an amount or a day that can't be one. Needs `budgets.manage`.
    """
    require(actor, "budgets.manage")
    said = read_text(note, field="note", limit=LONGEST_NOTE, is_required=False)
    if not 0 <= hour_micros <= HIGHEST_HOUR_MICROS:
        raise _refuse("hour_micros", "Must be from nothing to ten thousand dollars.")
    if not 2000 <= effective_from.year <= 2200:
        raise _refuse("effective_from", "Must be a day from 2000 to 2200.")
    organization_id = actor.member_organization_id
    with transaction.atomic(durable=True):
        lock_organization(organization_id)
        stated = {"organization_id": organization_id, "effective_from": effective_from}
        holding = ReviewRate.objects.filter(**stated, withdrawn_at__isnull=True).order_by("-id")
        standing: ReviewRate | None = holding.first()
        if standing is not None and (standing.hour_micros, standing.note) == (hour_micros, said):
            return standing
        rate = ReviewRate.objects.create(
            **stated,
            hour_micros=hour_micros,
            note=said,
            stated_by_label=actor.label,
            created_at=database_now(),
        )
        _record(actor, organization_id, "review_rate.stated", f"review_rate:{rate.pk}", _describe_rate(rate))
    return rate


def withdraw_review_rate(*, actor: Actor, rate_id: uuid.UUID) -> ReviewRate:
    """Take a rate back for all days: the one before it holds, or none. Refuses (NotFound) a rate of others,
    (ReviewRateWithdrawn) a second time. Needs `budgets.manage`."""
    require(actor, "budgets.manage")
    with transaction.atomic(durable=True):
        rate = ReviewRate.objects.visible_to(actor).filter(pk=rate_id).first()
        if rate is None:
            raise NotFound()
        now = database_now()
        if not ReviewRate.objects.filter(pk=rate_id, withdrawn_at__isnull=True).update(withdrawn_at=now):
            raise ReviewRateWithdrawn()
        rate.withdrawn_at = now
        _record(actor, rate.organization_id, "review_rate.withdrawn", f"review_rate:{rate.pk}", _describe_rate(rate))
    return rate  # type: ignore[no-any-return]


def _refuse(field: str, detail: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer=f"/{field}", detail=detail)])


def _describe(budget: Budget) -> dict[str, Any]:
    return {
        "budget": str(budget.pk),
        "monthly_micros": budget.monthly_micros,
        "includes_review": budget.includes_review,
        "note": budget.note,
    }


def _describe_rate(rate: ReviewRate) -> dict[str, Any]:
    return {
        "hour_micros": rate.hour_micros,
        "effective_from": rate.effective_from.isoformat(),
        "note": rate.note,
    }


def _record(actor: Actor, organization_id: uuid.UUID, type: str, subject: str, payload: dict[str, Any]) -> None:
    record(organization_id=organization_id, type=type, actor=actor, subject=subject, payload=payload)
