"""The embedded broker: Celery's messages as files in a folder, for an installation without Redis.

It is kombu's filesystem transport but for how files come and go. There a reader may find a message that is not written
yet, or half an exchange table of a killed process, and ends; here a file appears whole or not at all, is taken by one
reader alone, and what can't be read is dropped: a message is a hint, and the next sweep makes up for it.
"""

import json
import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

logger = logging.getLogger("countersign.broker")

SCHEME = "folder"


class Channel(filesystem.Channel):
    """Puts, takes and binds by renaming; everything else is kombu's."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        write_whole(Path(self.data_folder_out) / name, json.dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 (ten times a second, and names suffice)
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f".{name}.taken"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue  # another reader was faster
            text = taken.read_text()
            taken.unlink()
            try:
                return json.loads(text)
            except ValueError:
                logger.warning("dropped a message that can't be read: %s", name)
        raise Empty

    def get_table(self, exchange: str) -> list[Any]:
        """Where an exchange delivers. Without a readable table, to the queue of its own name, as Celery's own does."""
        try:
            rows = json.loads(self._table_path(exchange).read_text())
        except (FileNotFoundError, ValueError):
            rows = [(exchange, "", exchange)]
        return [filesystem.exchange_queue_t(*row) for row in rows]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        table = self.get_table(exchange)
        if row not in table:
            Path(self.control_folder).mkdir(parents=True, exist_ok=True)
            write_whole(self._table_path(exchange), json.dumps([row, *table]))

    def _table_path(self, exchange: str) -> Path:
        return Path(self.control_folder) / f"{exchange}.exchange"


class Transport(filesystem.Transport):
    Channel = Channel
    # The folder's state is shared by all transports of a process, as kombu's own has it.
    global_state = filesystem.Transport.global_state


def write_whole(path: Path, text: str) -> None:
    """The file appears with all of its content, whenever the process is killed."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4()}.draft")
    draft.write_text(text)
    draft.replace(path)


def register() -> None:
    """Make `folder://` known to kombu."""
    TRANSPORT_ALIASES[SCHEME] = "aiops_site.mailbox:Transport"


def empty(folder: Path) -> None:
    """Forget what an earlier run left: hints to a worker that will sweep anyway, and drafts of killed processes."""
    for path in folder.glob("*"):
        if path.is_file() and (path.suffix == ".msg" or path.name.startswith(".")):
            path.unlink(missing_ok=True)
