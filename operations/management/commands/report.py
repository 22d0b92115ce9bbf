"""`manage.py report`: a month's document on standard output, frozen or as it would be now; freeze it; hold it against the data."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from governance.actors import OPERATOR
from governance.management.output import CountersignCommand
from governance.models import AISystem
from operations.models import OwnershipReport
from operations.months import name_month, read_month
from operations.report_document import build_report
from operations.report_selectors import find_report_of
from operations.services.reporting import freeze_report, verify_report
from reviews.services.clock import database_now


class Command(CountersignCommand):
    help = (
        "Print the ownership report of one system and month as JSON: the frozen one, else what it would be now. --freeze freezes "
        "it; --verify builds a frozen month anew and says which sections differ by now (exit code 1 where some do). The frozen "
        "one stays in any case."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("system", metavar="ORG/SLUG")
        parser.add_argument("month", metavar="YYYY-MM")
        wanted = parser.add_mutually_exclusive_group()
        wanted.add_argument("--freeze", action="store_true", help="freeze the month, once it is over")
        wanted.add_argument("--verify", action="store_true", help="compare a frozen report with the data")

    def handle(self, *args: Any, **options: Any) -> None:
        system, month = find_system(options["system"]), read_month(options["month"])
        report = find_report_of(system, month)
        if options["freeze"]:
            report = freeze_report(actor=OPERATOR, system=system, month=month)
            self.report(describe(report), f"Frozen {report.frozen_at:%Y-%m-%d %H:%M} UTC, sha256:{report.sha256}")
        elif options["verify"]:
            if report is None:
                raise CommandError(f"The report of {name_month(month)} is not frozen.")
            self._verify(report)
        elif report is not None:
            self.stdout.write(report.document, ending="")
        else:
            self.stdout.write(build_report(system, month, now=database_now()).text, ending="")

    def _verify(self, report: OwnershipReport) -> None:
        verification = verify_report(report)
        fields = {
            **describe(report),
            "is_same": verification.is_same,
            "sha256_now": f"sha256:{verification.sha256}",
            "changed_sections": verification.changed,
        }
        if verification.is_same:
            self.report(fields, f"The data give the same bytes: sha256:{report.sha256}")
            return
        self.fail(
            fields,
            f"The data have changed since it was frozen, in: {', '.join(verification.changed)}.\n"
            f"  frozen sha256:{report.sha256}, which stays\n  now    sha256:{verification.sha256}",
        )


def describe(report: OwnershipReport) -> dict[str, Any]:
    return {
        "system": report.system.slug,
        "month": name_month(report.month),
        "sha256": f"sha256:{report.sha256}",
        "frozen_at": report.frozen_at,
        "attested_at": report.attested_at,
    }


def find_system(place: str) -> AISystem:
    """Refuses (CommandError) one that is not there."""
    organization_slug, _, slug = place.partition("/")
    systems = AISystem.objects.select_related("organization", "owner", "backup")
    system = systems.filter(organization__slug=organization_slug, slug=slug).first()
    if system is None:
        raise CommandError(f"There is no system {place!r}; name it ORG/SLUG.")
    return system
