"""B1: what asking costs, over HTTP and as production serves it, against a bare view that inserts the same rows.

Both sites run in the same minute, on the same database and tables, with the same server (granian behind the bridge, two
processes of eight threads), the same persistent connections and the same requests: a decision of 2 KB under twenty
rules, every other one of which waits for a person. Rounds alternate, so that whatever else the machine does falls on
both. Run `python -m tests.benchmarks.intake [--json]`.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.ground import describe_ground, fresh_database, percentile
from tests.benchmarks.load import Round, drive, write_post
from tests.benchmarks.rules_peers import DECISION, PLAIN
from tests.support.servers import free_port

LIMITS = """
    Processor time: the machine's cores are shared by PostgreSQL, two web processes and the load generator, and sixteen
    connections keep them busy, so the latencies are mostly waiting for a core, the floor's too. The product asks
    two questions before its transaction (the key, the policy in force) and one in it (the queue, where somebody must
    decide), which the floor is spared; it saves the framework's request cycle and half of the statements. The audit
    log's sequencer and Celery do not run meanwhile.
"""
PROCESSES = 2
CONNECTIONS = 16
STARTED_WITHIN_S = 60.0
KINDS = ("allow", "review")


@dataclass(frozen=True, slots=True)
class Scene:
    """What both sites are told: whose decisions they are, and the key with which the product is asked."""

    environment: dict[str, str]
    secret: str


def write_policy() -> str:
    """Twenty rules as people write them; none of them holds for a small refund that the model is sure of."""
    rules = [
        {"id": f"rule-{number}", "when": rule.cel, "verdict": "review", "queue": "refunds", "reason": f"Rule {number}"}
        for number, rule in enumerate(PLAIN)
    ]
    return json.dumps(
        {
            "apiVersion": "governance/v1",
            "kind": "Policy",
            "metadata": {"key": "benchmark"},
            "default": "allow",
            "rules": rules,
        }
    )


def write_body(kind: str) -> bytes:
    """The decision of B5: as it is (900 EUR, it waits for a person), or a small one that may go ahead."""
    action = DECISION["action"]
    if kind == "allow":
        action = {**action, "arguments": {**action["arguments"], "amount": 15.0}}
    usage = {name: int(count) for name, count in DECISION["usage"].items()}
    confidence = 0.995 if kind == "allow" else DECISION["confidence"]
    return json.dumps({**DECISION, "action": action, "usage": usage, "confidence": confidence}).encode()


def set_scene() -> Scene:
    """A system with twenty rules in force, its key and its queue."""
    from tests.factories import make_key, make_organization, make_queue, make_system, put_in_force

    organization = make_organization(slug="benchmark")
    system = make_system(organization, slug="refund-bot")
    version = put_in_force(system, write_policy())
    queue = make_queue(organization, slug="refunds")
    _, secret = make_key(system)
    environment = {
        "BENCHMARK_ORGANIZATION": str(organization.pk),
        "BENCHMARK_SYSTEM": str(system.pk),
        "BENCHMARK_QUEUE": str(queue.pk),
        "BENCHMARK_VERSION": str(version.pk),
    }
    return Scene(environment, secret)


@contextmanager
def served(settings: str, scene: Scene) -> Iterator[int]:
    """The web part of the service, on a free port of the loopback interface, with these settings."""
    port = free_port()
    environment = {**os.environ, **scene.environment, "DJANGO_SETTINGS_MODULE": settings}
    command = [sys.executable, "-m", "aiops_site.parts", "web", "--host", "127.0.0.1", "--port", str(port)]
    servers = [
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
        for _ in range(PROCESSES)
    ]
    try:
        yield port
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
        for server in servers:
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def write_requests(port: int, path: str, secret: str, kinds: tuple[str, ...]) -> Callable[[], bytes]:
    """The next request: each with a key of its own, its kinds in turn."""
    bodies = itertools.cycle([write_body(kind) for kind in kinds])

    def write_request() -> bytes:
        headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": str(uuid.uuid4())}
        return write_post(path=path, port=port, headers=headers, body=next(bodies))

    return write_request


def wait_until_it_answers(port: int, write_request: Callable[[], bytes]) -> None:
    give_up = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            drive(port=port, write_request=write_request, connections=CONNECTIONS, seconds=0.5)
        except ConnectionError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)
        else:
            return


def summarize(rounds: list[Round]) -> dict[str, Any]:
    """Requests a second by round, and the percentiles over all of them in milliseconds."""
    times = [time_s * 1000 for round in rounds for time_s in round.times]
    per_second = [round.per_second for round in rounds]
    return {
        "per_second": round(statistics.median(per_second), 1),
        "per_second_least": round(min(per_second), 1),
        "per_second_most": round(max(per_second), 1),
        "p50_ms": round(percentile(times, 0.50), 1),
        "p99_ms": round(percentile(times, 0.99), 1),
        "requests": len(times),
    }


def compare(
    ports: dict[str, int], secret: str, kinds: tuple[str, ...], *, rounds: int, seconds: float
) -> dict[str, Any]:
    """Alternate rounds on both sites. Refuses (SystemExit) an answer that is no decision."""
    paths = {"countersign": "/api/v1/decisions", "floor": "/decisions"}
    found: dict[str, list[Round]] = {name: [] for name in ports}
    for number in range(rounds):
        for name in sorted(ports, reverse=bool(number % 2)):
            write_request = write_requests(ports[name], paths[name], secret, kinds)
            one = drive(port=ports[name], write_request=write_request, connections=CONNECTIONS, seconds=seconds)
            if set(one.statuses) - {201, 202}:
                raise SystemExit(f"{name} answered {dict(one.statuses)}")
            found[name].append(one)
    ratios = [
        ours.per_second / floor.per_second for ours, floor in zip(found["countersign"], found["floor"], strict=True)
    ]
    result: dict[str, Any] = {name: summarize(found[name]) for name in found}
    result["ratio"] = round(statistics.median(ratios), 3)
    result["ratio_least"] = round(min(ratios), 3)
    result["ratio_most"] = round(max(ratios), 3)
    return result


def measure(*, rounds: int = 8, seconds: float = 4.0) -> dict[str, Any]:
    """Allow, review, and both in turn; requests a second, percentiles in milliseconds, and the ratio to the floor."""
    with ExitStack() as stack:
        stack.enter_context(fresh_database())
        scene = set_scene()
        sites = {"countersign": "aiops_site.settings", "floor": "tests.benchmarks.floor.settings"}
        ports = {name: stack.enter_context(served(settings, scene)) for name, settings in sites.items()}
        for name, path in (("countersign", "/api/v1/decisions"), ("floor", "/decisions")):
            wait_until_it_answers(ports[name], write_requests(ports[name], path, scene.secret, KINDS))
        loads = {"allow": ("allow",), "review": ("review",), "both": KINDS}
        return {
            "benchmark": "B1",
            "connections": CONNECTIONS,
            "processes": PROCESSES,
            "rounds": rounds,
            "body_bytes": len(write_body("review")),
            "ground": describe_ground(),
            "loads": {
                name: compare(ports, scene.secret, kinds, rounds=rounds, seconds=seconds)
                for name, kinds in loads.items()
            },
        }


def describe(report: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    lines = [
        f"Bodies of {report['body_bytes']:,} bytes on {report['connections']} connections; PostgreSQL"
        f" {report['ground']['postgresql']} with fsync {report['ground']['fsync']}.",
        "",
        "| load | requests/s | p50 | p99 | floor requests/s | floor p50 | floor p99 | ratio of requests/s |",
        "| --- " * 8 + "|",
    ]
    for name, load in report["loads"].items():
        cells = [name]
        for site in ("countersign", "floor"):
            found = load[site]
            rate = f"{found['per_second']:g} ({found['per_second_least']:g} to {found['per_second_most']:g})"
            cells += [rate, f"{found['p50_ms']} ms", f"{found['p99_ms']} ms"]
        cells.append(f"{load['ratio']} ({load['ratio_least']} to {load['ratio_most']})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Prints the figures, as lines or (`--json`) as one JSON object."""
    parser = argparse.ArgumentParser(description="B1: asking over HTTP, and a bare view that inserts the same rows.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=8, help="rounds on each site and load")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a round lasts")
    arguments = parser.parse_args()
    report = measure(rounds=arguments.rounds, seconds=arguments.seconds)
    print(json.dumps(report, indent=2) if arguments.json else describe(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
