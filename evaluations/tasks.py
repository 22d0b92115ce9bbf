"""The sweeps of this floor."""

from celery import shared_task

from evaluations.services.auto_sealing import seal_due_versions as seal_due
from evaluations.services.harvesting import harvest_corrections as harvest
from evaluations.services.releases import watch_releases as watch


@shared_task(name="evaluations.harvest_corrections")
def harvest_corrections() -> None:
    harvest()


@shared_task(name="evaluations.watch_releases")
def watch_releases() -> None:
    watch()


@shared_task(name="evaluations.seal_due_versions")
def seal_due_versions() -> None:
    seal_due()
