"""`manage.py export_dataset`: a dataset as a file or on standard output, for scripts and pipelines."""

import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from evaluations.models import Dataset, Example
from evaluations.selectors import Selection
from evaluations.services.exporting import FORMATS, export_dataset
from governance.actors import OPERATOR
from governance.management.output import CountersignCommand


class Command(CountersignCommand):
    help = (
        "Write a dataset, one example a line, to standard output or to a file. A file appears whole or not at all. "
        "Active examples alone are written unless --status says otherwise."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="ORG/SLUG", help="a system's dataset bears its slug")
        parser.add_argument("--format", choices=FORMATS, default="jsonl")
        parser.add_argument("--output", type=Path, metavar="FILE", help="written whole or not at all")
        parser.add_argument("--split", choices=Example.Split.values, default="", help="this part alone")
        parser.add_argument("--label", default="", help="examples with this label alone")
        parser.add_argument(
            "--status",
            choices=Example.Status.values,
            action="append",
            help="instead of the active ones; repeat it for several. Then every line names its status",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path | None = options["output"]
        if self.is_json and target is None:
            raise CommandError("--json needs --output: standard output is taken by the examples.", returncode=2)
        if target is not None:
            target = _check_target(target)
        dataset = _find_dataset(options["dataset"])
        lines = export_dataset(
            actor=OPERATOR, dataset=dataset, selection=_read_selection(options), format=options["format"]
        )
        if target is None:
            self._print(lines)
            return
        count = write_whole(target, lines)
        fields = {"dataset": options["dataset"], "format": options["format"], "examples": count, "file": str(target)}
        self.report(fields, f"{target}: {count:,} {'example' if count == 1 else 'examples'} of {options['dataset']}.")

    def _print(self, lines: Iterator[str]) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # JSON is UTF-8 whatever the terminal's language is, and its lines end alike everywhere.
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        try:
            for line in lines:
                self.stdout.write(line, ending="")
            self.stdout.flush()
        except BrokenPipeError:
            # The reader (`head`) has had enough. Python flushes once more at its end, and that must find somebody.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None


def _read_selection(options: dict[str, Any]) -> Selection:
    statuses = tuple(options["status"] or Selection().statuses)
    return Selection(statuses=statuses, split=options["split"], label=options["label"])


def _find_dataset(address: str) -> Dataset:
    organization, _, slug = address.partition("/")
    if not organization or not slug or "/" in slug:
        raise CommandError(
            f"--dataset takes ORGANIZATION/DATASET (for example acme/mail-triage), not {address!r}.", returncode=2
        )
    dataset = Dataset.objects.filter(organization__slug=organization, slug=slug).first()
    if dataset is None:
        raise CommandError(
            f"There is no dataset {address}. A system's dataset comes into being with the first correction."
        )
    return dataset


def _check_target(target: Path) -> Path:
    target = target.absolute()
    if not target.parent.is_dir():
        raise CommandError(f"There is no folder {target.parent}.")
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise CommandError(f"{target} is no ordinary file; without --output, standard output is written.")
    return target


def write_whole(target: Path, lines: Iterator[str]) -> int:
    """Write beside the target and move it there at the end; returns how many lines. What stood there before stays until
    then, and nothing is left beside it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(descriptor)
    draft = Path(name)
    count = 0
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return count
