"""The site: settings, addresses, and how it is served. Importing Celery's app here lets `on_commit` send by name."""

from aiops_site.celery import app as celery_app

__all__ = ["celery_app"]
