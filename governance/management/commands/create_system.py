"""Register an AI system from the command line."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from governance.actors import OPERATOR
from governance.management.output import CountersignCommand
from governance.models import AISystem, User
from governance.permissions import OWNER
from governance.services.fields import name_from_slug, read_slug
from governance.services.membership import add_person
from governance.services.registry import (
    APPROVALS_TAUGHT_PERCENT,
    HELD_OUT_PERCENT,
    SystemFacts,
    create_system,
    ensure_organization,
)


class Command(CountersignCommand):
    help = "Register an AI system; the organization is made on first use, the owner must exist (create_user)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--slug", required=True)
        parser.add_argument("--name", default="", help="shown to people; made from the slug where absent")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--backup", metavar="EMAIL", help="stands in for the owner; a live key needs one")
        parser.add_argument("--risk", choices=AISystem.RiskTier.values, default=AISystem.RiskTier.LIMITED.value)
        parser.add_argument(
            "--fallback-message",
            default="",
            metavar="TEXT",
            help="what its users are told when it may not act; a live key needs one",
        )
        parser.add_argument(
            "--fallback-verdict",
            choices=AISystem.FallbackVerdict.values,
            default=AISystem.FallbackVerdict.REVIEW.value,
            help="while the breaker is open: people decide (review), or nothing proceeds (block)",
        )
        parser.add_argument(
            "--fallback-queue",
            default="",
            metavar="SLUG",
            help="where people then decide; the system's own where absent",
        )
        parser.add_argument(
            "--approvals-taught",
            type=int,
            default=APPROVALS_TAUGHT_PERCENT,
            metavar="PERCENT",
            help="of a hundred approvals so many become examples (%(default)s)",
        )
        parser.add_argument(
            "--held-out",
            type=int,
            default=HELD_OUT_PERCENT,
            metavar="PERCENT",
            help="of a hundred subjects so many are kept for tests, and never learned from (%(default)s)",
        )
        parser.add_argument("--purpose", required=True, metavar="TEXT")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = read_slug(options["slug"])
        facts = SystemFacts(
            name=options["name"] or name_from_slug(slug),
            purpose=options["purpose"],
            owner=find_person(options["owner"], options["organization"]),
            backup=find_person(options["backup"], options["organization"]) if options["backup"] else None,
            risk_tier=options["risk"],
            fallback_message=options["fallback_message"],
            fallback_verdict=options["fallback_verdict"],
            fallback_queue=options["fallback_queue"],
            approvals_taught_percent=options["approvals_taught"],
            held_out_percent=options["held_out"],
        )
        organization = ensure_organization(actor=OPERATOR, slug=options["organization"])
        system = AISystem.objects.filter(organization=organization, slug=slug).first()
        if system is None:
            add_person(actor=OPERATOR, organization=organization, email=facts.owner.email, role=OWNER)
            system = create_system(actor=OPERATOR, organization=organization, slug=slug, facts=facts)
        else:
            refuse_other_facts(system, facts)
        self.report(
            {"id": system.pk, "slug": system.slug, "organization": organization.slug},
            f"{organization.slug}/{system.slug} is registered; {facts.owner.email} answers for it.",
        )


def refuse_other_facts(system: AISystem, facts: SystemFacts) -> None:
    """A repeated call is safe, a different one is not obeyed by halves: refuses (CommandError) what differs."""
    said = {
        "--name": (system.name, facts.name),
        "--purpose": (system.purpose, facts.purpose.strip()),
        "--owner": (system.owner_id, facts.owner.pk),
        "--backup": (system.backup_id, facts.backup.pk if facts.backup else None),
        "--risk": (system.risk_tier, facts.risk_tier),
        "--fallback-message": (system.fallback_message, facts.fallback_message.strip()),
        "--fallback-verdict": (system.fallback_verdict, facts.fallback_verdict),
        "--fallback-queue": (system.fallback_queue, facts.fallback_queue),
        "--approvals-taught": (system.approvals_taught_percent, facts.approvals_taught_percent),
        "--held-out": (system.held_out_percent, facts.held_out_percent),
    }
    different = [option for option, (stands, told) in said.items() if stands != told]
    if different:
        raise CommandError(
            f"The system {system.slug} exists already, with another {', '.join(different)}. "
            "An admin changes it in the browser."
        )


def find_person(email: str, organization_slug: str) -> User:
    """The person with this address. Refuses (CommandError) with the command that makes them."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise CommandError(
            f"Nobody here has the address {email}. First: manage.py create_user --email {email} --role owner "
            f"--organization {organization_slug}"
        )
    return user
