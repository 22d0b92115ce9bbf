"""The restaurant's calendar: a small HTTP service on loopback that the agent depends on and does not own.

It has two editions. The second renames fields, and, as lenient services do, ignores names that it does not know instead
of refusing them: who still speaks the first edition is answered 200, and nothing is booked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Seats of each table of a brewery's hall; a party takes the smallest free table that holds it, for two hours.
TABLES = tuple([2] * 30 + [4] * 30 + [6] * 12 + [12] * 5 + [20] * 2)
SITTING = timedelta(hours=2)
OPENS_AT, LAST_START = (12, 0), (21, 30)
LARGEST_BODY = 64 * 1024


@dataclass(frozen=True)
class Edition:
    """What the calendar's fields are called."""

    start: str
    end: str
    resource: str
    status: str


FIRST = Edition(start="start", end="end", resource="resource", status="status")
SECOND = Edition(start="starts_at", end="ends_at", resource="resource_id", status="state")


@dataclass
class Entry:
    """One booking, or what was sent without a time: a draft, which holds no table."""

    id: str
    reference: str
    name: str
    party_size: int
    start: datetime | None
    table: int | None
    status: str


class CalendarService:
    """Bookings in memory, answered over HTTP at `url`. `deploy` puts another edition into service while it runs."""

    def __init__(self, edition: Edition = FIRST) -> None:
        self._edition = edition
        self._entries: dict[str, Entry] = {}
        self._by_reference: dict[str, list[Entry]] = {}
        self._taken: dict[int, list[Entry]] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it answers; it has to be started."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, port: int = 0) -> None:
        """Listen on loopback, on any free port unless told."""
        self._server = Server(("127.0.0.1", port), handler_of(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def deploy(self, edition: Edition) -> None:
        """Change the names of the fields; what is booked stays booked."""
        with self._lock:
            self._edition = edition

    def confirmed(self) -> list[Entry]:
        """What the staff sees on its own screen, whatever the edition."""
        with self._lock:
            return [entry for entry in self._entries.values() if entry.status == "confirmed"]

    def answer(self, method: str, address: str, body: Any) -> tuple[int, dict[str, Any]]:
        """The status and the answer to one request."""
        parts = urlsplit(address)
        place = parts.path.strip("/").split("/")
        if body is not None and not isinstance(body, dict):
            return 400, {"error": "not_an_object"}
        with self._lock:
            if method == "POST" and place == ["bookings"]:
                return self._book(body or {})
            if method == "GET" and place == ["bookings"]:
                reference = parse_qs(parts.query).get("reference", [""])[0]
                found = [entry for entry in self._by_reference.get(reference, []) if entry.status != "draft"]
                return 200, {"bookings": [self._shown(entry) for entry in found]}
            if method == "GET" and place == ["slots"]:
                return self._slots(parse_qs(parts.query))
            if method == "PATCH" and place[0] == "bookings" and len(place) == 2:
                return self._change(place[1], body or {})
        return 404, {"error": "not_found"}

    def _book(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        reference, name = str(body.get("reference", "")), str(body.get("name", ""))
        party_size = body.get("party_size")
        if not reference or not isinstance(party_size, int) or party_size < 1:
            return 422, {"error": "reference_and_party_size_needed"}
        for entry in self._by_reference.get(reference, []):
            if entry.status == "confirmed":
                return 200, self._shown(entry)
        start = read_instant(body.get(self._edition.start))
        table = None
        if start is not None:
            if not is_open_at(start):
                return 409, {"error": "closed", "free": self._free_times(start, party_size)}
            table = self._free_table(start, party_size)
            if table is None:
                return 409, {"error": "slot_taken", "free": self._free_times(start, party_size)}
        entry = Entry(
            id=f"b{len(self._entries) + 1}",
            reference=reference,
            name=name,
            party_size=party_size,
            start=start,
            table=table,
            status="confirmed" if start is not None else "draft",
        )
        self._entries[entry.id] = entry
        self._by_reference.setdefault(reference, []).append(entry)
        if table is not None:
            self._taken.setdefault(table, []).append(entry)
        return 200, self._shown(entry)

    def _change(self, entry_id: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        entry = self._entries.get(entry_id)
        if entry is None:
            return 404, {"error": "not_found"}
        start = read_instant(body.get(self._edition.start))
        if start is not None and entry.status == "confirmed" and start != entry.start:
            if not is_open_at(start):
                return 409, {"error": "closed", "free": self._free_times(start, entry.party_size)}
            table = self._free_table(start, entry.party_size, besides=entry)
            if table is None:
                return 409, {"error": "slot_taken", "free": self._free_times(start, entry.party_size)}
            self._vacate(entry)
            entry.start, entry.table = start, table
            self._taken.setdefault(table, []).append(entry)
        if body.get(self._edition.status) == "cancelled":
            self._vacate(entry)
            entry.status = "cancelled"
        return 200, self._shown(entry)

    def _slots(self, query: Mapping[str, list[str]]) -> tuple[int, dict[str, Any]]:
        day = read_instant(query.get("date", [""])[0])
        size = query.get("party_size", [""])[0]
        if day is None or not size.isdigit():
            return 422, {"error": "date_and_party_size_needed"}
        names = self._edition
        shown = []
        for start in times_of(day):
            table = self._free_table(start, int(size))
            if table is not None:
                times = {names.start: write_instant(start), names.end: write_instant(start + SITTING)}
                shown.append({**times, names.resource: f"table-{table + 1}"})
        return 200, {"slots": shown}

    def _free_table(self, start: datetime, party_size: int, *, besides: Entry | None = None) -> int | None:
        for table in sorted(range(len(TABLES)), key=TABLES.__getitem__):
            if TABLES[table] >= party_size and all(
                entry is besides or entry.start is None or abs(entry.start - start) >= SITTING
                for entry in self._taken.get(table, [])
            ):
                return table
        return None

    def _free_times(self, start: datetime, party_size: int) -> list[str]:
        free = [at for at in times_of(start) if self._free_table(at, party_size) is not None]
        return [write_instant(at) for at in sorted(free, key=lambda at: abs(at - start))[:3]]

    def _vacate(self, entry: Entry) -> None:
        if entry.table is not None:
            self._taken[entry.table].remove(entry)
            entry.table = None

    def _shown(self, entry: Entry) -> dict[str, Any]:
        names = self._edition
        return {
            "id": entry.id,
            "reference": entry.reference,
            "name": entry.name,
            "party_size": entry.party_size,
            names.start: write_instant(entry.start) if entry.start else None,
            names.end: write_instant(entry.start + SITTING) if entry.start else None,
            names.resource: f"table-{entry.table + 1}" if entry.table is not None else None,
            names.status: entry.status,
        }


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Bookings come in bursts; the standard backlog of five would refuse some of them.
    request_queue_size = 128


def handler_of(service: CalendarService) -> type[BaseHTTPRequestHandler]:
    """http.server wants a class, and this one knows its service."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
            try:
                body = json.loads(self.rfile.read(length)) if length else None
                status, shown = service.answer(self.command, self.path, body)
            except ValueError:
                status, shown = 400, {"error": "not_json"}
            text = json.dumps(shown).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def read_instant(value: Any) -> datetime | None:
    """A local date and time as ISO 8601 (`2026-03-06T19:30`), or None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except ValueError:
        return None


def write_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="minutes")


def is_open_at(start: datetime) -> bool:
    """Whether guests may sit down then."""
    return OPENS_AT <= (start.hour, start.minute) <= LAST_START


def times_of(day: datetime) -> list[datetime]:
    """The half hours of that day at which guests may sit down."""
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return [at for at in (midnight + timedelta(minutes=30 * count) for count in range(48)) if is_open_at(at)]
