"""The sweeps of this floor. Each finds its work in rows, so running twice, late or never does no harm."""

from celery import shared_task

from operations.services.rollups import roll_up as roll


@shared_task(name="operations.roll_up")
def roll_up() -> None:
    roll()
