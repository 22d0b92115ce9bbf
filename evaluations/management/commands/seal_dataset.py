"""`manage.py seal_dataset`: a dataset's next version, for schedules and scripts."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from evaluations.models import Dataset
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from governance.management.output import CountersignCommand


class Command(CountersignCommand):
    help = "Seal the active examples of a dataset as its next version. Refused where none has come or gone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="ORG/SLUG", help="a system's dataset bears its slug")
        parser.add_argument("--reason", required=True, help="why a version is sealed now")

    def handle(self, *args: Any, **options: Any) -> None:
        organization, _, slug = options["dataset"].partition("/")
        dataset = Dataset.objects.filter(organization__slug=organization, slug=slug).first()
        if dataset is None:
            raise CommandError(f"There is no dataset {options['dataset']}; name it as ORGANIZATION/DATASET.")
        version = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason=options["reason"])
        fields = {
            "dataset": options["dataset"],
            "version": version.number,
            "root": f"sha256:{version.root_sha256}",
            "examples": version.examples,
            "added": version.added,
            "removed": version.removed,
        }
        self.report(
            fields,
            f"{options['dataset']} v{version.number}: {version.examples:,} examples, {version.added:,} added, "
            f"{version.removed:,} removed; root sha256:{version.root_sha256}",
        )
