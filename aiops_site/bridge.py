"""The bridge from ASGI to Django's WSGI application: sync views keep their own threads and database connections, and
the event loop stays free for those who only wait.

Why it is ours: sync views under Django's ASGI handler serve a third of what they serve under WSGI, and the bridges at
hand buffer, hang when stopped, or hold a thread for every slow reader. The environ is PEP 3333's, the messages are
ASGI 3.0's.
"""

import asyncio
import io
import logging
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
Headers = list[tuple[str, str]]
WsgiApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

logger = logging.getLogger("countersign.web")

# A streaming response whose length is known and small (a static file) is sent in one piece.
LARGEST_PIECE = 4 * 1024 * 1024
# How far a producer may run ahead of a slow reader, and how long that reader may stand still.
AHEAD = 256 * 1024
STALLED_S = 60.0
# Streams that may hold a thread of their own at once, and requests that may stand in line for a thread.
MOST_STREAMS = 32
LONGEST_LINE = 2048
# Hop-by-hop headers (RFC 9110, 7.6.1) are the server's own affair.
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "proxy-connection"}
)
WITHOUT_BODY = frozenset({204, 304})


class Disconnected(Exception):
    """The client went away."""


class BodyTooLarge(Exception):
    """The body is larger than its path allows; `limit` in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class Overloaded(Exception):
    """More requests stand in line than can be served in sensible time."""


@dataclass(slots=True)
class Answer:
    """What the application answered: a body, or a stream of pieces whose length is not known beforehand."""

    status: int
    headers: Headers
    body: bytes = b""
    stream: "Stream | None" = None

    def header(self, name: str) -> str | None:
        """The first header of that name (lower case), if any."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Stream:
    """Pieces on their way from the thread that makes them to the loop that sends them: each is sent as soon as the
    client takes it, and the producer waits when it is `AHEAD` bytes ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._room = threading.Condition()
        self._news = asyncio.Event()
        self._is_done = False
        self._is_abandoned = False
        self._failure: BaseException | None = None

    def put(self, piece: bytes) -> bool:
        """Called by the producer. False when nobody reads any more."""
        with self._room:
            while self._size >= AHEAD and not self._is_abandoned:
                if not self._room.wait(STALLED_S):
                    self._is_abandoned = True
            if self._is_abandoned:
                self._wake()
                return False
            is_first = not self._pieces
            self._pieces.append(piece)
            self._size += len(piece)
        if is_first:
            self._wake()
        return True

    def finish(self, failure: BaseException | None = None) -> None:
        """Called by the producer, once."""
        with self._room:
            self._is_done = True
            self._failure = failure
        self._wake()

    def abandon(self) -> None:
        """Called by the loop: the reader is gone."""
        with self._room:
            self._is_abandoned = True
            self._room.notify_all()

    async def take(self) -> bytes | None:
        """All that is there, or None at the end. Raises what stopped the producer."""
        while True:
            with self._room:
                self._news.clear()
                if self._pieces:
                    pieces = b"".join(self._pieces)
                    self._pieces.clear()
                    self._size = 0
                    self._room.notify_all()
                    return pieces
                if self._failure is not None:
                    raise self._failure
                if self._is_done or self._is_abandoned:
                    return None
            await self._news.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop has ended; nobody is left to be woken
            self._is_abandoned = True


@dataclass(slots=True)
class Call:
    """One request in line for a thread."""

    environ: Environ
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Answer]"


class Threads:
    """A fixed number of threads that run a WSGI application, each with its own database connection.

    A thread whose response turns out to be a stream leaves the crew for that stream's life and another takes its
    place, so that slow readers can't use up the threads that serve everybody else.
    """

    def __init__(self, application: WsgiApplication, count: int) -> None:
        self._application = application
        self._line: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = count
        self._streams = 0
        self._spare = 0
        self._is_stopped = False
        self._crew: set[threading.Thread] = set()
        for _ in range(count):
            self._start_thread()

    async def run(self, environ: Environ) -> Answer:
        """The application's answer. Raises `Overloaded` when the line is too long."""
        if self._line.qsize() >= LONGEST_LINE or self._is_stopped:
            raise Overloaded
        loop = asyncio.get_running_loop()
        call = Call(environ, loop, loop.create_future())
        self._line.put(call)
        return await call.answer

    def stop(self) -> None:
        """Lets the threads go once what stands in line is served."""
        self._is_stopped = True
        for _ in range(self._count):
            self._line.put(None)

    def join(self, *, timeout_s: float) -> None:
        """Wait until the threads have given their connections back, but no longer than `timeout_s`."""
        ends_at = time.monotonic() + timeout_s
        for thread in list(self._crew):
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name="web", daemon=True)
        self._crew.add(thread)
        thread.start()

    def _serve(self) -> None:
        while (call := self._line.get()) is not None:
            try:
                stays = self._answer(call)
            except BaseException as failure:  # noqa: BLE001 (whatever it was, its caller is told, and the thread lives on)
                settle(call, failure)
                stays = True
            del call
            if not stays and self._is_superfluous():
                break
        close_connections()
        self._crew.discard(threading.current_thread())

    def _answer(self, call: Call) -> bool:
        """Run one call; False when this thread was away for a stream."""
        status, headers, chunks = run_application(self._application, call.environ)
        answer = Answer(status, headers)
        length = answer.header("content-length")
        is_head = call.environ["REQUEST_METHOD"] == "HEAD"
        is_stream = getattr(chunks, "streaming", not isinstance(chunks, (list, tuple)))
        if is_head or status in WITHOUT_BODY or not is_stream or (length and int(length) <= LARGEST_PIECE):
            try:
                if not is_head and status not in WITHOUT_BODY:
                    answer.body = b"".join(chunks)
                elif is_head and not is_stream and length is None:
                    answer.headers.append(("Content-Length", str(sum(map(len, chunks)))))
            finally:
                close(chunks)
            settle(call, answer)
            return True
        return self._stream(call, answer, chunks)

    def _stream(self, call: Call, answer: Answer, chunks: Iterable[bytes]) -> bool:
        with self._lock:
            if self._streams >= MOST_STREAMS:
                close(chunks)
                raise Overloaded
            self._streams += 1
            if self._spare:
                self._spare -= 1
            else:
                self._start_thread()
        stream = answer.stream = Stream(call.loop)
        failure: BaseException | None = None
        settle(call, answer)
        try:
            for chunk in chunks:
                if chunk and not stream.put(chunk):
                    break
        except BaseException as error:
            logger.exception("a response ended before its end: %s", call.environ.get("PATH_INFO"))
            failure = error
        finally:
            close(chunks)
            stream.finish(failure)
            with self._lock:
                self._streams -= 1
        return False

    def _is_superfluous(self) -> bool:
        """After a stream: one idle thread is kept for the next one, the others go."""
        with self._lock:
            if self._spare:
                return True
            self._spare += 1
            return False


