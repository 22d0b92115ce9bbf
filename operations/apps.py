"""Django's name for this floor of the house, and the guards that its frozen reports get after every migrate."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def install_guards(*, using: str, **_: Any) -> None:
    from governance import triggers
    from operations.guards import GUARDS

    triggers.install(GUARDS, using=using)


class OperationsConfig(AppConfig):
    name = "operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(install_guards, sender=self, dispatch_uid="operations.guards")
