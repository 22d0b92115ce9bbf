"""Warning that a system comes near to its budget, or is over it: once a budget, month and threshold.

A sweep over all budgets, of the running month and the one before it, whose last rulings and corrected prices come in after
its end. Running it twice or late does no harm: a warning is a row that can be there only once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from django.db import IntegrityError, transaction

from governance.actors import SYSTEM
from governance.models import AISystem
from governance.services.recording import record
from governance.services.sweeping import sweep
from operations.budget_selectors import budgets_of, warnings_of
from operations.cost_selectors import counted_by_budget
from operations.models import Budget, BudgetWarning
from operations.months import month_after, month_of, name_month
from operations.services.assigning import admins_of, has_standing
from reviews.services.clock import database_now

# So many budgets are read at once; each takes a month of days.
AT_ONCE: Final = 500


def warn_of_budgets(*, now: datetime | None = None) -> int:
    """Tell owners and backups of the budgets that have reached a threshold (50, 80, 100 %, that or more); returns how many were
    told of. Of several that were passed at once only the highest is told; all of them are written."""
    instant = now or database_now()
    running = month_of(instant)
    return sum(_warn_of_month(month, now=instant) for month in (month_after(running, -1), running))


def _warn_of_month(month: date, *, now: datetime) -> int:
    budgets = list(budgets_of(month, now=now).select_related("system").order_by("id"))
    told = 0
    for start in range(0, len(budgets), AT_ONCE):
        told += _warn_of(budgets[start : start + AT_ONCE], month, now=now)
    return told


def _warn_of(budgets: Sequence[Budget], month: date, *, now: datetime) -> int:
    written = warnings_of(budgets, [month])
    told = {key: {warning.threshold for warning in warnings} for key, warnings in written.items()}
    # Of a budget that is spent there is nothing more to tell.
    unspent = [budget for budget in budgets if max(BudgetWarning.THRESHOLDS) not in told.get((budget.pk, month), ())]
    counted = counted_by_budget(unspent, month)

    def work(budget: Budget) -> bool:
        known = told.get((budget.pk, month), set())
        reached = find_thresholds(spent_micros=counted[budget.pk], monthly_micros=budget.monthly_micros)
        return warn(budget=budget, month=month, thresholds=reached - known, spent_micros=counted[budget.pk], now=now)

    return sweep(unspent, work)


def find_thresholds(*, spent_micros: int, monthly_micros: int) -> set[int]:
    """The thresholds, in percent, that are reached or passed; whole numbers alone, so that 80 % is neither 79.9 nor 80.1."""
    return {one for one in BudgetWarning.THRESHOLDS if 100 * spent_micros >= one * monthly_micros}


def warn(*, budget: Budget, month: date, thresholds: set[int], spent_micros: int, now: datetime) -> bool:
    """Write the warnings and tell of the highest. Whoever is second, on any of them, writes and tells nothing."""
    if not thresholds:
        return False
    try:
        with transaction.atomic(durable=True):
            BudgetWarning.objects.bulk_create(
                [
                    BudgetWarning(
                        organization_id=budget.organization_id,
                        budget=budget,
                        month=month,
                        threshold=threshold,
                        spent_micros=spent_micros,
                        warned_at=now,
                    )
                    for threshold in sorted(thresholds)
                ]
            )
            _record(budget, month, max(thresholds), spent_micros, now)
    except IntegrityError:
        return False
    return True


def _record(budget: Budget, month: date, threshold: int, spent_micros: int, now: datetime) -> None:
    system = budget.system
    record(
        organization_id=budget.organization_id,
        type="budget.warned",
        actor=SYSTEM,
        subject=f"system:{system.pk}",
        payload={
            "budget": str(budget.pk),
            "month": name_month(month),
            "threshold": threshold,
            "spent_micros": spent_micros,
            "monthly_micros": budget.monthly_micros,
            "includes_review": budget.includes_review,
            "to": [str(person) for person in find_told(system)],
            "title": write_title(system.name, month, spent_micros, budget.monthly_micros)[:300],
            "path": f"/systems/{system.slug}/costs/?month={name_month(month)}",
        },
        occurred_at=now,
    )


def find_told(system: AISystem) -> list[uuid.UUID]:
    """Owner and backup; where neither has an account and a role here any more, the admins."""
    people = [one for one in (system.owner_id, system.backup_id) if one is not None and has_standing(system, one)]
    return people or admins_of(system.organization_id)


def write_title(name: str, month: date, spent_micros: int, monthly_micros: int) -> str:
    """What people read. The share is rounded down: 79.9 % are not told as 80."""
    share = 100 * spent_micros // monthly_micros
    spent, budget = (f"${micros / 1_000_000:,.2f}" for micros in (spent_micros, monthly_micros))
    return f"{name} has used {share} % of its budget for {month:%B %Y}: {spent} of {budget}"
