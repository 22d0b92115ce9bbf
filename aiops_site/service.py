"""Bringing the service up: its database, its parts, and the moment when it is ready. `serve` and `demo` share it."""

import http.client
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from aiops_site import mailbox
from aiops_site.health import check_readiness, count_missing_migrations
from aiops_site.locks import PARTS, lock_parts
from aiops_site.supervision import Child, Supervisor, reserve_port

READY_WITHIN_S = 60.0
# Where a server that listens on every address is asked from this machine.
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (translated, not bound)
EMBEDDED_CONCURRENCY = 4
CONCURRENCY = 8


class NotPrepared(Exception):
    """The database is not as the code needs it, and nobody said that it may be changed."""


def prepare_database(*, may_migrate: bool, say: Callable[[str], None]) -> None:
    """Migrate the embedded database, or another where allowed. Raises `NotPrepared` with what to do instead."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    missing = count_missing_migrations()
    if not missing:
        return
    if not settings.IS_EMBEDDED and not may_migrate:
        raise NotPrepared(
            f"The database lacks {missing} migrations. Run `python manage.py migrate` first, or start with --migrate."
        )
    say("Preparing the database …")
    call_command("migrate", verbosity=0, interactive=False)


@dataclass(slots=True)
class Service:
    """A supervisor with the parts of the service, and the address where it answers."""

    supervisor: Supervisor
    address: str
    parts: tuple[str, ...]
    host: str
    port: int
    reservation: socket.socket | None

    def is_ready(self) -> bool:
        """Whether every part that was started here works."""
        if "web" in self.parts and not is_answering(self.host, self.port):
            return False
        if self.parts != PARTS:
            return True
        is_ready = all(finding.is_ok for finding in check_readiness().values())
        connection.close()
        return is_ready


def start_service(
    *, host: str, port: int, workers: int, parts: Iterable[str], prepare: Callable[[], None], say: Callable[[str], None]
) -> Service:
    """Start these parts, after `prepare` with port and data folder already ours. Raises `PortTaken`, `AlreadyServed`
    and whatever `prepare` raises."""
    chosen = tuple(part for part in PARTS if part in set(parts))
    reservation = reserve_port(host, port) if "web" in chosen else None
    held = lock_parts(settings.DATA_DIR, chosen) if settings.IS_EMBEDDED else []
    if settings.IS_EMBEDDED and chosen == PARTS:
        mailbox.empty(settings.BROKER_DIR)
    prepare()
    connections.close_all()
    supervisor = Supervisor(say=say, held=held)
    supervisor.listen()
    number, bound = reservation.getsockname()[:2] if reservation else (host, 0)
    address = write_address(host, bound)
    environment = {"COUNTERSIGN_BASE_URL": os.environ.get("COUNTERSIGN_BASE_URL") or address} if reservation else {}
    for child in list_children(chosen, host=number, port=bound, workers=workers, environment=environment):
        supervisor.add(child)
    return Service(supervisor, address, chosen, number, bound, reservation)


def list_children(
    parts: Iterable[str], *, host: str, port: int, workers: int, environment: dict[str, str]
) -> Iterable[Child]:
    module = "aiops_site.parts"
    for part in parts:
        match part:
            case "web":
                for number in range(1, workers + 1):
                    name = f"web {number}" if workers > 1 else "web"
                    yield Child(name, module, ["web", "--host", host, "--port", str(port)], environment)
            case "worker":
                concurrency = EMBEDDED_CONCURRENCY if settings.IS_EMBEDDED else CONCURRENCY
                yield Child(part, module, ["worker", "--concurrency", str(concurrency)], environment)
            case _:
                yield Child(part, module, [part], environment)


def write_address(host: str, port: int) -> str:
    name = ANY_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def is_answering(host: str, port: int) -> bool:
    """Whether a web process answers there: /healthz is served before Django looks at the Host header."""
    with closing(http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=2)) as client:
        try:
            client.request("GET", "/healthz")
            return client.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def describe_mail() -> str:
    """Where mail goes that nothing sends: a forgotten password's link has to be found. Empty where mail is sent."""
    return "" if settings.EMAIL_URL else f"No mail is sent: each one becomes a file in {settings.EMAIL_FILE_PATH}."
