"""Keeps the parts of a service running as one: starts them, starts them again when they die, and ends them in time.

Each child has a session of its own, so that the terminal's Ctrl-C reaches the supervisor alone; it is told to end by
TERM to its main process (TERM to a whole group hangs Celery's pools) and killed when it does not.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
GRACE_S = 6.0
TICK_S = 0.2
# A child that lived this long was healthy: its next start does not wait.
HEALTHY_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Child:
    """One module that shall run. With `prefix`, its lines are printed behind it; after an exit code of `final_codes` it
    has done its work, otherwise it is started again."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    final_codes: frozenset[int] = frozenset()
    is_done: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    starts_at: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs children until `stop` or a signal. `held` are descriptors that children keep open with it (locks)."""

    def __init__(self, *, say: Say, held: Sequence[int] = ()) -> None:
        self._say = say
        self._held = tuple(held)
        self._children: list[Child] = []
        self._wake = threading.Event()
        self._signals = 0
        # The leash: children read it, and it ends with this process (aiops_site/leash.py).
        self._leash_end, self._leash = os.pipe()

    @property
    def is_stopping(self) -> bool:
        return self._signals > 0

    def add(self, child: Child) -> None:
        """Start a child and look after it from now on."""
        self._children.append(child)
        self._start(child)

    def listen(self) -> None:
        """End on INT, TERM and HUP (the terminal is gone); once more, and nobody is waited for."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1
        self._wake.set()

    def stop(self) -> None:
        self._signals += 1
        self._wake.set()

    def watch(self, *, until: Callable[[], bool] | None = None, timeout_s: float | None = None) -> bool:
        """Look after the children until told to stop, or until `until` holds (True), or for `timeout_s`."""
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.is_stopping:
            for child in self._children:
                self._tend(child)
            if until is not None and until():
                return True
            if ends_at is not None and time.monotonic() >= ends_at:
                return False
            self._wake.wait(TICK_S)
        return False

    def end(self) -> None:
        """TERM to every child, KILL after the grace or at a second signal; then all are gone."""
        already = self._signals
        running = [child.process for child in self._children if child.process is not None and child.is_running]
        for process in running:
            process.terminate()
        ends_at = time.monotonic() + GRACE_S
        while any(process.poll() is None for process in running):
            if time.monotonic() > ends_at or self._signals > max(already, 1):
                for process in running:
                    process.kill()
                break
            time.sleep(0.05)
        for process in running:
            process.wait()
        os.close(self._leash)
        os.close(self._leash_end)

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.is_running:
            return
        if child.process is not None:
            code = child.process.returncode
            child.process = None
            if code in child.final_codes:
                child.is_done = True
                return
            lived = now - child.started_at
            child.pause_s = FIRST_PAUSE_S if lived > HEALTHY_S else min(child.pause_s * 2, LONGEST_PAUSE_S)
            child.starts_at = now + child.pause_s
            self._say(f"{child.name} ended ({describe_end(code)}); starting it again in {child.pause_s:.1f} s.")
        elif not child.is_done and now >= child.starts_at:
            self._start(child)

    def _start(self, child: Child) -> None:
        command = [sys.executable, "-m", "aiops_site.leash", str(self._leash_end), child.module, *child.arguments]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        child.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **child.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if child.prefix else None,
            stderr=subprocess.STDOUT if child.prefix else None,
            pass_fds=(self._leash_end, *self._held),
            start_new_session=True,
        )
        child.started_at = time.monotonic()
        if child.process.stdout is not None:
            threading.Thread(target=relay, args=(child.process.stdout, child.prefix), daemon=True).start()


def relay(lines: IO[bytes], prefix: str) -> None:
    """Print what a child says, line by line, behind its prefix."""
    for line in lines:
        sys.stdout.write(f"{prefix}{line.decode(errors='replace').rstrip()}\n")
        sys.stdout.flush()


def describe_end(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


class PortTaken(Exception):
    """Somebody else listens there, or this machine has no such address."""


def reserve_port(host: str, port: int) -> socket.socket:
    """A socket that holds the address without listening; the web processes share the port with it (SO_REUSEPORT).

    Port 0 takes a free one. Raises `PortTaken` with a sentence.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, OverflowError) as error:
        raise PortTaken(f"{host}:{port} is no address of this machine: {error}.") from error
    try:
        # Without SO_REUSEPORT: this fails when anybody listens there, ourselves of another start included.
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            address = (*address[:1], probe.getsockname()[1], *address[2:])
        holder = socket.socket(family, kind, protocol)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(address)
    except OSError as error:
        raise PortTaken(
            f"Port {port} on {host} can't be used: {error.strerror}. Stop what listens there, or choose another port "
            "(--port; with make: PORT=…)."
        ) from error
    return holder
