"""`countersign gate`: let a pipeline stop a release that the gate does not pass.

Exit codes: 0 pass, 1 fail, 2 inconclusive, 3 could not be evaluated, which is also what happens where the service can't be
reached, refuses, or the command is used wrongly. So nothing but a pass is a 0.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import httpx

from countersign.errors import ApiProblem, CountersignError, Unavailable
from countersign.gate import NOT_EVALUATED, cut, exit_code, junit, say
from countersign.protocol import URL_VARIABLE, Answer, Lost, is_worth_retrying, json_object, pause_before_retry

TOKEN_VARIABLE = "COUNTERSIGN_TOKEN"  # noqa: S105 - the name of a variable, no secret
RUNS = "/api/v1/evaluation-runs"
ATTEMPTS = 4
TIMEOUT_S = 60.0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse's own code for a wrong use, 2, would be read as "inconclusive".
        self.print_usage(sys.stderr)
        self.exit(NOT_EVALUATED, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _read(arguments)
    url, token = options.url or os.environ.get(URL_VARIABLE, ""), os.environ.get(TOKEN_VARIABLE, "")
    try:
        if not url.startswith(("http://", "https://")) or not token:
            raise ValueError(f"Set {URL_VARIABLE} to the service's address and {TOKEN_VARIABLE} to an access token.")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT_S) as http:
            gate = _ask(http, str(options.run), options.results, options.close)
        if options.junit:
            options.junit.write_bytes(junit(gate))
        _print(say(gate))
    except (CountersignError, ValueError, OSError, httpx.HTTPError, httpx.InvalidURL) as failure:
        sys.stderr.write(f"could not be evaluated: {failure}\n")
        return NOT_EVALUATED
    return exit_code(gate)


def _print(text: str) -> None:
    """What people wrote may hold characters that this terminal can't show; they are no reason to end with another code."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="countersign", description="Countersign in a pipeline.")
    gate = parser.add_subparsers(dest="verb", required=True, parser_class=_Parser).add_parser(
        "gate", help="exit code 0 pass, 1 fail, 2 inconclusive, 3 could not be evaluated"
    )
    gate.add_argument("run", type=uuid.UUID, help="the id of the evaluation run")
    gate.add_argument("--url", help=f"the service's address; {URL_VARIABLE} unless told")
    gate.add_argument(
        "--results", type=Path, metavar="FILE", help="JSON lines to send first; sent again they do no harm"
    )
    gate.add_argument("--close", action="store_true", help="close the run, so that it is judged")
    gate.add_argument("--junit", type=Path, metavar="FILE", help="write the answer as JUnit XML too")
    return parser.parse_args(arguments)


def _ask(http: httpx.Client, run: str, results: Path | None, close: bool) -> Mapping[str, Any]:
    if results is not None:
        with results.open("rb") as lines:
            for body in cut(lines):
                _send(http, "POST", f"{RUNS}/{run}/results", body, "application/jsonl")
    if close:
        try:
            _send(http, "POST", f"{RUNS}/{run}/close", b"{}", "application/json")
        except ApiProblem as problem:
            # Closed before, perhaps by an attempt whose answer was lost: its verdict stands.
            if not problem.type.endswith("run-closed"):
                raise
    return _send(http, "GET", f"{RUNS}/{run}/gate", None, "")


def _send(http: httpx.Client, method: str, path: str, body: bytes | None, media_type: str) -> Mapping[str, Any]:
    """The JSON of the answer. Raises ApiProblem where the service refuses, Unavailable where nobody answers."""
    headers = {"Content-Type": media_type} if media_type else {}
    received: Answer | Lost = Lost("not tried")
    for attempt in range(ATTEMPTS):
        try:
            response = http.request(method, path, content=body, headers=headers)
            received = Answer(response.status_code, dict(response.headers), response.content)
        except httpx.TransportError as error:
            received = Lost(f"{type(error).__name__}: {error}")
        if not is_worth_retrying(received) or attempt == ATTEMPTS - 1:
            break
        pause = pause_before_retry(received, attempt)
        if pause is None:
            break
        time.sleep(pause)
    if isinstance(received, Lost):
        raise Unavailable(f"The service can't be reached ({received.reason}).")
    if received.status >= 500:
        raise Unavailable(f"The service failed ({received.status}).", status=received.status)
    shown = json_object(received)
    if received.status != 200 or not shown:
        raise ApiProblem(
            type=str(shown.get("type", "")),
            title=str(shown.get("title", "This is not an answer of Countersign.")),
            status=received.status,
            detail=str(shown.get("detail", "")),
            errors=shown.get("errors") or (),
            raw=shown,
        )
    return shown
