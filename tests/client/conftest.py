"""What the client's tests share: answers as the service gives them, and a real local server
that answers from a script, for whatever only a socket can show.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

REFUND = {"name": "refund", "arguments": {"order": "A-1", "amount": 480}}


@pytest.fixture
def answered() -> Callable[..., dict[str, Any]]:
    """A decision's JSON, as the API shows it; keywords replace fields."""

    def build(status: str = "allowed", **changes: Any) -> dict[str, Any]:
        proceed = status in ("allowed", "approved", "corrected")
        shown: dict[str, Any] = {
            "id": "0197a0b0-0000-7000-8000-000000000001",
            "status": status,
            "verdict": "review" if status == "pending" else "allow",
            "proceed": proceed,
            "effective_action": REFUND if proceed else None,
            "effective_output": None,
            "substitute": None,
            "message": None,
            "reasons": [{"rule": "large-refund", "text": "Refunds over 200 need a person"}],
            "policy": {"name": "refunds", "version": 7},
            "digest": "sha256:00",
            "escalation": None,
            "decided_by": None,
            "decided_at": None,
            "expires_at": "2030-01-01T00:00:00Z",
            "links": {"self": "/api/v1/decisions/0197a0b0-0000-7000-8000-000000000001"},
        }
        return {**shown, **changes}

    return build


@dataclass
class Scripted:
    """A server on a loopback port. Each entry of `script` answers one request: (status, headers, body, delay in
    seconds), or None to hang up. The last entry answers all further ones.
    """

    url: str
    script: list[tuple[int, dict[str, str], Any, float] | None]
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def scripted_server() -> Iterator[Callable[..., Scripted]]:
    servers: list[ThreadingHTTPServer] = []

    def start(*script: tuple[int, dict[str, str], Any, float] | None) -> Scripted:
        scripted = Scripted("", list(script))
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with lock:
                    scripted.requests.append((self.command, self.path, headers, body))
                    entry = scripted.script.pop(0) if len(scripted.script) > 1 else scripted.script[0]
                if entry is None:
                    self.close_connection = True
                    return
                status, extra, shown, delay = entry
                time.sleep(delay)
                text = json.dumps(shown).encode()
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **extra}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
        return scripted

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
