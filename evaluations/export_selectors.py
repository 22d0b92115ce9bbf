"""Reading a dataset from its beginning to its end in the order of ids, a page at a time: each page is one query, none is
open while the page is on its way to somebody, and none holds more than fits into memory whatever an example weighs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Aggregate, F, Func, IntegerField, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce

from evaluations.exporting.answers import has_answer
from evaluations.exporting.shapes import Exported, Source
from evaluations.models import Dataset, DatasetVersion, ExampleSource
from evaluations.querysets import ExampleQuerySet
from evaluations.selectors import Selection, choose_examples, narrow_examples
from evaluations.version_selectors import examples_of
from governance.canonical import canonicalize

EXAMPLES_A_PAGE = 5_000
# An input may have a megabyte: so many bytes are read at once, or one example where that alone has more.
BYTES_A_PAGE = 4 * 1024 * 1024
COUNTED_AT_MOST = 100_000
SAMPLED = 200
# Id, labels, split, sources and the names of the fields, in a line of JSON.
BYTES_BESIDE_TEXTS = 330


@dataclass(frozen=True, slots=True)
class Part:
    """What of a dataset is meant: a selection of what it holds now, or of one of its sealed versions (whose statuses are
    not asked for: what it holds, it holds)."""

    dataset: Dataset
    selection: Selection
    version: DatasetVersion | None = None

    def examples(self) -> ExampleQuerySet:
        """In the order of ids."""
        if self.version is None:
            return choose_examples(self.dataset, self.selection).order_by("id")
        return narrow_examples(examples_of(self.version), replace(self.selection, statuses=()))

    def of_split(self, split: str) -> Part:
        return replace(self, selection=replace(self.selection, split=split)) if split else self


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a part is: its examples (`is_more` where there are more than were counted), how many of a sample teach only
    what is wrong, and about how many bytes of JSON lines it makes."""

    examples: int
    is_more: bool
    bytes: int


class Weight(Func):
    """The bytes of a text, which PostgreSQL knows without reading it; SQLite's characters come close enough."""

    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="LENGTH", **context)


class JoinedSources(Aggregate):
    """All sources of an example in one text: the parts of each divided by spaces, the sources by commas."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"
    arg_joiner = " || ' ' || "
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


def find_last(part: Part) -> uuid.UUID | None:
    """The last example of the part, as it is now: where a reading of it ends."""
    return part.examples().values_list("pk", flat=True).last()


def read_pages(part: Part, *, last: uuid.UUID | None) -> Iterator[list[Exported]]:
    """The examples up to `last`, in pages; nothing is read before its page is asked for."""
    after: str | None = None
    while last is not None:
        weights = _weigh(part, after, last)
        for stop in _cut(weights):
            page = _read(part, after, stop)
            if page:
                yield page
            after = stop
        if len(weights) < EXAMPLES_A_PAGE:
            return


def measure_extent(part: Part) -> Extent:
    """Counted no further than a cap; the size is that of the first examples times their number."""
    examples = part.examples()
    if part.version is not None and part.selection == Selection():
        count = part.version.examples
    else:
        count = examples.order_by().values("pk")[: COUNTED_AT_MOST + 1].count()
    sample = list(examples.values_list(_weight(), flat=True)[:SAMPLED])
    each = BYTES_BESIDE_TEXTS + (sum(sample) / len(sample) if sample else 0)
    is_more = part.version is None and count > COUNTED_AT_MOST
    counted = COUNTED_AT_MOST if is_more else count
    return Extent(counted, is_more, round(counted * each))


def _weight() -> Any:
    return Weight("input") + Weight("expected")


def _range(part: Part, after: str | None, last: uuid.UUID | str) -> ExampleQuerySet:
    examples = part.examples().filter(pk__lte=last)
    return examples if after is None else examples.filter(pk__gt=after)


def _weigh(part: Part, after: str | None, last: uuid.UUID) -> list[tuple[str, int]]:
    examples = _range(part, after, last).values_list(Cast("pk", TextField()), _weight())
    return list(examples[:EXAMPLES_A_PAGE])


def _cut(weights: Sequence[tuple[str, int]]) -> Iterator[str]:
    """The last ids of pages that fit into memory by what they weigh."""
    total = 0
    for number, (_, weight) in enumerate(weights):
        if number and total + weight > BYTES_A_PAGE:
            yield weights[number - 1][0]
            total = 0
        total += weight
    if weights:
        yield weights[-1][0]


def _read(part: Part, after: str | None, last: str) -> list[Exported]:
    write_id = _write_id_of(connection.vendor)
    return [
        Exported(
            write_id(id),
            input,
            expected,
            _write_labels(labels),
            split,
            status,
            scorer,
            content,
            _read_sources(sources, write_id),
        )
        for id, input, expected, labels, split, status, scorer, content, sources in _range(
            part, after, last
        ).values_list(*_columns())
    ]


def _columns() -> list[Any]:
    """Ids and labels as the database writes them: objects made of them would cost more than all the rest."""
    version = Coalesce(Cast("policy_version_id", TextField()), Value("-"))
    ids = [Cast(name, TextField()) for name in ("id", "decision_id", "review_id")]
    own = ExampleSource.objects.filter(example=OuterRef("pk")).order_by().values("example")
    sources = Subquery(own.values(joined=JoinedSources(*ids, version)), output_field=TextField())
    labels = Cast("labels", TextField())
    texts = [F(name) for name in ("input", "expected")]
    rest = [F(name) for name in ("split", "status", "scorer", "content_sha256")]
    return [Cast("pk", TextField()), *texts, labels, *rest, sources]


def _write_id_of(vendor: str) -> Callable[[str], str]:
    return str if vendor == "postgresql" else _dash


def _dash(hexadecimal: str) -> str:
    """SQLite holds ids without their hyphens."""
    return "-".join((hexadecimal[:8], hexadecimal[8:12], hexadecimal[12:16], hexadecimal[16:20], hexadecimal[20:]))


@lru_cache(maxsize=4096)
def _write_labels(text: str) -> str:
    return canonicalize(json.loads(text))


def _read_sources(joined: str | None, write_id: Callable[[str], str]) -> Sequence[Source]:
    """In the order in which they came, which not every database keeps in what it joins."""
    if not joined:
        return ()
    rows = [row.split(" ") for row in joined.split(",")]
    if len(rows) > 1:
        rows.sort(key=lambda row: int(row[0]))
    return [
        Source(write_id(decision), write_id(review), None if version == "-" else write_id(version))
        for _, decision, review, version in rows
    ]


def keep_answered(page: list[Exported]) -> list[Exported]:
    """Those of which somebody said what is right."""
    return [example for example in page if has_answer(example.expected)]
