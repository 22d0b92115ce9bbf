"""What every management command says and how it ends: one readable line or one JSON object, and an exit code that can be trusted.

Exit codes: 0 done, 1 refused or failed with a sentence on standard error, 2 used wrongly (argparse's own).
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from governance.errors import DomainError


class CountersignCommand(BaseCommand):
    """A command with `--json`. Subclasses implement `handle` and end with `self.report(fields, line)`.

    A `DomainError` or `ValueError` from a service, a file that can't be read or written and a database that does not answer become a
    `CommandError`: its sentence on standard error, exit code 1, no traceback.
    """

    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument(
            "--json",
            action="store_true",
            dest="is_json",
            help="print one JSON object on standard output",
        )
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.is_json: bool = bool(options.get("is_json"))
        try:
            return super().execute(*args, **options)
        except DomainError as refusal:
            raise CommandError(describe(refusal)) from refusal
        except (ValueError, OSError) as failure:
            raise CommandError(str(failure)) from failure
        except DatabaseError as failure:
            raise CommandError(f"The database refused or can't be reached: {str(failure).strip()}") from failure

    def report(self, fields: Mapping[str, Any], line: str) -> None:
        """Print the command's result: `fields` as one JSON object with `--json`, else `line`."""
        self.stdout.write(json.dumps(dict(fields), ensure_ascii=False, default=str) if self.is_json else line)

    def fail(self, fields: Mapping[str, Any], line: str) -> None:
        """Print the result and exit with code 1: for checks whose finding is the answer (`audit_verify`)."""
        self.report(fields, line)
        sys.stdout.flush()
        raise SystemExit(1)


def describe(refusal: DomainError) -> str:
    """A refusal as one readable text: its title, its detail, and a line for each fault that it names."""
    sentences = [refusal.title if not refusal.detail else f"{refusal.title}: {refusal.detail}"]
    for error in refusal.errors:
        fault = dict(error)
        place = fault.get("pointer") or "/"
        if fault.get("line"):
            place += f" (line {fault['line']}, column {fault.get('column', 1)})"
        sentences.append(f"  {place}: {fault.get('detail', '')}")
    return "\n".join(sentences)
