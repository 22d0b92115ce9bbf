"""What the example's tests share: a model that is trained once, and a small service on a real socket."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the example needs the extra `demo`")

from examples.mail_triage.classifier import Classifier
from examples.mail_triage.mails import read_part


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier.trained(read_part("train"))


class Service:
    """Answers as the API does, and remembers. `verdict` maps a question to `allow`, `review` or `block`; `ruling` maps
    a pending decision to what it becomes (status, action), or None while nobody rules.
    """

    def __init__(self) -> None:
        self.verdict: Callable[[dict[str, Any]], str] = lambda question: "allow"
        self.ruling: Callable[[dict[str, Any]], tuple[str, Any] | None] = lambda question: None
        self.questions: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, set[bytes]] = {}
        self.states: dict[str, dict[str, Any]] = {}
        self.outcomes: list[tuple[str, dict[str, Any]]] = []
        self.told: list[Any] = []
        self.refusal: int | None = None
        # What the answers bear beside, once they are final.
        self.extra: dict[str, Any] = {}
        self.information: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with service._lock:
                    status, shown = service._answer(self.path, self.headers.get("Idempotency-Key"), body)
                text = json.dumps(shown).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    # The application was stopped while it waited.
                    self.close_connection = True

            do_GET = do_POST = do  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, path: str, key: str | None, body: bytes) -> tuple[int, Any]:
        if self.refusal is not None:
            return self.refusal, {"type": "about:blank", "title": "Refused", "status": self.refusal}
        place = path.partition("?")[0].removeprefix("/api/v1/decisions").strip("/").split("/")
        if place == [""]:
            assert key is not None
            return self._ask(key, json.loads(body), body)
        state = self.states.get(place[0])
        if state is None:
            return 404, {"title": "Not found", "status": 404}
        if len(place) == 2 and place[1] == "outcome":
            self.outcomes.append((place[0], json.loads(body)))
        elif len(place) == 2 and place[1] == "information":
            self.told.append(json.loads(body)["answer"])
            self.information = None
        elif state["status"] == "pending":
            ruled = self.ruling(self.questions[place[0]])
            if ruled is not None:
                self._become(state, *ruled)
        return 200, {**state, "information": self.information if state["status"] == "pending" else None}

    def _ask(self, key: str, question: dict[str, Any], body: bytes) -> tuple[int, Any]:
        self.bodies.setdefault(key, set()).add(body)
        if key not in self.states:
            state = {"id": key.replace("/", "-"), "reasons": [], "proceed": False, "effective_action": None}
            verdict = self.verdict(question)
            state["verdict"] = verdict
            self._become(
                state,
                {"allow": "allowed", "review": "pending", "block": "blocked"}[verdict],
                question["action"],
            )
            self.states[key] = self.states[state["id"]] = state
            self.questions[state["id"]] = question
        state = self.states[key]
        return (202 if state["status"] == "pending" else 201), state

    def _become(self, state: dict[str, Any], status: str, action: Any) -> None:
        proceeds = status in ("allowed", "approved", "corrected")
        by = {"kind": "policy"} if status == "allowed" else {"kind": "person", "label": "Rita Reviewer"}
        state.update(status=status, proceed=proceeds, effective_action=action if proceeds else None, decided_by=by)
        if status != "pending":
            state.update(self.extra)


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    running.start()
    yield running
    running.stop()
