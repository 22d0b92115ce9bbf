"""Both clients against a real socket: the wire format, retries, timeouts, and the same behaviour of both."""

import asyncio
import json
import time

import httpx
import pytest

from countersign import ApiProblem, AsyncClient, Client, Unavailable, WaitTimedOut

ACTION = {"name": "refund", "arguments": {"order": "A-1", "amount": 480}}
KEY = "cs_test_key"


def with_client(kind, server, use, **options):
    """Call `use` on a client of this kind; the same test for both."""
    if kind == "sync":
        with Client(server.url, KEY, **options) as client:
            return use(client)

    async def run():
        async with AsyncClient(server.url, KEY, **options) as client:
            return await use(client)

    return asyncio.run(run())


both = pytest.mark.parametrize("kind", ["sync", "async"])


@both
def test_a_question_arrives_as_the_api_wants_it(kind, scripted_server, answered):
    server = scripted_server((201, {}, answered(), 0))
    decision = with_client(
        kind,
        server,
        lambda client: client.ask(action=ACTION, input={"a": "ü"}, confidence=0.9, idempotency_key="k-1"),
    )
    method, path, headers, body = server.requests[0]
    assert (method, path) == ("POST", "/api/v1/decisions")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["idempotency-key"] == "k-1"
    assert json.loads(body) == {"action": ACTION, "input": {"a": "ü"}, "confidence": 0.9}
    assert decision.effective_action == ACTION


@both
def test_a_connection_that_breaks_is_tried_again_with_the_same_key(kind, scripted_server, answered):
    server = scripted_server(None, (503, {"Retry-After": "0"}, {}, 0), (201, {}, answered(), 0))
    assert with_client(kind, server, lambda client: client.ask(action=ACTION, input=1)).proceed
    assert len({headers["idempotency-key"] for _, _, headers, _ in server.requests}) == 1
    assert len(server.requests) == 3


@both
def test_a_service_that_hangs_is_given_up(kind, scripted_server, answered):
    server = scripted_server((201, {}, answered(), 2.0))
    started = time.monotonic()
    with pytest.raises(Unavailable):
        with_client(kind, server, lambda client: client.ask(action=ACTION, input=1), timeout=0.2, max_retries=1)
    assert time.monotonic() - started < 2.0


@both
def test_a_long_poll_may_take_longer_than_the_timeout(kind, scripted_server, answered):
    server = scripted_server((200, {}, answered("approved"), 0.6))
    decision = with_client(kind, server, lambda client: client.wait("id-1", 5), timeout=0.2)
    assert decision.status == "approved"


@both
def test_ask_with_wait_follows_the_decision(kind, scripted_server, answered):
    corrected = answered("corrected", effective_action={"name": "refund", "arguments": {"order": "A-1", "amount": 200}})
    server = scripted_server((202, {"Retry-After": "1"}, answered("pending"), 0), (200, {}, corrected, 0))
    decision = with_client(kind, server, lambda client: client.ask(action=ACTION, input=1, wait=10))
    assert decision.effective_action["arguments"]["amount"] == 200
    assert server.requests[1][1].endswith("?wait=9") or server.requests[1][1].endswith("?wait=10")


@both
def test_ask_answers_the_open_decision_when_patience_ends_and_wait_raises(kind, scripted_server, answered):
    server = scripted_server((200, {}, answered("pending"), 0))
    assert with_client(kind, server, lambda client: client.ask(action=ACTION, input=1, wait=0.1)).is_pending
    with pytest.raises(WaitTimedOut):
        with_client(kind, server, lambda client: client.wait("id-1", 0.1))


@both
def test_the_other_verbs_reach_their_places(kind, scripted_server, answered):
    identifier = answered()["id"]
    server = scripted_server((200, {}, answered("cancelled"), 0))

    def each(client):
        calls = [
            lambda: client.cancel(identifier, "not needed"),
            lambda: client.outcome(identifier, "failed", resolved=False, detail="out of stock"),
            lambda: client.inform(identifier, {"photo": True}),
            lambda: client.get(identifier, wait=2),
            lambda: client.log(output="hello", input=1),
        ]
        if kind == "sync":
            return [call() for call in calls]

        async def run():
            return [await call() for call in calls]

        return run()

    with_client(kind, server, each)
    base = f"/api/v1/decisions/{identifier}"
    assert [(method, path) for method, path, _, _ in server.requests] == [
        ("POST", f"{base}/cancel"),
        ("POST", f"{base}/outcome"),
        ("POST", f"{base}/information"),
        ("GET", f"{base}?wait=2"),
        ("POST", "/api/v1/decisions"),
    ]
    bodies = [json.loads(body) for _, _, _, body in server.requests if body]
    assert bodies[0] == {"reason": "not needed"}
    assert bodies[1] == {"status": "failed", "resolved": False, "detail": "out of stock"}
    assert bodies[2] == {"answer": {"photo": True}}
    assert bodies[3] == {"input": 1, "output": "hello", "mode": "observe"}


@both
def test_a_problem_keeps_its_words(kind, scripted_server):
    problem = {
        "type": "urn:x:schema",
        "title": "Invalid",
        "detail": "Two fields.",
        "errors": [{"pointer": "/a", "detail": "b"}],
    }
    server = scripted_server((422, {"Content-Type": "application/problem+json"}, problem, 0))
    with pytest.raises(ApiProblem, match="422 Invalid: Two fields") as refusal:
        with_client(kind, server, lambda client: client.ask(action=ACTION, input=1))
    assert refusal.value.type == "urn:x:schema"
    assert len(server.requests) == 1


@both
def test_nobody_there_blocks_by_default_and_allows_only_when_told(kind):
    class Nowhere:
        url = "http://127.0.0.1:9"

    with pytest.raises(Unavailable):
        with_client(kind, Nowhere, lambda client: client.ask(action=ACTION, input=1), max_retries=0)
    decision = with_client(
        kind, Nowhere, lambda client: client.ask(action=ACTION, input=1), max_retries=0, unavailable="allow"
    )
    assert (decision.proceed, decision.is_recorded) == (True, False)


def test_a_redirect_is_not_followed_with_the_key():
    seen = []

    def far_edge(request):
        seen.append(str(request.url))
        return httpx.Response(302, headers={"Location": "http://elsewhere.example/"})

    client = Client("http://service.example", KEY, transport=httpx.MockTransport(far_edge))
    with client, pytest.raises(ApiProblem):
        client.ask(action=ACTION, input=1)
    assert seen == ["http://service.example/api/v1/decisions"]


def test_address_and_key_come_from_the_environment(monkeypatch, answered):
    monkeypatch.setenv("COUNTERSIGN_URL", "http://service.example/")
    monkeypatch.setenv("COUNTERSIGN_API_KEY", "from-env")
    seen = []

    def far_edge(request):
        seen.append((str(request.url), request.headers["Authorization"]))
        return httpx.Response(201, json=answered())

    with Client(transport=httpx.MockTransport(far_edge)) as client:
        client.ask(action=ACTION, input=1)
    assert seen == [("http://service.example/api/v1/decisions", "Bearer from-env")]
