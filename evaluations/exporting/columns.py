"""Parquet, written by pyarrow row group by row group. pyarrow is an extra of the project, so it is imported when it is used."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evaluations.exporting.shapes import About, Buffer, Exported, Pages

if TYPE_CHECKING:
    import pyarrow as pa

# A row group is written when its texts have so many characters; that, and not the dataset, is what memory holds.
CHARACTERS_A_GROUP = 2 * 1024 * 1024
# Few values, each many times; a dictionary of the other columns would hold every text once more.
REPEATED = ["split", "status", "scorer"]
# Where the ids stand in a source's canonical text without its braces: `"decision":"…","policy_version":"…","review":"…"`.
_DECISION, _VERSION, _REVIEW = slice(12, 48), slice(68, 104), slice(-37, -1)


class Columns:
    """A Parquet file in the making; what it has written is taken from `buffer`. Afterwards `rows` and `bytes` (as Arrow
    holds them) say how much it was."""

    def __init__(self, about: About, buffer: Buffer) -> None:
        from pyarrow import PythonFile
        from pyarrow.parquet import ParquetWriter

        self.rows = 0
        self.bytes = 0
        self._schema = make_schema(about)
        self._writer = ParquetWriter(
            PythonFile(buffer, mode="w"),
            self._schema,
            compression="snappy",
            use_dictionary=REPEATED,
            write_statistics=["id", *REPEATED],
        )
        self._examples: list[Exported] = []
        self._size = 0

    def add(self, page: Any) -> None:
        """Takes a page of examples, and writes a group when there is enough for one."""
        for example in page:
            self._examples.append(example)
            self._size += len(example.input) + len(example.expected)
            if self._size >= CHARACTERS_A_GROUP:
                self._write_group()

    def finish(self) -> None:
        if self._examples:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        table = make_table(self._examples, self._schema)
        self._writer.write_table(table)
        self.rows += table.num_rows
        self.bytes += table.nbytes
        self._examples.clear()
        self._size = 0


def write_parquet(pages: Pages, about: About) -> Iterator[bytes]:
    """One file of all chosen examples; input and expected are the texts that were hashed."""
    buffer = Buffer()
    columns = Columns(about, buffer)
    for page in pages(about.split):
        columns.add(page)
        yield from buffer.drain()
    columns.finish()
    yield from buffer.drain()


def make_schema(about: About) -> pa.Schema:
    import pyarrow as pa

    source = pa.struct([("decision", pa.string()), ("policy_version", pa.string()), ("review", pa.string())])
    fields: list[tuple[str, Any]] = [
        ("id", pa.string()),
        ("input", pa.string()),
        ("expected", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("split", pa.string()),
        ("scorer", pa.string()),
        ("content", pa.string()),
        ("sources", pa.list_(source)),
    ]
    if about.names_status:
        fields.append(("status", pa.string()))
    names = {"countersign.dataset": about.slug}
    if about.version is not None:
        names |= {"countersign.version": str(about.version), "countersign.root": str(about.root)}
    return pa.schema(fields, metadata=names)


def make_table(examples: list[Exported], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    ids, inputs, expected, labels, splits, statuses, scorers, contents, sources = zip(*examples, strict=True)
    columns = [
        _texts(ids),
        _texts(inputs),
        _texts(expected),
        _make_labels(labels, schema.field("labels").type),
        _texts(splits),
        _texts(scorers),
        _texts([f"sha256:{content}" for content in contents]),
        _make_sources(sources, schema.field("sources").type),
    ]
    if "status" in schema.names:
        columns.append(_texts(statuses))
    return pa.Table.from_arrays(columns, schema=schema)


def _texts(values: Sequence[str | None]) -> pa.Array[Any]:
    """By a builder: `pyarrow.array` would import pandas where there is one, for fifty megabytes and a second."""
    import pyarrow as pa

    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()


def _offsets(ends: list[int]) -> pa.Array[Any]:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(array("i", ends))])


def _make_labels(labels: Sequence[str], kind: pa.ListType[Any]) -> Any:
    import pyarrow as pa

    flat: list[str] = []
    ends = [0]
    for text in labels:
        flat += _read_labels(text)
        ends.append(len(flat))
    return pa.ListArray.from_arrays(_offsets(ends), _texts(flat), type=kind)


def _make_sources(sources: Sequence[str], kind: pa.ListType[Any]) -> Any:
    """Cut out of their texts and built from columns, which costs a tenth of what parsing them would."""
    import pyarrow as pa

    members: tuple[list[str | None], ...] = ([], [], [])
    decisions, versions, reviews = members
    ends = [0]
    for text in sources:
        for source in text[2:-2].split("},{") if len(text) > 2 else ():
            decisions.append(source[_DECISION])
            versions.append(source[_VERSION] if source[_VERSION.start - 1] == '"' else None)
            reviews.append(source[_REVIEW])
        ends.append(len(decisions))
    structs = pa.StructArray.from_arrays([_texts(member) for member in members], fields=list(kind.value_type))
    return pa.ListArray.from_arrays(_offsets(ends), structs, type=kind)


@lru_cache(maxsize=4096)
def _read_labels(text: str) -> list[str]:
    labels: list[str] = json.loads(text)
    return labels
