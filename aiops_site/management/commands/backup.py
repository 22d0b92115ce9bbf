"""`manage.py backup FILE`: the whole database in one verified file, while the service runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from aiops_site.backups import write_backup
from governance.management.output import CountersignCommand


class Command(CountersignCommand):
    help = "Write the whole database into one file and verify it. The service may go on working."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, help="the file to write; an older one is replaced once the new one is verified"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        backup = write_backup(options["file"].absolute())
        self.report(backup, f"{backup['file']}: {backup['bytes']:,} bytes, verified, SHA-256 {backup['sha256']}")
