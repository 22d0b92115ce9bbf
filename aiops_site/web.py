"""One web process: the site under granian, in this process and on this event loop."""

import asyncio
import os
import signal
import sys
import threading
from typing import NoReturn

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from aiops_site.waiting_room import Site

# How long requests in flight may take to end once the server is told to stop.
DRAIN_S = 4.0
# Connections that one process keeps at once; each of those who wait for a decision holds one.
MOST_CONNECTIONS = 16384


def serve_site(site: Site, *, host: str, port: int) -> NoReturn:
    """Serve until TERM or INT: then the waiting are answered, requests in flight finish, and the process ends."""
    asyncio.run(serve(site, host, port))
    site.threads.join(timeout_s=1.0)
    sys.stdout.flush()
    sys.stderr.flush()
    # The server's own threads may still look for an interpreter that is being taken down, and abort with a panic.
    os._exit(0)


async def serve(site: Site, host: str, port: int) -> None:
    server = Server(
        site,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=2048,
        backpressure=MOST_CONNECTIONS,
        log_level=LogLevels.error,
    )

    def stop() -> None:
        site.room.close()
        server.stop()  # type: ignore[no-untyped-call]
        alarm = threading.Timer(DRAIN_S, os._exit, (0,))
        alarm.daemon = True
        alarm.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()
    # Connections are closed by now; whose client has gone may still be at work.
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest, timeout=DRAIN_S)
