"""Make a personal access token from the command line."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from governance.actors import OPERATOR
from governance.management.output import CountersignCommand
from governance.models import Organization, User
from governance.services.credentials import create_access_token


class Command(CountersignCommand):
    help = "Make a person's access token for one organization, which is shown this once. Every call makes another one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["user"].strip().lower()).first()
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if user is None or organization is None:
            absent = f"person {options['user']}" if user is None else f"organization {options['organization']}"
            raise CommandError(f"There is no {absent}; create_user makes both.")
        token, secret = create_access_token(actor=OPERATOR, user=user, organization=organization, name=options["name"])
        self.report({"id": token.pk, "token": secret}, f"{secret}\nThis token of {user.email} is shown this once.")
