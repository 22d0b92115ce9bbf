"""The benchmarks still run: with very small sizes, on what they need, and without a look at the clock."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, database_url: str, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", "--json", *options]
    environment = {**os.environ, "DATABASE_URL": database_url}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.slow
def test_asking_is_measured_beside_its_floor(postgres_url: str) -> None:
    report = run("intake", postgres_url, "--rounds", "1", "--seconds", "0.3")
    assert all(load[site]["requests"] for load in report["loads"].values() for site in ("countersign", "floor"))


@pytest.mark.slow
def test_taking_is_measured_beside_its_floor(postgres_url: str) -> None:
    report = run("take_next", postgres_url, "--sizes", "100", "--reviewers", "2", "--rounds", "1", "--takes", "3")
    assert report["sizes"]["100"]["countersign"]["takes"] == 6


@pytest.mark.slow
def test_pages_are_measured_at_two_sizes(postgres_url: str) -> None:
    report = run("watching", postgres_url, "--sizes", "300", "900", "--rounds", "1")
    assert all(page["ms"] and page["queries"] for page in report["pages"].values())
    assert report["roll_ups"]["900"]["rows"] > 900 and report["busy_hour"]["decisions"] == 45


@pytest.mark.slow
def test_exports_are_measured_beside_copy(postgres_url: str) -> None:
    report = run("exporting", postgres_url, "--examples", "3000", "--rounds", "1")
    assert set(report["ways"]) == {"copy", "copy with sources", "jsonl", "jsonl of a version", "parquet"}
    assert all(way["peak_megabytes"] and way["megabytes_written"] for way in report["ways"].values())
