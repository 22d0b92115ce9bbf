"""A small load generator: threads with a socket each, one request after the other on a connection that is kept.

It knows as much HTTP as its servers speak (a status line, a Content-Length, a body) and takes little of the machine away
from them: some 50 µs a request, the same for whoever is measured.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

ANSWER_WITHIN_S = 30.0


@dataclass(slots=True)
class Round:
    """What one round measured: the time of each request in seconds, the answers by status, the time it took."""

    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds


def drive(*, port: int, write_request: Callable[[], bytes], connections: int, seconds: float) -> Round:
    """Ask for `seconds` on so many connections at once. Raises what broke a connection."""
    result = Round()
    lock = threading.Lock()
    failures: list[BaseException] = []
    barrier = threading.Barrier(connections + 1)

    def ask_on_and_on() -> None:
        times: list[float] = []
        statuses: Counter[int] = Counter()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN_S) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                barrier.wait()
                until = time.perf_counter() + seconds
                while (started := time.perf_counter()) < until:
                    statuses[ask(connection, write_request())] += 1
                    times.append(time.perf_counter() - started)
        except BaseException as failure:
            failures.append(failure)
            barrier.abort()
        with lock:
            result.times += times
            result.statuses += statuses

    threads = [threading.Thread(target=ask_on_and_on, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        raise failures[0] from None
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    result.seconds = time.perf_counter() - started
    if failures:
        raise failures[0]
    return result


def ask(connection: socket.socket, request: bytes) -> int:
    """One request and its whole answer; returns the status. Raises ConnectionError where it breaks off."""
    connection.sendall(request)
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _receive(connection)
    head = received[:end].lower()
    at = head.index(b"content-length:") + len(b"content-length:")
    length = int(head[at:].split(b"\r\n", 1)[0])
    missing = end + 4 + length - len(received)
    while missing > 0:
        missing -= len(_receive(connection))
    return int(head[9:12])


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionError("the server closed the connection")
    return received


def write_post(*, path: str, port: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
