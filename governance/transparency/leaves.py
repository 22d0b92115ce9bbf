"""What an audit entry proves: its commitment and its leaf hash (RFC 6962, section 2.1), from plain values alone.

The commitment is HMAC-SHA256 under a random key of the entry's own over payload and subject; the leaf covers the
commitment and the fields that stay. Erasing payload and key leaves the leaf, the root and every proof as they were.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime

LEAF_VERSION = 1
LEAF_PREFIX = b"\x00"


def commit(*, key: bytes, subject: str, payload: str) -> str:
    """The commitment to one payload (canonical JSON text) and its subject, as hex. `key` has 32 random bytes."""
    message = json.dumps([subject, payload], ensure_ascii=False, separators=(",", ":")).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def format_instant(instant: datetime) -> str:
    """UTC with microseconds, the same text on every database."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_leaf(
    *, organization: str | None, type: str, actor_kind: str, actor_id: str, occurred_at: datetime, commitment: str
) -> str:
    """SHA-256(0x00 || leaf), hex; the leaf is a canonical JSON array of version, organization, type, actor, time and
    commitment."""
    leaf = [LEAF_VERSION, organization, type, actor_kind, actor_id, format_instant(occurred_at), commitment]
    text = json.dumps(leaf, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(LEAF_PREFIX + text.encode()).hexdigest()
