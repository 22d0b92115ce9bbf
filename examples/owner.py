"""The owner of the system: sees monitors and incidents and turns the breaker, through the API with an access token."""

from __future__ import annotations

from typing import Any

import httpx


class NotBuilt(Exception):
    """This Countersign has no such endpoint."""


class Stuck(Exception):
    """What the story waits for does not come."""


class NotOrdinary(Exception):
    """A story begins with ordinary days, and this system has none: it stands as another run has left it."""


class Owner:
    """The system's owner, with an access token: looks at incidents and turns the breaker."""

    def __init__(self, url: str, token: str, system: str) -> None:
        self._system = system
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    async def incidents(self, status: str = "open") -> list[dict[str, Any]]:
        """The incidents of the system in one state, the newest first."""
        answer = await self._ask("GET", "/incidents", params={"system": self._system, "status": status})
        found: list[dict[str, Any]] = answer["results"]
        return found

    async def incident(self, incident_id: str) -> dict[str, Any]:
        """One incident as it stands now."""
        found: dict[str, Any] = await self._ask("GET", f"/incidents/{incident_id}")
        return found

    async def monitor(self, kind: str) -> dict[str, Any]:
        """One of the system's monitors. Raises Stuck where it has none of the kind."""
        answer = await self._ask("GET", "/monitors", params={"system": self._system, "kind": kind})
        if not answer["results"]:
            raise Stuck(f"The system has no monitor of {kind.replace('_', ' ')}.")
        found: dict[str, Any] = answer["results"][0]
        return found

    async def monitors(self) -> list[dict[str, Any]]:
        """All of the system's monitors."""
        answer = await self._ask("GET", "/monitors", params={"system": self._system, "page_size": 100})
        found: list[dict[str, Any]] = answer["results"]
        return found

    async def observed(self) -> int:
        """How many decisions the system's monitors have looked at; 0 for one that has just been made. Raises NotOrdinary where
        the breaker is not closed, an incident is being handled, or failed outcomes are not watched for: no story begins so."""
        breaker = await self.breaker()
        if breaker != "closed":
            raise NotOrdinary(f"the breaker is {breaker.replace('_', '-')}")
        for status in ("acknowledged", "mitigated"):
            for incident in await self.incidents(status):
                raise NotOrdinary(f"the incident “{incident['title']}” is {status} and not resolved")
        monitors = {one["kind"]: one for one in await self.monitors()}
        status = monitors.get("failed_outcomes", {"status": "learning"})["status"]
        if status not in {"learning", "watching"}:
            raise NotOrdinary(f"the monitor of failed outcomes is {status}")
        seen: int = monitors.get("action_mix", {"observations": 0})["observations"]
        return seen

    async def unsettled(self) -> int:
        """How many of the system's escalations are not closed, up to a hundred: they wait, or their rulings may be taken back."""
        params = {"system": self._system, "status": ["open", "claimed", "waiting", "ruled"], "page_size": 100}
        return len((await self._ask("GET", "/escalations", params=params))["results"])

    async def breaker(self) -> str:
        """`closed`, `half_open` or `open`."""
        return str((await self._ask("GET", "/systems", params={"slug": self._system}))["results"][0]["breaker"])

    async def turn_breaker(self, state: str, reason: str, **how: Any) -> None:
        await self._ask("POST", f"/systems/{self._system}/breaker", json={"state": state, "reason": reason, **how})

    async def handle(self, incident: dict[str, Any], verb: str, **how: Any) -> None:
        """One step of an incident: `acknowledge`, `mitigate`, `resolve`."""
        await self._ask("POST", f"/incidents/{incident['id']}/{verb}", json=how)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, path: str, **sent: Any) -> Any:
        response = await self._http.request(method, path, **sent)
        if response.status_code in (404, 405):
            raise NotBuilt(f"{method} /api/v1{path} answers {response.status_code}")
        if response.status_code >= 400:
            raise Stuck(f"{method} /api/v1{path} answers {response.status_code}: {response.text[:400]}")
        return response.json() if response.content else None
