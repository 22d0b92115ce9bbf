"""The embedded broker's files: many writers and readers, some of which are killed."""

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from aiops_site import mailbox


def connect(folder: Path) -> Connection:
    (folder / "control").mkdir(parents=True, exist_ok=True)
    mailbox.register()
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder / "control"}
    return Connection("folder://localhost", transport_options={name: str(path) for name, path in options.items()})


def test_every_message_arrives_once_whoever_writes_and_reads(tmp_path: Path) -> None:
    sent = [f"{writer}/{number}" for writer in range(4) for number in range(100)]
    read: list[str] = []
    is_over = threading.Event()

    def write(writer: int) -> None:
        with connect(tmp_path) as connection, connection.SimpleQueue("work") as queue:
            for number in range(100):
                queue.put(f"{writer}/{number}")

    def take() -> None:
        with connect(tmp_path) as connection, connection.SimpleQueue("work") as queue:
            while not is_over.is_set() or any(tmp_path.glob("*.work.msg")):
                try:
                    message = queue.get(timeout=0.2)
                except Empty:
                    continue
                read.append(message.payload)
                message.ack()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    readers = [threading.Thread(target=take) for _ in range(3)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    for thread in readers:
        thread.join()
    assert sorted(read) == sorted(sent)


def test_what_a_killed_process_left_half_written_stops_nobody(tmp_path: Path) -> None:
    with connect(tmp_path) as connection, connection.SimpleQueue("leftover") as queue:
        queue.put("before")
        next(tmp_path.glob("*.leftover.msg")).write_text("")
        for table in (tmp_path / "control").iterdir():
            table.write_text("")
        queue.put("after")
    with connect(tmp_path) as connection, connection.SimpleQueue("leftover") as queue:
        assert queue.get(timeout=2).payload == "after"
        with pytest.raises(Empty):
            queue.get(block=False)
