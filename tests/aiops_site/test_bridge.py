"""The bridge between the server and Django, tried as it is used: over HTTP, in a process of its own."""

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server process that runs tests/aiops_site/bridged.py."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.aiops_site.bridged", str(port)],
        cwd=ROOT,
        env={**os.environ, "COUNTERSIGN_DATA_DIR": str(tmp_path_factory.mktemp("bridge"))},
        stderr=subprocess.DEVNULL,
    )
    wait_for_port(port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    assert process.wait(10) == 0, "the server did not end cleanly"


def wait_for_port(port: int) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens on {port}")


def state_of(server: str) -> dict[str, Any]:
    state: dict[str, Any] = httpx.get(f"{server}/state").json()
    return state


def wait_until(server: str, **expected: Any) -> dict[str, Any]:
    give_up = time.monotonic() + 10
    while True:
        state = state_of(server)
        if all(state[name] == value for name, value in expected.items()) or time.monotonic() > give_up:
            return state
        time.sleep(0.05)


def test_path_and_query_reach_the_application_decoded_as_pep_3333_says(server: str) -> None:
    seen = httpx.get(f"{server}/echo/a%20b%2Fc%C3%A9%FF?q=%20%C3%A9&r=1").json()
    assert seen["PATH_INFO"].encode("latin-1") == b"/echo/a b/c\xc3\xa9\xff"
    assert seen["QUERY_STRING"] == "q=%20%C3%A9&r=1"


def test_headers_reach_the_application_and_none_can_pose_as_another(server: str) -> None:
    headers = [("X-One", "1"), ("X-One", "2"), ("X_Forwarded_Proto", "https"), ("Cookie", "a=1"), ("Cookie", "b=2")]
    seen = httpx.get(f"{server}/echo", headers=headers).json()
    assert seen["HTTP_X_ONE"] == "1,2"
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert "HTTP_X_FORWARDED_PROTO" not in seen
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["wsgi.url_scheme"] == "http"


def test_a_body_arrives_whole_with_and_without_an_announced_length(server: str) -> None:
    assert httpx.post(f"{server}/echo", content=b"x" * 300_000).json()["length"] == 300_000
    chunked = httpx.post(f"{server}/echo", content=iter([b"x" * 1000] * 7)).json()
    assert chunked["length"] == 7000
    assert chunked["CONTENT_LENGTH"] == "7000"


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/api/v1/decisions", 1 << 20), ("/api/v1/decisions/batch", 16 << 20), ("/review/x", 2 << 20)],
)
def test_a_body_over_its_paths_bound_is_refused_before_it_is_read(server: str, path: str, limit: int) -> None:
    host = server.removeprefix("http://")
    client = http.client.HTTPConnection(host, timeout=10)
    client.putrequest("POST", path)
    client.putheader("Content-Length", str(limit + 1))
    client.endheaders(b"{")
    answer = client.getresponse()
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.read())["type"].endswith("too-large")
    client.close()


def test_a_body_without_announced_length_is_refused_at_its_bound(server: str) -> None:
    answer = httpx.post(f"{server}/review/x", content=iter([b"x" * 65536] * 64))
    assert answer.status_code == 413


def test_a_head_request_is_answered_without_body_and_with_its_length(server: str) -> None:
    answer = httpx.head(f"{server}/state")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(httpx.get(f"{server}/state").content)


def test_an_answer_without_content_keeps_its_headers(server: str) -> None:
    answer = httpx.get(f"{server}/empty")
    assert (answer.status_code, answer.headers["X-Kept"]) == (204, "yes")


def test_each_piece_of_a_stream_is_sent_when_it_is_made(server: str) -> None:
    arrivals = []
    with httpx.stream("GET", f"{server}/ticks") as answer:
        for piece in answer.iter_raw():
            arrivals.append((piece, time.monotonic()))
    assert b"".join(piece for piece, _ in arrivals) == b"0\n1\n2\n3\n4\n"
    assert len(arrivals) == 5
    assert arrivals[-1][1] - arrivals[0][1] > 0.9


def test_a_stream_of_many_small_pieces_is_whole_and_not_slow(server: str) -> None:
    started_at = time.monotonic()
    answer = httpx.get(f"{server}/many-lines", timeout=30)
    assert answer.text.splitlines() == [str(number) for number in range(200_000)]
    assert time.monotonic() - started_at < 10


