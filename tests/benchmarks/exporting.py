"""B8: exporting a million examples as JSON lines and as Parquet, against COPY TO of the same rows.

Each export runs in a process of its own that takes the bytes and drops them, as `manage.py export_dataset` takes them:
`evaluations.services.exporting.export_dataset` with its entry in the audit log. The floor, in the same round and on the same
rows, is PostgreSQL's `COPY (SELECT …) TO STDOUT`, read by psycopg in a process of its own: once with the examples' sources,
which are in the exports too, and once of the table's columns alone, which is less than an export holds. Rounds alternate. Memory is
the most that the exporting process ever held (VmHWM), the interpreter, Django and pyarrow included; the database's is not in it.
A sealed version of the same examples is exported as well. Run `python -m tests.benchmarks.exporting [--json]`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.ground import describe_ground, fresh_database

EXAMPLES = 1_000_000
ROUNDS = 3
RATIO_AT_LEAST = 0.3
MEGABYTES_AT_MOST = 200
FLOORS = ("copy with sources", "copy")
WAYS = (*FLOORS, "jsonl", "jsonl of a version", "parquet")
LIMITS = """
    COPY hands rows over as they lie; the exports ask for a page of some thousand rows at a time, so that no transaction stays
    open while somebody downloads slowly, join each example's sources by an index, and make a line or columns of each row in
    Python while the database waits, and the other way round. Parquet's columns are built and compressed besides: a quarter of
    the bytes for half as much time again.
