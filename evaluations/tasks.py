"""The sweep of this floor."""

from celery import shared_task

from evaluations.services.harvesting import harvest_corrections as harvest


@shared_task(name="evaluations.harvest_corrections")
def harvest_corrections() -> None:
    harvest()
