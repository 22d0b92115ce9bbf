"""The first people of an installation come from the command line; the rest are added in the browser."""

import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from governance.actors import OPERATOR
from governance.management.output import CountersignCommand
from governance.models import User
from governance.permissions import ROLES
from governance.services.accounts import make_password_link, set_password
from governance.services.fields import read_email, read_text
from governance.services.membership import add_person
from governance.services.registry import ensure_organization


class Command(CountersignCommand):
    help = "Give a person a role in an organization; both are made on first use. Repeated, it adds the role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--role", required=True, choices=ROLES)
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--name", default="", help="of the person, where the account is new")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input (one line)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        email = read_email(options["email"])
        name = read_text(options["name"], field="name", limit=200, is_required=False)
        password = read_password(User(email=email, name=name)) if options["password_stdin"] else None
        organization = ensure_organization(actor=OPERATOR, slug=options["organization"])
        user, _ = add_person(actor=OPERATOR, organization=organization, email=email, role=options["role"], name=name)
        if password is not None:
            set_password(actor=OPERATOR, user=user, password=password)
        roles = sorted(user.memberships.filter(organization=organization).values_list("role", flat=True))
        fields: dict[str, Any] = {"id": user.pk, "email": user.email, "organization": organization.slug, "roles": roles}
        line = f"{user.email} is {', '.join(roles).replace('_', ' ')} in {organization.slug}."
        if not user.has_usable_password():
            fields["set_password_url"] = make_password_link(user)
            line += f"\nTo set the password, once, within three days: {fields['set_password_url']}"
        self.report(fields, line)


def read_password(user: User) -> str:
    """The first line of standard input. Refuses (CommandError) an empty one and what the password rules refuse."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError("--password-stdin: standard input brought no password.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return password
