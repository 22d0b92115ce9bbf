"""A Hugging Face dataset as one archive: unpacked, it is a folder that `datasets.load_dataset` reads, with a Parquet file a
split and a card that names the features. The card stands last in the archive, since it says how many rows there were."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, cast

from evaluations.exporting.columns import Columns
from evaluations.exporting.shapes import About, Buffer, Page, Pages

# Zip has no date before; the same examples make the same archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TEXTS_BEFORE = ("id", "input", "expected")
_TEXTS_AFTER = ("split", "scorer", "content")
_SOURCE = ("decision", "policy_version", "review")


@dataclass(frozen=True, slots=True)
class Written:
    """A split's file: its rows, their size as Arrow holds them, and the size of the file."""

    split: str
    rows: int
    arrow_bytes: int
    file_bytes: int


def write_huggingface(pages: Pages, about: About) -> Iterator[bytes]:
    """A zip archive: `data/train.parquet`, `data/test.parquet` (whichever there are) and `README.md`. Parquet is compressed
    already, so the archive stores it as it is."""
    outlet = Buffer()
    written: list[Written] = []
    with zipfile.ZipFile(cast("IO[bytes]", outlet), "w", zipfile.ZIP_STORED) as archive:
        for split in about.splits:
            rest = iter(pages(split))
            first = next(rest, None)
            # `load_dataset` refuses a file without rows, so a split without examples is none.
            if first is not None:
                written.append((yield from _write_split(archive, outlet, chain([first], rest), about, split)))
        with archive.open(zipfile.ZipInfo("README.md", _EPOCH), "w") as card:
            card.write(write_card(about, written).encode())
    yield from outlet.drain()


def _write_split(
    archive: zipfile.ZipFile, outlet: Buffer, pages: Iterator[Page], about: About, split: str
) -> Generator[bytes, None, Written]:
    parquet = Buffer()
    columns = Columns(about, parquet)
    with archive.open(zipfile.ZipInfo(_path_of(split), _EPOCH), "w", force_zip64=True) as file:
        for page in pages:
            columns.add(page)
            for piece in parquet.drain():
                file.write(piece)
            yield from outlet.drain()
        columns.finish()
        for piece in parquet.drain():
            file.write(piece)
    yield from outlet.drain()
    return Written(split, columns.rows, columns.bytes, parquet.tell())


def write_card(about: About, written: list[Written]) -> str:
    """The dataset card: its head in YAML as the `datasets` library reads it, then what the columns mean. Names of people's
    making stand in it as JSON strings, which YAML reads alike."""
    sealed = "" if about.version is None else f"Sealed version {about.version}, root `{about.root}`.\n\n"
    return f"---\n{_write_head(about, written)}---\n\n# {_inert(about.name)}\n\n{sealed}{_TEXT}"


def _write_head(about: About, written: list[Written]) -> str:
    lines = [f"pretty_name: {_quote(about.name)}", "configs:", "- config_name: default", "  data_files:"]
    for part in written:
        lines += [f"  - split: {part.split}", f"    path: {_path_of(part.split)}"]
    lines += ["dataset_info:", "  config_name: default", "  features:"]
    lines += _list_texts(_TEXTS_BEFORE)
    lines += ["  - name: labels", "    list: string"]
    lines += _list_texts(_TEXTS_AFTER)
    lines += ["  - name: sources", "    list:"]
    lines += [f"  {line}" for line in _list_texts(_SOURCE)]
    if about.names_status:
        lines += _list_texts(("status",))
    lines.append("  splits:")
    for part in written:
        lines += [f"  - name: {part.split}", f"    num_bytes: {part.arrow_bytes}", f"    num_examples: {part.rows}"]
    lines.append(f"  download_size: {sum(part.file_bytes for part in written)}")
    lines.append(f"  dataset_size: {sum(part.arrow_bytes for part in written)}")
    return "\n".join(lines) + "\n"


def _list_texts(names: tuple[str, ...]) -> list[str]:
    return [line for name in names for line in (f"  - name: {name}", "    dtype: string")]


def _path_of(split: str) -> str:
    return f"data/{split}.parquet"


def _quote(text: str) -> str:
    return json.dumps(text)


def _inert(text: str) -> str:
    """A name in one line of Markdown that is neither HTML nor a link."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+-.!|&~" else sign for sign in " ".join(text.split()))


_TEXT = """\
What people ruled about the proposals of an AI system, exported from Countersign.

| column | what it holds |
| --- | --- |
| `id` | the example |
| `input` | what the AI was given, as canonical JSON (RFC 8785) |
| `expected` | what should have come out, as canonical JSON: `{"action": …}` or `{"output": …}`; the value is null where people \
said only that the proposal was wrong |
| `labels` | what went wrong, in the reviewers' words |
| `split` | `train` or `test`; one customer is never on both sides |
| `scorer` | how an answer is compared with the expected one |
| `content` | `sha256:` over the canonical JSON of `{input, expected, scorer}` |
| `sources` | the decisions and rulings that it comes from, and the policy version in force |
"""
