"""What goes into a writer and what a format is, shared by all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from governance.canonical import canonicalize

# How many bytes a writer collects before it hands them over: pieces of a line each would cost more than the lines.
PIECE = 128 * 1024


class Exported(NamedTuple):
    """One example. `input`, `expected`, `labels` and `sources` are canonical JSON texts (RFC 8785), the first two those that
    were hashed; `content` is the SHA-256 over the text of {input, expected, scorer}, in hex. A source is `{"decision",
    "policy_version", "review"}`: ids, the second of which may be null."""

    id: str
    input: str
    expected: str
    labels: str
    split: str
    status: str
    scorer: str
    content: str
    sources: str


Page = Sequence[Exported]
# The pages of one split, or of all of them where that is empty; what they hold is read as they are taken.
Pages = Callable[[str], Iterator[Page]]


@dataclass(frozen=True, slots=True)
class About:
    """What a document is a copy of. `version` and `root` (sha256:…) are None for the live dataset; `splits` are those that
    were chosen; `names_status` where others than the active examples were."""

    slug: str
    name: str
    splits: tuple[str, ...] = ("train", "test")
    version: int | None = None
    root: str | None = None
    names_status: bool = False

    @property
    def title(self) -> str:
        """`refund-bot` or `refund-bot-v3`, as files are named."""
        return self.slug if self.version is None else f"{self.slug}-v{self.version}"

    @property
    def split(self) -> str:
        """The one split that was chosen, or nothing where all were."""
        return self.splits[0] if len(self.splits) == 1 else ""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a dataset. `needs_answer`: examples that teach only what is wrong have no place in it; `is_training`:
    without a choice, the train split alone is written; `module`: the package that it takes, and `extra` where from."""

    name: str
    label: str
    sentence: str
    suffix: str
    media_type: str
    write: Callable[[Pages, About], Iterator[bytes]]
    needs_answer: bool = False
    is_training: bool = False
    module: str = ""
    extra: str = ""

    @property
    def is_text(self) -> bool:
        return not self.module


class Buffer:
    """Collects bytes until they make a piece; also the file that writers of other people write to, which can't seek."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._position = 0

    def write(self, part: bytes | memoryview) -> int:
        taken = bytes(part)
        self._parts.append(taken)
        self._size += len(taken)
        self._position += len(taken)
        return len(taken)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """There is nothing behind it to flush to."""

    def close(self) -> None:
        self.closed = True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def drain(self, at_least: int = 1) -> Iterator[bytes]:
        """What has been collected, as one piece, if it has that many bytes."""
        if self._size >= at_least:
            piece = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            yield piece


def quote(text: str) -> str:
    """A text as RFC 8785 writes it."""
    return canonicalize(text)
