"""Reading a dataset from its beginning to its end in the order of ids, a page at a time: each page is one query, none is
open while a page is on its way to somebody, and none holds more than fits into memory whatever an example weighs. What can
be written by the database is: objects made of ids and dates would cost more than all the rest."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from django.db import connection
from django.db.models import (
    Case,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    RowRange,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce

from evaluations.exporting.answers import REJECTED, has_answer
from evaluations.exporting.shapes import Exported
from evaluations.models import Dataset, DatasetVersion, Example, ExampleSource
from evaluations.querysets import ExampleQuerySet
from evaluations.selectors import Selection, choose_examples, narrow_examples
from evaluations.version_selectors import examples_of, member_ids
from governance.canonical import canonicalize

# An input may have a megabyte: so many bytes are read at once, or one example that alone has more.
BYTES_A_PAGE = 2 * 1024 * 1024
EXAMPLES_AT_FIRST = 250
EXAMPLES_A_PAGE = 5_000
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

    def between(self, after: Any, last: Any) -> ExampleQuerySet:
        """Those behind one id (where there is one) up to another."""
        within = Q(pk__lte=last) if after is None else Q(pk__gt=after, pk__lte=last)
        if self.version is None:
            return self.examples().filter(within)
        # The members of the same range alone, or each page would read them from the first one on.
        members = member_ids(self.version).filter(example_id__lte=last)
        members = members if after is None else members.filter(example_id__gt=after)
        chosen = Example.objects.filter(within, pk__in=members).order_by("id")
        return narrow_examples(chosen, replace(self.selection, statuses=()))

    def of_split(self, split: str) -> Part:
        return replace(self, selection=replace(self.selection, split=split)) if split else self


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a part is: its examples (`is_more` where there are more than were counted), how many of them teach only what
    is wrong, and about how many bytes of JSON lines it makes."""

    examples: int
    is_more: bool
    unanswered: int
    bytes: int


class Weight(Func):
    """The bytes of a text, which PostgreSQL knows without reading it; SQLite's characters come close enough."""

    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="LENGTH", **context)


class JoinedSources(Func):
    """What this database can write of an example's sources, one behind the other in no order. No aggregate to Django, which
    would group what is one group."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"
    arg_joiner = " || "
    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


def find_last(part: Part) -> uuid.UUID | None:
    """The last example of the part, as it is now: where a reading of it ends."""
    return part.examples().values_list("pk", flat=True).last()


def read_pages(part: Part, *, last: uuid.UUID | None) -> Iterator[list[Exported]]:
    """The examples up to `last`, in pages; nothing is read before its page is asked for. An example that is too heavy for its
    page comes without its texts, and once more with the next one."""
    after: str | None = None
    wanted = EXAMPLES_AT_FIRST
    while last is not None:
        rows = list(part.between(after, last).annotate(**_weights()).values_list(*_columns())[:wanted])
        read = next((number for number, row in enumerate(rows) if row[1] is None), len(rows))
        if read:
            yield _make(rows[:read])
            after = rows[read - 1][0]
        if len(rows) < wanted and read == len(rows):
            return
        # A page is filled with little to spare, or else the next one may have twice as many.
        wanted = min(wanted * 2 if read == len(rows) else read + read // 8 + 1, EXAMPLES_A_PAGE)


def measure_extent(part: Part) -> Extent:
    """Counted no further than a cap; the size is that of the first examples times their number."""
    examples = part.examples()
    counted = examples.values("pk")[: COUNTED_AT_MOST + 1].count()
    unanswered = examples.filter(expected__in=REJECTED).values("pk")[:COUNTED_AT_MOST].count()
    sample = list(examples.values_list(_weight(), flat=True)[:SAMPLED])
    each = BYTES_BESIDE_TEXTS + (sum(sample) / len(sample) if sample else 0)
    count = min(counted, COUNTED_AT_MOST)
    return Extent(count, counted > COUNTED_AT_MOST, unanswered, round(count * each))


def _weight() -> Any:
    return Weight("input") + Weight("expected")


def _weights() -> dict[str, Any]:
    return {"weight": _weight(), "total": Window(Sum(_weight()), order_by="id", frame=RowRange(end=0))}


def _if_it_fits(text: str) -> Any:
    """The text while the sum of the page is what may be read at once; that of the first example in any case."""
    return Case(When(Q(total__lte=BYTES_A_PAGE) | Q(total=F("weight")), then=F(text)), output_field=TextField())


def _columns() -> list[Any]:
    texts = [_if_it_fits(name) for name in ("input", "expected")]
    rest = [F(name) for name in ("split", "status", "scorer", "content_sha256")]
    return [Cast("pk", TextField()), *texts, Cast("labels", TextField()), *rest, _sources()]


def _make(rows: list[Any]) -> list[Exported]:
    make = partial(tuple.__new__, Exported)
    write_sources = _bracket if connection.vendor == "postgresql" else _write_sources
    write_id = str if connection.vendor == "postgresql" else _dash
    return [
        make(
            (
                write_id(id),
                input,
                expected,
                _write_labels(labels),
                split,
                status,
                scorer,
                content,
                write_sources(sources),
            )
        )
        for id, input, expected, labels, split, status, scorer, content, sources in rows
    ]


def _sources() -> Any:
    decision, review, version = (Cast(name, TextField()) for name in ("decision_id", "review_id", "policy_version_id"))
    if connection.vendor == "postgresql":
        named = Coalesce(
            Func(Value('"'), version, Value('"'), template="%(expressions)s", arg_joiner=" || "), Value("null")
        )
        pieces = [
            Value('{"decision":"'),
            decision,
            Value('","policy_version":'),
            named,
            Value(',"review":"'),
            review,
            Value('"}'),
        ]
    else:
        pieces = [decision, Value(" "), Coalesce(version, Value("-")), Value(" "), review]
    own = ExampleSource.objects.filter(example=OuterRef("pk")).order_by()
    return Subquery(own.values_list(JoinedSources(*pieces)), output_field=TextField())


@lru_cache(maxsize=4096)
def _write_labels(text: str) -> str:
    return canonicalize(json.loads(text))


def _bracket(joined: str | None) -> str:
    """Sorted by the rulings' ids, which begin with their instants; sorting in the database would cost most of the query."""
    if joined is None:
        return "[]"
    if "},{" not in joined:
        return f"[{joined}]"
    rows = joined[1:-1].split("},{")
    return "[{" + "},{".join(sorted(rows, key=_review_of)) + "}]"


def _review_of(source: str) -> str:
    return source[-38:]


def _write_sources(joined: str | None) -> str:
    """For SQLite, which holds ids without their hyphens."""
    rows = [row.split(" ") for row in joined.split(",")] if joined else []
    return _bracket(",".join(_write_source(*row) for row in rows) or None)


def _write_source(decision: str, version: str, review: str) -> str:
    named = "null" if version == "-" else f'"{_dash(version)}"'
    return f'{{"decision":"{_dash(decision)}","policy_version":{named},"review":"{_dash(review)}"}}'


def _dash(hexadecimal: str) -> str:
    return "-".join((hexadecimal[:8], hexadecimal[8:12], hexadecimal[12:16], hexadecimal[16:20], hexadecimal[20:]))


def keep_answered(page: list[Exported]) -> list[Exported]:
    """Those of which somebody said what is right."""
    return [example for example in page if has_answer(example.expected)]
