"""Make an API key of an AI system from the command line."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from governance.actors import OPERATOR
from governance.management.output import CountersignCommand
from governance.models import AISystem, ApiKey
from governance.services.credentials import create_api_key


class Command(CountersignCommand):
    help = "Make an API key, which is shown this once. Every call makes another one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--system", required=True, metavar="ORG/SLUG")
        parser.add_argument("--name", required=True)
        parser.add_argument("--kind", choices=ApiKey.Kind.values, default=ApiKey.Kind.LIVE.value)

    def handle(self, *args: Any, **options: Any) -> None:
        key, secret = create_api_key(
            actor=OPERATOR, system=find_system(options["system"]), name=options["name"], kind=options["kind"]
        )
        self.report(
            {"id": key.pk, "prefix": key.prefix, "key": secret},
            f"{secret}\nThis {key.kind} key is shown this once; keep it where the application reads its secrets.",
        )


def find_system(place: str) -> AISystem:
    """The system named ORG/SLUG. Refuses (CommandError) one that is not there."""
    organization_slug, _, slug = place.partition("/")
    system = AISystem.objects.filter(organization__slug=organization_slug, slug=slug).first()
    if system is None:
        raise CommandError(f"There is no system {place!r}; name it ORG/SLUG, as create_system made it.")
    return system
