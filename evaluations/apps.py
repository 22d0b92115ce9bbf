"""Django's name for this floor of the house, and the guards that its examples and versions get after every migrate."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def install_guards(*, using: str, **_: Any) -> None:
    from evaluations.guards import GUARDS
    from governance import triggers

    triggers.install(GUARDS, using=using)


class EvaluationsConfig(AppConfig):
    name = "evaluations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(install_guards, sender=self, dispatch_uid="evaluations.guards")
