"""`manage.py verify_dataset`: recompute a dataset's sealed versions, as somebody who distrusts the database would."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from evaluations.models import DatasetVersion
from evaluations.services.sealing import verify_version
from governance.management.output import CountersignCommand


class Command(CountersignCommand):
    help = "Recompute the roots of a dataset's sealed versions from the texts of their examples. Exit code 1 where one differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="ORG/SLUG", help="a system's dataset bears its slug")
        parser.add_argument("--number", type=int, help="this version alone; otherwise all of them")

    def handle(self, *args: Any, **options: Any) -> None:
        organization, _, slug = options["dataset"].partition("/")
        versions = DatasetVersion.objects.filter(dataset__organization__slug=organization, dataset__slug=slug)
        if options["number"] is not None:
            versions = versions.filter(number=options["number"])
        rows, lines = [], []
        for version in versions.order_by("number"):
            check = verify_version(version)
            rows.append(
                {
                    "version": version.number,
                    "is_whole": check.is_whole,
                    "root": f"sha256:{version.root_sha256}",
                    "recomputed_root": f"sha256:{check.root_sha256}",
                    "examples": check.examples,
                    "altered": [str(key) for key in check.altered],
                }
            )
            found = "whole" if check.is_whole else f"NOT what was sealed: root sha256:{check.root_sha256}"
            lines.append(f"{options['dataset']} v{version.number}: {check.examples:,} examples, {found}")
        if not rows:
            raise CommandError(f"There is no such version of {options['dataset']}; name it as ORGANIZATION/DATASET.")
        self.report({"dataset": options["dataset"], "versions": rows}, "\n".join(lines))
        if not all(row["is_whole"] for row in rows):
            raise SystemExit(1)
