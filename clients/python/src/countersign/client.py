"""The two clients: they perform, each in its own way of waiting, the steps that `conversations` asks for."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx

from countersign.conversations import Conversation, Conversations, OutcomeDetail, OutcomeStatus, Pause, Reply, Step, T
from countersign.decision import Decision
from countersign.protocol import Answer, Lost, Request, Settings, WhenUnavailable

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from countersign.protocol import DecisionFields

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_MAX_RETRIES = 4
# The caller bounds how much it asks at once; a hidden queue for connections would only look like a slow service.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32)


class Client:
    """Asks the service, and blocks while it does. One client may be shared between threads.

    `base_url` (the service's address, without /api) and `api_key` default to COUNTERSIGN_URL and
    COUNTERSIGN_API_KEY; ValueError where they are missing. `timeout` is in seconds and for one attempt; up to
    `max_retries` further ones follow on lost connections, 429, 502, 503, 504 and on a question that is still in
    flight, always with the same idempotency key. `unavailable="allow"` lets `ask` answer "proceed" while the service
    cannot be reached or fails (5xx); without it, Unavailable is raised. `transport` is httpx's, for tests and proxies.

    Every verb raises Unavailable, or ApiProblem where the service refuses.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        max_retries: int = DEFAULT_MAX_RETRIES,
        unavailable: WhenUnavailable = "block",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.settings = Settings.resolve(
            base_url, api_key, timeout=timeout, max_retries=max_retries, unavailable=unavailable
        )
        self.conversations = Conversations(self.settings)
        self._http = httpx.Client(transport=transport, limits=LIMITS, timeout=timeout, headers=_headers(self.settings))

    def ask(
        self,
        *,
        input: Any,
        idempotency_key: str | None = None,
        wait: float | None = None,
        **fields: Unpack[DecisionFields],
    ) -> Decision:
        """Ask whether the AI may act. `input` is what the AI was given, `action` or `output` what it proposes; the
        other fields are those of `DecisionFields`.

        With `wait`, a pending decision is followed for so many seconds; the answer is then its last state, which may
        still be pending (`proceed` is False). Asking again with the same `idempotency_key` answers the same decision.
        """
        return self.hold(self.conversations.ask(input=input, fields=fields, idempotency_key=idempotency_key, wait=wait))

    def log(self, *, input: Any, idempotency_key: str | None = None, **fields: Unpack[DecisionFields]) -> Decision:
        """Record what has already happened (mode `observe`): evaluated, and never waits for a person."""
        return self.hold(
            self.conversations.ask(
                input=input, fields=fields, idempotency_key=idempotency_key, wait=None, mode="observe"
            )
        )

    def get(self, id: str, *, wait: float | None = None) -> Decision:
        """The decision as it is now; with `wait`, as soon as it is final or after so many seconds (25 at the most)."""
        return self.hold(self.conversations.get(id, wait=wait))

    def wait(self, id: str, timeout: float | None = None) -> Decision:
        """The final decision. Outages on the way cost only time; WaitTimedOut after `timeout` seconds."""
        return self.hold(self.conversations.wait(id, timeout))

    def cancel(self, id: str, reason: str) -> Decision:
        """Withdraw a pending decision. ApiProblem (409) where it is final already."""
        return self.hold(self.conversations.cancel(id, reason))

    def outcome(
        self, id: str, status: OutcomeStatus, resolved: bool | None = None, detail: OutcomeDetail | None = None
    ) -> None:
        """Report what really happened: executed, failed or unknown."""
        self.hold(self.conversations.outcome(id, status, resolved=resolved, detail=detail))

    def inform(self, id: str, answer: Any) -> Decision:
        """Answer what a reviewer asked back (`decision.information["question"]`)."""
        return self.hold(self.conversations.inform(id, answer))

    def _perform(self, step: Step) -> Reply:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        request = step.request
        try:
            response = self._http.request(**_arguments(self.settings, request))
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _lost(error)
        return _answer(response)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hold(self, conversation: Conversation[T]) -> T:
        """Hold a conversation to its end, and answer what it came to."""
        reply: Reply = None
        while True:
            try:
                step = conversation.send(reply)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = self._perform(step)


class AsyncClient:
    """The same verbs as `Client`, awaited. Thousands of decisions can be waited for at once in one event loop."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        max_retries: int = DEFAULT_MAX_RETRIES,
        unavailable: WhenUnavailable = "block",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = Settings.resolve(
            base_url, api_key, timeout=timeout, max_retries=max_retries, unavailable=unavailable
        )
        self.conversations = Conversations(self.settings)
        self._http = httpx.AsyncClient(
            transport=transport, limits=LIMITS, timeout=timeout, headers=_headers(self.settings)
        )

    async def ask(
        self,
        *,
        input: Any,
        idempotency_key: str | None = None,
        wait: float | None = None,
        **fields: Unpack[DecisionFields],
    ) -> Decision:
        """As `Client.ask`."""
        return await self.hold(
            self.conversations.ask(input=input, fields=fields, idempotency_key=idempotency_key, wait=wait)
        )

    async def log(
        self, *, input: Any, idempotency_key: str | None = None, **fields: Unpack[DecisionFields]
    ) -> Decision:
        """As `Client.log`."""
        return await self.hold(
            self.conversations.ask(
                input=input, fields=fields, idempotency_key=idempotency_key, wait=None, mode="observe"
            )
        )

    async def get(self, id: str, *, wait: float | None = None) -> Decision:
        """As `Client.get`."""
        return await self.hold(self.conversations.get(id, wait=wait))

    async def wait(self, id: str, timeout: float | None = None) -> Decision:
        """As `Client.wait`."""
        return await self.hold(self.conversations.wait(id, timeout))

    async def cancel(self, id: str, reason: str) -> Decision:
        """As `Client.cancel`."""
        return await self.hold(self.conversations.cancel(id, reason))

    async def outcome(
        self, id: str, status: OutcomeStatus, resolved: bool | None = None, detail: OutcomeDetail | None = None
    ) -> None:
        """As `Client.outcome`."""
        await self.hold(self.conversations.outcome(id, status, resolved=resolved, detail=detail))

    async def inform(self, id: str, answer: Any) -> Decision:
        """As `Client.inform`."""
        return await self.hold(self.conversations.inform(id, answer))

    async def _perform(self, step: Step) -> Reply:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        request = step.request
        try:
            response = await self._http.request(**_arguments(self.settings, request))
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _lost(error)
        return _answer(response)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def hold(self, conversation: Conversation[T]) -> T:
        reply: Reply = None
        while True:
            try:
                step = conversation.send(reply)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = await self._perform(step)


def _headers(settings: Settings) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {settings.api_key}",
        "Accept": "application/json, application/problem+json",
        "User-Agent": "countersign-python",
    }


def _arguments(settings: Settings, request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": settings.base_url + request.path,
        "content": request.body,
        "headers": dict(request.headers),
        "timeout": httpx.Timeout(settings.timeout_s, read=settings.timeout_s + request.patience_s),
    }


def _answer(response: httpx.Response) -> Answer:
    return Answer(
        response.status_code,
        {name.lower(): value for name, value in response.headers.items()},
        response.content,
    )


def _lost(error: Exception) -> Lost:
    return Lost(str(error) or type(error).__name__)