def test_a_stream_is_closed_when_its_reader_leaves(server: str) -> None:
    before = state_of(server)["closed"].count("endless")
    with httpx.stream("GET", f"{server}/endless") as answer:
        next(answer.iter_raw())
    give_up = time.monotonic() + 10
    while state_of(server)["closed"].count("endless") == before:
        assert time.monotonic() < give_up, "nobody told the producer that its reader has gone"
        time.sleep(0.05)


def test_slow_readers_do_not_use_up_the_threads(server: str) -> None:
    readers = []
    for _ in range(12):
        reader = socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])))
        reader.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        reader.recv(100)
        readers.append(reader)
    assert httpx.get(f"{server}/echo", timeout=5).status_code == 200
    for reader in readers:
        reader.close()


def test_a_stream_that_breaks_off_is_not_passed_off_as_whole(server: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server}/broken")
    assert httpx.get(f"{server}/echo").status_code == 200


def test_a_fault_of_the_application_is_a_500_and_the_thread_lives_on(server: str) -> None:
    answers = [httpx.get(f"{server}/raise") for _ in range(8)]
    assert {answer.status_code for answer in answers} == {500}
    assert httpx.get(f"{server}/echo").status_code == 200


def test_being_alive_needs_no_thread(server: str) -> None:
    answer = httpx.get(f"{server}/healthz", headers={"Host": "anything"})
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_whoever_waits_is_answered_as_soon_as_the_decision_has_ended(server: str) -> None:
    decision_id = uuid.uuid4()

    async def ask_and_end() -> tuple[httpx.Response, float]:
        async with httpx.AsyncClient(timeout=20) as client:
            asked = asyncio.create_task(
                client.post(
                    f"{server}/ask/{decision_id}/20?wait=20",
                    headers={"Authorization": "Bearer k", "Prefer": "wait=20"},
                    content=b"{}",
                )
            )
            await asyncio.sleep(0.3)
            assert not asked.done()
            started_at = time.monotonic()
            await client.post(f"{server}/end/{decision_id}")
            return await asked, time.monotonic() - started_at

    answer, took = asyncio.run(ask_and_end())
    assert answer.status_code == 201
    assert answer.json() == {
        "status": "approved",
        "asked": "again",
        "length": 0,
        "HTTP_AUTHORIZATION": "Bearer k",
        "HTTP_PREFER": None,
        "QUERY_STRING": "",
    }
    assert answer.headers["Preference-Applied"] == "wait"
    assert answer.headers["Location"] == f"/api/v1/decisions/{decision_id}"
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert "Countersign-Wait" not in answer.headers
    assert took < 1


def test_a_wait_that_runs_out_is_answered_with_the_state_of_now(server: str) -> None:
    decision_id = uuid.uuid4()
    posted = httpx.post(f"{server}/ask/{decision_id}/1", content=b"{}")
    assert posted.status_code == 202
    assert posted.json()["asked"] == "again"
    assert posted.headers["Retry-After"]
    got = httpx.get(f"{server}/ask/{decision_id}/1")
    assert got.status_code == 200
    assert got.json()["status"] == "pending"
    assert "Countersign-Wait" not in got.headers


def test_five_hundred_who_wait_hold_no_thread_and_leave_no_trace(server: str) -> None:
    before = wait_until(server, waiting=0)["threads"]
    port = int(server.rpartition(":")[2])
    decision_id = uuid.uuid4()
    clients = []
    for _ in range(500):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET /ask/{decision_id}/30 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        clients.append(client)
    waiting = wait_until(server, waiting=500)
    assert waiting["waiting"] == 500
    assert waiting["threads"] <= before + 1
    assert httpx.get(f"{server}/echo").status_code == 200
    for client in clients[:250]:
        client.close()
    assert wait_until(server, waiting=250)["waiting"] == 250
    httpx.post(f"{server}/end/{decision_id}")
    for client in clients[250:]:
        client.settimeout(5)
        assert client.recv(20).startswith(b"HTTP/1.1 200")
        client.close()
    assert wait_until(server, waiting=0)["waiting"] == 0


def test_a_server_that_stops_answers_those_who_wait(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.aiops_site.bridged", str(port)],
        cwd=ROOT,
        env={**os.environ, "COUNTERSIGN_DATA_DIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    wait_for_port(port)
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET /ask/{uuid.uuid4()}/30 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    wait_until(f"http://127.0.0.1:{port}", waiting=1)
    process.terminate()
    client.settimeout(5)
    assert client.recv(20).startswith(b"HTTP/1.1 200")
    client.close()
    assert process.wait(5) == 0
