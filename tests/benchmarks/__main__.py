"""Runs every benchmark, each in a process of its own, and writes docs/benchmarks.md: the machine, the versions, the
figures with their spread, and the ratio to the floor. `python -m tests.benchmarks [B1 …]` runs some and keeps the
sections of the others.
"""

import argparse
import ast
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PREAMBLE = """\
# Benchmarks

Written by `make bench`. Each figure stands beside a floor or a peer that ran in the same minute on the same machine:
compare ratios, not times. Medians, with the least and the most where rounds were repeated.

Machine of the last run: {machine}.
"""
SECTION = re.compile(r"^## (B\d+): .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def find_benchmarks() -> Iterator[str]:
    """The modules here that measure something, by name."""
    for path in sorted(HERE.glob("[a-z]*.py")):
        functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        if {"measure", "main"} <= functions:
            yield path.stem


def title_of(module: str) -> tuple[str, str, str]:
    """Number, title and the rest of a benchmark's docstring. Refuses (SystemExit) one whose first line names no number."""
    text = ast.get_docstring(ast.parse((HERE / f"{module}.py").read_text())) or ""
    first, _, rest = text.partition("\n\n")
    match = re.match(r"(B\d+): (.+)", " ".join(first.split()))
    if match is None:
        raise SystemExit(f"{module}: its docstring must begin with B<number>: <title>")
    return match[1], match[2][0].upper() + match[2][1:].rstrip("."), rest.strip()


def measure(module: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} failed")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def write_section(module: str, report: dict[str, Any]) -> str:
    number, title, method = title_of(module)
    code = importlib.import_module(f"tests.benchmarks.{module}")
    figures = code.describe(report) if hasattr(code, "describe") else "\n\n".join(tabulate("", report))
    parts = [f"## {number}: {title}", method, figures.strip()]
    if hasattr(code, "LIMITS"):
        parts.append(f"**What limits it.** {textwrap.dedent(code.LIMITS).strip()}")
    measured = f"Measured on {datetime.now(UTC):%Y-%m-%d}; {versions()}."
    return "\n\n".join([*filter(None, parts), measured]) + "\n\n"


def tabulate(name: str, report: Mapping[str, Any]) -> Iterator[str]:
    """Tables of whatever a report holds: plain values, rows that share their columns, and what is nested in it."""
    plain = {key: value for key, value in report.items() if not isinstance(value, Mapping) and key != "benchmark"}
    nested = {key: value for key, value in report.items() if isinstance(value, Mapping)}
    rows = {
        key: value for key, value in nested.items() if not any(isinstance(cell, Mapping) for cell in value.values())
    }
    alike = len(rows) > 1 and len({tuple(row) for row in rows.values()}) == 1
    if name and (plain or alike):
        yield f"### {name}"
    if plain:
        yield table(["", "value"], [[words(key), show(value)] for key, value in plain.items()])
    if alike:
        columns = list(next(iter(rows.values())))
        yield table(["", *map(words, columns)], [[words(key), *map(show, row.values())] for key, row in rows.items()])
    for key, value in nested.items():
        if not (alike and key in rows):
            yield from tabulate(f"{name} {words(key)}".strip(), value)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def words(key: str) -> str:
    return key.replace("_", " ")


def show(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, {processor()}"


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "processor unknown"
    match = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return match[1] if match else "processor unknown"


def versions() -> str:
    named = ("countersign-service", "django", "djangorestframework", "psycopg", "granian")
    found = [f"Python {platform.python_version()}"]
    for name in named:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Run the benchmarks.")
    parser.add_argument("wanted", nargs="*", metavar="B1", help="only these")
    wanted = {name.upper() for name in parser.parse_args().wanted}
    modules = {title_of(module)[0]: module for module in find_benchmarks()}
    unknown = wanted - set(modules)
    if unknown:
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(modules)}")
    standing = PAGE.read_text() if PAGE.exists() else ""
    sections = {match[1]: match[0] for match in SECTION.finditer(standing)}
    for number, module in sorted(modules.items(), key=lambda entry: int(entry[0][1:])):
        if wanted and number not in wanted:
            continue
        print(f"{number} {module} …", flush=True)
        sections[number] = write_section(module, measure(module))
        ordered = sorted(sections.items(), key=lambda entry: int(entry[0][1:]))
        text = PREAMBLE.format(machine=machine()) + "\n" + "".join(section for _, section in ordered)
        PAGE.write_text(text.rstrip() + "\n")
    print(f"written to {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