"""
COLUMNS = "e.id, e.input, e.expected, e.labels, e.split, e.status, e.scorer, e.content_sha256"
CHOSEN = "FROM evaluations_example e WHERE e.dataset_id = '{dataset}' AND e.status = 'active' ORDER BY e.id"
SOURCES = """(SELECT string_agg(s.decision_id || ' ' || s.review_id || ' ' || coalesce(s.policy_version_id::text, '-'), ',')
    FROM evaluations_examplesource s WHERE s.example_id = e.id)"""
COPIES = {
    "copy with sources": f"COPY (SELECT {COLUMNS}, {SOURCES} {CHOSEN}) TO STDOUT",
    "copy": f"COPY (SELECT {COLUMNS} {CHOSEN}) TO STDOUT",
}
# A mail of some hundred characters, an action, now and then a label; one ruling each, two for every twentieth.
_SEED = """
WITH born AS MATERIALIZED (
    SELECT n, (lpad(to_hex(1790000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
            || substr(md5(n::text), 4, 15))::uuid AS id,
        '{"mail":{"from":"customer-' || n %% 5000 || '@example.com","subject":"Order ' || n || '","text":"'
            || repeat('The lamp came in two pieces, and nobody answers. ', 4 + n %% 9) || '"}}' AS input,
        '{"action":{"arguments":{"amount":' || n %% 900 || ',"customer":"C-' || n %% 5000 || '"},"name":"refund"}}' AS expected
    FROM generate_series(1, %(size)s) AS n
), examples AS (
    INSERT INTO evaluations_example (id, organization_id, dataset_id, content_sha256, input_sha256, input, expected, scorer,
        labels, split, status, retired_reason, created_at)
    SELECT id, %(organization)s, %(dataset)s, encode(sha256(('c' || n)::bytea), 'hex'), encode(sha256(('i' || n)::bytea), 'hex'),
        input, expected, 'exact', CASE WHEN n %% 3 = 0 THEN '["wrong-amount"]' ELSE '[]' END::jsonb,
        CASE WHEN n %% 5 = 0 THEN 'test' ELSE 'train' END, 'active', '', now()
    FROM born
)
INSERT INTO evaluations_examplesource (example_id, organization_id, decision_id, review_id, policy_version_id, created_at)
SELECT id, %(organization)s, gen_random_uuid(), gen_random_uuid(), %(organization)s, now()
FROM born, generate_series(1, CASE WHEN n %% 20 = 0 THEN 2 ELSE 1 END)
"""


def set_scene(size: int) -> str:
    """A dataset of that many examples with a version that holds them all, written by SQL; its id."""
    from django.db import connection
    from django.utils import timezone

    from evaluations.models import Dataset, DatasetVersion
    from tests.factories import make_organization, make_system

    organization = make_organization()
    system = make_system(organization)
    dataset = Dataset.objects.create(organization=organization, system=system, slug="mail", name="Mail", split_salt="x")
    DatasetVersion.objects.create(
        organization=organization,
        dataset=dataset,
        number=1,
        root_sha256="0" * 64,
        examples=size,
        added=size,
        removed=0,
        reason="measured",
        sealed_by_label="nobody",
        sealed_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute(_SEED, {"organization": organization.pk, "dataset": dataset.pk, "size": size})
        cursor.execute(
            "INSERT INTO evaluations_examplemembership (organization_id, dataset_id, example_id, added_in)"
            " SELECT organization_id, dataset_id, id, 1 FROM evaluations_example"
        )
        tables = "evaluations_example, evaluations_examplesource, evaluations_examplemembership"
        cursor.execute(f"VACUUM (ANALYZE) {tables}")
        cursor.execute("CHECKPOINT")
    return str(dataset.pk)


def run(way: str, dataset: str) -> dict[str, Any]:
    """One way in a process of its own: seconds, bytes, examples, and the most memory that it held."""
    command = [sys.executable, "-m", "tests.benchmarks.exporting", "--way", way, "--dataset", dataset]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def take(way: str, dataset: str) -> dict[str, Any]:
    """What `run` has the other process do."""
    import django

    django.setup()
    began = time.perf_counter()
    rows, size = copy(COPIES[way].format(dataset=dataset)) if way in COPIES else export(way, dataset)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "bytes": size, "examples": rows, "megabytes": read_peak()}


def copy(statement: str) -> tuple[int, int]:
    import psycopg
    from django.db import connection

    connection.ensure_connection()
    assert isinstance(connection.connection, psycopg.Connection)
    with connection.connection.cursor() as cursor:
        with cursor.copy(statement) as rows:
            size = sum(map(len, rows))
        return cursor.rowcount, size


def export(way: str, dataset_id: str) -> tuple[int, int]:
    from evaluations.models import Dataset
    from evaluations.services.exporting import export_dataset
    from evaluations.version_selectors import newest_version
    from governance.actors import OPERATOR

    dataset = Dataset.objects.get(pk=dataset_id)
    version = newest_version(dataset) if way.endswith("version") else None
    document = export_dataset(actor=OPERATOR, dataset=dataset, format=way.split(" ")[0], version=version)
    size = sum(map(len, document))
    return document.written, size


def read_peak() -> float:
    """Mebibytes. The kernel's own mark: what a process inherits of its parent's in getrusage is not in it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not say how much memory a process held")


def measure(*, examples: int = EXAMPLES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Medians of each way, and of the ratios that the rounds gave. Refuses (SystemExit) a figure for what is not all there."""
    with fresh_database():
        from django.db import connections

        dataset = set_scene(examples)
        connections.close_all()
        taken: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                report = run(way, dataset)
                if report["examples"] != examples:
                    raise SystemExit(f"{way} gave {report['examples']} of {examples} examples")
                taken[way].append(report)
                print(f"{way}: {report['seconds']:.1f} s", file=sys.stderr, flush=True)
        return {
            "benchmark": "B8",
            "examples": examples,
            "ways": {way: summarize(reports, [taken[floor] for floor in FLOORS]) for way, reports in taken.items()},
            **describe_ground(),
        }


def summarize(reports: list[dict[str, Any]], floors: list[list[dict[str, Any]]]) -> dict[str, Any]:
    rates = [report["examples"] / report["seconds"] for report in reports]
    ratios = [
        [below["seconds"] / report["seconds"] for report, below in zip(reports, floor, strict=True)] for floor in floors
    ]
    return {
        "examples_per_s": [round(statistics.median(rates)), round(min(rates)), round(max(rates))],
        "seconds": round(statistics.median(report["seconds"] for report in reports), 2),
        "megabytes_written": round(reports[0]["bytes"] / 2**20, 1),
        "ratios": [[round(value, 3) for value in (statistics.median(one), min(one), max(one))] for one in ratios],
        "peak_megabytes": round(max(report["megabytes"] for report in reports)),
    }


def describe(report: dict[str, Any]) -> str:
    head = ["way", "seconds", "examples/s", "MiB written", *(f"ratio to {floor}" for floor in FLOORS), "peak memory"]
    lines = [head, ["---"] * len(head)]
    for way, figures in report["ways"].items():
        rate, slowest, fastest = figures["examples_per_s"]
        lines.append(
            [
                way,
                f"{figures['seconds']:,}",
                f"{rate:,} ({slowest:,} to {fastest:,})",
                f"{figures['megabytes_written']:,}",
                *(f"{middle} ({least} to {most})" for middle, least, most in figures["ratios"]),
                f"{figures['peak_megabytes']} MiB",
            ]
        )
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    wanted = f"Wanted: at least {RATIO_AT_LEAST} of COPY (of the same contents, so with sources), and at most {MEGABYTES_AT_MOST} MiB."
    return f"{report['examples']:,} examples; PostgreSQL {report['postgresql']}.\n\n{table}\n\n{wanted}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.exporting", description="Run benchmark B8.")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--dataset", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(take(options.way, options.dataset)))
        return 0
    report = measure(examples=options.examples, rounds=options.rounds)
    print(json.dumps(report) if options.json else describe(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
