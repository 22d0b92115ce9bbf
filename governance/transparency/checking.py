"""Recomputing what entries claim, fast: the inner loop of verification, over plain rows as a database returns them.

It goes through millions of rows, so it repeats the formulas of leaves.py with what can be shared between rows computed
once; a test holds the two together.
"""

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring as quote
from types import MappingProxyType
from typing import Any

from governance.transparency.leaves import LEAF_VERSION

# What a row holds, in order. Organizations are UUIDs as text, with or without dashes; the instant is text (see
# `read_instant`); the last three are None where the entry has no payload.
COLUMNS = (
    "id",
    "leaf_index",
    "organization",
    "type",
    "actor_kind",
    "actor_id",
    "actor_label",
    "occurred_at",
    "commitment",
    "leaf_hash",
    "is_same_organization",
    "key",
    "subject",
    "payload",
)
Row = tuple[Any, ...]
_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that should not be: `entry_id` and `leaf_index` where one is known."""

    kind: str
    detail: str
    entry_id: int | None = None
    leaf_index: int | None = None


@dataclass(slots=True)
class Findings:
    """What a pass over rows found: faults in order, and the entries whose payload is missing."""

    faults: list[Fault] = field(default_factory=list)
    without_payload: list[tuple[int, int | None]] = field(default_factory=list)


@lru_cache(maxsize=4096)
def _leaf_beginning(organization: str | None, type: str, actor_kind: str, actor_id: str) -> str:
    scope = "null" if organization is None else quote(_dashed(organization))
    return f'[{LEAF_VERSION},{scope},{quote(type)},{quote(actor_kind)},{quote(actor_id)},"'


def _dashed(organization: str) -> str:
    try:
        return str(uuid.UUID(organization))
    except ValueError:
        # Not what the product writes; its leaf will not fit.
        return organization


def read_instant(text: str) -> str:
    """An instant as either database tells it, in the form of the leaf: `2026-03-01 09:00:00` (SQLite leaves out
    microseconds of zero) becomes `2026-03-01T09:00:00.000000Z`."""
    text = text.replace(" ", "T", 1)
    return f"{text}Z" if len(text) == 26 else f"{text}.000000Z" if len(text) == 19 else text


def check_rows(rows: Iterable[Row], findings: Findings, *, claimed: Mapping[str, int] = _NOTHING) -> None:
    """Compare every row's commitment and leaf hash with what its fields give; note what does not fit in `findings`.

    `claimed`: commitments of other rows, by entry. Each is made with a random key, so that none occurs twice.
    """
    sha256, digest, from_hex, begin = hashlib.sha256, hmac.digest, bytes.fromhex, _leaf_beginning
    faults = findings.faults
    for row in rows:
        # fmt: off
        (entry_id, index, organization, type, kind, actor_id, label, instant,
         commitment, leaf_hash, is_same, key, subject, payload) = row
        # fmt: on
        is_leaf = is_committed = False
        try:
            leaf = f'\0{begin(organization, type, kind, actor_id)}{read_instant(instant)}","{commitment}"]'
            is_leaf = sha256(leaf.encode()).hexdigest() == leaf_hash
            if payload is None:
                is_committed = True
            else:
                message = f"[{quote(subject)},{quote(label)}]{payload}".encode()
                is_committed = digest(from_hex(key), message, "sha256").hex() == commitment
        except (TypeError, ValueError, AttributeError):
            # A value of another type or form than the product writes: SQLite holds anything in any column.
            pass
        if not is_leaf:
            faults.append(Fault("entry_altered", "its fields do not give its leaf hash", entry_id, index))
        elif payload is None:
            findings.without_payload.append((entry_id, index))
        elif not is_committed:
            detail = "payload, subject, key or the actor's label do not give its commitment"
            faults.append(Fault("payload_altered", detail, entry_id, index))
        elif not is_same:
            faults.append(Fault("payload_altered", "its payload names another organization", entry_id, index))
        if commitment in claimed and claimed[commitment] != entry_id:
            first, copy = sorted((claimed[commitment], entry_id))
            faults.append(Fault("entry_inserted", f"it repeats the commitment of entry {first}", copy))
