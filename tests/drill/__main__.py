"""`python -m tests.drill`: injects silent failures into live streams and says what was noticed; writes docs/drill.md.

Every stream runs in a process of its own, several at once. `--json` prints the findings; `--streams N` sets how many unchanged
streams run; names of faults run these alone, without writing. With `--keep DIRECTORY` each finding is stored there as it comes,
and what is there is not run again: an interrupted drill goes on. Only findings of the same code belong together.
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.drill.report import write_report
from tests.drill.streams import FAULTS

ROOT = Path(__file__).resolve().parents[2]
STREAMS = 10


def run_alone(what: str, *, decisions: int) -> dict[str, Any]:
    """One stream in a process of its own; its finding as JSON."""
    command = [sys.executable, "-m", "tests.drill.alone", what, str(decisions)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{what} broke down:\n{done.stderr[-4000:]}")
    finding: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return finding


def run_once(what: str, *, decisions: int, keep: Path | None) -> dict[str, Any]:
    """The stream's finding as it is kept, or by running it."""
    kept = keep / f"{what}-{decisions}.json" if keep else None
    if kept and kept.exists():
        stored: dict[str, Any] = json.loads(kept.read_text())
        return stored
    finding = run_alone(what, decisions=decisions)
    if kept:
        unfinished = kept.with_suffix(".part")
        unfinished.write_text(json.dumps(finding))
        unfinished.replace(kept)
    return finding


def run_drill(
    names: list[str], *, streams: int, decisions: int, jobs: int, keep: Path | None = None
) -> list[dict[str, Any]]:
    """All of it, the longest streams first."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    wanted = [f"unchanged-{number}" for number in range(1, streams + 1)] + names
    with ThreadPoolExecutor(max_workers=jobs) as pool:

        def run(what: str) -> dict[str, Any]:
            began = time.monotonic()
            finding = run_once(what, decisions=decisions, keep=keep)
            print(f"{what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            return finding

        return list(pool.map(run, wanted))


def main() -> int:
    parser = argparse.ArgumentParser(description="Inject silent failures and see who notices.")
    parser.add_argument("faults", nargs="*", help="only these, without writing docs/drill.md")
    parser.add_argument("--streams", type=int, default=STREAMS, help="unchanged streams")
    parser.add_argument("--decisions", type=int, default=20_000, help="decisions of an unchanged stream")
    parser.add_argument("--jobs", type=int, default=2, help="streams at once")
    parser.add_argument("--keep", type=Path, help="a directory for the findings, so that an interrupted drill goes on")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args()
    names = arguments.faults or [fault.name for fault in FAULTS]
    streams = 0 if arguments.faults else arguments.streams
    findings = run_drill(
        names, streams=streams, decisions=arguments.decisions, jobs=arguments.jobs, keep=arguments.keep
    )
    if not arguments.faults:
        write_report(ROOT / "docs" / "drill.md", findings, on=datetime.now(UTC).date())
    if arguments.json or arguments.faults:
        print(json.dumps(findings, indent=2))
    faults = [one for one in findings if one["expected"]]
    return 0 if all(one["is_detected"] and one["is_owner_told"] for one in faults) else 1


if __name__ == "__main__":
    sys.exit(main())
