"""CSV for spreadsheets and data frames: RFC 4180, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from evaluations.exporting.shapes import PIECE, About, Pages

COLUMNS = ("id", "input", "expected", "labels", "split", "scorer", "content", "sources")
# A spreadsheet takes a cell that begins with one of = + - @, or their wide forms, for a formula (OWASP, "CSV Injection").
# A cell of ours begins with a bracket, a quotation mark or a number; but one that splits at another separator than the
# comma, or reads quotation marks in another way, finds beginnings in the middle of a text. Within a JSON string an escape
# is the same text, so these characters are escaped there; outside of one they stand in numbers alone.
_TRIGGER = re.compile("(?<=[\"';,|\u0085\u2028\u2029])[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def write_csv(pages: Pages, about: About) -> Iterator[bytes]:
    """A header and one row an example. Input, expected, labels and sources are JSON texts; parsed, they are JSONL's values."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow([*COLUMNS, "status"] if about.names_status else COLUMNS)
    for page in pages(about.split):
        for id, input, expected, labels, split, status, scorer, content, sources in page:
            row = [
                id,
                defuse(input),
                defuse(expected),
                defuse(labels),
                split,
                scorer,
                f"sha256:{content}",
                sources,
            ]
            rows.writerow([*row, status] if about.names_status else row)
            if text.tell() >= PIECE:
                yield _take(text)
    yield _take(text)


def defuse(text: str) -> str:
    """A JSON text of the same value with nothing that a spreadsheet could take for the beginning of a formula."""
    return _STRING.sub(_defuse_string, text) if _TRIGGER.search(text) else text


def _defuse_string(match: re.Match[str]) -> str:
    return _TRIGGER.sub(lambda found: f"\\u{ord(found[0]):04x}", match[0])


def _take(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
