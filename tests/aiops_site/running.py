"""A running service for the tests: `manage.py serve` as its own process, on a data folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 90.0


class RunningService:
    """`manage.py serve` and what one asks of it. Ends with the block, whatever happened in it."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "serve.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
        for name in ("DATABASE_URL", "REDIS_URL"):
            inherited.pop(name, None)
        self.environment = {
            **inherited,
            "COUNTERSIGN_DATA_DIR": str(folder / "data"),
            "COUNTERSIGN_SECRET_KEY": "known to everybody, and to the tests alone",
            **(environment or {}),
        }
        self.options = options
        self.why_not = ""
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port), *self.options],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Until /readyz says so."""
        give_up = time.monotonic() + READY_WITHIN_S
        while not self.is_ready():
            if time.monotonic() > give_up or (self.process is not None and self.process.poll() is not None):
                raise AssertionError(f"the service did not get ready: {self.why_not}\n{self.said()}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=5)
        except httpx.TransportError as error:
            self.why_not = repr(error)
            return False
        self.why_not = answer.text
        return answer.status_code == 200

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def manage(self, *arguments: str, given: str = "") -> dict[str, Any]:
        """What a management command answers with --json. A failure fails the test."""
        done = self.run(*arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def run(self, *arguments: str, given: str = "", timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def pids(self, part: str) -> list[int]:
        """The processes of one part of this service (web, worker, scheduler)."""
        assert self.process is not None
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                command = (stat.parent / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == self.process.pid and [b"aiops_site.parts", part.encode()] == command[4:6]:
                found.append(int(stat.parent.name))
        return found
