"""`manage.py export_dataset`: a dataset as a file or on standard output, for scripts and pipelines."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from evaluations.exporting.formats import FORMATS
from evaluations.models import Dataset, DatasetVersion, Example
from evaluations.selectors import Selection
from evaluations.services.exporting import Export, export_dataset
from governance.actors import OPERATOR
from governance.management.output import CountersignCommand


class Command(CountersignCommand):
    help = (
        "Write a dataset to standard output or to a file. A file appears whole or not at all. Active examples alone are "
        "written unless --status says otherwise, or those of a sealed version."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="ORG/SLUG", help="a system's dataset bears its slug")
        parser.add_argument("--format", choices=list(FORMATS), default="jsonl")
        parser.add_argument(
            "--dataset-version", type=int, metavar="N", help="the sealed version N instead of what is there now"
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="written whole or not at all")
        parser.add_argument("--split", choices=Example.Split.values, default="", help="this part alone")
        parser.add_argument("--label", default="", help="examples with this label alone")
        parser.add_argument(
            "--status",
            choices=Example.Status.values,
            action="append",
            help="instead of the active ones; repeat it for several. Then each example names its status",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path | None = options["output"]
        if self.is_json and target is None:
            raise CommandError("--json needs --output: standard output is taken by the examples.", returncode=2)
        if target is not None:
            target = _check_target(target)
        dataset = _find_dataset(options["dataset"])
        export = export_dataset(
            actor=OPERATOR,
            dataset=dataset,
            selection=_read_selection(options),
            format=options["format"],
            version=_find_version(dataset, options["dataset_version"]),
        )
        if target is None:
            self._print(export)
            return
        write_whole(target, export)
        self.report(
            {"dataset": options["dataset"], **_describe(export, target)}, _say(options["dataset"], export, target)
        )

    def _print(self, export: Export) -> None:
        stream: Any = getattr(self.stdout, "_out", sys.stdout)
        if not export.format.is_text and stream.isatty():
            raise CommandError(
                f"{export.format.label} is no text for a terminal; name a file with --output.", returncode=2
            )
        # The bytes go past Python's text streams: UTF-8 and the format's line ends, whatever the terminal's language is.
        binary = getattr(stream, "buffer", None)
        try:
            for piece in export:
                if binary is None:
                    stream.write(piece.decode())
                else:
                    binary.write(piece)
            stream.flush()
        except BrokenPipeError:
            # The reader (`head`) has had enough. Python flushes once more at its end, and that must find somebody.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None


def _describe(export: Export, target: Path) -> dict[str, Any]:
    return {
        "format": export.format.name,
        "version": export.about.version,
        "root": export.about.root,
        "split": export.about.split or None,
        "examples": export.written,
        "left_out": export.left_out,
        "file": str(target),
    }


def _say(address: str, export: Export, target: Path) -> str:
    version = "" if export.about.version is None else f" v{export.about.version}"
    said = f"{target}: {export.written:,} {'example' if export.written == 1 else 'examples'} of {address}{version}"
    if export.format.is_training:
        said += f", split {export.about.split}"
    if export.left_out:
        said += f"; {export.left_out:,} left out, of which nobody said what would have been right"
    return f"{said}."


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


def _find_version(dataset: Dataset, number: int | None) -> DatasetVersion | None:
    if number is None:
        return None
    version = DatasetVersion.objects.filter(dataset=dataset, number=number).first()
    if version is None:
        raise CommandError(f"There is no version {number} of {dataset.slug}.")
    return version


def _check_target(target: Path) -> Path:
    target = target.absolute()
    if not target.parent.is_dir():
        raise CommandError(f"There is no folder {target.parent}.")
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise CommandError(f"{target} is no ordinary file; without --output, standard output is written.")
    return target


def write_whole(target: Path, pieces: Iterable[bytes]) -> None:
    """Write beside the target and move it there at the end. What stood there before stays until then, and nothing is left
    beside it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        with draft.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
