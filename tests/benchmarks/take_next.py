"""B3: taking the next escalation of a queue in which a million wait, by 32 reviewers at once.

Every reviewer is a process with a connection of its own that takes one after the other, as the console's button does:
`reviews.services.triage.take_next` with its permission, its groups, its claim and its audit entry. The floor, in the same
minute and on the same rows, is one bare `UPDATE … WHERE id = (SELECT … FOR UPDATE SKIP LOCKED LIMIT 1)` in a transaction.
Both start at the same moment in every round, and rounds alternate. Nothing may be taken twice, and nobody may be told
that nothing is left. Run `python -m tests.benchmarks.take_next [--json]`.
"""

import argparse
import json
import multiprocessing
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from tests.benchmarks.ground import describe_ground, fresh_database, percentile

REVIEWERS = 32
SIZES = (10_000, 1_000_000)
LIMITS = """
    Both take one row after the other from the head of one index, and both end in a commit that reaches the disk. Beyond the
    floor's update, take-next asks for groups, own requests and open queues with the candidate, locks and claims
    in two statements, writes the audit entry and reads the escalation for the answer. 32 processes of Python on the
    same machine as the database are more than its cores can run at once, so the percentiles hold mostly waiting for a core,
    the floor's too.
"""
FLOOR = """
    UPDATE reviews_escalation
    SET status = 'claimed', holder_id = %s, claim_token = %s, claimed_at = now(), lease_until = now() + interval '10 min'
    WHERE id = (
        SELECT id FROM reviews_escalation WHERE queue_id = %s AND status = 'open'
        ORDER BY priority DESC, due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A queue of that many escalations, and the reviewers."""

    organization_id: uuid.UUID
    queue_id: uuid.UUID
    reviewer_ids: list[uuid.UUID]


@dataclass(frozen=True, slots=True)
class Shift:
    """What one reviewer took in one round, in which time each (seconds), and how often they were told that nothing is left."""

    taken: list[str]
    times: list[float]
    empty: int


def set_scene(size: int, reviewers: int) -> Scene:
    """A queue with `size` pending decisions, written by SQL: priorities and deadlines of their own, real payloads."""
    from django.db import connection

    from tests.factories import make_organization, make_person, make_queue, make_system

    organization = make_organization()
    system = make_system(organization)
    queue = make_queue(organization)
    reviewer_ids = [make_person(organization, "reviewer").pk for _ in range(reviewers)]
    with connection.cursor() as cursor:
        cursor.execute(_SEED, {"organization": organization.pk, "system": system.pk, "queue": queue.pk, "size": size})
        cursor.execute("VACUUM (ANALYZE) reviews_decision, reviews_decisionpayload, reviews_escalation")
        cursor.execute("CHECKPOINT")
    return Scene(organization.pk, queue.pk, reviewer_ids)


# Ids begin with the time, as the product's do (UUIDv7), so that rows land in its order.
_SEED = """
WITH born AS MATERIALIZED (
    SELECT n, now() - (%(size)s - n) * interval '10 ms' AS created_at,
        (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - (%(size)s - n) * 10), 12, '0')
            || '7' || substr(md5(%(queue)s::text || n), 1, 3) || '8' || substr(md5(%(queue)s::text || n), 4, 15))::uuid AS id
    FROM generate_series(1, %(size)s) AS n
), decisions AS (
    INSERT INTO reviews_decision (id, organization_id, system_id, idempotency_key, request_sha256, mode, is_test, status,
        verdict, action_name, proposal_sha256, effective_sha256, subject, actor, trace_id, session_id, external_id, model,
        release, rule, review_probability, is_sampled, is_diverted, expires_at, created_at, decided_by_kind, decided_by_label)
    SELECT id, %(organization)s, %(system)s, 'key-' || n, repeat('0', 64), 'enforce', false, 'pending', 'review', 'refund',
        repeat('0', 64), '', 'customer-' || n %% 5000, 'agent-7', '', '', '', 'acme/triage-2', '', 'large-refund', 1, false, false,
        created_at + interval '10 days', created_at, '', ''
    FROM born
), payloads AS (
    INSERT INTO reviews_decisionpayload (decision_id, input, proposal, evaluation, message)
    SELECT id, '{"text":"Order ' || n || ' came in two pieces."}',
        '{"action":{"arguments":{"amount":900},"name":"refund"}}', '{"rules":[]}', ''
    FROM born
)
INSERT INTO reviews_escalation (id, organization_id, system_id, queue_id, decision_id, kind, status, priority, title, rule,
    reason, chain, on_timeout, respond_s, does_pause, opened_at, due_at, expires_at, question, closure, version)
SELECT gen_random_uuid(), %(organization)s, %(system)s, %(queue)s, id, 'approval', 'open', 1 + (n %% 50 = 0)::int,
    'Refund bot wants to refund: 900', 'large-refund', 'Refunds over 200 need a person', '[]', 'block', 864000, false,
    created_at, created_at + interval '10 days', created_at + interval '10 days', '', '', 1
FROM born
"""


