"""Sweeps of this floor. Each finds its work in rows, so running twice, late or never does no harm."""

from celery import shared_task

from reviews.services.notifying import (
    mail_notifications,
    notify_from_log,
    warn_of_deadlines,
)
from reviews.services.resolution import act_on_deadlines as act
from reviews.services.resolution import release_due_rulings as release


@shared_task(name="reviews.release_due_rulings")
def release_due_rulings() -> None:
    release()


@shared_task(name="reviews.act_on_deadlines")
def act_on_deadlines() -> None:
    act()


@shared_task(name="reviews.notify")
def notify() -> None:
    warn_of_deadlines()
    notify_from_log()
    mail_notifications()
