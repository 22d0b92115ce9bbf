"""The task queue: it wakes people up, and nothing is lost when it does not (architecture.md, "After commit")."""

import os
from pathlib import Path

from celery import Celery

from aiops_site import mailbox

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops_site.settings")

mailbox.register()
app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def prepare_broker_folder() -> None:
    """The embedded transport does not make its own folders."""
    from django.conf import settings

    if not settings.REDIS_URL:
        Path(settings.BROKER_DIR / "control").mkdir(parents=True, exist_ok=True)


prepare_broker_folder()
