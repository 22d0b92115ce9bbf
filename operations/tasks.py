"""The sweeps of this floor. Each finds its work in rows, so running twice, late or never does no harm."""

import threading

from celery import shared_task

from operations.services.assigning import assign_next
from operations.services.baselines import ensure_all_monitors
from operations.services.clock_watching import watch_clock as ask_clock
from operations.services.delivering import deliver_due, write_deliveries
from operations.services.judging import judge_recoveries
from operations.services.monitoring import watch as watch_log
from operations.services.reporting import freeze_due
from operations.services.repricing import reprice_requested
from operations.services.rollups import roll_up as roll
from operations.services.warning import warn_of_budgets

_delivering = threading.Lock()


@shared_task(name="operations.roll_up")
def roll_up() -> None:
    roll()


@shared_task(name="operations.watch")
def watch() -> None:
    """Whatever stands in the log, for two seconds at the most; the next sweep goes on."""
    watch_log(budget_s=2.0)


@shared_task(name="operations.watch_clock")
def watch_clock() -> None:
    ensure_all_monitors()
    ask_clock()


@shared_task(name="operations.tend_incidents")
def tend_incidents() -> None:
    assign_next()
    judge_recoveries()


@shared_task(name="operations.deliver")
def deliver() -> None:
    """One thread of a worker at a time: a service that does not answer must not hold them all."""
    write_deliveries()
    if _delivering.acquire(blocking=False):
        try:
            deliver_due()
        finally:
            _delivering.release()


@shared_task(name="operations.reprice")
def reprice() -> None:
    reprice_requested()


@shared_task(name="operations.watch_budgets")
def watch_budgets() -> None:
    warn_of_budgets()


@shared_task(name="operations.freeze_reports")
def freeze_reports() -> None:
    freeze_due()
