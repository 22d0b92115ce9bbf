"""The floors and the layers within them (CONTRIBUTING.md), as import-linter reads them from pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("governance", "reviews", "evaluations", "operations")


def test_every_import_goes_down() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_imports_an_apps_addresses() -> None:
    """They are included by name; a module that imports them would know who stands above it."""
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for app in (*APPS, "aiops_site")
        for path in (ROOT / app).rglob("*.py")
        if not path.name.endswith("urls.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(APPS)
        and ((node.module or "").endswith(".urls") or any(name.name == "urls" for name in node.names))
    ]
    assert not offenders


def test_no_signals_no_logic_in_save_no_utils() -> None:
    offenders = []
    for app in (*APPS, "aiops_site"):
        for path in (ROOT / app).rglob("*.py"):
            if path.stem in {"utils", "helpers"}:
                offenders.append(f"{path.relative_to(ROOT)}: name it for what it holds")
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef) and node.name == "save" and "models" in path.parts:
                    offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}: logic in save()")
                is_signal = isinstance(node, ast.ImportFrom) and node.module == "django.db.models.signals"
                # After a migrate the triggers are installed again; there is no other place for it.
                if is_signal and [name.name for name in node.names] != ["post_migrate"]:
                    offenders.append(f"{path.relative_to(ROOT)}:{node.lineno}: a signal")
    assert not offenders


def test_every_module_says_why_it_exists() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for app in (*APPS, "aiops_site")
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts and path.read_text().strip()
        if ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent
