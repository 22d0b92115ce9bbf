"""What the tests of people share: an organization with an admin, and a look into its log."""

from dataclasses import dataclass

from governance.actors import Actor
from governance.models import AuditEntry, Organization, User
from tests.factories import actor_of, make_organization, make_person


@dataclass(frozen=True)
class Office:
    organization: Organization
    admin: User
    actor: Actor


def open_office() -> Office:
    organization = make_organization()
    admin = make_person(organization, "admin")
    return Office(organization, admin, actor_of(admin, organization))


def entries_of(organization: Organization) -> list[str]:
    """The types of what was recorded for an organization, oldest first."""
    return list(
        AuditEntry.objects.filter(organization_id=organization.pk).order_by("id").values_list("type", flat=True)
    )
