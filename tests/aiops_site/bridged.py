"""A server process whose application exists to try the bridge: `python -m tests.aiops_site.bridged PORT`.

It runs aiops_site's own Site under granian, around a WSGI application that reports what reached it.
"""

# ruff: noqa: E402 (Django is set up before what needs it is imported)

import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import django

django.setup()

from aiops_site.waiting_room import Site
from aiops_site.web import serve_site
from reviews.waiting import WaitingRoom

CLOSED: list[str] = []
ENDED: set[uuid.UUID] = set()


class Lines:
    """An iterable that knows when it was closed, as Django's streaming responses do."""

    streaming = True

    def __init__(self, name: str, lines: Iterator[bytes]) -> None:
        self.name = name
        self.lines = lines

    def __iter__(self) -> Iterator[bytes]:
        return self.lines

    def close(self) -> None:
        CLOSED.append(self.name)


def tick(count: int, pause_s: float) -> Iterator[bytes]:
    for number in range(count):
        yield f"{number}\n".encode()
        time.sleep(pause_s)


def fill() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


def fail() -> Iterator[bytes]:
    yield b"first\n"
    raise RuntimeError("the source ran dry")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "application/json")]
    match path.split("/")[1]:
        case "echo":
            texts = {name: value for name, value in environ.items() if isinstance(value, str)}
            answer = json.dumps({**texts, "length": len(body), "thread": threading.get_ident()}).encode()
        case "ticks":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return Lines("ticks", tick(5, 0.3))
        case "many-lines":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return Lines("many-lines", (f"{number}\n".encode() for number in range(200_000)))
        case "endless":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return Lines("endless", fill())
        case "broken":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return Lines("broken", fail())
        case "empty":
            start_response("204 No Content", [("X-Kept", "yes")])
            return []
        case "raise":
            raise RuntimeError("a fault of the application")
        case "state":
            names = [thread.name for thread in threading.enumerate()]
            answer = json.dumps({"closed": CLOSED, "threads": len(names), "waiting": ROOM.occupancy}).encode()
        case "end":
            ENDED.add(uuid.UUID(path.split("/")[2]))
            answer = b"{}"
        case "ask":
            decision_id, seconds = path.split("/")[2:4]
            headers.append(("Countersign-Wait", f"{decision_id}; {seconds}"))
            headers += [("Location", f"/api/v1/decisions/{decision_id}"), ("Idempotent-Replayed", "true")]
            start_response("202 Accepted", headers)
            return [json.dumps({"status": "pending", "asked": "first"}).encode()]
        case "api":
            decision_id = uuid.UUID(path.split("/")[4])
            status = "approved" if decision_id in ENDED else "pending"
            seen = {name: environ.get(name) for name in ("HTTP_AUTHORIZATION", "HTTP_PREFER", "QUERY_STRING")}
            answer = json.dumps({"status": status, "asked": "again", "length": len(body), **seen}).encode()
            headers.append(("Countersign-Wait", f"{decision_id}; 30"))
        case _:
            answer = b"{}"
    start_response("200 OK", headers)
    return [answer]


def ask(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return ENDED.intersection(ids)


ROOM = WaitingRoom(poll_s=0.05, ask=ask)


if __name__ == "__main__":
    serve_site(Site(application, threads=4, room=ROOM), host="127.0.0.1", port=int(sys.argv[1]))
