"""`manage.py restore FILE`: the database as a backup has it; entirely or not at all."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from aiops_site.backups import read_backup
from aiops_site.health import count_missing_migrations
from aiops_site.locks import PARTS, AlreadyServed, lock_parts
from governance.management.output import CountersignCommand


class Command(CountersignCommand):
    help = "Replace the database by a backup. The service must not run, and what is there is kept unless --force."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file that `backup` wrote")
        parser.add_argument("--force", action="store_true", help="replace a database that holds something")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            held = lock_parts(settings.DATA_DIR, PARTS) if settings.IS_EMBEDDED else []
        except AlreadyServed as refusal:
            raise CommandError(str(refusal)) from refusal
        try:
            restored = read_backup(options["file"].absolute(), may_replace=options["force"])
            missing = count_missing_migrations()
        finally:
            for descriptor in held:
                os.close(descriptor)
        line = f"The database is as {restored['file']} has it."
        if missing:
            line += f" It lacks {missing} migrations; run: python manage.py migrate"
        self.report({**restored, "missing_migrations": missing}, line)
