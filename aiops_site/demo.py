"""What `make demo` shows: an organization with its people, an AI system that somebody answers for, and rules in force.

Everything is made by the same services as in the product, and made once: a second run finds it and leaves it alone.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from aiops_site.service import describe_mail
from governance.actors import OPERATOR
from governance.models import AISystem, Group, Organization, User
from governance.selectors import find_live_key
from governance.services.accounts import set_password
from governance.services.credentials import create_api_key
from governance.services.membership import add_person, create_group
from governance.services.policy_activation import activate_first_version
from governance.services.policy_in_force import find_policy_in_force
from governance.services.registry import SystemFacts, create_system, ensure_organization

ORGANIZATION = ("northwind", "Northwind Mail")
SYSTEM = "mail-triage"
POLICY_FILE = Path("examples") / "mail_triage" / "policy.yaml"
KEY_FILE = "demo-api-key"
GROUP = ("legal", "Legal desk")
FALLBACK_MESSAGE = "A colleague looks at your message and answers within one working day."
PURPOSE = "Sorts the support inbox: delivers mail, quarantines or deletes spam, and asks where it is not sure."


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody at Northwind Mail. Known passwords are acceptable for a demo that listens on loopback alone."""

    role: str
    name: str

    @property
    def email(self) -> str:
        return f"{self.role.replace('_', '-')}@northwind.example"

    @property
    def password(self) -> str:
        return f"northwind-{self.role.replace('_', '-')}"


PEOPLE = (
    DemoPerson("reviewer", "Robin Reyes"),
    DemoPerson("lead", "Lea Lindqvist"),
    DemoPerson("policy_author", "Paulo Andrade"),
    DemoPerson("policy_approver", "Amara Okafor"),
    DemoPerson("owner", "Olga Ivanova"),
    DemoPerson("auditor", "Aiko Tanaka"),
    DemoPerson("admin", "Adrien Moreau"),
)


def prepare_demo(*, root: Path, say: Callable[[str], None]) -> str:
    """Make what is missing; returns the API key of the example application."""
    slug, name = ORGANIZATION
    if not Organization.objects.filter(slug=slug).exists():
        say(f"Setting up {name}: people, an AI system, its rules …")
    organization = ensure_organization(actor=OPERATOR, slug=slug, name=name)
    people = {person.role: ensure_person(organization, person) for person in PEOPLE}
    ensure_group(organization, members=[people["lead"]])
    system = ensure_system(organization, owner=people["owner"], backup=people["lead"])
    if find_policy_in_force(system_id=system.pk, now=timezone.now()) is None:
        activate_first_version(actor=OPERATOR, system=system, source=(root / POLICY_FILE).read_text())
    return ensure_key(system, settings.DATA_DIR / KEY_FILE)


def ensure_person(organization: Organization, person: DemoPerson) -> User:
    """The person with their role; the password is set with the account and never again, so that a changed one stays."""
    known = User.objects.filter(email=person.email, memberships__organization=organization).first()
    if known is not None and known.has_usable_password():
        return known
    user, _ = add_person(
        actor=OPERATOR, organization=organization, email=person.email, role=person.role, name=person.name
    )
    set_password(actor=OPERATOR, user=user, password=person.password)
    return user


def ensure_group(organization: Organization, *, members: list[User]) -> None:
    """Somebody to whom a reviewer can hand an escalation; left alone once it is there, whoever is in it by then."""
    slug, name = GROUP
    if not Group.objects.filter(organization=organization, slug=slug).exists():
        create_group(actor=OPERATOR, organization=organization, slug=slug, name=name, members=members)


def ensure_system(organization: Organization, *, owner: User, backup: User) -> AISystem:
    known = AISystem.objects.filter(organization=organization, slug=SYSTEM).first()
    if known is not None:
        return known
    facts = SystemFacts(
        name="Mail triage",
        purpose=PURPOSE,
        owner=owner,
        backup=backup,
        risk_tier=AISystem.RiskTier.LIMITED,
        fallback_message=FALLBACK_MESSAGE,
    )
    return create_system(actor=OPERATOR, organization=organization, slug=SYSTEM, facts=facts)


def ensure_key(system: AISystem, path: Path) -> str:
    """The key of an earlier run where it still opens the door, else a new one, kept for its owner's eyes alone."""
    if path.exists():
        secret = path.read_text().strip()
        key = find_live_key(secret)
        if key is not None and key.system_id == system.pk:
            return secret
    _, secret = create_api_key(actor=OPERATOR, system=system, name="demo application")
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    return secret


def describe_people(address: str) -> str:
    """The logins, as a table for the terminal."""
    width = max(len(person.email) for person in PEOPLE)
    rows = [f"  {person.role.replace('_', ' '):16} {person.email:{width}}  {person.password}" for person in PEOPLE]
    return "\n".join(
        [
            "",
            f"Countersign is ready: {address}",
            "",
            f"  {'role':16} {'e-mail':{width}}  password",
            *rows,
            "",
            "Sign in as the reviewer and rule on what the mail triage asks. Ctrl-C ends everything.",
            *([where] if (where := describe_mail()) else []),
            "",
        ]
    )
