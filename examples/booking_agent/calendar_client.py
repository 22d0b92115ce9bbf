"""The agent's adapter to the calendar. It believes no answer: what it has booked, moved or cancelled it reads back, and
says so where the calendar does not show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from examples.booking_agent.calendar_service import FIRST, Edition, read_instant, write_instant

DEPENDENCY = "calendar"
SITTING = timedelta(hours=2)


class CalendarFault(Exception):
    """The calendar could not be reached, or it answered and did not do what was asked."""


class NotBookable(Exception):
    """The calendar works and says no: `reason` is its word for why, `free` are times that are free instead."""

    def __init__(self, reason: str, free: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.free = free


@dataclass(frozen=True)
class Booking:
    """What the calendar shows of a booking. `start` is local time, None where this adapter can't read it."""

    id: str
    reference: str
    start: datetime | None
    status: str


class Calendar:
    """Books at `url`, in the words of an edition. Every verb raises CalendarFault, or NotBookable."""

    def __init__(self, url: str, edition: Edition = FIRST, *, timeout_s: float = 5.0) -> None:
        self.edition = edition
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s)

    async def look(self, reference: str) -> Booking | None:
        """The newest booking under a reference, whatever its state; None where there is none."""
        found = (await self._ask("GET", "/bookings", params={"reference": reference})).get("bookings")
        if not isinstance(found, list) or not found or not isinstance(found[-1], Mapping):
            return None
        entry = found[-1]
        return Booking(
            id=str(entry.get("id", "")),
            reference=reference,
            start=read_instant(entry.get(self.edition.start)),
            status=str(entry.get(self.edition.status) or ""),
        )

    async def book(self, *, reference: str, name: str, start: datetime, party_size: int) -> Booking:
        """A table from `start` on. The same reference books once, however often it is sent."""
        wanted = {"reference": reference, "name": name, "party_size": party_size, **self._times(start)}
        await self._ask("POST", "/bookings", json=wanted)
        return await self._verified(reference, status="confirmed", start=start)

    async def move(self, *, reference: str, start: datetime) -> Booking:
        """The booking to another time."""
        known = await self._known(reference)
        await self._ask("PATCH", f"/bookings/{known.id}", json=self._times(start))
        return await self._verified(reference, status="confirmed", start=start)

    async def cancel(self, *, reference: str) -> Booking:
        """The booking away."""
        known = await self._known(reference)
        await self._ask("PATCH", f"/bookings/{known.id}", json={self.edition.status: "cancelled"})
        return await self._verified(reference, status="cancelled", start=None)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _times(self, start: datetime) -> dict[str, str]:
        return {self.edition.start: write_instant(start), self.edition.end: write_instant(start + SITTING)}

    async def _known(self, reference: str) -> Booking:
        known = await self.look(reference)
        if known is None or known.status == "cancelled":
            raise NotBookable("no_such_booking")
        return known

    async def _verified(self, reference: str, *, status: str, start: datetime | None) -> Booking:
        """What the calendar shows afterwards, where that is what was asked for."""
        shown = await self.look(reference)
        if shown is None:
            raise CalendarFault(f"answered 200, but shows no booking under {reference}")
        if shown.status != status:
            raise CalendarFault(f"answered 200, but shows {reference} as {shown.status or 'nothing'}, not {status}")
        if start is not None and shown.start != start:
            at = write_instant(shown.start) if shown.start else "no time"
            raise CalendarFault(f"answered 200, but shows {reference} at {at}, not {write_instant(start)}")
        return shown

    async def _ask(self, method: str, path: str, **sent: Any) -> Mapping[str, Any]:
        try:
            response = await self._http.request(method, path, **sent)
            answer = response.json()
        except httpx.HTTPError as error:
            raise CalendarFault(f"could not be reached ({type(error).__name__})") from error
        except ValueError as error:
            raise CalendarFault(f"answered {response.status_code} with no JSON") from error
        if not isinstance(answer, Mapping):
            raise CalendarFault(f"answered {response.status_code} with no object")
        if response.status_code == 409:
            free = answer.get("free")
            raise NotBookable(str(answer.get("error")), tuple(map(str, free)) if isinstance(free, list) else ())
        if response.status_code != 200:
            raise CalendarFault(f"answered {response.status_code} {answer.get('error', '')}".strip())
        return answer