def take_as(reviewer_id: uuid.UUID, scene: Scene) -> Callable[[], str | None]:
    """One press on "take next": the id that was taken, or None."""
    from governance.models import User
    from governance.selectors import actor_for_person
    from reviews.models import Queue
    from reviews.services.triage import take_next

    actor = actor_for_person(User.objects.get(pk=reviewer_id), scene.organization_id)
    queue = Queue.objects.get(pk=scene.queue_id)
    assert actor is not None

    def take() -> str | None:
        taken = take_next(actor=actor, queue=queue)
        return str(taken.escalation.pk) if taken.escalation else None

    return take


def take_barely_as(reviewer_id: uuid.UUID, scene: Scene) -> Callable[[], str | None]:
    """The floor's one statement, committed."""
    from django.db import connection, transaction

    def take() -> str | None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(FLOOR, [reviewer_id, uuid.uuid4(), scene.queue_id])
            row = cursor.fetchone()
        return str(row[0]) if row else None

    return take


WAYS = {"countersign": take_as, "floor": take_barely_as}


def review(reviewer_id: uuid.UUID, scene: Scene, rounds: list[str], takes: int, barrier: Barrier, answers: Any) -> None:
    """What one process does: its rounds, each begun together with all the others."""
    import django

    django.setup()
    ways = {name: way(reviewer_id, scene) for name, way in WAYS.items()}
    shifts: list[tuple[str, Shift]] = []
    for take in ways.values():
        take()
    for name in rounds:
        taken: list[str] = []
        times: list[float] = []
        empty = 0
        barrier.wait()
        for _ in range(takes):
            started = time.perf_counter()
            escalation = ways[name]()
            times.append(time.perf_counter() - started)
            if escalation is None:
                empty += 1
            else:
                taken.append(escalation)
        shifts.append((name, Shift(taken, times, empty)))
    answers.put(shifts)


def measure_size(size: int, *, reviewers: int, rounds: int, takes: int) -> dict[str, Any]:
    """Take from a queue of that size. Refuses (SystemExit) a figure for what was taken twice or falsely found empty."""
    from django.db import connections

    scene = set_scene(size, reviewers)
    connections.close_all()
    order = [name for number in range(rounds) for name in sorted(WAYS, reverse=bool(number % 2))]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(reviewers)
    answers = context.SimpleQueue()
    processes = [
        context.Process(target=review, args=(reviewer_id, scene, order, takes, barrier, answers), daemon=True)
        for reviewer_id in scene.reviewer_ids
    ]
    for process in processes:
        process.start()
    shifts = [shift for _ in processes for shift in answers.get()]
    for process in processes:
        process.join()
    taken = [escalation for _, shift in shifts for escalation in shift.taken]
    empty = sum(shift.empty for _, shift in shifts)
    if empty or len(taken) != len(set(taken)):
        raise SystemExit(f"{empty} were told that nothing is left, {len(taken) - len(set(taken))} were taken twice")
    result: dict[str, Any] = {}
    for name in WAYS:
        times = [time_s * 1000 for way, shift in shifts if way == name for time_s in shift.times]
        result[name] = {
            "p50_ms": round(percentile(times, 0.50), 1),
            "p99_ms": round(percentile(times, 0.99), 1),
            "takes": len(times),
        }
    result["p50_ratio"] = round(result["countersign"]["p50_ms"] / result["floor"]["p50_ms"], 2)
    result["p99_ratio"] = round(result["countersign"]["p99_ms"] / result["floor"]["p99_ms"], 2)
    return result


def measure(
    *, sizes: tuple[int, ...] = SIZES, reviewers: int = REVIEWERS, rounds: int = 4, takes: int = 10
) -> dict[str, Any]:
    """Percentiles in milliseconds for each size of the queue, and their ratio to the floor's."""
    with fresh_database():
        return {
            "benchmark": "B3",
            "reviewers": reviewers,
            "ground": describe_ground(),
            "sizes": {str(size): measure_size(size, reviewers=reviewers, rounds=rounds, takes=takes) for size in sizes},
        }


def describe(report: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    lines = ["| waiting | taken | p50 | p99 | floor p50 | floor p99 | ratio of p99 |", "| --- " * 7 + "|"]
    for size, found in report["sizes"].items():
        ours, floor = found["countersign"], found["floor"]
        lines.append(
            f"| {int(size):,} | {ours['takes']:,} | {ours['p50_ms']} ms | {ours['p99_ms']} ms | {floor['p50_ms']} ms"
            f" | {floor['p99_ms']} ms | {found['p99_ratio']} |"
        )
    lines += ["", "Taken twice: none. Falsely told that nothing is left: nobody."]
    return "\n".join(lines)


def main() -> int:
    """Prints the figures, as a table or (`--json`) as one JSON object."""
    parser = argparse.ArgumentParser(description="B3: taking the next of a million, by 32 reviewers at once.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="how many wait")
    parser.add_argument("--reviewers", type=int, default=REVIEWERS, help="how many take at once")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of each way")
    parser.add_argument("--takes", type=int, default=10, help="how many each reviewer takes in a round")
    arguments = parser.parse_args()
    report = measure(
        sizes=tuple(arguments.sizes),
        reviewers=arguments.reviewers,
        rounds=arguments.rounds,
        takes=arguments.takes,
    )
    print(json.dumps(report, indent=2) if arguments.json else describe(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
