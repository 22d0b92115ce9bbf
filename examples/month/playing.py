"""The product at another time, as the story's own process sees it: started, told what time it is, swept, ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from examples.installation import ROOT, STOPPED_WITHIN_S, NotInstalled, environment, wait_until

# It makes its database first; a busy machine takes its time.
READY_WITHIN_S = 300.0


class Playground:
    """The product under the story's clock; ended with the `with` block. `at` is what its clock was set to last."""

    def __init__(self, *, directory: Path, port: int, at: datetime) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.at = at
        self.took: Counter[str] = Counter()
        self._directory = directory
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        module = ["-m", "examples.month.service", "--port", str(self._port), "--at", self.at.isoformat()]
        with (self._directory / "product.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, *module],
                cwd=ROOT,
                env={**environment(self._directory), "COUNTERSIGN_BASE_URL": self.url},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            wait_until(
                self._process,
                f"{self.url}/healthz",
                within_s=READY_WITHIN_S,
                every_s=0.2,
                directory=self._directory,
            )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        assert self._process.stdin is not None
        try:
            # Its end tells the product to stop.
            self._process.stdin.close()
            self._process.wait(STOPPED_WITHIN_S)
        except (subprocess.TimeoutExpired, OSError):
            self._process.kill()
            self._process.wait()

    def travel(self, to: datetime) -> None:
        """Set the clock ahead; an instant that has passed changes nothing."""
        self.at = datetime.fromisoformat(self._tell({"at": to.isoformat()})["at"])

    def pass_time(self, duration: timedelta) -> None:
        self.travel(self.at + duration)

    def sweep(self, *names: str) -> None:
        """What worker and scheduler do every few seconds in life: all of it, or what is named."""
        self.took.update(self._tell({"sweep": names})["took_s"])

    def command(self, arguments: list[str], stdin: str) -> dict[str, str]:
        """Run a command of manage.py where the product is. Raises NotInstalled with what it refuses."""
        answer: dict[str, str] = self._tell({"command": arguments, "stdin": f"{stdin}\n"})
        if "refusal" in answer:
            raise NotInstalled(answer["refusal"])
        return answer

    def _tell(self, words: dict[str, Any]) -> Any:
        """One line, and the line that comes back. Raises NotInstalled where the product has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{json.dumps(words)}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise NotInstalled(f"Countersign has ended; {self._directory / 'product.log'} says why.")
        return json.loads(line)
