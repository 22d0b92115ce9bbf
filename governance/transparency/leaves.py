"""What an audit entry proves: its commitment and its leaf hash (RFC 6962, section 2.1), from plain values alone.

The commitment is HMAC-SHA256 under a random key of the entry's own over what may be erased or renamed: the subject,
the actor's label and the payload. The leaf covers the commitment and the fields that stay. Erasing payload and key
leaves the leaf, the root and every proof as they were.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from json.encoder import encode_basestring as quote

LEAF_VERSION = 1
LEAF_PREFIX = b"\x00"


def commit(*, key: bytes, subject: str, actor_label: str, payload: str) -> str:
    """The commitment to one payload (canonical JSON text), its subject and its actor's label, as hex.

    `key` has 32 random bytes. The message is the JSON array of subject and label, followed by the payload: JSON texts
    delimit themselves, so no two triples share a message.
    """
    message = f"[{quote(subject)},{quote(actor_label)}]{payload}"
    return hmac.digest(key, message.encode(), "sha256").hex()


def format_instant(instant: datetime) -> str:
    """UTC with microseconds, the same text on every database."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def hash_leaf(
    *, organization: str | None, type: str, actor_kind: str, actor_id: str, occurred_at: str, commitment: str
) -> str:
    """SHA-256(0x00 || leaf), hex; the leaf is a JSON array of version, organization, type, actor, time (as
    `format_instant` writes it) and commitment."""
    scope = "null" if organization is None else quote(organization)
    fields = ",".join(quote(field) for field in (type, actor_kind, actor_id, occurred_at, commitment))
    leaf = f"[{LEAF_VERSION},{scope},{fields}]"
    return hashlib.sha256(LEAF_PREFIX + leaf.encode()).hexdigest()
