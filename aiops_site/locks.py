"""One service a data folder: two servers on one embedded database and one broker folder would undo each other's work.

The lock is the kernel's (flock), so it ends with whoever holds it; the file's text only names the holder.
"""

import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path

PARTS = ("web", "worker", "scheduler")
# How long the children of a killed supervisor may take to end before their lock counts as a refusal.
INHERITANCE_S = 8.0


class AlreadyServed(Exception):
    """Another process serves this data folder."""


def lock_parts(data_dir: Path, parts: Iterable[str]) -> list[int]:
    """Take the locks of these parts; the descriptors hold them. Raises `AlreadyServed`, naming the holder."""
    held: list[int] = []
    try:
        for part in parts:
            held.append(lock_file(data_dir / f"serve-{part}.lock", data_dir))
    except AlreadyServed:
        for descriptor in held:
            os.close(descriptor)
        raise
    return held


def lock_file(path: Path, data_dir: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    ends_at = time.monotonic() + INHERITANCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            if is_alive(holder) or time.monotonic() > ends_at:
                os.close(descriptor)
                raise AlreadyServed(
                    f"Another process ({holder or 'unknown'}) already serves the data folder {data_dir}. "
                    "Stop it first, or set COUNTERSIGN_DATA_DIR to another folder."
                ) from None
            time.sleep(0.1)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor


def is_alive(holder: str) -> bool:
    if not holder.isdigit():
        return True
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
