"""One port, two ways of serving: who waits for a decision waits here, on the event loop; everything else is answered by
Django's WSGI application on a few threads (aiops_site/bridge.py).

A view that would wait answers at once with the header `Countersign-Wait: <decision id>; <seconds>`. It never leaves
this process: the request sits in the waiting room until the decision has ended, then the decision is asked for again.
"""

import asyncio
import json
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings

from aiops_site.bridge import (
    Answer,
    BodyTooLarge,
    Disconnected,
    Environ,
    Message,
    Overloaded,
    Receive,
    Scope,
    Send,
    Threads,
    WsgiApplication,
    build_environ,
    read_body,
    see_disconnect,
    send_answer,
)
from aiops_site.health import describe_life
from governance.api.problems import PROBLEM_TYPES
from reviews.waiting import WaitingRoom

WAIT_HEADER = "countersign-wait"
LONGEST_WAIT_S = 30.0
INTERNAL = frozenset({WAIT_HEADER})
# Bodies of the console's forms, and of the endpoints that take many things at once.
LARGEST_FORM = 2 * 1024 * 1024
LARGEST_BATCH = 16 * 1024 * 1024
BATCH_PATHS = frozenset({"/api/v1/decisions/batch", "/otlp/v1/traces"})


def largest_body(path: str) -> int:
    """How many bytes a request's body may have."""
    if path in BATCH_PATHS:
        return LARGEST_BATCH
    return int(settings.LARGEST_BODY) if path.startswith("/api/") else LARGEST_FORM


@dataclass(frozen=True, slots=True)
class Wait:
    """What a view asked for with its internal header."""

    decision_id: uuid.UUID
    seconds: float

    @classmethod
    def read(cls, answer: Answer) -> "Wait | None":
        text = answer.header(WAIT_HEADER)
        if text is None:
            return None
        decision_id, _, seconds = text.partition(";")
        return cls(uuid.UUID(decision_id.strip()), min(float(seconds), LONGEST_WAIT_S))


class Site:
    """The application of one server process."""

    def __init__(self, application: WsgiApplication, *, threads: int, room: WaitingRoom) -> None:
        self.threads = Threads(application, threads)
        # A thousand waits that end at once must not stand in line before everybody else's requests.
        self.returning = asyncio.Semaphore(max(1, threads // 2))
        self.room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def live(self, receive: Receive, send: Send) -> None:
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def close(self) -> None:
        """Sends the waiting home with what is known now, and lets the threads go."""
        self.room.close()
        self.threads.stop()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["method"] == "HEAD"
        if scope["path"] == "/healthz" and scope["method"] in {"GET", "HEAD"}:
            await send_answer(answer_json(200, describe_life()), is_head=is_head, receive=receive, send=send)
            return
        try:
            answer = await self.answer(scope, receive)
        except Disconnected:
            return
        except BodyTooLarge as refusal:
            answer = answer_problem(413, "too-large", "The body is too large", f"At most {refusal.limit:,} bytes here.")
            answer.headers.append(("Connection", "close"))
        except Overloaded:
            answer = answer_problem(
                503, "unavailable", "The service can't answer now", "Too many requests wait already."
            )
            answer.headers.append(("Retry-After", "1"))
        await send_answer(answer, is_head=is_head, receive=receive, send=send, without=INTERNAL)

    async def answer(self, scope: Scope, receive: Receive) -> Answer:
        """The application's answer, after the wait where it asks for one."""
        body = await read_body(receive, scope["headers"], largest_body(scope["path"]))
        environ = build_environ(scope, body)
        answer = await self.threads.run(environ)
        wait = Wait.read(answer)
        if wait is None:
            return answer
        await self.sit(wait, receive)
        async with self.returning:
            again = await self.threads.run(build_question(scope, wait.decision_id))
        return merge_answers(answer, again) if scope["method"] == "POST" else again

    async def sit(self, wait: Wait, receive: Receive) -> None:
        """Wait in the room. Raises `Disconnected` when the client leaves it."""
        turn = asyncio.ensure_future(self.room.wait(wait.decision_id, wait.seconds))
        watch = asyncio.ensure_future(see_disconnect(receive))
        try:
            await asyncio.wait((turn, watch), return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                raise Disconnected
        finally:
            turn.cancel()
            watch.cancel()


def build_question(scope: Scope, decision_id: uuid.UUID) -> Environ:
    """The environ of `GET /api/v1/decisions/{id}`, asked in the caller's name."""
    environ = build_environ(scope, b"")
    path = f"/api/v1/decisions/{decision_id}"
    environ.update(REQUEST_METHOD="GET", PATH_INFO=path, QUERY_STRING="", CONTENT_LENGTH="")
    for name in ("CONTENT_TYPE", "HTTP_PREFER", "HTTP_IDEMPOTENCY_KEY", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"):
        environ.pop(name, None)
    return environ


def merge_answers(first: Answer, again: Answer) -> Answer:
    """A POST that waited: the headers of what was created, with the decision as it is now. Where asking again failed,
    the first answer stands: it was true, and the decision exists."""
    headers = [(name, value) for name, value in first.headers if name.lower() not in {"content-length", "retry-after"}]
    headers.append(("Preference-Applied", "wait"))
    if again.status != HTTPStatus.OK:
        return Answer(first.status, [*first.headers, ("Preference-Applied", "wait")], first.body)
    is_pending = json.loads(again.body).get("status") == "pending"
    if is_pending:
        headers.append(("Retry-After", again.header("retry-after") or first.header("retry-after") or "5"))
    return Answer(HTTPStatus.ACCEPTED if is_pending else HTTPStatus.CREATED, headers, again.body)


def answer_json(status: int, content: dict[str, Any], media_type: str = "application/json") -> Answer:
    headers = [("Content-Type", media_type), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
    return Answer(status, headers, json.dumps(content).encode())


def answer_problem(status: int, code: str, title: str, detail: str) -> Answer:
    problem = {"type": PROBLEM_TYPES + code, "title": title, "status": status, "detail": detail}
    return answer_json(status, problem, "application/problem+json")
