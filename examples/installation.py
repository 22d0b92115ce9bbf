"""Putting an example's story on its stage: the product in a data folder of its own, with the people, the system, the rules and
the key that an installation makes by its commands. Nothing here reaches into the product; it runs `manage.py` as an operator
would.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
# Runs a command with these arguments and this standard input; what it answers as JSON.
Command = Callable[[list[str], str], dict[str, str]]
READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 20.0


@dataclass(frozen=True)
class Person:
    """Somebody in a story. A password that everybody knows is acceptable for what listens on loopback alone."""

    role: str
    name: str
    email: str

    @property
    def password(self) -> str:
        return f"set-nine-tables-{self.role}"


@dataclass(frozen=True)
class Stage:
    """What a story is played on: an organization, its people, one system with its facts (as `create_system` takes them) and its
    rules. The owner stands first among those who get a token; the desk's people follow."""

    organization: str
    system: str
    facts: Mapping[str, str]
    policy: Path
    owner: Person
    backup: Person
    admin: Person
    desk: tuple[Person, ...]


class NotInstalled(Exception):
    """The product could not be started, or one of its commands failed."""


@dataclass(frozen=True)
class Installation:
    """What the story needs to know: where the product answers, and the secrets that its commands have made."""

    url: str
    api_key: str
    owner_token: str
    desk_tokens: tuple[str, ...]


class Product:
    """The product on its embedded default, as a process of its own; ended with the `with` block."""

    def __init__(self, *, directory: Path, port: int, say: Callable[[str], None]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._directory = directory
        self._port = port
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Product:
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "product.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(self._port)],
                cwd=ROOT,
                env=environment(self._directory),
                stdout=log,
                stderr=log,
            )
        self._say(f"Starting Countersign in {self._directory} …")
        try:
            wait_until(
                self._process,
                f"{self.url}/readyz",
                within_s=READY_WITHIN_S,
                every_s=0.5,
                directory=self._directory,
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def wait_until(
    process: subprocess.Popen[str] | subprocess.Popen[bytes],
    address: str,
    *,
    within_s: float,
    every_s: float,
    directory: Path,
) -> None:
    """Ask the address until it answers 200. Raises NotInstalled where the process ends before that, or takes too long."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(every_s)
    raise NotInstalled(f"Countersign did not start; {directory / 'product.log'} says why.")


def install(
    stage: Stage,
    url: str,
    *,
    directory: Path | None,
    say: Callable[[str], None],
    run: Command | None = None,
) -> Installation:
    """Make the organization, its people, the system and its key, and put the rules into force. A second run finds what is
    there; keys and tokens are made anew. `run` runs a command in another way than as a process. Raises NotInstalled.
    """
    variables = environment(directory)

    def manage(arguments: list[str], *, stdin: str = "") -> dict[str, str]:
        return run(arguments, stdin) if run is not None else run_command(arguments, variables, stdin=stdin)

    inside = options(organization=stage.organization)
    say("Making people, the system and its rules, with the commands of an installation …")
    for person in (stage.owner, stage.backup, stage.admin, *stage.desk):
        named = options(email=person.email, name=person.name, role=person.role)
        manage(["create_user", *named, *inside, "--password-stdin"], stdin=person.password)
    answering = options(owner=stage.owner.email, backup=stage.backup.email)
    manage(["create_system", *inside, *options(slug=stage.system, **stage.facts), *answering])
    place = f"{stage.organization}/{stage.system}"
    try:
        manage(["load_policy", "--system", place, "--file", str(stage.policy), "--activate"])
    except NotInstalled as refusal:
        if "in force" not in str(refusal):
            raise
    key = manage(["create_api_key", "--system", place, "--name", stage.system])["key"]
    tokens = [
        manage(["create_token", "--user", person.email, *inside, "--name", "story"])["token"]
        for person in (stage.owner, *stage.desk)
    ]
    return Installation(url, key, tokens[0], tuple(tokens[1:]))


def options(**named: str) -> list[str]:
    """`--name value` for each."""
    return [word for name, value in named.items() for word in (f"--{name.replace('_', '-')}", value)]


def run_command(arguments: list[str], variables: Mapping[str, str], *, stdin: str = "") -> dict[str, str]:
    """Run one command of manage.py and read its JSON. Raises NotInstalled with what it says."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments, "--json"],
        cwd=ROOT,
        env=dict(variables),
        input=f"{stdin}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalled(f"{arguments[0]}: {(done.stderr or done.stdout).strip()}")
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def environment(directory: Path | None) -> dict[str, str]:
    """This process's environment; with a folder, the embedded default in it and no database from outside."""
    variables = dict(os.environ)
    if directory is not None:
        for name in ("DATABASE_URL", "REDIS_URL"):
            variables.pop(name, None)
        variables["COUNTERSIGN_DATA_DIR"] = str(directory.resolve())
    return variables


def mails_in(directory: Path) -> list[tuple[str, str]]:
    """To whom the embedded default has written what: (recipients, subject) of each mail in its outbox."""
    found = []
    for path in sorted((directory / "outbox").glob("*")):
        for text in path.read_bytes().split(b"-" * 79 + b"\n"):
            mail = message_from_bytes(text.lstrip())
            if mail["To"]:
                subject = str(make_header(decode_header(mail["Subject"] or "")))
                found.append((str(mail["To"]), " ".join(subject.split())))
    return found
