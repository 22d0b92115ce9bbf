"""Primary keys that may stand in a URL: UUIDv7 (RFC 9562, section 5.7), so that new rows land at the end of an index."""

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A fresh UUIDv7; ordered by time to the millisecond, unguessable in its last 62 bits."""
    return uuid7()