def settle(call: Call, outcome: Answer | BaseException) -> None:
    """Hand the outcome over to the loop; nobody minds when the loop has ended or the caller has gone."""

    def hand_over() -> None:
        if call.answer.done():
            if isinstance(outcome, Answer) and outcome.stream:
                outcome.stream.abandon()
        elif isinstance(outcome, Answer):
            call.answer.set_result(outcome)
        else:
            call.answer.set_exception(outcome)

    try:
        call.loop.call_soon_threadsafe(hand_over)
    except RuntimeError:
        if isinstance(outcome, Answer) and outcome.stream:
            outcome.stream.abandon()


def run_application(application: WsgiApplication, environ: Environ) -> tuple[int, Headers, Iterable[bytes]]:
    started: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], object]:
        started[:] = [(int(status[:3]), list(headers))]
        return refuse_write

    chunks = application(environ, start_response)
    status, headers = started[0]
    return status, headers, chunks


def refuse_write(_: bytes) -> object:
    raise NotImplementedError("the write callable of PEP 3333 is for frameworks that can't iterate")


def close(chunks: Iterable[bytes]) -> None:
    if hasattr(chunks, "close"):
        chunks.close()


def close_connections() -> None:
    from django.db import connections

    connections.close_all()


async def read_body(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """The body of a request. Raises `BodyTooLarge` as soon as that is known and `Disconnected` when it breaks off."""
    announced = next((value for name, value in headers if name == b"content-length"), None)
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(limit)
    if announced in (None, b"0") and not any(name == b"transfer-encoding" for name, _ in headers):
        return b""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise BodyTooLarge(limit)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def build_environ(scope: Scope, body: bytes) -> Environ:
    """The environ of PEP 3333 for a request. Headers whose name holds an underscore are dropped: they would stand for
    those with a hyphen, which a proxy in front may have set or removed for a reason."""
    raw_path = scope.get("raw_path") or scope["path"].encode()
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": unquote_to_bytes(raw_path.split(b"?", 1)[0]).decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name or name == b"content-length" or name == b"transfer-encoding":
            continue
        text = value.decode("latin-1")
        if name == b"content-type":
            environ["CONTENT_TYPE"] = text
            continue
        key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        if key in environ:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ",") + text
        else:
            environ[key] = text
    return environ


def encode_headers(headers: Headers, *, without: frozenset[str] = frozenset()) -> list[tuple[bytes, bytes]]:
    return [
        (lower.encode("latin-1"), value.encode("latin-1"))
        for lower, value in lowered(headers)
        if lower not in HOP_BY_HOP and lower not in without
    ]


def lowered(headers: Headers) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in headers)


async def send_answer(
    answer: Answer, *, is_head: bool, receive: Receive, send: Send, without: frozenset[str] = frozenset()
) -> None:
    """Send an answer; a stream piece by piece, given up as soon as the client has gone."""
    headers = encode_headers(answer.headers, without=without)
    if answer.stream is None and answer.status not in WITHOUT_BODY and not is_head:
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is None:
        await send({"type": "http.response.body", "body": answer.body})
    else:
        await send_stream(answer.stream, receive=receive, send=send)


async def send_stream(stream: Stream, *, receive: Receive, send: Send) -> None:
    watch = asyncio.ensure_future(see_disconnect(receive))
    watch.add_done_callback(lambda _: stream.abandon())
    try:
        while (piece := await stream.take()) is not None:
            message = {"type": "http.response.body", "body": piece, "more_body": True}
            await asyncio.wait_for(send(message), timeout=STALLED_S)
        if not watch.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        stream.abandon()
        watch.cancel()


async def see_disconnect(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
