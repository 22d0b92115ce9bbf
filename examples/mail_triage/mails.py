"""The mails that the example learns from and reads: an extract of a public corpus (CORPUS.md), held to its manifest, so
that a figure quoted about it is about these very files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CORPUS = Path(__file__).parent / "corpus"
Part = Literal["train", "later", "hard"]
# What can be read: a part, or the later mails and then the hard ones.
STREAMS = ("later", "hard", "all")
HARD_BEGINS = "From here on come hard mails: wanted, but they look like spam, and the model was not built for them."


@dataclass(frozen=True)
class Mail:
    """One mail. `label` is what the corpus's makers judged it to be (ham or spam), and `origin` names the folder that
    they put it in: training learns from the label of its own mails, and neither is ever sent or read for another.
    """

    id: str
    origin: str
    label: str
    sender: str
    sender_name: str
    to: str
    subject: str
    received_at: str
    is_list: bool
    body: str

    @property
    def text(self) -> str:
        """What the classifier reads: the words, not who sent them."""
        return f"{self.subject}\n{self.body}"

    @property
    def author(self) -> str:
        """Whom it is from, as a mail program shows it."""
        return f"{self.sender_name} <{self.sender}>" if self.sender_name else self.sender


def read_part(part: Part, *, corpus: Path = CORPUS) -> list[Mail]:
    """The mails of one part, in their order. Raises ValueError where the file is not the one in the manifest."""
    path = corpus / f"{part}.jsonl.gz"
    content = path.read_bytes()
    expected = json.loads((corpus / "manifest.json").read_text())["files"][path.name]
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != expected:
        raise ValueError(f"{path.name} is not the file that manifest.json names.")
    return [Mail(**json.loads(line)) for line in gzip.decompress(content).decode().splitlines()]


def read_stream(stream: str, *, corpus: Path = CORPUS) -> tuple[list[Mail], dict[int, str]]:
    """The mails of a stream, and what is to be said before the mail of a position."""
    if stream == "hard":
        return read_part("hard", corpus=corpus), {}
    later = read_part("later", corpus=corpus)
    if stream == "later":
        return later, {}
    return [*later, *read_part("hard", corpus=corpus)], {len(later): HARD_BEGINS}


class Acquaintances:
    """Who wrote before, and what: the customers that training knows from mail that was no spam."""

    KNOWN_AFTER = 2

    def __init__(self, mails: Iterable[Mail]) -> None:
        wrote: dict[str, list[Mail]] = defaultdict(list)
        for mail in mails:
            if mail.label == "ham":
                wrote[mail.sender].append(mail)
        self._wrote: Mapping[str, Sequence[Mail]] = dict(wrote)

    def earlier_mails(self, sender: str) -> Sequence[Mail]:
        """What this sender wrote that was no spam."""
        return self._wrote.get(sender, ())

    def is_known(self, sender: str) -> bool:
        """Whether they wrote at least `KNOWN_AFTER` times."""
        return len(self.earlier_mails(sender)) >= self.KNOWN_AFTER
